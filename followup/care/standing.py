"""Whether a reminder may go at all, by the facts alone: asked when it is planned and again when it is sent."""

from __future__ import annotations

from datetime import date, datetime

from followup.care.delivery import Reason
from followup.care.local_time import local_day
from followup.care.message import Held, ReminderKey
from followup.care.people import Contact, Patient, Procedure
from followup.care.plan import Anchor, Step
from followup.care.practice import Practice
from followup.care.restrictions import holder, limits


def held_by_facts(
    key: ReminderKey, step: Step, due_at: datetime, patient: Patient, practice: Practice
) -> Held | None:
    """The strongest reason why this reminder must not go at `due_at`; None if it may."""
    procedure = patient.procedure(key.procedure)
    contact = patient.contact(key.contact)
    return (
        _held_by_patient(patient, procedure, step)
        or _held_by_contact(contact, key)
        or held_by_overlap(procedure, step, local_day(due_at, contact.zone), patient, practice)
    )


def _held_by_patient(patient: Patient, procedure: Procedure, step: Step) -> Held | None:
    if patient.died:
        return Held(Reason.DIED)
    if not procedure.standing:
        return Held(Reason.PROCEDURE_CANCELLED)
    if patient.on_hold:
        return Held(Reason.ON_HOLD)
    if step.anchor is Anchor.DISCHARGE and procedure.discharged_at is None:
        return Held(Reason.NOT_HOME)
    if patient.in_hospital and step.anchor is not Anchor.ENROLLMENT:
        return Held(Reason.IN_HOSPITAL)
    return None


def _held_by_contact(contact: Contact, key: ReminderKey) -> Held | None:
    bar = contact.bars.get(key.channel)
    return Held(bar.value) if bar else None


def held_by_overlap(
    procedure: Procedure, step: Step, day: date, patient: Patient, practice: Practice
) -> Held | None:
    """What the patient's other procedures make of a step due on local `day`.

    A later procedure of the same plan says everything from its own day 0 on. One of another plan silences only a
    step that ends a restriction which the other still lays.
    """
    if later := later_of_same_plan(procedure, day, patient):
        return Held(Reason.LATER_PROCEDURE, later.id)
    if step.ends is None:
        return None
    limit = holder(limits(patient.procedures, practice.plans), step.ends, day, procedure.id)
    return Held(Reason.STILL_RESTRICTED, limit.procedure) if limit else None


def later_of_same_plan(procedure: Procedure, day: date, patient: Patient) -> Procedure | None:
    """The latest standing procedure of the same plan that comes after `procedure` and has begun by `day`."""
    later = [
        p
        for p in patient.procedures
        if p.standing and p.plan == procedure.plan and _order(p) > _order(procedure) and p.on <= day
    ]
    return max(later, key=_order, default=None)


def _order(procedure: Procedure) -> tuple[date, datetime, int]:
    """Two on one day are one episode, and the one enrolled later speaks."""
    return procedure.on, procedure.enrolled_at, procedure.id
