"""Whether a reminder may go at all, by the facts alone: asked when it is planned and again when it is sent."""

from __future__ import annotations

from datetime import date, datetime

from followup.care.local_time import local_day
from followup.care.message import Held, ReminderKey
from followup.care.people import Contact, Patient, Procedure
from followup.care.plan import Anchor, Step
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.restrictions import holder, limits


def held_by_facts(
    key: ReminderKey, step: Step, due_at: datetime, patient: Patient, practice: Practice
) -> Held | None:
    """The strongest reason why this reminder must not go at `due_at`; None if it may."""
    procedure = patient.procedure(key.procedure)
    contact = patient.contact(key.contact)
    return (
        _held_by_patient(patient, procedure, step, practice)
        or _held_by_contact(contact, key)
        or held_by_overlap(procedure, step, local_day(due_at, contact.zone), patient, practice)
    )


def home_at(procedure: Procedure, practice: Practice) -> datetime | None:
    """When the patient went home after this procedure, if anybody has said so.

    A discharge before the procedure's own day belongs to a date since moved, and proves nothing.
    """
    home = procedure.discharged_at
    return home if home is not None and local_day(home, practice.zone) >= procedure.on else None


def _held_by_patient(patient: Patient, procedure: Procedure, step: Step, practice: Practice) -> Held | None:
    not_home = step.anchor is Anchor.DISCHARGE and home_at(procedure, practice) is None
    found = (
        (patient.died, Reason.DIED),
        (not procedure.standing, Reason.PROCEDURE_CANCELLED),
        (patient.on_hold, Reason.ON_HOLD),
        (procedure.date_in_question and step.anchor is not Anchor.ENROLLMENT, Reason.DATE_IN_QUESTION),
        (not_home, Reason.NOT_HOME),
        (patient.in_hospital and step.anchor is not Anchor.ENROLLMENT, Reason.IN_HOSPITAL),
    )
    return next((Held(reason) for is_so, reason in found if is_so), None)


def _held_by_contact(contact: Contact, key: ReminderKey) -> Held | None:
    bar = contact.bars.get(key.channel)
    return Held(bar.value) if bar else None


def held_by_overlap(
    procedure: Procedure, step: Step, day: date, patient: Patient, practice: Practice
) -> Held | None:
    """What the patient's other procedures make of a step due on local `day`.

    A later procedure of the same plan says everything from its own day 0 on. One of another plan silences only a
    step that ends a restriction which the other still lays; so does the step's own procedure, should its date
    have moved since the step was placed.
    """
    if later := later_of_same_plan(procedure, day, patient):
        return Held(Reason.LATER_PROCEDURE, later.id)
    if step.ends is None:
        return None
    limit = holder(limits(patient.procedures, practice.plans), step.ends, day)
    return Held(Reason.STILL_RESTRICTED, limit.procedure) if limit else None


def later_of_same_plan(procedure: Procedure, day: date, patient: Patient) -> Procedure | None:
    """The latest standing procedure of the same plan that comes after `procedure` and has begun by `day`."""
    later = [
        p
        for p in patient.procedures
        if p.standing and p.plan == procedure.plan and order(p) > order(procedure) and p.on <= day
    ]
    return max(later, key=order, default=None)


def order(procedure: Procedure) -> tuple[date, datetime, int]:
    """Which of two procedures is the later: two on one day are one episode, and the one enrolled later speaks."""
    return procedure.on, procedure.enrolled_at, procedure.id
