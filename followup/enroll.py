"""VERB: patients and procedures are entered, and their timelines planned in the same transaction.

One by a nurse, thousands by an import: both go the same way, and who was not known before is written down in as
many statements for five hundred as for one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from followup.care.people import ConsentTo, Patient, Role
from followup.entered import Enrollment, NewPerson, faults, in_one_form, named
from followup.errors import InputError, RefusedError
from followup.replan import Clinic, Replanned, replan_all
from followup.storage import Storage, Transaction
from followup.storage.agreements import Consent
from followup.storage.audit import NewLine
from followup.storage.directory import Person, same_name
from followup.storage.register import NewPatient, NewProcedure

CHUNK = 500
"""Enrollments in one transaction of an import: others wait no longer than for that, and memory stays as it is."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What came of it. `known`: the very same enrollment was there already, and nothing was changed.

    `found`: the patient had been enrolled before; their own number, address and consents stay as they were.
    """

    patient_id: int
    procedure_id: int
    replanned: Replanned
    known: bool = False
    found: bool = False


@dataclass(frozen=True, slots=True)
class _Entered:
    """A procedure written down, whose patient is yet to be planned anew."""

    patient_id: int
    procedure_id: int
    known: bool = False
    found: bool = False


Languages = Callable[[str], Collection[str]]
"""The languages in which a plan can speak, by its key."""


def enroll(
    tx: Transaction,
    clinic: Clinic,
    entered: Enrollment,
    now: datetime,
    by: str,
    languages: Collection[str] = (),
) -> Enrolled:
    """Enter a patient (or find the one entered before) and a procedure.

    `languages` are those in which the plan can speak. Raises InputError, with everything that is wrong.
    """
    if found := list(faults(entered, clinic.practice, now, languages)):
        raise InputError("\n".join(found))
    return _enter(tx, clinic, [entered], now, by)[0]


def enroll_all(
    tx: Transaction,
    clinic: Clinic,
    entries: Sequence[Enrollment],
    now: datetime,
    by: str,
    languages: Languages = lambda _: (),
) -> list[Enrolled]:
    """As `enroll`, for many; what came of each stands at its place.

    Raises InputError with everything that is wrong with any, each named by its place (the first is 1); of faults
    that only the database shows, the first alone. Nothing is entered then, once the caller rolls back.
    """
    found = [
        f"entry {place}: {fault}"
        for place, entered in enumerate(entries, 1)
        for fault in faults(entered, clinic.practice, now, languages(entered.plan))
    ]
    if found:
        raise InputError("\n".join(found))
    return _enter(tx, clinic, entries, now, by)


def enroll_in_chunks(
    storage: Storage,
    clinic: Clinic,
    entries: Iterable[Enrollment],
    now: Callable[[], datetime],
    by: str,
    languages: Languages = lambda _: (),
) -> Iterator[list[Enrolled]]:
    """Any number of enrollments, a chunk a transaction: what was yielded is kept, whatever comes after it."""
    rest = iter(entries)
    while chunk := list(islice(rest, CHUNK)):
        with storage.transaction() as tx:
            done = enroll_all(tx, clinic, chunk, now(), by, languages)
        yield done


def _enter(
    tx: Transaction, clinic: Clinic, entries: Sequence[Enrollment], now: datetime, by: str
) -> list[Enrolled]:
    entries = [in_one_form(entered) for entered in entries]
    new = _new(tx, entries)
    written = _add_new(tx, new, now, by)
    for place, entered in enumerate(entries):
        if place not in written:
            written[place] = _add_one(tx, entered, now, by)
    planned = replan_all(tx, clinic, {one.patient_id for one in written.values()}, now, by)
    return [
        Enrolled(one.patient_id, one.procedure_id, planned[one.patient_id], one.known, one.found)
        for _, one in sorted(written.items())
    ]


def _new(tx: Transaction, entries: Sequence[Enrollment]) -> dict[int, Enrollment]:
    """Those by their place whose patient certainly nobody has entered, here or before."""
    found: dict[int, Enrollment] = {}
    strangers = {place: _person(entered) for place, entered in enumerate(entries) if entered.patient_id is None}
    known = tx.directory.perhaps_known(strangers.values())
    seen: set[object] = set()
    for place, person in strangers.items():
        marks = {person.who, person.record_number or person.who}
        if person not in known and not marks & seen:
            found[place] = entries[place]
        seen |= marks
    return found


def _person(entered: Enrollment) -> Person:
    if entered.birth_date is None:  # `faults` has refused it; this tells the types
        raise InputError("a new patient needs a birth date")
    return Person(entered.name, entered.birth_date, entered.record_number)


def _add_new(tx: Transaction, new: Mapping[int, Enrollment], now: datetime, by: str) -> dict[int, _Entered]:
    """Patients nobody has entered before, and all that was entered about them."""
    entries = list(new.values())
    patients = tx.register.add_patients([_new_patient(entered) for entered in entries], now)
    people = [
        (patient, person)
        for patient, entered in zip(patients, entries, strict=True)
        for person in (entered.patient, *entered.caregivers)
        if person is not None
    ]
    _add_people(tx, people, now, by)
    procedures = _add_procedures(tx, list(zip(patients, entries, strict=True)), now, by)
    return {
        place: _Entered(patient, procedure)
        for place, patient, procedure in zip(new, patients, procedures, strict=True)
    }


def _new_patient(entered: Enrollment) -> NewPatient:
    if entered.birth_date is None or entered.patient is None:  # `faults` has refused it; this tells the types
        raise InputError("a new patient needs a birth date and a way to be reached")
    return NewPatient(entered.name, entered.birth_date, entered.record_number)


def _add_one(tx: Transaction, entered: Enrollment, now: datetime, by: str) -> _Entered:
    """Mostly another procedure of somebody who was entered before; a double Enter is no other procedure."""
    patient_id = entered.patient_id or _same_person(tx, entered)
    if patient_id is None:
        return _add_new(tx, {0: entered}, now, by)[0]
    if same := _same_procedure(_living(tx, patient_id), entered):
        return _Entered(patient_id, same, known=True, found=True)
    for person in entered.caregivers:
        _add_caregiver(tx, patient_id, person, now, by)
    return _Entered(patient_id, _add_procedures(tx, [(patient_id, entered)], now, by)[0], found=True)


def _add_procedures(
    tx: Transaction, entries: Sequence[tuple[int, Enrollment]], now: datetime, by: str
) -> list[int]:
    rows = [
        NewProcedure(
            patient, entered.plan, entered.on, entered.discharged_at, entered.in_hospital, entered.baseline_pain
        )
        for patient, entered in entries
    ]
    procedures = tx.register.add_procedures(rows, now)
    lines = [
        NewLine(
            "enroll",
            patient,
            detail=f"procedure={procedure} plan={entered.plan} on={entered.on}",
            before={"procedures": {str(procedure): {"cancelled_at": now.isoformat()}}},
        )
        for procedure, (patient, entered) in zip(procedures, entries, strict=True)
    ]
    tx.audit.write_all(now, by, lines)
    return procedures


def _add_caregiver(tx: Transaction, patient_id: int, person: NewPerson, now: datetime, by: str) -> None:
    """Somebody who is written to already is not written to twice; what they agreed to now counts."""
    new = person.contact
    for known in tx.register.patient(patient_id).contacts:
        same = (known.number, known.email) == (new.number, new.email)
        if known.role is new.role and same and known.name.casefold() == new.name.casefold():
            _record_consents(tx, [(patient_id, known.id, person.consents)], now, by)
            return
    add_person(tx, patient_id, person, now, by)


def add_person(tx: Transaction, patient_id: int, person: NewPerson, now: datetime, by: str) -> int:
    """Add a contact and what they agreed to; returns the contact's id. The caller replans.

    Raises InputError for a name that cannot be one.
    """
    return _add_people(tx, [(patient_id, named(person))], now, by)[0]


def _add_people(tx: Transaction, people: Sequence[tuple[int, NewPerson]], now: datetime, by: str) -> list[int]:
    contacts = tx.register.add_contacts([(patient, person.contact) for patient, person in people], now)
    agreed = [
        (patient, contact, person.consents) for contact, (patient, person) in zip(contacts, people, strict=True)
    ]
    _record_consents(tx, agreed, now, by)
    return contacts


def _record_consents(
    tx: Transaction, agreed: Sequence[tuple[int, int, Sequence[Consent]]], now: datetime, by: str
) -> None:
    """What each contact of each patient agreed to."""
    tx.agreements.record_all({contact: consents for _, contact, consents in agreed}, now, by)
    lines = [
        NewLine("consent", patient, detail=f"contact={contact} {_said(consents)} method={consents[0].method}")
        for patient, contact, consents in agreed
        if consents
    ]
    tx.audit.write_all(now, by, lines)


def _said(consents: Sequence[Consent]) -> str:
    return " ".join(f"{consent.about}={'yes' if consent.given else 'no'}" for consent in consents)


def _same_person(tx: Transaction, entered: Enrollment) -> int | None:
    """The patient entered before; a record number that belongs to somebody else is a slip of the hand."""
    person = _person(entered)
    found = tx.directory.same_person(person)
    if found is not None:
        _require_same(tx, found, entered)
    return found


def _require_same(tx: Transaction, found: int, entered: Enrollment) -> None:
    """Raises InputError where what was entered is not what is on record: the wrong chart, or news for `change`."""
    who = tx.directory.identities([found])[found]
    if who.birth_date != entered.birth_date:
        raise InputError("record number: it belongs to a patient with another birth date")
    if same_name(who.name) != same_name(entered.name):
        raise InputError("record number: it belongs to a patient with another name")
    if entered.patient is None:
        return
    known = next(c for c in tx.register.patient(found).contacts if c.role is Role.PATIENT)
    new = entered.patient.contact
    given = {about for about in (ConsentTo.SMS, ConsentTo.EMAIL) if tx.agreements.given(known.id, about)}
    differs = (new.number or known.number) != known.number or (new.email or known.email) != known.email
    if differs or {c.about for c in entered.patient.consents if c.given} - given:
        raise InputError(
            "this patient is enrolled already, with another number, e-mail address or consent; "
            "record what is new with `followup change` first"
        )


def _living(tx: Transaction, patient_id: int) -> Patient:
    patient = tx.register.patient(patient_id)
    if patient.died:
        raise RefusedError("this patient is recorded as having died; nothing can be planned")
    return patient


def _same_procedure(patient: Patient, entered: Enrollment) -> int | None:
    """A double Enter: the same plan on the same day is one procedure."""
    same = [p.id for p in patient.procedures if p.standing and (p.plan, p.on) == (entered.plan, entered.on)]
    return same[0] if same else None
