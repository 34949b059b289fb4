"""Claiming from the outbox and writing down what attempts led to.

What is about to be sent is committed, words and all, before the network is touched; a crash at any instruction
leaves a row that says what was happening.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from followup.care.attempt import Outcome
from followup.care.delivery import SET_ASIDE, UNSENT, Mover, Status, allowed
from followup.care.message import Held, Kind, Priority, Text
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.storage.ids import new_ids
from followup.storage.outbox_rows import Claim, Entry, entries, packed, swap, unpacked
from followup.storage.seal import Place, Sealer
from followup.storage.tables import IN_HAND, ON_TRIAL, WAITING, attempts, messages

NOT_SENT = UNSENT | SET_ASIDE | {Status.FAILED, Status.EXPIRED}
"""Whatever was attempted with these certainly did not go out."""

LONGEST_CODE = 32
"""Letters of a provider's code; what is longer is no code."""


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

    def due(self, now: datetime, limit: int, channel: ChannelName) -> list[Entry]:
        """What should go now by one channel, the most pressing first; on PostgreSQL what others hold is left."""
        found: list[Entry] = []
        for priority in Priority:
            query = (
                select(messages)
                .where(WAITING, messages.c.priority == priority, messages.c.due_at <= now)
                .where(messages.c.channel == channel)
                .order_by(messages.c.due_at)
                .limit(limit - len(found))
                .with_for_update(skip_locked=True)
            )
            found += entries(self._connection, query)
            if len(found) >= limit:
                break
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

    def end(self, entry: Entry, held: Held, now: datetime) -> bool:
        """End a row that was not sent, because a gate forbade it."""
        status = Reason(held.reason).status
        values = {"status": status, "reason": held.reason, "held_by": held.by}
        return swap(self._connection, Mover.DISPATCHER, entry.recorded, now, values)

    def claim(self, claims: Sequence[Claim], owner: str, now: datetime) -> list[Entry]:
        """Write down what is about to be sent: the rows are `sending` once this transaction commits."""
        won = [claim for claim in claims if self._claim(claim, owner, now)]
        if won:
            ids = new_ids(now, len(won))
            rows = [self._attempt_row(next(ids), claim, owner, now) for claim in won]
            self._connection.execute(insert(attempts), rows)
        return [claim.entry for claim in won]

    def _claim(self, claim: Claim, owner: str, now: datetime) -> bool:
        values = {
            "status": Status.SENDING,
            "reason": None,
            "held_by": None,
            "attempt": claim.entry.attempt + 1,
            "owner": owner,
            "first_tried_at": claim.entry.first_tried_at or now,
            "sent_at": now,
            "address_index": claim.address_index,
            "told": json.dumps(dict(claim.told)),
        }
        return swap(self._connection, Mover.DISPATCHER, claim.entry.recorded, now, values)

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

    def record(self, outcomes: Iterable[tuple[int, int, Outcome]], now: datetime) -> set[int]:
        """Write what attempts led to: (message id, attempt number, outcome). Returns the ids that were ours."""
        won = set()
        for message_id, attempt, outcome in outcomes:
            if self._record(message_id, attempt, outcome, now):
                won.add(message_id)
        return won

    def _record(self, message_id: int, attempt: int, outcome: Outcome, now: datetime) -> bool:
        if not allowed(Mover.DISPATCHER, Status.SENDING, outcome.status):
            raise AssertionError(f"an attempt cannot lead to {outcome.status}")
        values: dict[str, Any] = {
            "status": outcome.status,
            "reason": outcome.reason,
            "code": outcome.code[:LONGEST_CODE] or None,
            "charged": messages.c.charged + int(outcome.charged),
            "revision": messages.c.revision + 1,
            "updated_at": now,
        }
        if outcome.provider_id:
            values["provider_id"] = outcome.provider_id
        if outcome.due_at:
            values["due_at"] = outcome.due_at
        if outcome.status is Status.ACCEPTED and outcome.reason is not Reason.CALL_TASK:
            values["poll_at"] = now
        query = (
            update(messages)
            .where(messages.c.id == message_id, messages.c.attempt == attempt)
            .where(messages.c.status == Status.SENDING)
            .values(**values)
        )
        ended = {"ended_at": now, "outcome": outcome.status, "code": values["code"]}
        self._connection.execute(
            update(attempts)
            .where(attempts.c.message_id == message_id, attempts.c.number == attempt)
            .values(**ended)
        )
        return self._connection.execute(query).rowcount == 1

    def left_by(self, owner: str, channel: ChannelName) -> list[Entry]:
        """Rows of one channel that say `sending`, claimed by this owner."""
        w = messages.c
        query = select(messages).where(IN_HAND, w.owner == owner, w.channel == channel)
        return entries(self._connection, query.with_for_update(skip_locked=True))

    def owners(self) -> set[str]:
        """Who has messages in hand."""
        query = select(messages.c.owner).where(IN_HAND).distinct()
        return set(self._connection.scalars(query))

    def orphans(self, living: Collection[str]) -> list[Entry]:
        """Rows that say `sending` and whose owner no longer lives."""
        query = select(messages).where(IN_HAND, messages.c.owner.not_in(living))
        return entries(self._connection, query.with_for_update(skip_locked=True))

    def doubt(self, entry: Entry, now: datetime) -> bool:
        """A row of a dead owner may or may not have been sent."""
        values = {"status": Status.IN_DOUBT, "reason": Reason.OWNER_DIED}
        return swap(self._connection, Mover.RESCUER, entry.recorded, now, values)

    def texts_since(self, indexes: Collection[bytes], since: datetime) -> dict[bytes, list[datetime]]:
        """When each number was texted with something that counts toward the caps."""
        w = messages.c
        query = select(w.address_index, w.sent_at).where(
            w.address_index.in_(indexes),
            w.sent_at >= since,
            w.channel == ChannelName.SMS,
            w.kind == Kind.REMINDER,
            w.status.not_in(NOT_SENT),
        )
        found: dict[bytes, list[datetime]] = defaultdict(list)
        for row in self._connection.execute(query):
            found[row.address_index].append(row.sent_at)
        return found
