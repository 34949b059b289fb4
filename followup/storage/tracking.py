"""Following what was sent: receipts, questions that wait for an answer, calls that a person makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from followup.care.attempt import Receipt
from followup.care.delivery import Mover, Status, allowed
from followup.care.reason import Reason
from followup.storage.moves import swap
from followup.storage.outbox_rows import Entry, entries
from followup.storage.tables import OPEN_QUESTION, messages


class Tracking:
    """What became of messages, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def to_poll(self, now: datetime, limit: int) -> list[Entry]:
        """Messages whose receipt is to be asked for."""
        query = select(messages).where(messages.c.poll_at <= now).order_by(messages.c.poll_at).limit(limit)
        return entries(self._connection, query)

    def receive(self, entry: Entry, receipt: Receipt, poll_at: datetime | None, now: datetime) -> bool:
        """Write what the provider says became of it; the status only ever rises."""
        values: dict[str, Any] = {"poll_at": poll_at}
        if receipt.status != entry.status and allowed(Mover.RECEIPTS, entry.status, receipt.status):
            values |= {"status": receipt.status, "reason": None, "code": receipt.code or None}
            if receipt.status is Status.UNDELIVERED:
                values["reason"] = Reason.NOT_DELIVERED
        if poll_at is None and values.get("status", entry.status) == Status.SENT:
            values["reason"] = Reason.NO_RECEIPT
        return swap(self._connection, Mover.RECEIPTS, entry.recorded, now, values)

    def lost_with(self, code: str, since: datetime) -> int:
        """How many messages did not arrive for this reason of the provider's, since a moment."""
        w = messages.c
        query = select(func.count()).where(w.status == Status.UNDELIVERED, w.code == code, w.updated_at >= since)
        return int(self._connection.scalar(query) or 0)

    def close_call(self, entry: Entry, *, reached: bool, now: datetime) -> bool:
        """A person has called: the script was said, or nobody was reached."""
        values: dict[str, Any] = {"status": Status.DELIVERED, "reason": None}
        if not reached:
            values = {"status": Status.UNDELIVERED, "reason": Reason.NOT_REACHED}
        return swap(self._connection, Mover.WORKLIST, entry.recorded, now, values)

    def calls_of(self, task: int, patient_id: int) -> list[Entry]:
        """The phone steps that one call task of a patient carries."""
        query = select(messages).where(messages.c.patient_id == patient_id, messages.c.status == Status.ACCEPTED)
        carried = query.where(messages.c.provider_id.like(f"task:{task}:%"))
        return entries(self._connection, carried.with_for_update())

    def unresolved(self, patient_id: int | None, message_id: int | None) -> list[Entry]:
        """What nobody could find out about a patient's messages; without one, about the message itself."""
        about = messages.c.id == message_id if patient_id is None else messages.c.patient_id == patient_id
        query = select(messages).where(about, messages.c.status == Status.UNRESOLVED)
        return entries(self._connection, query.with_for_update())

    def arrived(self, entry: Entry, now: datetime) -> bool:
        """A person has found out that it arrived, or has told the patient."""
        values = {"status": Status.DELIVERED, "reason": None}
        return swap(self._connection, Mover.WORKLIST, entry.recorded, now, values)

    def allow_again(self, entry: Entry, now: datetime) -> bool:
        """A person has checked that it did not go, and lets it be sent: it has all its attempts anew."""
        values = {"status": Status.PLANNED, "reason": None, "due_at": now, "charged": 0, "doubts": 0}
        return swap(self._connection, Mover.WORKLIST, entry.recorded, now, values)

    def open_questions(self, asked_before: datetime, limit: int) -> list[Entry]:
        """Questions that were sent before a moment and are neither answered nor given up."""
        w = messages.c
        query = (
            select(messages)
            .where(OPEN_QUESTION, w.sent_at < asked_before)
            .where(w.status.in_((Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.IN_DOUBT)))
        )
        return entries(self._connection, query.order_by(w.sent_at).limit(limit).with_for_update(skip_locked=True))

    def close_question(self, entry: Entry, now: datetime, *, answered: bool) -> bool:
        values = {"question_closed_at": now, "answered": answered}
        return swap(self._connection, Mover.WORKLIST, entry.recorded, now, values)
