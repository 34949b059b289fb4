"""Following what was sent: receipts, questions that wait for an answer, calls that a person makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from followup.care.delivery import Mover, Reason, Receipt, Status, allowed
from followup.storage.outbox_rows import Entry, entries, swap
from followup.storage.tables import messages


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
            values |= {"status": receipt.status, "code": receipt.code or None}
            if receipt.status is Status.UNDELIVERED:
                values["reason"] = Reason.NOT_DELIVERED
        if poll_at is None and receipt.status is Status.SENT:
            values["reason"] = Reason.NO_RECEIPT
        return swap(self._connection, Mover.RECEIPTS, entry.recorded, now, values)

    def close_call(self, entry: Entry, *, reached: bool, now: datetime) -> bool:
        """A person has called: the script was said, or nobody was reached."""
        values: dict[str, Any] = {"status": Status.DELIVERED, "reason": Reason.CALL_TASK}
        if not reached:
            values = {"status": Status.UNDELIVERED, "reason": Reason.NOT_REACHED}
        return swap(self._connection, Mover.WORKLIST, entry.recorded, now, values)

    def calls_of(self, task: int) -> list[Entry]:
        """The phone steps that one call task carries."""
        query = select(messages).where(messages.c.provider_id.like(f"task:{task}:%"))
        return entries(self._connection, query.where(messages.c.status == Status.ACCEPTED))

    def open_questions(self, asked_before: datetime, limit: int) -> list[Entry]:
        """Questions that were sent before a moment and are neither answered nor given up."""
        w = messages.c
        query = (
            select(messages)
            .where(w.asks.is_(True), w.question_closed_at.is_(None), w.sent_at < asked_before)
            .where(w.status.in_((Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.IN_DOUBT)))
        )
        return entries(self._connection, query.order_by(w.sent_at).limit(limit).with_for_update(skip_locked=True))

    def close_question(self, entry: Entry, now: datetime, *, answered: bool) -> bool:
        values = {"question_closed_at": now, "answered": answered}
        return swap(self._connection, Mover.WORKLIST, entry.recorded, now, values)
