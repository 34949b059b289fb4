"""Claiming from the outbox and writing down what attempts led to.

What is about to be sent is committed, words and all, before the network is touched; a crash at any instruction
leaves a row that says what was happening.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from followup.care.attempt import Outcome
from followup.care.delivery import SET_ASIDE, UNSENT, WITH_PROVIDER, Mover, Status
from followup.care.doubt import first_look
from followup.care.message import Held, Kind, Priority, Recorded, Text
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.storage.ids import new_ids
from followup.storage.many import insert_rows, update_rows
from followup.storage.moves import Change, swap, swap_all
from followup.storage.outbox_rows import Claim, Entry, entries, packed, unpacked
from followup.storage.seal import Place, Sealer
from followup.storage.tables import IN_HAND, ON_TRIAL, WAITING, attempts, messages

NOT_SENT = UNSENT | SET_ASIDE | {Status.FAILED, Status.EXPIRED}
"""Whatever was attempted with these certainly did not go out."""

LONGEST_CODE = 32
"""Letters of a provider's code; what is longer is no code."""


# Built once: building a statement costs more than running it.
_DUE = (
    select(messages)
    .where(WAITING, messages.c.priority == bindparam("its_priority"), messages.c.due_at <= bindparam("now"))
    .where(messages.c.channel == bindparam("channel"))
    .order_by(messages.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TEXTS_SINCE = select(messages.c.address_index, messages.c.sent_at).where(
    messages.c.address_index.in_(bindparam("indexes", expanding=True)),
    messages.c.sent_at >= bindparam("since"),
    messages.c.channel == ChannelName.SMS,
    messages.c.kind == Kind.REMINDER,
    messages.c.status.not_in(sorted(NOT_SENT)),
)


class Sending:
    """The dispatcher's side of the outbox, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def anything_due(self, now: datetime) -> bool:
        """One entry of one index."""
        query = select(messages.c.due_at).where(WAITING).order_by(messages.c.due_at).limit(1)
        first = self._connection.scalar(query)
        return first is not None and first <= now

    def due(
        self,
        now: datetime,
        limit: int,
        channel: ChannelName,
        kinds: Collection[Kind] | None = None,
        paced: int | None = None,
    ) -> list[Entry]:
        """What should go now by one channel, the most pressing first; on PostgreSQL what others hold is left.

        Of `kinds` alone, if given. `paced` is the most of what can wait for its turn, as answers and pages cannot.
        """
        query = _DUE if kinds is None else _DUE.where(messages.c.kind.in_(sorted(kinds)))
        found: list[Entry] = []
        for priority in Priority:
            most = limit if paced is None or priority is Priority.AT_ONCE else min(limit, paced)
            asked = {"channel": channel, "its_priority": priority, "now": now, "most": most - len(found)}
            if most > len(found):
                found += entries(self._connection, query, asked)
        return found

    def own_words(self, message_id: int) -> tuple[str, Text]:
        """Address and words of a message that is no reminder."""
        query = select(messages.c.address, messages.c.words).where(messages.c.id == message_id)
        row = self._connection.execute(query).one()
        words = self._sealer.open(Place("messages", "words", message_id), row.words)
        return self._sealer.open(Place("messages", "address", message_id), row.address), unpacked(words)

    def expired(self, now: datetime, limit: int) -> list[Entry]:
        """Due rows past their end, trial rows among them."""
        w = messages.c
        due = and_(WAITING, w.due_at <= now, w.valid_until <= now)
        trial = and_(ON_TRIAL, w.valid_until <= now)
        return [
            entry
            for condition in (due, trial)
            for entry in entries(
                self._connection, select(messages).where(condition).limit(limit).with_for_update(skip_locked=True)
            )
        ]

    def postpone(self, entry: Entry, due_at: datetime, reason: Reason, now: datetime) -> bool:
        """Ask again at `due_at`."""
        return swap(self._connection, Mover.DISPATCHER, entry.recorded, now, {"due_at": due_at, "reason": reason})

    def end(self, entry: Entry, held: Held, now: datetime, mover: Mover = Mover.DISPATCHER) -> bool:
        """End a row that was not sent, because a gate or its time forbade it."""
        status = Reason(held.reason).status
        values = {"status": status, "reason": held.reason, "held_by": held.by, "held_back": False}
        return swap(self._connection, mover, entry.recorded, now, values)

    def claim(self, claims: Sequence[Claim], owner: str, now: datetime) -> list[Entry]:
        """Write down what is about to be sent: the rows are `sending` once this transaction commits."""
        changes = [Change(claim.entry.recorded, self._claimed(claim, owner, now)) for claim in claims]
        ids = swap_all(self._connection, Mover.DISPATCHER, changes, now)
        won = [claim for claim in claims if claim.entry.id in ids]
        self.write_attempts(won, owner, now)
        return [claim.entry for claim in won]

    def _claimed(self, claim: Claim, owner: str, now: datetime) -> dict[str, Any]:
        entry = claim.entry
        return {
            "status": Status.SENDING,
            "reason": None,
            "held_by": None,
            "attempt": entry.attempt + 1,
            "owner": owner,
            "first_tried_at": entry.first_tried_at or now,
            "sent_at": now,
            "address": self._sealer.seal(Place("messages", "address", entry.id), claim.to),
            "address_index": claim.address_index,
            "told": json.dumps(dict(claim.told)),
        }

    def write_attempts(self, claims: Sequence[Claim], owner: str, now: datetime) -> None:
        """The exact words of each attempt, before anything of it is sent."""
        ids = new_ids(now, len(claims))
        rows = [self._attempt_row(next(ids), claim, owner, now) for claim in claims]
        insert_rows(self._connection, attempts, rows)

    def _attempt_row(self, row: int, claim: Claim, owner: str, now: datetime) -> dict[str, Any]:
        words = packed(claim.words)
        return {
            "id": row,
            "message_id": claim.entry.id,
            "number": claim.entry.attempt + 1,
            "owner": owner,
            "began_at": now,
            "words": self._sealer.seal(Place("attempts", "words", row), words),
            "words_hash": self._sealer.index("words", words),
            "version": claim.version,
            "segments": claim.segments,
        }

    def record(self, outcomes: Sequence[tuple[Claim, Outcome]], now: datetime) -> set[int]:
        """Write what attempts led to; returns the ids of messages that were still ours to write.

        What came into doubt meanwhile is taken out of it by an answer that says it was accepted after all.
        """
        changes = [Change(_in_hand(claim), _led_to(claim, outcome, now)) for claim, outcome in outcomes]
        won = swap_all(self._connection, Mover.DISPATCHER, changes, now)
        won |= self._late([(c, o) for c, o in outcomes if c.entry.id not in won], now)
        self._end_attempts([(claim, outcome) for claim, outcome in outcomes if claim.entry.id in won], now)
        return won

    def _late(self, outcomes: Sequence[tuple[Claim, Outcome]], now: datetime) -> set[int]:
        taken = {c.entry.id: (c, o) for c, o in outcomes if o.status in WITH_PROVIDER}
        if not taken:
            return set()
        query = select(messages).where(messages.c.id.in_(taken), messages.c.status == Status.IN_DOUBT)
        found = entries(self._connection, query.with_for_update())
        changes = [
            Change(entry.recorded, _led_to(*taken[entry.id], now))
            for entry in found
            if entry.attempt == taken[entry.id][0].entry.attempt + 1
        ]
        return swap_all(self._connection, Mover.DISPATCHER, changes, now)

    def _end_attempts(self, outcomes: Sequence[tuple[Claim, Outcome]], now: datetime) -> None:
        rows = [
            {
                "message_id": claim.entry.id,
                "number": claim.entry.attempt + 1,
                "ended_at": now,
                "outcome": outcome.status,
                "code": _code(outcome),
            }
            for claim, outcome in outcomes
        ]
        update_rows(self._connection, attempts, rows, by=("message_id", "number"))

    def left_by(self, owner: str, channel: ChannelName) -> list[Entry]:
        """Rows of one channel that say `sending`, claimed by this owner."""
        w = messages.c
        query = select(messages).where(IN_HAND, w.owner == owner, w.channel == channel)
        return entries(self._connection, query.with_for_update(skip_locked=True))

    def owners(self) -> set[str]:
        """Who has messages in hand."""
        query = select(messages.c.owner).where(IN_HAND).distinct()
        return set(self._connection.scalars(query))

    def orphans(self, dead: Collection[str]) -> list[Entry]:
        """Rows that say `sending` and were claimed by one of these owners, who live no more."""
        query = select(messages).where(IN_HAND, messages.c.owner.in_(dead))
        return entries(self._connection, query.with_for_update(skip_locked=True))

    def doubt(self, orphans: Sequence[Entry], now: datetime) -> set[int]:
        """Rows whose owner is gone: each may or may not have been sent. Returns the ids of those that were so."""
        changes = [Change(entry.recorded, in_doubt(entry, Reason.OWNER_DIED, now)) for entry in orphans]
        return swap_all(self._connection, Mover.RESCUER, changes, now)

    def texts_since(self, indexes: Collection[bytes], since: datetime) -> dict[bytes, list[datetime]]:
        """When each number was texted with something that counts toward the caps."""
        found: dict[bytes, list[datetime]] = defaultdict(list)
        for index, sent_at in self._connection.execute(_TEXTS_SINCE, {"indexes": indexes, "since": since}).all():
            found[index].append(sent_at)
        return found


def _in_hand(claim: Claim) -> Recorded:
    """The row as its claim has left it."""
    row = claim.entry.recorded
    return replace(row, status=Status.SENDING, attempt=row.attempt + 1, revision=row.revision + 1)


def _code(outcome: Outcome) -> str | None:
    return outcome.code[:LONGEST_CODE] or None


def _led_to(claim: Claim, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """What an outcome makes of its row."""
    values: dict[str, Any] = {
        "status": outcome.status,
        "reason": outcome.reason,
        "code": _code(outcome),
        "charged": claim.entry.charged + int(outcome.charged),
    }
    if outcome.provider_id:
        values["provider_id"] = outcome.provider_id
    if outcome.due_at:
        values["due_at"] = outcome.due_at
    if outcome.status is Status.ACCEPTED:
        values["settle_at"] = None
        values["poll_at"] = None if outcome.reason is Reason.CALL_TASK else now
    if outcome.status is Status.IN_DOUBT:
        values |= in_doubt(claim.entry, Reason.UNCLEAR_ANSWER, now)
    return values


def in_doubt(entry: Entry, reason: Reason, now: datetime) -> dict[str, Any]:
    """What coming into doubt makes of a row: evidence is looked for anew."""
    return {
        "status": Status.IN_DOUBT,
        "reason": reason,
        "doubted_at": now,
        "doubts": entry.doubts + 1,
        "settle_at": first_look(entry.channel, entry.kind, now),
        "looks": 0,
        "looked_at": None,
    }
