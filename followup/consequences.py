"""What follows when a message ends: tasks for people, channels marked bad, the next channel planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from followup.care.attempt import Outcome
from followup.care.delivery import Event, Move, Mover, Status, the_move
from followup.care.message import Kind
from followup.care.people import ChannelName
from followup.care.reason import Reason, task_of
from followup.care.task import TaskKind, new_task
from followup.consent import Address, stop
from followup.replan import PROGRAM, Clinic
from followup.storage import Transaction
from followup.storage.outbox_rows import Claim, Entry

BAD = {ChannelName.SMS: "bad_sms_at", ChannelName.EMAIL: "bad_email_at"}

ABOUT_DOUBT = frozenset({Event.DOUBTED, Event.FOUND, Event.ANSWERED_LATE, Event.TRIED_AGAIN})
"""A critical text in doubt lets its mail go at once, and one out of doubt no longer does: planned anew."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A message that has just made a move, and why. `script` is what a person says instead, where there is one.

    `bad_address`: nobody can be reached there on its channel.
    """

    entry: Entry
    move: Move
    reason: Reason | None = None
    script: str = ""
    bad_address: bool = False


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


def follow(tx: Transaction, clinic: Clinic, moved: Moved, now: datetime) -> None:
    """What the table of moves asks of people; and of the plan, which a message's end or doubt may change."""
    entry = moved.entry
    if moved.bad_address:
        _mark_bad(tx, entry, now)
    kind = task_of(moved.move, moved.reason)
    if kind is TaskKind.UNDELIVERED and moved.bad_address:
        kind = TaskKind.BAD_ADDRESS
    if kind is not None:
        tell(tx, clinic, kind, entry, now, moved.script)
    elif entry.patient_id and (entry.asks or moved.move.event in ABOUT_DOUBT):
        tx.stale.note(entry.patient_id)


def doubt(tx: Transaction, clinic: Clinic, orphans: Sequence[Entry], now: datetime) -> int:
    """Name what was in the hands of a process that is gone; returns how many messages."""
    won = tx.sending.doubt(orphans, now)
    move = the_move(Mover.RESCUER, Status.SENDING, Status.IN_DOUBT)
    for entry in orphans:
        if entry.id in won:
            follow(tx, clinic, Moved(entry, move, Reason.OWNER_DIED), now)
    return len(won)


def recorded(tx: Transaction, clinic: Clinic, claim: Claim, outcome: Outcome, now: datetime) -> None:
    """An attempt was made and its outcome written: what it asks of people, and of the plan."""
    entry = claim.entry
    if outcome.opted_out:
        _stop(tx, clinic, claim, now)
        return
    move = the_move(Mover.DISPATCHER, Status.SENDING, outcome.status)
    follow(tx, clinic, Moved(entry, move, outcome.reason, bad_address=outcome.bad_address), now)


def _mark_bad(tx: Transaction, entry: Entry, now: datetime) -> None:
    column = BAD.get(entry.channel)
    if column and entry.contact_id:
        tx.register.set_contact(entry.contact_id, **{column: now})


def _stop(tx: Transaction, clinic: Clinic, claim: Claim, now: datetime) -> None:
    """The carrier layer says that this number has stopped us: that counts as an opt-out, whoever's it is."""
    entry = claim.entry
    for planned in stop(tx, clinic, Address(entry.channel, claim.to), "carrier", now, PROGRAM):
        task = new_task(
            TaskKind.OPT_OUT, now, clinic.practice.staffed, planned.patient.id, channel=str(entry.channel)
        )
        tx.tasks.open(task, now)
    if entry.kind is Kind.ALERT:
        staff_phone_stopped(tx, clinic, claim.to, now)


def staff_phone_stopped(tx: Transaction, clinic: Clinic, number: str, now: datetime) -> None:
    """No page reaches this phone any more: the next person is paged, and staff are told."""
    tx.audit.write(now, PROGRAM, "staff phone stopped")
    tx.tasks.open(new_task(TaskKind.STAFF_PHONE, now, clinic.practice.staffed, number=number), now)
