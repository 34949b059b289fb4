"""What staff enter at an enrollment, and all that can be wrong with it before the database is asked."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from followup.addresses import person_name
from followup.care.local_time import local_day
from followup.care.people import ConsentTo, Role
from followup.care.practice import Practice
from followup.errors import InputError
from followup.storage.agreements import Consent
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


def in_one_form(entered: Enrollment) -> Enrollment:
    """With every name as it is stored; `faults` has found them fit."""
    return replace(
        entered,
        name=entered.name if entered.patient_id else person_name(entered.name),
        patient=named(entered.patient) if entered.patient else None,
        caregivers=tuple(named(caregiver) for caregiver in entered.caregivers),
    )


def named(person: NewPerson) -> NewPerson:
    """With the name as it is stored."""
    return replace(person, contact=replace(person.contact, name=person_name(person.contact.name)))


def faults(entered: Enrollment, practice: Practice, now: datetime, languages: Collection[str]) -> Iterator[str]:
    """One sentence for each; `languages` are those in which the plan can speak."""
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
