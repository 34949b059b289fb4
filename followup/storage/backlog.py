"""What an outage or an old copy has left overdue: held back, let go, ended, or named as doubt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, text, update

from followup.care.delivery import ON_THE_WIRE, Mover, Status
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.storage.moves import Change, swap_all
from followup.storage.outbox_rows import Claim, Entry, entries
from followup.storage.seal import Place, Sealer
from followup.storage.sending import Sending, in_doubt
from followup.storage.tables import WAITING, messages

NOBODY = "restored copy"
"""Who an attempt is put down to that is only supposed: the owner is lost with the newer database."""

_UNSENT = text("status IN ('planned', 'retry_wait')")
_HELD = and_(messages.c.held_back, _UNSENT, messages.c.trial.is_(False))


class Backlog:
    """The backlog, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    # After an outage

    def hold_back(self, now: datetime) -> int:
        """Keep everything that is overdue from being claimed; returns how many messages."""
        query = update(messages).where(WAITING, messages.c.due_at <= now)
        values = {"held_back": True, "revision": messages.c.revision + 1, "updated_at": now}
        return self._connection.execute(query.values(**values)).rowcount

    def held(self) -> list[Entry]:
        """What is held back, the most pressing first."""
        query = select(messages).where(_HELD)
        return entries(
            self._connection, query.order_by(messages.c.priority, messages.c.valid_until, messages.c.id)
        )

    def in_turn(self) -> list[Entry]:
        """What was let go and waits for its turn."""
        query = select(messages).where(
            WAITING, messages.c.status == Status.PLANNED, messages.c.reason == Reason.CATCH_UP
        )
        return entries(self._connection, query.order_by(messages.c.due_at, messages.c.id))

    def unsettled(self) -> set[int]:
        """Patients of whom a message is on the wire, or was and nobody knows its end."""
        query = select(messages.c.patient_id).where(
            messages.c.status.in_(sorted(ON_THE_WIRE)), messages.c.patient_id.is_not(None)
        )
        return set(self._connection.scalars(query.distinct()))

    def release(self, placed: Sequence[tuple[Entry, datetime]], now: datetime) -> int:
        """Let messages go at these moments; returns how many. One that was due by then already goes as it is."""
        changes = [Change(entry.recorded, _released(entry, due_at)) for entry, due_at in placed]
        return len(swap_all(self._connection, Mover.RESTORER, changes, now))

    def expire(self, outlasted: Sequence[Entry], now: datetime) -> list[Entry]:
        """End what the outage has outlasted; returns those that were still as they had been read."""
        values = {"status": Status.EXPIRED, "reason": Reason.OUTAGE, "held_by": None, "held_back": False}
        changes = [Change(entry.recorded, values) for entry in outlasted]
        won = swap_all(self._connection, Mover.RESTORER, changes, now)
        return [entry for entry in outlasted if entry.id in won]

    # After an old copy was put back

    def due(self, now: datetime, *, on_trial: bool) -> list[Entry]:
        """Unsent messages due by now; with `on_trial` also those that the copy takes to wait for going live.

        Calls are left out: a person makes them, and a task that comes up twice harms nobody.
        """
        w = messages.c
        query = select(messages).where(_UNSENT, w.due_at <= now, w.channel != ChannelName.PHONE)
        if not on_trial:
            query = query.where(w.trial.is_(False))
        return entries(self._connection, query.order_by(w.due_at, w.id).with_for_update())

    def doubt(
        self, due: Sequence[Entry], supposed: Mapping[int, Claim], since: datetime | None, now: datetime
    ) -> list[Entry]:
        """Name them as doubt, with the words they would have been sent in; returns those named.

        `supposed` has no claim where no words can be made any more. `since` is the moment of the copy: nothing
        it takes for unsent can have gone before.
        """
        changes = [
            Change(entry.recorded, self._doubted(entry, supposed.get(entry.id), since, now)) for entry in due
        ]
        won = swap_all(self._connection, Mover.RESTORER, changes, now)
        for claim in supposed.values():
            if claim.entry.id in won:
                began = since or claim.entry.planned_at
                Sending(self._connection, self._sealer).write_attempts([claim], NOBODY, began)
        return [entry for entry in due if entry.id in won]

    def _doubted(self, entry: Entry, claim: Claim | None, since: datetime | None, now: datetime) -> dict[str, Any]:
        values = in_doubt(entry, Reason.RESTORED, now) | {"held_back": False, "held_by": None}
        if claim is None:
            return values
        went = max(entry.due_at, since or entry.due_at)
        return values | {
            "attempt": entry.attempt + 1,
            "owner": NOBODY,
            "first_tried_at": entry.first_tried_at or went,
            "sent_at": went,
            "address": self._sealer.seal(Place("messages", "address", entry.id), claim.to),
            "address_index": claim.address_index,
            "told": json.dumps(dict(claim.told)),
        }

    def restored_in_doubt(self) -> int:
        """How many are in doubt because an old copy was put back."""
        query = select(func.count()).where(messages.c.settle_at.is_not(None), messages.c.reason == Reason.RESTORED)
        return int(self._connection.scalar(query) or 0)


def _released(entry: Entry, due_at: datetime) -> dict[str, Any]:
    """A second attempt keeps its reason: the planner knows by it that the message is repeated."""
    values: dict[str, Any] = {"held_back": False, "due_at": due_at}
    if entry.status is Status.PLANNED and due_at != entry.due_at:
        values["reason"] = Reason.CATCH_UP
    return values
