"""What follows when a message ends: tasks for people, channels marked bad, the next channel planned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from followup.care.attempt import Outcome
from followup.care.delivery import Status
from followup.care.message import Held
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.task import TaskKind, new_task
from followup.consent import Line, opt_out
from followup.replan import PROGRAM, Clinic
from followup.storage import Transaction
from followup.storage.outbox_rows import Claim, Entry
from followup.storage.switches import PAUSES

BAD = {ChannelName.SMS: "bad_sms_at", ChannelName.EMAIL: "bad_email_at"}

UNSENT_TASKS: Mapping[Reason, TaskKind] = {
    Reason.TOO_LATE: TaskKind.NOT_SENT,
    Reason.NOBODY_LISTENS: TaskKind.CALL,
    Reason.CANNOT_RENDER: TaskKind.CANNOT_RENDER,
    Reason.CAP: TaskKind.TELL_BY_PHONE,
    Reason.OPTED_OUT: TaskKind.TELL_BY_PHONE,
}
"""What a gate ended and a person must make up for; facts that end a row open their own tasks in `replan`."""


def tell(tx: Transaction, clinic: Clinic, kind: TaskKind, entry: Entry, now: datetime, script: str = "") -> int:
    """Open a task about one message; returns its number. The patient is planned anew, since a task may matter."""
    said = {"script": script} if script else {}
    task = new_task(
        kind,
        now,
        clinic.practice.staffed,
        entry.patient_id,
        entry.id,
        step=entry.step,
        channel=str(entry.channel),
        **said,
    )
    if entry.patient_id:
        tx.stale.note(entry.patient_id)
    return tx.tasks.open(task, now)


def ended_unsent(
    tx: Transaction, clinic: Clinic, entry: Entry, held: Held, now: datetime, script: str = ""
) -> None:
    """A row ended without an attempt; `script` is what a person says instead, where the step has one."""
    kind = UNSENT_TASKS.get(Reason(held.reason))
    if kind is not None:
        tell(tx, clinic, kind, entry, now, script)


def recorded(tx: Transaction, clinic: Clinic, claim: Claim, outcome: Outcome, now: datetime) -> None:
    """An attempt was made and its outcome written: what it asks of people, and of the plan."""
    entry = claim.entry
    if outcome.pauses_sender:
        pause(tx, clinic, entry, outcome.code, now)
    if outcome.opted_out:
        _stop(tx, clinic, entry, now)
    elif outcome.status in (Status.FAILED, Status.UNDELIVERED):
        did_not_arrive(tx, clinic, entry, bad_address=outcome.bad_address, now=now)
    elif outcome.status is Status.IN_DOUBT:
        tell(tx, clinic, TaskKind.IN_DOUBT, entry, now)
    elif outcome.status is Status.EXPIRED:
        tell(tx, clinic, TaskKind.NOT_SENT, entry, now)
    elif entry.asks and entry.patient_id:
        # An open question moves its nudge and what waits for its answer.
        tx.stale.note(entry.patient_id)


def did_not_arrive(tx: Transaction, clinic: Clinic, entry: Entry, *, bad_address: bool, now: datetime) -> None:
    """Mark what does not work, tell staff, and let the planner try the next channel."""
    column = BAD.get(entry.channel)
    if bad_address and column and entry.contact_id:
        tx.register.set_contact(entry.contact_id, **{column: now})
    tell(tx, clinic, TaskKind.BAD_ADDRESS if bad_address else TaskKind.UNDELIVERED, entry, now)


def pause(tx: Transaction, clinic: Clinic, entry: Entry, code: str, now: datetime) -> None:
    """The account is at fault, not the patient: nothing more goes by this channel until a person has looked."""
    switch = PAUSES[entry.channel]
    if tx.switches.get(switch) is None:
        tx.switches.set(switch, code, now, PROGRAM)
        tx.audit.write(now, PROGRAM, "sender paused", detail=f"channel={entry.channel} code={code}")
    staffed = clinic.practice.staffed
    tx.tasks.open(new_task(TaskKind.SENDER_PAUSED, now, staffed, channel=str(entry.channel), code=code), now)


def _stop(tx: Transaction, clinic: Clinic, entry: Entry, now: datetime) -> None:
    """The carrier layer says that this number has stopped us: that counts as an opt-out."""
    if entry.patient_id is None or entry.contact_id is None:
        return
    patient = tx.register.patient(entry.patient_id)
    line = Line(entry.patient_id, patient.contact(entry.contact_id), entry.channel)
    opt_out(tx, clinic, line, "carrier", now, PROGRAM)
