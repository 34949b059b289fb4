"""Facts -> timelines -> combined -> reconciled -> outbox: every verb that changes a fact ends here.

Within the caller's transaction, so that a fact and what follows from it are kept together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from followup import log
from followup.care.combine import patient_timeline
from followup.care.delivery import UNSENT, WITH_PROVIDER, Status
from followup.care.facts import Facts
from followup.care.local_time import local_day
from followup.care.message import Kind, Recorded, ReminderKey
from followup.care.people import ChannelName, Patient
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.reconcile import Changes, reconcile
from followup.care.restrictions import in_force, limits
from followup.care.task import TaskKind, new_task
from followup.care.timeline import Reminder
from followup.errors import BusyError, NotFoundError
from followup.storage import Transaction
from followup.storage.audit import NewLine
from followup.storage.outbox_rows import Entry
from followup.storage.switches import Switch
from followup.storage.tasks import AlertState

PROGRAM = "followup"
"""Who the audit trail names where no person gave the order."""

SMALL_MOVE = timedelta(days=7)
"""A date that another program moves later by no more, before anything was sent, needs no yes (HOUSE.md)."""

NEEDS_A_CALL = frozenset(
    {
        Reason.NO_ADDRESS,
        Reason.NO_CONSENT,
        Reason.OPTED_OUT,
        Reason.BAD_ADDRESS,
        Reason.NO_CHANNEL,
        Reason.CAP,
        Reason.NO_STAFFED_HOUR,
    }
)
"""Reasons for which a critical step must still reach the patient, by a person."""


@dataclass(frozen=True, slots=True)
class Clinic:
    """The practice, and whom it may really write to.

    `on_loopback`: every endpoint is this machine, so nothing is really sent. `trial_list`: numbers and addresses
    that are written to before `followup live`.
    """

    practice: Practice
    on_loopback: bool = False
    trial_list: frozenset[str] = frozenset()

    def in_trial(self, tx: Transaction) -> bool:
        """Whether only the trial list is really written to."""
        return not self.on_loopback and tx.switches.get(Switch.LIVE) is None


@dataclass(frozen=True, slots=True)
class Replanned:
    """A patient's timeline as it now is, and what changed in the outbox."""

    patient: Patient
    timeline: tuple[Reminder, ...]
    changes: Changes


def replan(tx: Transaction, clinic: Clinic, patient_id: int, now: datetime, by: str = PROGRAM) -> Replanned:
    """Derive the patient's timeline anew and write the difference; NotFoundError if there is no such patient."""
    return replan_all(tx, clinic, [patient_id], now, by)[patient_id]


def replan_all(
    tx: Transaction, clinic: Clinic, patient_ids: Collection[int], now: datetime, by: str = PROGRAM
) -> dict[int, Replanned]:
    """As `replan`, for each of these patients, in about as many statements as for one."""
    practice = clinic.practice
    tx.register.lock(patient_ids)
    patients = tx.register.patients(patient_ids, consent_needed=practice.caps.consent_needed)
    if len(patients) < len(set(patient_ids)):
        raise NotFoundError("there is no such patient")
    entries = tx.outbox.of_patients(patient_ids, lock=True)
    alerts = tx.tasks.alert_states(patient_ids)
    planned = {
        patient.id: _planned(patient, entries.get(patient.id, []), alerts[patient.id], practice, now)
        for patient in patients.values()
    }
    _write(tx, clinic, planned, now)
    tx.stale.forget(patient_ids)
    changed = {patient_id: one.changes for patient_id, one in planned.items() if one.changes}
    lines = [NewLine("replan", patient_id, detail=_summary(changes)) for patient_id, changes in changed.items()]
    tx.audit.write_all(now, by, lines)
    for patient_id, one in planned.items():
        _open_tasks(tx, practice, one, entries.get(patient_id, []), now)
    return planned


def _planned(
    patient: Patient, entries: Sequence[Entry], alert: AlertState, practice: Practice, now: datetime
) -> Replanned:
    recorded = tuple(entry.recorded for entry in entries if entry.procedure_id)
    timeline = patient_timeline(Facts(patient, recorded, alert.is_open, alert.closed_at), practice)
    return Replanned(patient, timeline, reconcile(timeline, recorded, now))


def _write(tx: Transaction, clinic: Clinic, planned: Mapping[int, Replanned], now: datetime) -> None:
    """The difference; and in trial, what waits is held by the numbers as they are now, not as they were."""
    changes = {patient_id: one.changes for patient_id, one in planned.items()}
    if not clinic.in_trial(tx):
        tx.outbox.apply(changes, now)
        return
    trial = frozenset().union(*(_off_list(clinic, one.patient) for one in planned.values()))
    tx.outbox.apply(changes, now, trial)
    for entries in tx.outbox.of_patients(planned).values():
        for entry in entries:
            held = (entry.contact_id, entry.channel) in trial
            if entry.status in UNSENT and entry.kind is Kind.REMINDER and entry.trial is not held:
                tx.outbox.set_trial(entry, now, trial=held)


def _off_list(clinic: Clinic, patient: Patient) -> frozenset[tuple[int, ChannelName]]:
    return frozenset(
        (contact.id, channel)
        for contact in patient.contacts
        for channel in (ChannelName.SMS, ChannelName.EMAIL)
        if contact.address(channel) not in clinic.trial_list
    )


def _summary(changes: Changes) -> str:
    counts = {
        "added": len(changes.add),
        "moved": len(changes.move),
        "ended": len(changes.end),
        "reopened": len(changes.reopen),
        "recalled": len(changes.recall),
    }
    return " ".join(f"{name}={count}" for name, count in counts.items() if count)


def _open_tasks(
    tx: Transaction, practice: Practice, planned: Replanned, entries: Sequence[Entry], now: datetime
) -> None:
    """What the change leaves for a person: words on the wire, dates already told, steps that nothing may carry."""
    patient, staffed = planned.patient, practice.staffed
    for ending in planned.changes.recall:
        task = new_task(TaskKind.CORRECTION, now, staffed, patient.id, ending.row.id, reason=ending.held.reason)
        tx.tasks.open(task, now)
    told = {} if patient.died else _misled(patient, practice, entries, now)
    if told and not _known(tx, patient.id, told):
        tx.tasks.open(new_task(TaskKind.CORRECTION, now, staffed, patient.id, dates=told), now)
    if steps := _unspoken(practice, planned):
        tx.tasks.open(new_task(TaskKind.TELL_BY_PHONE, now, staffed, patient.id, steps=steps), now)


def _misled(
    patient: Patient, practice: Practice, entries: Iterable[Entry], now: datetime
) -> dict[str, dict[str, str]]:
    """Restrictions whose end, as the patient was last told it, is not the end that now holds."""
    last: dict[str, str] = {}
    for entry in sorted((e for e in entries if e.sent_at and _was_said(e)), key=lambda e: e.sent_at or now):
        last |= entry.told
    laid = limits(patient.procedures, practice.plans)
    today = local_day(now, practice.zone)
    found = {}
    for key, told in last.items():
        holds = in_force(laid, key, today)
        if date.fromisoformat(told) > today and (holds is None or holds.isoformat() != told):
            found[key] = {"told": told, "now": holds.isoformat() if holds else ""}
    return found


def _was_said(entry: Entry) -> bool:
    return entry.status in WITH_PROVIDER | {Status.SENDING, Status.IN_DOUBT, Status.UNRESOLVED}


def _known(tx: Transaction, patient_id: int, told: dict[str, dict[str, str]]) -> bool:
    """Whether a task, open or closed, already says just this."""
    return any(
        task.kind is TaskKind.CORRECTION and task.detail.get("dates") == told
        for task in tx.tasks.of_patient(patient_id)
    )


def _unspoken(practice: Practice, planned: Replanned) -> list[str]:
    """Critical steps just set aside that go to nobody by any channel."""
    goes = {(r.key.procedure, r.key.step) for r in planned.timeline if r.goes}
    ended = [(e.row.key, e.held) for e in planned.changes.end]
    ended += [(r.key, r.held) for r in planned.changes.add if r.held is not None]
    return sorted(
        {
            key.step
            for key, held in ended
            if held.reason in NEEDS_A_CALL
            and (key.procedure, key.step) not in goes
            and _critical(practice, planned.patient, key)
        }
    )


def _critical(practice: Practice, patient: Patient, key: ReminderKey) -> bool:
    plan = practice.plans.get(patient.procedure(key.procedure).plan)
    return plan is not None and any(step.key == key.step and step.critical for step in plan.steps)


def replan_stale(tx: Transaction, clinic: Clinic, now: datetime, limit: int = 100) -> int:
    """Replan patients whose facts another program, or an outcome, has changed; returns how many.

    A procedure's date that moved earlier, by more than a week, or after something was sent waits for a person.
    """
    free = tx.register.lock_free(tx.stale.patients(limit))
    return sum(_replanned(tx, clinic, patient_id, now) for patient_id in sorted(free))


def _replanned(tx: Transaction, clinic: Clinic, patient_id: int, now: datetime) -> bool:
    """One patient whose facts cannot be planned does not keep the others waiting: they stay stale, and logged."""
    try:
        with tx.savepoint():
            _judge_dates(tx, clinic, patient_id, now)
            replan(tx, clinic, patient_id, now)
    except BusyError:
        raise
    except Exception as error:  # noqa: BLE001  whatever is wrong with one patient's rows, the next has none of it
        log.fault("cannot plan", error, patient=patient_id)
        return False
    return True


def _judge_dates(tx: Transaction, clinic: Clinic, patient_id: int, now: datetime) -> None:
    for procedure_id, planned, found in tx.stale.changed_dates(patient_id):
        entries = tx.outbox.of_patients([patient_id])[patient_id]
        begun = any(e.procedure_id == procedure_id and not _certainly_unsent(e.recorded) for e in entries)
        if planned < found <= planned + SMALL_MOVE and not begun:
            tx.register.set_procedure(procedure_id, planned_on=found)
            detail = f"procedure={procedure_id} {planned} -> {found}"
            tx.audit.write(now, PROGRAM, "date taken over", patient_id=patient_id, detail=detail)
            continue
        asked: dict[str, Any] = {
            "procedure": procedure_id,
            "planned": planned.isoformat(),
            "found": found.isoformat(),
        }
        if not _asked_already(tx, patient_id, asked):
            task = new_task(TaskKind.DATE_CHANGED, now, clinic.practice.staffed, patient_id, **asked)
            tx.tasks.open(task, now)


def _asked_already(tx: Transaction, patient_id: int, asked: dict[str, Any]) -> bool:
    """Whether an open task asks just this, or did before another of the patient's dates joined it."""
    return any(
        task.kind is TaskKind.DATE_CHANGED
        and asked
        in [{key: said.get(key) for key in asked} for said in (task.detail, *task.detail.get("earlier", []))]
        for task in tx.tasks.open_tasks(patient_id)
    )


def _certainly_unsent(row: Recorded) -> bool:
    return row.attempt == 0 or row.status in UNSENT
