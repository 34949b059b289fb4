"""VERB: what waits for a person, and what follows when a person has done it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from followup.care.delivery import Status
from followup.care.local_time import local_day
from followup.care.message import LEAST_ROOM
from followup.care.pain import WORST, Thresholds, assess
from followup.care.people import Patient, Procedure, Role, Stay
from followup.care.rows import perhaps_said
from followup.care.task import TaskKind, new_task
from followup.course import course_of
from followup.errors import InputError, RefusedError
from followup.replan import PROGRAM, Clinic, Replanned, replan
from followup.storage import Transaction
from followup.storage.inbox import Spoken
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

STAY_ASKED_FOR = timedelta(days=7)
"""So long after a procedure staff are asked whether the patient is home: no step waits for it any longer."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A pain score that was given on the phone, and what it is judged by."""

    score: int = field(repr=False)
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Done:
    """How a person closed a task: what they noted and, for a call, whether they reached somebody.

    `pain`: what was said, where the call asked for it. `times`: how often its cause had come up when it was read:
    what has joined it since must be read first.
    """

    note: str = ""
    reached: bool = True
    pain: Scored | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """What a closed task led to: the patient planned anew, and what follows from a score that was given."""

    replanned: Replanned | None = None
    answered: Answered | None = None


def done(tx: Transaction, clinic: Clinic, number: int, how: Done, now: datetime, by: str) -> Closed:
    """Close a task; a call task settles the phone steps it carried, one of doubt what nobody could find out.

    RefusedError if it was closed before, or if what it asks has another command; InputError for a pain score
    that nobody was asked for, or that nobody who was reached can have given.
    """
    if how.pain and not (how.reached and asks_pain(tx, clinic, tx.tasks.get(number))):
        raise InputError("a pain score goes with a call that asked for it and reached somebody")
    if tx.tasks.get(number).kind is TaskKind.DATE_CHANGED:
        _require_no_open_date(tx, tx.tasks.get(number))
    task = tx.tasks.close(number, now, by, how.note, how.times)
    if task.patient_id is not None:
        for entry in tx.tracking.calls_of(number, task.patient_id):
            tx.tracking.close_call(entry, reached=how.reached, now=now)
    if task.kind is TaskKind.UNRESOLVED and how.reached:
        for entry in tx.tracking.unresolved(task.patient_id, task.message_id):
            tx.tracking.arrived(entry, now)
    tx.audit.write(now, by, "task done", patient_id=task.patient_id, detail=f"task={number} kind={task.kind}")
    if task.patient_id is None:
        return Closed()
    if how.pain:
        patient = tx.register.patient(task.patient_id)
        answered = answer(tx, clinic, patient, how.pain.score, how.pain.thresholds, Said(now, by))
        return Closed(answered.replanned, answered)
    return Closed(replan(tx, clinic, task.patient_id, now, by))


def asks_pain(tx: Transaction, clinic: Clinic, task: Task) -> bool:
    """Whether it is a call whose step asks for the pain, or asks once more."""
    if task.kind is not TaskKind.CALL or task.patient_id is None:
        return False
    said = {part.get("step") for part in task.parts}
    followed = {p.plan for p in tx.register.patient(task.patient_id).procedures}
    plans = [plan for key, plan in clinic.practice.plans.items() if key in followed]
    return any(step.key in said and step.waits_for_answer for plan in plans for step in plan.steps)


def retry(tx: Transaction, clinic: Clinic, patient_id: int, step: str, now: datetime, by: str) -> int:
    """A person has checked that a step did not arrive: what failed, or stayed unresolved, goes again; how many.

    RefusedError if there is nothing of the kind that still holds. The tasks about it are closed with it.
    """
    found = [
        entry
        for entry in tx.outbox.of_patients([patient_id], lock=True).get(patient_id, [])
        if entry.step == step and entry.status in (Status.UNRESOLVED, Status.FAILED)
    ]
    valid = [entry for entry in found if now + LEAST_ROOM <= entry.valid_until]
    if not valid:
        raise RefusedError("nothing of this step failed, or stayed unresolved, that still holds")
    for entry in valid:
        tx.tracking.allow_again(entry, now)
        tx.audit.write(now, by, "retry", patient_id=patient_id, message_id=entry.id, detail=f"was={entry.status}")
        for task in tx.tasks.of_message(entry.id):
            if task.closed_at is None:
                tx.tasks.close(task.number, now, by)
    replan(tx, clinic, patient_id, now, by)
    going = [e for e in valid if (row := tx.outbox.get(e.id)) and row.status is Status.PLANNED]
    if not going:
        raise RefusedError("the facts do not ask for it any more, or it went by another channel")
    return len(going)


def _require_no_open_date(tx: Transaction, task: Task) -> None:
    """Texts wait until somebody says which date is right: a closed task would leave them waiting unseen."""
    if task.closed_at is None and task.patient_id and tx.stale.changed_dates(task.patient_id):
        raise RefusedError("say first which procedure date is right (`followup change`): texts wait for it")


@dataclass(frozen=True, slots=True)
class Said:
    """When an answer was given, and who took it down."""

    now: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a spoken answer led to: the question it closed, the task it opened, what is planned now."""

    question: Entry | None
    task: TaskKind | None
    replanned: Replanned


def answer(
    tx: Transaction, clinic: Clinic, patient: Patient, score: int, thresholds: Thresholds, said: Said
) -> Answered:
    """Record a pain score that a patient gave on the phone; closes the open question, and judges the score.

    Raises InputError for anything but 0 to 10.
    """
    if not 0 <= score <= WORST:
        raise InputError("pain is a number from 0 (none) to 10 (worst)")
    entries = tx.outbox.of_patients([patient.id], lock=True).get(patient.id, [])
    asked = [e for e in entries if e.asks and perhaps_said(e.recorded) and e.question_closed_at is None]
    for entry in asked:
        tx.tracking.close_question(entry, said.now, answered=True)
    question = asked[-1] if asked else None
    course = course_of(tx, patient, question.procedure_id if question else None)
    tx.inbox.add_spoken(_spoken(patient, question, score, said))
    kind = assess(score, course, thresholds)
    if kind is not None:
        known = {"before": course.baseline, "least_since": course.least}
        task = new_task(kind, said.now, clinic.practice.staffed, patient.id, score=score, **known)
        tx.tasks.open(task, said.now)
    tx.audit.write(said.now, said.by, "answer", patient_id=patient.id, detail=f"closed={len(asked)}")
    return Answered(question, kind, replan(tx, clinic, patient.id, said.now, said.by))


def _spoken(patient: Patient, question: Entry | None, score: int, said: Said) -> Spoken:
    own = next((c for c in patient.contacts if c.role is Role.PATIENT), None)
    contact, address = (own.id, own.number or "") if own else (None, "")
    return Spoken(patient.id, contact, question.id if question else None, address, score, said.now, said.by)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A patient on the evening list: done, and nobody has said that they are home."""

    patient: Patient
    procedure: Procedure


def evening_list(tx: Transaction, clinic: Clinic, now: datetime) -> list[Leaving]:
    """Who is to be asked about: patients of today and of the last week who are not known to be home."""
    today = local_day(now, clinic.practice.zone)
    owners = tx.register.not_home(today - STAY_ASKED_FOR, today + timedelta(days=1))
    patients = tx.register.patients(set(owners.values()))
    leaving = [
        Leaving(patients[owner], patients[owner].procedure(procedure)) for procedure, owner in owners.items()
    ]
    return [one for one in leaving if not one.patient.died]


def nobody_home(tx: Transaction, clinic: Clinic, now: datetime) -> int:
    """One task names how many patients get nothing because nobody said that they went home; returns how many.

    It counts procedures before today of which nothing is known; the task closes itself once all are recorded.
    """
    today = local_day(now, clinic.practice.zone)
    unknown = [
        one
        for one in evening_list(tx, clinic, now)
        if one.procedure.on < today and one.procedure.stay is Stay.UNKNOWN
    ]
    standing = [task for task in tx.tasks.open_tasks() if task.kind is TaskKind.NOBODY_HOME]
    if unknown and not _told_today(standing, today):
        patients = [one.patient.id for one in unknown]
        staffed = clinic.practice.staffed
        new = new_task(TaskKind.NOBODY_HOME, now, staffed, patients=patients, day=today.isoformat())
        tx.tasks.open(new, now)
    if not unknown:
        for task in standing:
            tx.tasks.close(task.number, now, PROGRAM)
    return len(unknown)


def _told_today(standing: Sequence[Task], today: date) -> bool:
    return any(task.detail.get("day") == today.isoformat() for task in standing)
