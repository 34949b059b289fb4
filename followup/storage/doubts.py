"""Messages in doubt: what settling asks of the database, and how it writes down what it found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from followup.care.attempt import Listed
from followup.care.delivery import Mover, Status
from followup.care.doubt import Doubt, LookAgain
from followup.care.message import Priority, Text
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.storage.agreements import Agreements
from followup.storage.moves import swap
from followup.storage.outbox_rows import Entry, entries, packed, unpacked
from followup.storage.seal import Place, Sealer
from followup.storage.tables import IN_HAND, attempts, messages


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A message in doubt, with where it went; `to` is empty where nobody knows any more."""

    entry: Entry
    doubt: Doubt
    to: str = field(repr=False)


class Doubts:
    """The messages in doubt, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def due(self, now: datetime, limit: int) -> list[Doubtful]:
        """Those for which evidence is to be looked for now, the longest waiting first."""
        query = select(messages.c.id).where(messages.c.settle_at <= now).order_by(messages.c.settle_at)
        return self.read(list(self._connection.scalars(query.limit(limit))))

    def read(self, ids: Collection[int]) -> list[Doubtful]:
        """As they stand now, those that are still in doubt; held against others until the transaction ends."""
        w = messages.c
        query = select(messages).where(w.id.in_(ids), w.status == Status.IN_DOUBT).order_by(w.settle_at, w.id)
        found = entries(self._connection, query.with_for_update())
        private = {
            row.id: row
            for row in self._connection.execute(select(w.id, w.address, w.priority).where(w.id.in_(ids)))
        }
        return [self._doubtful(entry, private[entry.id]) for entry in found]

    def _doubtful(self, entry: Entry, private: Any) -> Doubtful:  # noqa: ANN401  a row of SQLAlchemy's
        place = Place("messages", "address", entry.id)
        to = self._sealer.open(place, private.address) if private.address else ""
        doubt = Doubt(
            entry.channel,
            entry.kind,
            private.priority == Priority.CRITICAL,
            entry.doubted_at or entry.updated_at,
            entry.doubts,
            entry.looks,
            entry.looked_at,
            entry.valid_until,
            self._tries(entry.id),
        )
        return Doubtful(entry, doubt, to)

    def _tries(self, message_id: int) -> Sequence[tuple[datetime, str]]:
        """Attempts that ended in doubt, or that nothing was heard of."""
        a = attempts.c
        unknown = a.outcome.is_(None) | (a.outcome == Status.IN_DOUBT)
        rows = self._connection.execute(select(attempts).where(a.message_id == message_id, unknown))
        return tuple(
            (row.began_at, unpacked(self._sealer.open(Place("attempts", "words", row.id), row.words)).plain)
            for row in rows
        )

    def known(self, provider_ids: Collection[str]) -> set[str]:
        """Those of the ids that belong to a message of ours."""
        query = select(messages.c.provider_id).where(messages.c.provider_id.in_(provider_ids))
        return set(self._connection.scalars(query))

    def with_words(self, channel: ChannelName, address: str, words: str) -> list[Entry]:
        """Our messages to an address of which some attempt had exactly these words."""
        to = Agreements(self._connection, self._sealer).index_of(channel, address)
        same = self._sealer.index("words", packed(Text(words)))
        spoken = select(attempts.c.message_id).where(attempts.c.words_hash == same)
        query = select(messages).where(messages.c.address_index == to, messages.c.id.in_(spoken))
        return entries(self._connection, query.order_by(messages.c.id))

    def taken_on(self, day: date, channel: ChannelName) -> list[Entry]:
        """Messages that the provider took on one day (UTC), by our record."""
        start = datetime.combine(day, time.min, UTC)
        m = messages.c
        mine = (m.channel == channel, m.provider_id.is_not(None))
        query = select(messages).where(*mine, m.sent_at >= start, m.sent_at < start + timedelta(days=1))
        return entries(self._connection, query)

    def on_its_way(self, entry: Entry) -> bool:
        """Whether another message to the same number is being sent: its id is not known yet."""
        query = select(messages.c.id).where(IN_HAND, messages.c.address_index == self._index(entry))
        return self._connection.execute(query.limit(1)).first() is not None

    def in_doubt_there(self, entry: Entry) -> int:
        """How many messages to the same number are in doubt."""
        w = messages.c
        query = select(func.count()).where(w.status == Status.IN_DOUBT, w.address_index == self._index(entry))
        return int(self._connection.scalar(query) or 0)

    def _index(self, entry: Entry) -> bytes | None:
        found: bytes | None = self._connection.scalar(
            select(messages.c.address_index).where(messages.c.id == entry.id)
        )
        return found

    def adopt(self, entry: Entry, listed: Listed, now: datetime) -> bool:
        """It was accepted under this id; receipts follow it from here."""
        values = {
            "status": Status.ACCEPTED,
            "reason": None,
            "provider_id": listed.provider_id,
            "settle_at": None,
            "poll_at": now,
        }
        return self._moved(entry, values, now) and self._attempt_ended(entry, Status.ACCEPTED, now)

    def again(self, entry: Entry, due_at: datetime, now: datetime) -> bool:
        """It is sent once more."""
        values = {
            "status": Status.RETRY_WAIT,
            "reason": Reason.SENT_AGAIN,
            "due_at": due_at,
            "settle_at": None,
        }
        return self._moved(entry, values, now)

    def give_up(self, entry: Entry, now: datetime) -> bool:
        """Nobody can find out."""
        values = {"status": Status.UNRESOLVED, "reason": Reason.NOT_FOUND, "settle_at": None}
        return self._moved(entry, values, now)

    def look_again(self, entry: Entry, verdict: LookAgain, now: datetime) -> bool:
        values = {"settle_at": verdict.at, "looks": verdict.looks, "looked_at": verdict.looked_at}
        return self._moved(entry, values, now)

    def _moved(self, entry: Entry, values: dict[str, Any], now: datetime) -> bool:
        return swap(self._connection, Mover.SETTLER, entry.recorded, now, values)

    def _attempt_ended(self, entry: Entry, outcome: Status, now: datetime) -> bool:
        a = attempts.c
        mine = (a.message_id == entry.id, a.number == entry.attempt)
        self._connection.execute(update(attempts).where(*mine).values(outcome=outcome, ended_at=now))
        return True

    def waiting(self) -> int:
        """How many are in doubt."""
        query = select(func.count()).where(messages.c.settle_at.is_not(None))
        return int(self._connection.scalar(query) or 0)
