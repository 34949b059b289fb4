"""Patients, contacts and procedures: written down, and given as the rules see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, select, update

from followup.care.people import ChannelName, Contact, Patient, Procedure, Role
from followup.errors import NotFoundError, StorageError
from followup.storage import tables as t
from followup.storage.agreements import Agreements, Bars
from followup.storage.directory import person
from followup.storage.ids import new_ids, new_short_id
from followup.storage.many import insert_rows
from followup.storage.seal import Place, Sealer

LAST_FOUR = 4

# Statements that every enrollment and every tick run are built once: building one costs more than running it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_PATIENTS = select(t.patients).where(t.patients.c.id.in_(_IDS)).order_by(t.patients.c.id)
_CONTACTS = select(t.contacts).where(t.contacts.c.patient_id.in_(_IDS)).order_by(t.contacts.c.id)
_PROCEDURES = select(t.procedures).where(t.procedures.c.patient_id.in_(_IDS)).order_by(t.procedures.c.id)
_OF_SHORT_IDS = select(t.patients.c.short_id).where(t.patients.c.short_id.in_(_IDS))
_LOCK = select(t.patients.c.id).where(t.patients.c.id.in_(_IDS)).order_by(t.patients.c.id).with_for_update()
_LOCK_FREE = _LOCK.with_for_update(skip_locked=True)


@dataclass(frozen=True, slots=True)
class NewPatient:
    """Somebody who was not known before; `record_number` is the clinic's own."""

    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    record_number: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NewProcedure:
    """What was done to a patient on a local date; moments are UTC, `baseline_pain` is 0 to 10."""

    patient_id: int
    plan: str
    on: date
    discharged_at: datetime | None = None
    in_hospital: bool = False
    baseline_pain: int | None = None


@dataclass(frozen=True, slots=True)
class NewContact:
    """Somebody to be written to. `number` is E.164, `email` normalised; a landline takes no texts."""

    role: Role
    name: str = field(repr=False)
    language: str
    zone: str
    number: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    landline: bool = False


class Register:
    """The register, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    # Reading facts

    def patients(self, ids: Collection[int], *, consent_needed: bool = True) -> dict[int, Patient]:
        """The patients as the rules see them, with every bar that stands on their channels.

        `consent_needed` is False where the clinic relies on the health-care exemption for texts.
        """
        rows = self._rows(_PATIENTS, ids)
        procedures = _by_patient(self._rows(_PROCEDURES, ids))
        contacts = _by_patient(self._rows(_CONTACTS, ids))
        everybody = [contact for group in contacts.values() for contact in group]
        bars = Agreements(self._connection, self._sealer).bars(everybody, consent_needed=consent_needed)
        return {
            row.id: Patient(
                row.id,
                tuple(self._contact(c, bars) for c in contacts[row.id]),
                tuple(_procedure(p) for p in procedures[row.id]),
                died=row.died_at is not None,
                on_hold=row.held_at is not None,
                in_conversation=row.conversation_at is not None,
            )
            for row in rows
        }

    def patient(self, patient_id: int, *, consent_needed: bool = True) -> Patient:
        """One patient; NotFoundError if there is none of that id."""
        try:
            return self.patients([patient_id], consent_needed=consent_needed)[patient_id]
        except KeyError:
            raise NotFoundError("there is no such patient") from None

    def lock(self, ids: Collection[int]) -> None:
        """Wait until no other transaction plans these patients or sends to them, and keep the others waiting."""
        if self._connection.dialect.name != "sqlite":  # where a writer has the whole file to itself
            self._connection.execute(_LOCK, {"ids": sorted(ids)})

    def lock_free(self, ids: Collection[int]) -> set[int]:
        """As `lock`, for those of the patients whom no other transaction holds; never waits."""
        if self._connection.dialect.name == "sqlite":
            return set(ids)
        return set(self._connection.scalars(_LOCK_FREE, {"ids": sorted(ids)}).all())

    def _rows(self, query: Select[Any], ids: Collection[int]) -> list[Row[Any]]:
        return list(self._connection.execute(query, {"ids": sorted(set(ids))}).all()) if ids else []

    def _contact(self, row: Row[Any], bars: Bars) -> Contact:
        return Contact(
            row.id,
            Role(row.role),
            self._open("contacts", "name", row.id, row.name),
            row.language,
            _zone(row.zone),
            row.number and self._open("contacts", "number", row.id, row.number),
            row.email and self._open("contacts", "email", row.id, row.email),
            bars.of(row),
        )

    def conversations(self) -> list[tuple[int, datetime, str]]:
        """The patients with whom staff are texting: since when, and who began."""
        p = t.patients.c
        query = select(p.id, p.conversation_at, p.conversation_by).where(p.conversation_at.is_not(None))
        return [tuple(row) for row in self._connection.execute(query.order_by(p.conversation_at))]

    def all_ids(self) -> list[int]:
        return list(self._connection.scalars(select(t.patients.c.id).order_by(t.patients.c.id)))

    # Writing

    def add_patient(self, name: str, birth_date: date, record_number: str | None, now: datetime) -> int:
        return self.add_patients([NewPatient(name, birth_date, record_number)], now)[0]

    def add_patients(self, new: Sequence[NewPatient], now: datetime) -> list[int]:
        """The ids of new patients, in their order."""
        ids = list(new_ids(now, len(new)))
        rows = [
            self._patient_row(row, one, short_id) | {"created_at": now}
            for row, one, short_id in zip(ids, new, self._free_short_ids(len(new)), strict=True)
        ]
        insert_rows(self._connection, t.patients, rows)
        return ids

    def _patient_row(self, row: int, new: NewPatient, short_id: str) -> dict[str, Any]:
        birth = new.birth_date.isoformat()
        return {
            "id": row,
            "short_id": short_id,
            "name": self._seal("patients", "name", row, new.name),
            "record_number": self._seal("patients", "record_number", row, new.record_number),
            "record_index": self._index("record", new.record_number),
            "birth_date": self._seal("patients", "birth_date", row, birth),
            "birth_index": self._index("birth", birth),
            "person_index": self._index("person", person(new.name, new.birth_date)),
        }

    def _free_short_ids(self, count: int) -> list[str]:
        found: set[str] = set()
        while len(found) < count:
            fresh = {new_short_id() for _ in range(count - len(found))}
            found |= fresh - set(self._connection.scalars(_OF_SHORT_IDS, {"ids": sorted(fresh)}))
        return list(found)

    def add_contact(self, patient_id: int, new: NewContact, now: datetime) -> int:
        return self.add_contacts([(patient_id, new)], now)[0]

    def add_contacts(self, new: Sequence[tuple[int, NewContact]], now: datetime) -> list[int]:
        """The ids of new contacts of patients, in their order."""
        ids = list(new_ids(now, len(new)))
        rows = [
            self._contact_row(row, patient_id, one) | {"created_at": now}
            for row, (patient_id, one) in zip(ids, new, strict=True)
        ]
        insert_rows(self._connection, t.contacts, rows)
        return ids

    def _contact_row(self, row: int, patient_id: int, new: NewContact) -> dict[str, Any]:
        values = {
            "id": row,
            "patient_id": patient_id,
            "role": new.role,
            "name": self._seal("contacts", "name", row, new.name),
            "language": new.language,
            "zone": new.zone,
            "landline": new.landline,
        }
        return values | self._number(row, new.number) | self._email(row, new.email)

    def _number(self, row: int, number: str | None) -> dict[str, bytes | None]:
        return {
            "number": self._seal("contacts", "number", row, number),
            "number_index": self._index("number", number),
            "last_four_index": self._index("last_four", number and number[-LAST_FOUR:]),
        }

    def _email(self, row: int, email: str | None) -> dict[str, bytes | None]:
        return {
            "email": self._seal("contacts", "email", row, email),
            "email_index": self._index("email", email),
        }

    def set_number(self, contact_id: int, number: str | None, *, landline: bool) -> None:
        """A new number; whatever was known to be wrong with the old one does not count against it."""
        values = self._number(contact_id, number)
        self.set_contact(contact_id, landline=landline, bad_sms_at=None, **values)

    def is_landline(self, contact_id: int) -> bool:
        """Whether the contact's number takes no texts."""
        return bool(self._connection.scalar(select(t.contacts.c.landline).where(t.contacts.c.id == contact_id)))

    def bad_since(self, contact_id: int) -> dict[ChannelName, datetime | None]:
        """Since when the contact's number and address are known not to work."""
        c = t.contacts.c
        row = self._connection.execute(select(c.bad_sms_at, c.bad_email_at).where(c.id == contact_id)).one()
        return {ChannelName.SMS: row.bad_sms_at, ChannelName.EMAIL: row.bad_email_at}

    def set_email(self, contact_id: int, email: str | None) -> None:
        self.set_contact(contact_id, bad_email_at=None, **self._email(contact_id, email))

    def set_contact(self, contact_id: int, **values: object) -> None:
        self._connection.execute(update(t.contacts).where(t.contacts.c.id == contact_id).values(**values))

    def set_patient(self, patient_id: int, **values: object) -> None:
        self._connection.execute(update(t.patients).where(t.patients.c.id == patient_id).values(**values))

    def set_procedure(self, procedure_id: int, **values: object) -> None:
        """The triggers note the patient as stale; the verb that calls this replans in the same transaction."""
        query = update(t.procedures).where(t.procedures.c.id == procedure_id)
        self._connection.execute(query.values(**values))

    def add_procedure(self, patient_id: int, plan: str, on: date, now: datetime, **values: Any) -> int:  # noqa: ANN401  a NewProcedure's
        return self.add_procedures([NewProcedure(patient_id, plan, on, **values)], now)[0]

    def add_procedures(self, new: Sequence[NewProcedure], now: datetime) -> list[int]:
        """The ids of new procedures, in their order."""
        ids = list(new_ids(now, len(new)))
        rows = [
            {
                "id": row,
                "patient_id": one.patient_id,
                "plan": one.plan,
                "on_date": one.on,
                "planned_on": one.on,
                "enrolled_at": now,
                "discharged_at": one.discharged_at,
                "in_hospital": one.in_hospital,
                "baseline_pain": one.baseline_pain,
            }
            for row, one in zip(ids, new, strict=True)
        ]
        insert_rows(self._connection, t.procedures, rows)
        return ids

    # Procedures

    def not_home(self, since: date, before: date) -> dict[int, int]:
        """Patients by procedure of these days, `before` excluded, of whom nobody has said that they are home."""
        p = t.procedures.c
        done = (p.on_date >= since, p.on_date < before)
        query = select(p.id, p.patient_id).where(*done, p.discharged_at.is_(None), p.cancelled_at.is_(None))
        rows = self._connection.execute(query.order_by(p.on_date, p.id))
        return {row.id: row.patient_id for row in rows}

    # Sealing

    def _seal(self, table: str, column: str, row: int, text: str | None) -> bytes | None:
        return None if text is None else self._sealer.seal(Place(table, column, row), text)

    def _index(self, kind: str, text: str | None) -> bytes | None:
        return None if text is None else self._sealer.index(kind, text)

    def _open(self, table: str, column: str, row: int, sealed: bytes) -> str:
        return self._sealer.open(Place(table, column, row), sealed)


def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError):
        raise StorageError("a contact's time zone is none that this machine knows") from None


def _by_patient(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    groups: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.patient_id].append(row)
    return groups


def _procedure(row: Row[Any]) -> Procedure:
    """While a date changed by another program waits for a person's yes, the date planned with still holds."""
    on = row.planned_on or row.on_date
    return Procedure(
        row.id,
        row.plan,
        on,
        row.enrolled_at,
        row.discharged_at,
        bool(row.in_hospital),
        row.cancelled_at,
        row.baseline_pain,
        date_in_question=on != row.on_date,
    )
