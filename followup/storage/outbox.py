"""The outbox, as facts plan it and staff look it up; `sending.py` claims from it, `tracking.py` follows it on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from followup.care.delivery import FELL_THROUGH, SET_ASIDE, Mover, Status
from followup.care.message import Kind, Priority, Text
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.reconcile import Changes, Ending, Move
from followup.care.timeline import Reminder
from followup.storage.agreements import Agreements
from followup.storage.ids import new_ids
from followup.storage.many import insert_rows
from followup.storage.moves import Change, swap, swap_all
from followup.storage.outbox_rows import Entry, NewMessage, entries, packed, unpacked
from followup.storage.seal import Place, Sealer
from followup.storage.tables import ON_TRIAL, WAITING, attempts, messages

TrialOnly = frozenset[tuple[int, ChannelName]]
"""Contacts and channels that are not really written to yet."""

# Built once: see `register.py`.
_OF_PATIENTS = (
    select(messages).where(messages.c.patient_id.in_(bindparam("ids", expanding=True))).order_by(messages.c.id)
)
_QUESTIONS = _OF_PATIENTS.where(messages.c.asks)
_OF_IDS = select(messages).where(messages.c.id.in_(bindparam("ids", expanding=True)))
_OF_PATIENTS_LOCKED = _OF_PATIENTS.with_for_update()


class Outbox:
    """The outbox, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    # Planning

    def of_patients(self, patient_ids: Collection[int], *, lock: bool = False) -> dict[int, list[Entry]]:
        """Every message of each patient, oldest first; locked against claims where they are to be changed."""
        found: dict[int, list[Entry]] = defaultdict(list)
        query = _OF_PATIENTS_LOCKED if lock else _OF_PATIENTS
        for entry in entries(self._connection, query, {"ids": sorted(patient_ids)}):
            found[entry.patient_id or 0].append(entry)
        return found

    def questions(self, patient_ids: Collection[int]) -> dict[int, list[Entry]]:
        """The messages of each patient that ask, oldest first, whatever became of them."""
        found: dict[int, list[Entry]] = defaultdict(list)
        for entry in entries(self._connection, _QUESTIONS, {"ids": sorted(patient_ids)}):
            found[entry.patient_id or 0].append(entry)
        return found

    def apply(self, found: Mapping[int, Changes], now: datetime, trial: TrialOnly = frozenset()) -> None:
        """Write what `reconcile` found for each patient; `trial` names whose rows wait until all is live."""
        ids = new_ids(now, sum(len(changes.add) for changes in found.values()))
        rows = [
            _new_row(next(ids), patient_id, r, now, trial=(r.key.contact, r.key.channel) in trial)
            for patient_id, changes in found.items()
            for r in changes.add
        ]
        insert_rows(self._connection, messages, rows)
        swap_all(self._connection, Mover.PLANNER, [one for c in found.values() for one in _swaps(c)], now)

    def add_message(self, new: NewMessage, now: datetime) -> int:
        """Plan a message that is no reminder; returns its id, or that of the one planned under the same key."""
        known = self._connection.scalar(select(messages.c.id).where(messages.c.key == new.key))
        if known is not None:
            return int(known)
        row = next(new_ids(now, 1))
        values = _blank(row, now) | {
            "kind": new.kind,
            "key": new.key,
            "channel": new.channel,
            "step": new.step,
            "patient_id": new.patient_id,
            "contact_id": new.contact_id,
            "address_index": Agreements(self._connection, self._sealer).index_of(new.channel, new.address),
            "address": self._sealer.seal(Place("messages", "address", row), new.address),
            "words": self._sealer.seal(Place("messages", "words", row), packed(new.words)),
            "not_before": new.due_at,
            "due_at": new.due_at,
            "valid_until": new.valid_until,
            "priority": Priority.AT_ONCE,
        }
        insert_rows(self._connection, messages, [values])
        return row

    def on_trial(self) -> list[Entry]:
        """What waits for the clinic to be live."""
        return entries(self._connection, select(messages).where(ON_TRIAL).order_by(messages.c.due_at))

    def set_trial(self, entry: Entry, now: datetime, *, trial: bool) -> bool:
        """Whether an unsent message waits for the clinic to be live; its number may have changed since."""
        return swap(self._connection, Mover.PLANNER, entry.recorded, now, {"trial": trial})

    def end_trial(self, now: datetime) -> int:
        """Let go what waited for the clinic to be live and still holds; returns how many messages.

        What is past its end stays on trial, and is ended as such by the next sweep.
        """
        query = update(messages).where(ON_TRIAL, messages.c.valid_until > now)
        values = {"trial": False, "revision": messages.c.revision + 1, "updated_at": now}
        return self._connection.execute(query.values(**values)).rowcount

    def written_to(
        self, channel: ChannelName, address: str, kind: Kind, since: datetime, step: str | None = None
    ) -> tuple[datetime, ...]:
        """When messages of a kind were planned for a number or address, but for those that never went."""
        w, index = messages.c, Agreements(self._connection, self._sealer).index_of(channel, address)
        query = select(w.planned_at).where(w.address_index == index, w.kind == kind, w.planned_at >= since)
        if step is not None:
            query = query.where(w.step == step)
        return tuple(
            self._connection.scalars(
                query.where(w.status.not_in(sorted({Status.EXPIRED, *FELL_THROUGH, *SET_ASIDE})))
            )
        )

    # Looking up

    def get(self, message_id: int) -> Entry | None:
        found = entries(self._connection, select(messages).where(messages.c.id == message_id))
        return found[0] if found else None

    def of_ids(self, ids: Collection[int]) -> list[Entry]:
        """These messages, as far as they are there."""
        return entries(self._connection, _OF_IDS, {"ids": sorted(ids)})

    def words(self, message_id: int) -> Text | None:
        """What its last attempt said; None if it was never attempted."""
        row = self._connection.execute(
            select(attempts).where(attempts.c.message_id == message_id).order_by(attempts.c.number.desc()).limit(1)
        ).one_or_none()
        if row is None:
            return None
        return unpacked(self._sealer.open(Place("attempts", "words", row.id), row.words))

    def by_provider_id(self, provider_id: str) -> Entry | None:
        """The message that the provider knows by that id: for a mail, its Message-ID."""
        found = entries(self._connection, select(messages).where(messages.c.provider_id == provider_id))
        return found[0] if found else None

    def between(self, start: datetime, end: datetime) -> list[Entry]:
        """Messages that were due, or last moved, between two moments."""
        w = messages.c
        moved = and_(w.updated_at >= start, w.updated_at < end, w.sent_at.is_not(None))
        query = select(messages).where(or_(and_(w.due_at >= start, w.due_at < end), moved))
        return entries(self._connection, query.order_by(w.due_at, w.id))

    def counts(self) -> dict[Status, int]:
        """How many messages stand where."""
        query = select(messages.c.status, func.count()).group_by(messages.c.status)
        return {Status(status): count for status, count in self._connection.execute(query)}

    def overdue(self, now: datetime, grace: timedelta) -> dict[ChannelName, int]:
        """How many should have gone longer than `grace` ago and neither went nor ended, by channel."""
        late = (WAITING, messages.c.due_at < now - grace)
        query = select(messages.c.channel, func.count()).where(*late).group_by(messages.c.channel)
        return {ChannelName(channel): count for channel, count in self._connection.execute(query)}


def _swaps(changes: Changes) -> Iterator[Change]:
    yield from (Change(ending.row, _ended(ending)) for ending in changes.end)
    yield from (Change(move.row, _retimed(move)) for move in changes.move)
    yield from (Change(move.row, _reopened(move)) for move in changes.reopen)


def _ended(ending: Ending) -> dict[str, Any]:
    return {"status": ending.status, "reason": ending.held.reason, "held_by": ending.held.by}


def _retimed(move: Move) -> dict[str, Any]:
    times = _times(move.reminder)
    if move.row.status == Status.RETRY_WAIT:
        del times["due_at"]
    return times


def _reopened(move: Move) -> dict[str, Any]:
    back = {"status": Status.PLANNED, "reason": None, "held_by": None, "held_back": False}
    return _times(move.reminder) | back


def _times(reminder: Reminder) -> dict[str, Any]:
    return {
        "not_before": reminder.not_before,
        "due_at": reminder.due_at,
        "valid_until": reminder.valid_until,
    }


def _blank(row: int, now: datetime) -> dict[str, Any]:
    return {
        "id": row,
        "status": Status.PLANNED,
        "asks": False,
        "trial": False,
        "attempt": 0,
        "charged": 0,
        "revision": 0,
        "answered": False,
        "planned_at": now,
        "updated_at": now,
    }


def _new_row(row: int, patient_id: int, reminder: Reminder, now: datetime, *, trial: bool) -> dict[str, Any]:
    key, held = reminder.key, reminder.held
    return (
        _blank(row, now)
        | _times(reminder)
        | {
            "kind": Kind.REMINDER,
            "key": str(key),
            "patient_id": patient_id,
            "contact_id": key.contact,
            "procedure_id": key.procedure,
            "step": key.step,
            "channel": key.channel,
            "status": Reason(held.reason).status if held else Status.PLANNED,
            "reason": held.reason if held else None,
            "held_by": held.by if held else None,
            "priority": Priority.CRITICAL if reminder.step.critical else Priority.ORDINARY,
            "asks": reminder.step.opens_question,
            "trial": trial,
        }
    )
