"""VERB: a fact about a patient changes, and the timeline follows in the same transaction.

Each change keeps what it replaced, sealed, in the audit trail, so that `undo` can put it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from followup.care.local_time import local_day
from followup.care.people import ChannelName, ConsentTo, Contact, Patient, Procedure
from followup.care.task import TaskKind
from followup.enroll import add_person
from followup.entered import NewPerson, home_faults, procedure_date_faults
from followup.errors import InputError, RefusedError
from followup.replan import Clinic, Replanned, replan
from followup.storage import Transaction
from followup.storage.agreements import Consent
from followup.storage.audit import Change as Recorded

Before = dict[str, dict[str, dict[str, Any]]]
"""What a change replaced: table, row, column, value; moments and dates as ISO text."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Whose hand changes what: the transaction, the clinic's rules, the moment, and the person."""

    tx: Transaction
    clinic: Clinic
    now: datetime
    by: str

    def finish(self, patient_id: int, action: str, detail: str, before: Before | None) -> Replanned:
        """Write the audit line and plan anew."""
        self.tx.audit.write(self.now, self.by, action, patient_id=patient_id, detail=detail, before=before or None)
        return replan(self.tx, self.clinic, patient_id, self.now, self.by)


def home(hand: Hand, patient: Patient, procedure: Procedure, at: datetime) -> Replanned:
    """The patient went home at `at` (UTC); a hospital stay ends with it, for whichever procedure."""
    if faults := list(home_faults(at, procedure.on, hand.clinic.practice.zone, hand.now)):
        raise InputError("\n".join(faults))
    _require_standing(procedure)
    rows = {str(p.id): {"in_hospital": True} for p in patient.procedures if p.in_hospital and p.standing}
    rows[str(procedure.id)] = _former(procedure, "discharged_at", "in_hospital")
    for row in rows:
        hand.tx.register.set_procedure(int(row), in_hospital=False)
    hand.tx.register.set_procedure(procedure.id, discharged_at=at)
    return hand.finish(patient.id, "home", f"procedure={procedure.id}", {"procedures": rows})


def in_hospital(hand: Hand, patient: Patient, procedure: Procedure, *, readmitted: bool) -> Replanned:
    """The patient stayed overnight, or is back in hospital: texts about care at home wait."""
    _require_standing(procedure)
    before = _procedure_before(procedure, "in_hospital", "discharged_at")
    hand.tx.register.set_procedure(procedure.id, in_hospital=True)
    action = "readmitted" if readmitted else "stayed"
    return hand.finish(patient.id, action, f"procedure={procedure.id}", before)


def cancel(hand: Hand, patient: Patient, procedure: Procedure) -> Replanned:
    """The procedure does not take place, or was entered by mistake."""
    _require_standing(procedure)
    hand.tx.register.set_procedure(procedure.id, cancelled_at=hand.now)
    before = _procedure_before(procedure, "cancelled_at")
    return hand.finish(patient.id, "cancel", f"procedure={procedure.id}", before)


def move(hand: Hand, patient: Patient, procedure: Procedure, on: date) -> Replanned:
    """The procedure is, or was, on another local date; this also confirms a date changed by another program."""
    _require_standing(procedure)
    today = local_day(hand.now, hand.clinic.practice.zone)
    if faults := list(procedure_date_faults(on, today)):
        raise InputError("\n".join(faults))
    _require_not_twice(patient, procedure, on)
    if procedure.discharged_at and local_day(procedure.discharged_at, hand.clinic.practice.zone) < on:
        raise InputError(f"procedure date: the patient is recorded as home before {on}")
    former = procedure.on.isoformat()
    before: Before = {"procedures": {str(procedure.id): {"on_date": former, "planned_on": former}}}
    hand.tx.register.set_procedure(procedure.id, on_date=on, planned_on=on)
    _close_date_task(hand, patient.id)
    return hand.finish(patient.id, "move", f"procedure={procedure.id} {former} -> {on}", before)


def _close_date_task(hand: Hand, patient_id: int) -> None:
    """Who says which date is right has answered the task that asked for it."""
    for task in hand.tx.tasks.open_tasks(patient_id):
        if task.kind is TaskKind.DATE_CHANGED and not hand.tx.stale.changed_dates(patient_id):
            hand.tx.tasks.close(task.number, hand.now, hand.by)


def _require_not_twice(patient: Patient, procedure: Procedure, on: date) -> None:
    for other in patient.procedures:
        if other.standing and other.id != procedure.id and (other.plan, other.on) == (procedure.plan, on):
            raise InputError(f"procedure date: the same procedure is already recorded on {on}")


def hold(hand: Hand, patient: Patient) -> Replanned:
    """Nothing more is sent until the hold is lifted."""
    if patient.on_hold:
        raise RefusedError("the patient is on hold already")
    hand.tx.register.set_patient(patient.id, held_at=hand.now)
    return hand.finish(patient.id, "hold", "", {"patients": {str(patient.id): {"held_at": None}}})


def lift_hold(hand: Hand, patient: Patient) -> Replanned:
    """What is still valid goes again."""
    if not patient.on_hold:
        raise RefusedError("the patient is not on hold")
    hand.tx.register.set_patient(patient.id, held_at=None)
    before: Before = {"patients": {str(patient.id): {"held_at": hand.now.isoformat()}}}
    return hand.finish(patient.id, "lift hold", "", before)


def died(hand: Hand, patient: Patient) -> Replanned:
    """Everything stops at once, for everybody who is written to about this patient."""
    if patient.died:
        raise RefusedError("the patient's death is recorded already")
    hand.tx.register.set_patient(patient.id, died_at=hand.now)
    return hand.finish(patient.id, "died", "", {"patients": {str(patient.id): {"died_at": None}}})


@dataclass(frozen=True, slots=True)
class NewLine:
    """Another number (E.164) or e-mail address, or none, and what the contact agreed to for it."""

    address: str | None = field(repr=False)
    consent: Consent | None = None
    landline: bool = False


def number(hand: Hand, patient: Patient, contact: Contact, new: NewLine) -> Replanned:
    """Another number: what was agreed, or known to be wrong, with the old one does not count for it."""
    former = {
        "number": contact.number,
        "landline": hand.tx.register.is_landline(contact.id),
        "bad_sms_at": _iso(hand.tx.register.bad_since(contact.id)[ChannelName.SMS]),
    }
    hand.tx.register.set_number(contact.id, new.address, landline=new.landline)
    return _new_line(hand, patient, contact, new.consent or _refused(ConsentTo.SMS), former)


def email(hand: Hand, patient: Patient, contact: Contact, new: NewLine) -> Replanned:
    """Another e-mail address: what was agreed with the old one does not count for it."""
    former = {
        "email": contact.email,
        "bad_email_at": _iso(hand.tx.register.bad_since(contact.id)[ChannelName.EMAIL]),
    }
    hand.tx.register.set_email(contact.id, new.address)
    return _new_line(hand, patient, contact, new.consent or _refused(ConsentTo.EMAIL), former)


def _refused(about: ConsentTo) -> Consent:
    return Consent(about, given=False, method="not asked", wording="")


def _new_line(
    hand: Hand, patient: Patient, contact: Contact, consent: Consent, former: Mapping[str, Any]
) -> Replanned:
    agreed = {consent.about.value: hand.tx.agreements.given(contact.id, consent.about)}
    hand.tx.agreements.record(contact.id, [consent], hand.now, hand.by)
    before: Before = {"contacts": {str(contact.id): dict(former)}, "consents": {str(contact.id): agreed}}
    detail = f"contact={contact.id} about={consent.about} given={consent.given}"
    return hand.finish(patient.id, "new number" if "number" in former else "new e-mail", detail, before)


def language(hand: Hand, patient: Patient, contact: Contact, new: str) -> Replanned:
    """The contact reads another language."""
    before: Before = {"contacts": {str(contact.id): {"language": contact.language}}}
    hand.tx.register.set_contact(contact.id, language=new)
    return hand.finish(patient.id, "language", f"contact={contact.id} {contact.language} -> {new}", before)


def zone(hand: Hand, patient: Patient, contact: Contact, new: ZoneInfo) -> Replanned:
    """The contact lives in another time zone."""
    before: Before = {"contacts": {str(contact.id): {"zone": contact.zone.key}}}
    hand.tx.register.set_contact(contact.id, zone=new.key)
    return hand.finish(patient.id, "zone", f"contact={contact.id} {contact.zone.key} -> {new.key}", before)


def add_caregiver(hand: Hand, patient: Patient, person: NewPerson) -> Replanned:
    """Somebody who cares for the patient is written to as well, if the patient agreed to share."""
    contact_id = add_person(hand.tx, patient.id, person, hand.now, hand.by)
    before: Before = {"consents": {str(contact_id): {ConsentTo.SHARE.value: False}}}
    return hand.finish(patient.id, "caregiver", f"contact={contact_id}", before)


def undo(hand: Hand, patient_id: int) -> tuple[Recorded, Replanned]:
    """Put back what the patient's latest change replaced; RefusedError if there is nothing to undo."""
    change = hand.tx.audit.last_change(patient_id)
    if change is None:
        raise RefusedError("there is no change to undo for this patient")
    if change.before is None:
        raise RefusedError(
            f"the latest change is {change.action!r}, which cannot be taken back; see `followup change`"
        )
    for table, rows in change.before.items():
        for row, values in rows.items():
            _PUT_BACK[table](hand, int(row), values)
    hand.tx.audit.undone(change.id, hand.now)
    return change, hand.finish(patient_id, "undo", f"change={change.id} {change.action}", None)


def _put_back_procedure(hand: Hand, row: int, values: Mapping[str, Any]) -> None:
    parsed = {column: _parsed(column, value) for column, value in values.items()}
    hand.tx.register.set_procedure(row, **parsed)


def _put_back_patient(hand: Hand, row: int, values: Mapping[str, Any]) -> None:
    hand.tx.register.set_patient(row, **{column: _parsed(column, value) for column, value in values.items()})


def _put_back_contact(hand: Hand, row: int, values: Mapping[str, Any]) -> None:
    register = hand.tx.register
    for column, value in values.items():
        match column:
            case "number":
                register.set_number(row, value, landline=bool(values.get("landline")))
            case "email":
                register.set_email(row, value)
            case "language" | "zone" | "bad_sms_at" | "bad_email_at":
                register.set_contact(row, **{column: _parsed(column, value)})


def _put_back_consent(hand: Hand, row: int, values: Mapping[str, Any]) -> None:
    """An agreement is never taken out of the record: a new one says again what held before."""
    for about, given in values.items():
        again = Consent(ConsentTo(about), given=bool(given), method="undo", wording="")
        hand.tx.agreements.record(row, [again], hand.now, hand.by)


_PUT_BACK: Mapping[str, Callable[[Hand, int, Mapping[str, Any]], None]] = {
    "procedures": _put_back_procedure,
    "patients": _put_back_patient,
    "contacts": _put_back_contact,
    "consents": _put_back_consent,
}


def _parsed(column: str, value: object) -> object:
    if value is None or not isinstance(value, str):
        return value
    if column.endswith("_at"):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if column in {"on_date", "planned_on"} else value


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _procedure_before(procedure: Procedure, *columns: str) -> Before:
    return {"procedures": {str(procedure.id): _former(procedure, *columns)}}


def _former(procedure: Procedure, *columns: str) -> dict[str, Any]:
    values = {column: getattr(procedure, column) for column in columns}
    return {c: v.isoformat() if isinstance(v, datetime) else v for c, v in values.items()}


def _require_standing(procedure: Procedure) -> None:
    if not procedure.standing:
        raise RefusedError("this procedure is recorded as cancelled")
