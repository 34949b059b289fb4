"""What patients answered: by text, by e-mail, or on the phone to a person who took it down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from followup.care.people import ChannelName
from followup.storage.ids import new_id
from followup.storage.seal import Place, Sealer
from followup.storage.tables import replies


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its exact words, which question it answers, and what we take it to mean."""

    patient_id: int
    message_id: int | None
    channel: ChannelName
    address: str = field(repr=False)
    words: str = field(repr=False)
    reading: str
    at: datetime
    by: str


class Inbox:
    """Answers, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def add_spoken(self, reply: Reply) -> int:
        """An answer that a person took down on the phone; returns its id."""
        row = new_id(reply.at)
        self._connection.execute(
            insert(replies).values(
                id=row,
                provider_id=f"spoken:{row}",
                message_id=reply.message_id,
                patient_id=reply.patient_id,
                channel=reply.channel,
                address=self._sealer.seal(Place("replies", "address", row), reply.address),
                address_index=self._sealer.index("number", reply.address),
                words=self._sealer.seal(Place("replies", "words", row), reply.words),
                reading=reply.reading,
                written_at=reply.at,
                read_at=reply.at,
                by=reply.by,
            )
        )
        return row

    def of_patient(self, patient_id: int) -> list[Reply]:
        """All answers, oldest first."""
        query = select(replies).where(replies.c.patient_id == patient_id).order_by(replies.c.written_at)
        return [self._reply(row) for row in self._connection.execute(query.order_by(replies.c.id))]

    def _reply(self, row: Row[Any]) -> Reply:
        return Reply(
            row.patient_id,
            row.message_id,
            ChannelName(row.channel),
            self._sealer.open(Place("replies", "address", row.id), row.address),
            self._sealer.open(Place("replies", "words", row.id), row.words),
            row.reading,
            row.written_at,
            row.by,
        )
