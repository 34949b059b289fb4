"""Finding patients: by what identifies them, by a number or address of theirs; and who they are, for a screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, or_, select

from followup.care.people import ChannelName
from followup.storage import tables as t
from followup.storage.agreements import Agreements
from followup.storage.seal import Place, Sealer

# Statements that every enrollment runs are built once: building one costs more than running it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_WHO: Select[Any] = (
    select(
        t.patients.c.id,
        t.patients.c.short_id,
        t.patients.c.name,
        t.patients.c.birth_date,
        t.patients.c.record_number,
    )
    .where(t.patients.c.id.in_(_IDS))
    .order_by(t.patients.c.id)
)
_OF_RECORD = (
    select(t.patients.c.id).where(t.patients.c.record_index == bindparam("index")).order_by(t.patients.c.id)
)
_OF_PERSON = (
    select(t.patients.c.id).where(t.patients.c.person_index == bindparam("index")).order_by(t.patients.c.id)
)


_INDEXES: BindParameter[Any] = bindparam("indexes", expanding=True)
_RECORDS = select(t.patients.c.record_index).where(t.patients.c.record_index.in_(_INDEXES))
_PEOPLE = select(t.patients.c.person_index).where(t.patients.c.person_index.in_(_INDEXES))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a patient is: for the screens of staff, never for a rule, a log or an error."""

    patient_id: int
    short_id: str
    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    record_number: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as they are entered: known again by record number, or by name and birth date."""

    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    record_number: str | None = field(default=None, repr=False)

    @property
    def who(self) -> str:
        """Name, however it is spaced and capitalised, and birth date."""
        return person(self.name, self.birth_date)


class Directory:
    """The directory, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def identities(self, ids: Collection[int]) -> dict[int, Identity]:
        """Names and birth dates, for a screen."""
        rows = self._connection.execute(_WHO, {"ids": sorted(set(ids))}) if ids else ()
        return {row.id: self._identity(row) for row in rows}

    def _identity(self, row: Row[Any]) -> Identity:
        birth = date.fromisoformat(self._open("birth_date", row.id, row.birth_date))
        record = None if row.record_number is None else self._open("record_number", row.id, row.record_number)
        return Identity(row.id, row.short_id, self._open("name", row.id, row.name), birth, record)

    def _open(self, column: str, patient_id: int, sealed: bytes) -> str:
        return self._sealer.open(Place("patients", column, patient_id), sealed)

    def find(self, words: str) -> list[int]:
        """Patients by short id, record number, birth date (YYYY-MM-DD) or the last four digits of a number.

        Nothing is found by a part of a name here: names are sealed, see `find_by_name`.
        """
        index = self._sealer.index
        by_contact = select(t.contacts.c.patient_id).where(
            or_(
                t.contacts.c.last_four_index == index("last_four", words),
                t.contacts.c.number_index == index("number", words),
            )
        )
        query = select(t.patients.c.id).where(
            or_(
                t.patients.c.short_id == words.upper(),
                t.patients.c.record_index == index("record", words),
                t.patients.c.birth_index == index("birth", words),
                t.patients.c.id.in_(by_contact),
            )
        )
        return list(self._connection.scalars(query.order_by(t.patients.c.id)))

    def find_by_name(self, part: str) -> list[int]:
        """Patients whose name contains `part`, whatever its case; every name is opened for it."""
        wanted = part.casefold()
        rows = self._connection.execute(select(t.patients.c.id, t.patients.c.name).order_by(t.patients.c.id))
        return [row.id for row in rows if wanted in self._open("name", row.id, row.name).casefold()]

    def same_person(self, entered: Person) -> int | None:
        """A patient enrolled before: by record number, or by name and birth date."""
        if entered.record_number:
            found = self._by(_OF_RECORD, "record", entered.record_number)
            if found:
                return found[0]
        namesakes = self._by(_OF_PERSON, "person", entered.who)
        known = self.identities(namesakes)
        return next((n for n in namesakes if not (known[n].record_number and entered.record_number)), None)

    def perhaps_known(self, entered: Collection[Person]) -> set[Person]:
        """Those of whom a record number, or name and birth date, is on record: `same_person` tells who it is."""
        records = {self._sealer.index("record", p.record_number): p for p in entered if p.record_number}
        people: dict[bytes, list[Person]] = defaultdict(list)
        for one in entered:
            people[self._sealer.index("person", one.who)].append(one)
        found = {records[index] for index in self._there(_RECORDS, records)}
        return found | {one for index in self._there(_PEOPLE, people) for one in people[index]}

    def _there(self, query: Select[Any], indexes: Collection[bytes]) -> set[bytes]:
        return set(self._connection.scalars(query, {"indexes": list(indexes)}).all()) if indexes else set()

    def _by(self, query: Select[tuple[int]], kind: str, value: str) -> list[int]:
        return list(self._connection.scalars(query, {"index": self._sealer.index(kind, value)}))

    def by_address(self, channel: ChannelName, address: str) -> list[int]:
        """Every patient who can be reached there: couples and daughters share."""
        return sorted({patient for patient, _ in self.contacts_at(channel, address)})

    def contacts_at(self, channel: ChannelName, address: str) -> list[tuple[int, int]]:
        """Everybody who can be reached there: patient and contact."""
        column = t.contacts.c.email_index if channel is ChannelName.EMAIL else t.contacts.c.number_index
        index = Agreements(self._connection, self._sealer).index_of(channel, address)
        query = select(t.contacts.c.patient_id, t.contacts.c.id).where(column == index).order_by(t.contacts.c.id)
        return [(row.patient_id, row.id) for row in self._connection.execute(query)]


def person(name: str, birth_date: date) -> str:
    """One person's name, however it is spaced and capitalised, and birth date."""
    return f"{same_name(name)} {birth_date.isoformat()}"


def same_name(name: str) -> str:
    """A name as it is compared: however it is spaced and capitalised."""
    return " ".join(name.casefold().split())
