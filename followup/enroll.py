"""VERB: a patient and a procedure are entered, and the timeline is planned in the same transaction."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from followup.addresses import person_name
from followup.care.local_time import local_day
from followup.care.people import ConsentTo, Patient, Role
from followup.care.practice import Practice
from followup.errors import InputError, RefusedError
from followup.replan import Clinic, Replanned, replan
from followup.storage import Transaction
from followup.storage.agreements import Consent
from followup.storage.directory import same_name
from followup.storage.register import NewContact

FURTHEST_AHEAD = timedelta(days=180)
"""A procedure is not booked further ahead: a later date is taken for a slip of the hand."""

FURTHEST_BACK = timedelta(days=60)
"""Nothing of a six-week plan is still true after that."""

OLDEST = 120
"""Years; an older birth date is taken for a slip of the hand."""

WORST_PAIN = 10


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to write to, with what they agreed to at enrollment."""

    contact: NewContact
    consents: tuple[Consent, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrollment:
    """All that staff enter: who, what was done on which local date, who is written to, what was agreed.

    `patient_id` names a patient enrolled before, who only gets another procedure. `discharged_at` is set if the
    patient is home already (UTC), `in_hospital` if they stay overnight; `baseline_pain` is 0 to 10.
    """

    plan: str
    on: date
    patient_id: int | None = None
    name: str = field(default="", repr=False)
    birth_date: date | None = field(default=None, repr=False)
    record_number: str | None = field(default=None, repr=False)
    patient: NewPerson | None = None
    caregivers: tuple[NewPerson, ...] = ()
    baseline_pain: int | None = None
    discharged_at: datetime | None = None
    in_hospital: bool = False


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
    if faults := list(_faults(entered, clinic.practice, now, languages)):
        raise InputError("\n".join(faults))
    entered = _in_one_form(entered)
    patient_id = entered.patient_id or _same_person(tx, entered)
    if patient_id and (same := _same_procedure(_living(tx, patient_id), entered)):
        return Enrolled(patient_id, same, replan(tx, clinic, patient_id, now, by), known=True, found=True)
    found = patient_id is not None
    if patient_id is None:
        patient_id = _add_patient(tx, entered, now, by)
    for person in entered.caregivers:
        _add_caregiver(tx, patient_id, person, now, by)
    procedure_id = tx.register.add_procedure(
        patient_id,
        entered.plan,
        entered.on,
        now,
        discharged_at=entered.discharged_at,
        in_hospital=entered.in_hospital,
        baseline_pain=entered.baseline_pain,
    )
    detail = f"procedure={procedure_id} plan={entered.plan} on={entered.on}"
    before = {"procedures": {str(procedure_id): {"cancelled_at": now.isoformat()}}}
    tx.audit.write(now, by, "enroll", patient_id=patient_id, detail=detail, before=before)
    return Enrolled(patient_id, procedure_id, replan(tx, clinic, patient_id, now, by), found=found)


def _in_one_form(entered: Enrollment) -> Enrollment:
    """With every name as it is stored; `_faults` has found them fit."""
    return replace(
        entered,
        name=entered.name if entered.patient_id else person_name(entered.name),
        patient=_named(entered.patient) if entered.patient else None,
        caregivers=tuple(_named(caregiver) for caregiver in entered.caregivers),
    )


def _named(person: NewPerson) -> NewPerson:
    return replace(person, contact=replace(person.contact, name=person_name(person.contact.name)))


def _add_patient(tx: Transaction, entered: Enrollment, now: datetime, by: str) -> int:
    if entered.birth_date is None or entered.patient is None:  # _faults has refused it; this tells the types
        raise InputError("a new patient needs a birth date and a way to be reached")
    patient_id = tx.register.add_patient(entered.name, entered.birth_date, entered.record_number, now)
    add_person(tx, patient_id, entered.patient, now, by)
    return patient_id


def _add_caregiver(tx: Transaction, patient_id: int, person: NewPerson, now: datetime, by: str) -> None:
    """Somebody who is written to already is not written to twice; what they agreed to now counts."""
    new = person.contact
    for known in tx.register.patient(patient_id).contacts:
        same = (known.number, known.email) == (new.number, new.email)
        if known.role is new.role and same and known.name.casefold() == new.name.casefold():
            _record_consents(tx, patient_id, known.id, person.consents, now, by)
            return
    add_person(tx, patient_id, person, now, by)


def add_person(tx: Transaction, patient_id: int, person: NewPerson, now: datetime, by: str) -> int:
    """Add a contact and what they agreed to; returns the contact's id. The caller replans.

    Raises InputError for a name that cannot be one.
    """
    contact_id = tx.register.add_contact(patient_id, _named(person).contact, now)
    _record_consents(tx, patient_id, contact_id, person.consents, now, by)
    return contact_id


def _record_consents(
    tx: Transaction, patient_id: int, contact_id: int, consents: Sequence[Consent], now: datetime, by: str
) -> None:
    tx.agreements.record(contact_id, consents, now, by)
    if consents:
        said = " ".join(f"{consent.about}={'yes' if consent.given else 'no'}" for consent in consents)
        detail = f"contact={contact_id} {said} method={consents[0].method}"
        tx.audit.write(now, by, "consent", patient_id=patient_id, detail=detail)


def _same_person(tx: Transaction, entered: Enrollment) -> int | None:
    """The patient entered before; a record number that belongs to somebody else is a slip of the hand."""
    if entered.birth_date is None:
        return None
    found = tx.directory.same_person(entered.name, entered.birth_date, entered.record_number)
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


def _faults(entered: Enrollment, practice: Practice, now: datetime, languages: Collection[str]) -> Iterator[str]:
    yield from _plan_faults(entered, practice, languages)
    yield from procedure_date_faults(entered.on, local_day(now, practice.zone))
    yield from _home_faults(entered, practice, now)
    if entered.patient_id is None:
        yield from _person_faults(entered, local_day(now, practice.zone))
    if entered.baseline_pain is not None and not 0 <= entered.baseline_pain <= WORST_PAIN:
        yield "baseline pain: a number from 0 (none) to 10 (worst)"


def _plan_faults(entered: Enrollment, practice: Practice, languages: Collection[str]) -> Iterator[str]:
    if entered.plan not in practice.plans:
        yield f"plan: there is no {entered.plan!r}; {nearest(entered.plan, practice.plans)}"
    people = [p for p in (entered.patient, *entered.caregivers) if p]
    for person in people:
        if languages and person.contact.language not in languages:
            yield f"language: this plan has no {person.contact.language!r}; it has {', '.join(languages)}"
        yield from _contact_faults(person)


def _contact_faults(person: NewPerson) -> Iterator[str]:
    contact = person.contact
    given = {c.about for c in person.consents if c.given}
    yield from _name_faults(contact.name)
    if ConsentTo.SMS in given and (contact.number is None or contact.landline):
        yield "consent to texts: there is no mobile number to text"
    if ConsentTo.EMAIL in given and contact.email is None:
        yield "consent to e-mail: there is no e-mail address"
    if contact.role is Role.CAREGIVER and ConsentTo.SHARE not in {c.about for c in person.consents}:
        yield "caregiver: ask the patient whether we may share with them, and record the answer"


def procedure_date_faults(on: date, today: date) -> Iterator[str]:
    """What is wrong with a procedure's date, seen from `today` at the clinic."""
    if on > today + FURTHEST_AHEAD:
        yield f"procedure date: {on} is more than {FURTHEST_AHEAD.days} days ahead; is the year right?"
    if on < today - FURTHEST_BACK:
        yield f"procedure date: {on} is more than {FURTHEST_BACK.days} days past; nothing would be sent"


def _home_faults(entered: Enrollment, practice: Practice, now: datetime) -> Iterator[str]:
    home = entered.discharged_at
    if home is None:
        return
    if entered.in_hospital:
        yield "home: the patient cannot be both home and in hospital"
    yield from home_faults(home, entered.on, practice.zone, now)


def home_faults(home: datetime, on: date, zone: ZoneInfo, now: datetime) -> Iterator[str]:
    """What is wrong with the moment a patient went home."""
    if home > now:
        yield "home: that time has not come yet"
    if local_day(home, zone) < on:
        yield f"home: that is before the procedure on {on}"


def _person_faults(entered: Enrollment, today: date) -> Iterator[str]:
    if entered.patient is None or entered.patient.contact.name != entered.name:
        yield from _name_faults(entered.name)
    if entered.birth_date is None:
        yield "birth date: missing; for example 1948-03-07"
    elif not today.year - OLDEST <= entered.birth_date.year or entered.birth_date > today:
        yield "birth date: not in the last 120 years; for example 1948-03-07"
    people = [p for p in (entered.patient, *entered.caregivers) if p]
    if not any(p.contact.number or p.contact.email for p in people):
        yield "contact: a number or an e-mail address is needed, or a caregiver's"


def _name_faults(name: str) -> Iterator[str]:
    try:
        person_name(name)
    except InputError as error:
        yield f"name: {error}"


def nearest(word: str, known: Collection[str]) -> str:
    """What was probably meant, and otherwise everything there is."""
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(known))}"
