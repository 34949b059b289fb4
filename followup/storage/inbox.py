"""What came in: stored before anything else, then handled once; and what a person took down on the phone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from followup.care.arrival import Arrival
from followup.care.people import ChannelName
from followup.storage.conflicts import insert_all_unless_there
from followup.storage.ids import new_id, new_ids
from followup.storage.seal import Place, Sealer
from followup.storage.tables import UNHANDLED, replies

IN_ONE_STATEMENT = 200
"""Rows stored at once: SQLite takes 32,766 parameters, and each row brings fourteen."""

SPOKEN_BEFORE = "pain_score"
"""What an answer on the phone was read as before scores had a column of their own: its words are the score."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One text, mail or spoken answer: its exact words, what it answers, and what we take it to mean.

    `reading` is its meanings, joined by commas; empty while it is not handled. `patient_id` and `contact_id` are
    None where nobody knows who wrote, or several share the number. `pressing`: a red flag, handled before others.
    """

    id: int
    provider_id: str
    patient_id: int | None
    contact_id: int | None
    message_id: int | None
    channel: ChannelName
    address: str = field(repr=False)
    words: str = field(repr=False)
    reading: str
    score: int | None
    written_at: datetime
    read_at: datetime
    by: str
    media: int = 0
    automatic: bool = False
    answers: tuple[str, ...] = ()
    handled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A pain score that a person took down on the phone, and the question it answers."""

    patient_id: int
    contact_id: int | None
    message_id: int | None
    address: str = field(repr=False)
    score: int = field(repr=False)
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Understood:
    """What a reply was taken to mean, and of whom; a score counts only where the patient is known."""

    reading: str
    score: int | None = None
    patient_id: int | None = None
    contact_id: int | None = None
    message_id: int | None = None


class Inbox:
    """What came in, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def take_in(self, arrivals: Sequence[tuple[Arrival, bool]], now: datetime, by: str) -> int:
        """Store what is new, each with whether it is pressing; returns how many were.

        What was stored before, by whichever program, is told by the provider's id and left as it is.
        """
        ids = new_ids(now, len(arrivals))
        rows = [self._row(next(ids), arrival, now, by, pressing=pressing) for arrival, pressing in arrivals]
        parts = [rows[start : start + IN_ONE_STATEMENT] for start in range(0, len(rows), IN_ONE_STATEMENT)]
        return sum(insert_all_unless_there(self._connection, replies, part) for part in parts)

    def _row(self, row: int, arrival: Arrival, now: datetime, by: str, *, pressing: bool) -> dict[str, Any]:
        return {
            **self._private(row, arrival.channel, arrival.address, arrival.words),
            "id": row,
            "provider_id": arrival.provider_id,
            "channel": arrival.channel,
            "written_at": arrival.written_at,
            "read_at": now,
            "by": by,
            "media": arrival.media,
            "automatic": arrival.automatic,
            "answers": json.dumps(arrival.answers) if arrival.answers else None,
            "pressing": pressing,
        }

    def _private(self, row: int, channel: ChannelName, address: str, words: str) -> dict[str, bytes]:
        kind = "email" if channel is ChannelName.EMAIL else "number"
        return {
            "address": self._sealer.seal(Place("replies", "address", row), address),
            "address_index": self._sealer.index(kind, address),
            "words": self._sealer.seal(Place("replies", "words", row), words),
        }

    def add_spoken(self, spoken: Spoken) -> int:
        """An answer that a person took down on the phone; returns its id."""
        row = new_id(spoken.at)
        self._connection.execute(
            insert(replies).values(
                id=row,
                provider_id=f"spoken:{row}",
                message_id=spoken.message_id,
                patient_id=spoken.patient_id,
                contact_id=spoken.contact_id,
                channel=ChannelName.PHONE,
                reading="score",
                score=spoken.score,
                written_at=spoken.at,
                read_at=spoken.at,
                handled_at=spoken.at,
                by=spoken.by,
                **self._private(row, ChannelName.PHONE, spoken.address, str(spoken.score)),
            )
        )
        return row

    def unhandled(self, limit: int, *, except_for: Collection[int] = ()) -> list[int]:
        """The ids of those nothing has followed from yet, red flags first, then as they were read."""
        found: list[int] = []
        for pressing in (True, False):
            query = select(replies.c.id).where(UNHANDLED, replies.c.pressing.is_(pressing)).order_by(replies.c.id)
            query = query.limit(limit - len(found) + len(except_for))
            found += [row for row in self._connection.scalars(query) if row not in except_for]
        return found[:limit]

    def to_handle(self, row: int) -> Reply | None:
        """One of them, kept from others until the transaction ends; None if somebody else has it."""
        query = select(replies).where(UNHANDLED, replies.c.id == row).with_for_update(skip_locked=True)
        found = self._connection.execute(query).one_or_none()
        return self._reply(found) if found else None

    def handled(self, row: int, understood: Understood, now: datetime) -> None:
        """Nothing more follows from it."""
        values = {
            "reading": understood.reading,
            "score": understood.score,
            "patient_id": understood.patient_id,
            "contact_id": understood.contact_id,
            "message_id": understood.message_id,
            "handled_at": now,
        }
        self._connection.execute(update(replies).where(replies.c.id == row).values(**values))

    def of_patient(self, patient_id: int) -> list[Reply]:
        """All that is known to be theirs, oldest first."""
        return self._replies(replies.c.patient_id == patient_id)

    def of_nobody_at(self, index: bytes) -> list[Reply]:
        """What came from a number or address, by its blind index, and could be any of those who share it."""
        return self._replies((replies.c.address_index == index) & replies.c.patient_id.is_(None))

    def get(self, row: int) -> Reply | None:
        found = self._replies(replies.c.id == row)
        return found[0] if found else None

    def least_score(self, patient_id: int, since: datetime) -> int | None:
        """The lowest pain that a patient reported at or after a moment; one entry of an index."""
        query = select(func.min(replies.c.score)).where(replies.c.patient_id == patient_id)
        query = query.where(replies.c.score.is_not(None), replies.c.written_at >= since)
        found: int | None = self._connection.scalar(query)
        return found

    def last_from(self, channel: ChannelName, address: str) -> datetime | None:
        """When something was last written from there."""
        index = self._sealer.index("email" if channel is ChannelName.EMAIL else "number", address)
        query = select(func.max(replies.c.written_at)).where(replies.c.address_index == index)
        found: datetime | None = self._connection.scalar(query.where(replies.c.channel == channel))
        return found

    def _replies(self, condition: Any) -> list[Reply]:  # noqa: ANN401  a condition of SQLAlchemy's
        query = select(replies).where(condition).order_by(replies.c.written_at, replies.c.id)
        return [self._reply(row) for row in self._connection.execute(query)]

    def _reply(self, row: Row[Any]) -> Reply:
        words = self._sealer.open(Place("replies", "words", row.id), row.words)
        return Reply(
            row.id,
            row.provider_id,
            row.patient_id,
            row.contact_id,
            row.message_id,
            ChannelName(row.channel),
            self._sealer.open(Place("replies", "address", row.id), row.address),
            words,
            row.reading or "",
            int(words) if row.reading == SPOKEN_BEFORE else row.score,
            row.written_at,
            row.read_at,
            row.by,
            row.media,
            row.automatic,
            tuple(json.loads(row.answers)) if row.answers else (),
            row.handled_at,
        )


def scores(found: Iterable[Reply]) -> list[tuple[datetime, int]]:
    """The pain that was reported, as it was over time."""
    return [(reply.written_at, reply.score) for reply in found if reply.score is not None]
