"""All that was kept about one patient, row by row and opened: read only, for the patient's record.

Left out is what tells nothing about a person: keyed hashes, and the columns by which the program minds its queue.
What came in and what waits for a person is read by `inbox.py` and `tasks.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Row, Table, or_, select

from followup.care.message import Text
from followup.care.people import ChannelName
from followup.storage import tables as t
from followup.storage.outbox_rows import unpacked
from followup.storage.seal import Place, Sealer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeptPatient:
    """Who it is, and what holds for all that would be sent. Moments are UTC."""

    id: int
    short_id: str
    name: str = field(repr=False)
    record_number: str | None = field(repr=False)
    birth_date: str = field(repr=False)  # YYYY-MM-DD
    created_at: datetime
    died_at: datetime | None
    held_at: datetime | None
    conversation_at: datetime | None
    conversation_by: str | None


@dataclass(frozen=True, slots=True)
class KeptContact:
    """Somebody who is written to, as they are reached now; what was before stands in the trail."""

    id: int
    role: str
    name: str = field(repr=False)
    number: str | None = field(repr=False)
    landline: bool
    email: str | None = field(repr=False)
    language: str
    zone: str
    bad_sms_at: datetime | None
    bad_email_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One agreement, refusal or withdrawal; `wording` is the version of the script that was read aloud."""

    id: int
    contact_id: int
    about: str
    given: bool
    at: datetime
    method: str
    wording: str
    by: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """A number or address that was stopped, for everybody who shares it; `pending_at`: START was texted since."""

    id: int
    channel: str
    address: str = field(repr=False)
    since: datetime
    source: str
    pending_at: datetime | None
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptProcedure:
    """What was done; `planned_on` differs from `on_date` while a change by another program is unconfirmed."""

    id: int
    plan: str
    on_date: date
    planned_on: date | None
    enrolled_at: datetime
    discharged_at: datetime | None
    in_hospital: bool
    cancelled_at: datetime | None
    baseline_pain: int | None


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message. `address`: where it went, or was to go; `words` only of one that is no reminder."""

    id: int
    kind: str
    key: str
    contact_id: int | None
    procedure_id: int | None
    step: str
    channel: str
    address: str | None = field(repr=False)
    words: Text | None = field(repr=False)
    status: str
    reason: str | None
    held_by: int | None
    planned_at: datetime
    not_before: datetime
    due_at: datetime
    valid_until: datetime
    first_tried_at: datetime | None
    sent_at: datetime | None
    updated_at: datetime
    attempt: int
    told: Mapping[str, str] | None
    provider_id: str | None
    code: str | None
    doubted_at: datetime | None
    doubts: int
    asks: bool
    answered: bool
    question_closed_at: datetime | None
    trial: bool
    held_back: bool


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """One try, with the exact words; `version` is of the text that they were made from."""

    id: int
    message_id: int
    number: int
    began_at: datetime
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    version: str
    segments: int
    words: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class TrailLine:
    """One line of the trail: a change (`before` is what it replaced), or one move of a message."""

    id: int
    at: datetime
    by: str
    action: str
    message_id: int | None
    detail: str
    before: Mapping[str, Any] | None = field(repr=False)
    undone_at: datetime | None
    source: str | None
    target: str | None
    reason: str | None
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A number or address while it was the patient's: up to `until`, or still."""

    channel: ChannelName
    address: str = field(repr=False)
    until: datetime | None = None


_READ: dict[tuple[str, str], Callable[[str], Any]] = {
    ("messages", "words"): unpacked,
    ("messages", "told"): json.loads,
    ("attempts", "words"): unpacked,
    ("audit", "before"): json.loads,
}
"""What more is done to a column's value once it is open."""


class History:
    """What was kept, within one transaction; always in the order in which it came about."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def patient(self, patient_id: int) -> KeptPatient | None:
        found = self._rows(KeptPatient, t.patients, t.patients.c.id == patient_id)
        return found[0] if found else None

    def contacts(self, patient_id: int) -> list[KeptContact]:
        return self._rows(KeptContact, t.contacts, t.contacts.c.patient_id == patient_id)

    def consents(self, contacts: Collection[int]) -> list[ConsentEvent]:
        """Every agreement of these contacts, the refused and withdrawn ones too."""
        return self._rows(ConsentEvent, t.consents, t.consents.c.contact_id.in_(sorted(contacts)))

    def procedures(self, patient_id: int) -> list[KeptProcedure]:
        return self._rows(KeptProcedure, t.procedures, t.procedures.c.patient_id == patient_id)

    def messages(self, patient_id: int, keys: Collection[str]) -> list[KeptMessage]:
        """The patient's own, and those of these keys, whoever they went to."""
        m = t.messages.c
        return self._rows(KeptMessage, t.messages, or_(m.patient_id == patient_id, m.key.in_(sorted(keys))))

    def attempts(self, messages: Collection[int]) -> list[KeptAttempt]:
        """Every attempt of these messages."""
        return self._rows(KeptAttempt, t.attempts, t.attempts.c.message_id.in_(sorted(messages)))

    def trail(self, patient_id: int, messages: Collection[int]) -> list[TrailLine]:
        """Every line about the patient, or about one of these messages."""
        a = t.audit.c
        return self._rows(TrailLine, t.audit, or_(a.patient_id == patient_id, a.message_id.in_(sorted(messages))))

    def suppressions(self, line: Line) -> list[Suppression]:
        """Every time that a number or address was stopped while it was the patient's."""
        s = t.suppressions.c
        while_theirs = [s.since <= line.until] if line.until else []
        query = select(t.suppressions).where(
            s.channel == line.channel, s.address_index == self.index_of(line), *while_theirs
        )
        return [
            Suppression(row.id, row.channel, line.address, row.since, row.source, row.pending_at, row.lifted_at)
            for row in self._connection.execute(query.order_by(s.id))
        ]

    def index_of(self, line: Line) -> bytes:
        """The blind index of a number or address."""
        return self._sealer.index("email" if line.channel is ChannelName.EMAIL else "number", line.address)

    def _rows(self, kind: type[T], table: Table, condition: ColumnElement[bool]) -> list[T]:
        """Each row as a value whose fields are called as the columns are."""
        columns = [table.c[f.name] for f in fields(kind)]  # type: ignore[arg-type]  # every kind here is a dataclass
        found = self._connection.execute(select(*columns).where(condition).order_by(table.c.id))
        return [kind(**{column.name: self._value(table, column, row) for column in columns}) for row in found]

    def _value(self, table: Table, column: Column[Any], row: Row[Any]) -> object:
        value = row._mapping[column.name]  # noqa: SLF001  SQLAlchemy's public name for it
        if value is None:
            return None
        if isinstance(column.type, LargeBinary):
            value = self._sealer.open(Place(table.name, column.name, row.id), value)
        read = _READ.get((table.name, column.name))
        return read(value) if read else value
