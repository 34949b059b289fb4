"""What a person must look at: the kinds of task, how urgent each is, and what it asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from followup.care.local_time import StaffedHours

URGENT_WITHIN = timedelta(hours=2)
"""Staffed hours to look at an urgent task (CARE.md §4, thresholds)."""

ROUTINE_WITHIN = timedelta(hours=24)


class Level(StrEnum):
    """How soon: CRITICAL at once, URGENT the same staffed day, ROUTINE the next staffed day."""

    CRITICAL = "critical"
    URGENT = "urgent"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True)
class _Asks:
    level: Level
    sentence: str
    about_patient: bool = False


class TaskKind(StrEnum):
    """What it is about; one task of a kind is open per patient at a time."""

    RED_FLAG = "red_flag"
    WARNING_SIGN = "warning_sign"
    HIGH_PAIN = "high_pain"
    WORSE = "worse"
    HELP = "help"
    CALL_ME = "call_me"
    DEATH = "death"
    IN_HOSPITAL = "in_hospital"
    LATE_REPLY = "late_reply"
    WROTE_BACK = "wrote_back"
    UNREADABLE = "unreadable"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    CALL = "call"
    NO_ANSWER = "no_answer"
    TELL_BY_PHONE = "tell_by_phone"
    NOT_SENT = "not_sent"
    UNDELIVERED = "undelivered"
    BAD_ADDRESS = "bad_address"
    UNRESOLVED = "unresolved"
    DOUBLED = "doubled"
    LEDGER = "ledger"
    OUTAGE = "outage"
    CLOCK = "clock"
    CORRECTION = "correction"
    DATE_CHANGED = "date_changed"
    NOBODY_HOME = "nobody_home"
    SENDER_PAUSED = "sender_paused"
    STAFF_PHONE = "staff_phone"
    CANNOT_RENDER = "cannot_render"
    PAIN_NOTED = "pain_noted"

    @property
    def level(self) -> Level:
        return _KINDS[self].level

    @property
    def sentence(self) -> str:
        """What a person should do, in one sentence."""
        return _KINDS[self].sentence

    @property
    def about_patient(self) -> bool:
        """Whether the patient may be worse: such a task is an alert, and holds back `unless_alert` steps."""
        return _KINDS[self].about_patient


_KINDS = {
    TaskKind.RED_FLAG: _Asks(
        Level.CRITICAL, "Call at once: they wrote of something that may be an emergency.", about_patient=True
    ),
    TaskKind.WARNING_SIGN: _Asks(Level.URGENT, "Call: they wrote of a warning sign.", about_patient=True),
    TaskKind.WORSE: _Asks(Level.URGENT, "Call: it is worse, they write.", about_patient=True),
    TaskKind.HELP: _Asks(Level.URGENT, "Call: HELP may be a cry for help.", about_patient=True),
    TaskKind.CALL_ME: _Asks(Level.URGENT, "Call: they ask for it."),
    TaskKind.DEATH: _Asks(
        Level.URGENT,
        "Confirm gently whether the patient has died; everything is on hold.",
        about_patient=True,
    ),
    TaskKind.IN_HOSPITAL: _Asks(
        Level.URGENT, "Find out: the patient may be in hospital; everything is on hold.", about_patient=True
    ),
    TaskKind.LATE_REPLY: _Asks(Level.URGENT, "Read it first: it was written long before it could be read."),
    TaskKind.WROTE_BACK: _Asks(Level.URGENT, "Read what they wrote in your conversation (`followup text`)."),
    TaskKind.UNREADABLE: _Asks(Level.ROUTINE, "Read what they wrote: the program does not understand it."),
    TaskKind.OPT_OUT: _Asks(Level.ROUTINE, "Know that they want no more of it; ask how else to reach them."),
    TaskKind.OPT_IN: _Asks(
        Level.ROUTINE, "Ask whether they want it again, and record the consent (`followup change`)."
    ),
    TaskKind.HIGH_PAIN: _Asks(Level.URGENT, "Call: the pain is high, or has risen.", about_patient=True),
    TaskKind.PAIN_NOTED: _Asks(Level.ROUTINE, "Look at the pain that was reported."),
    TaskKind.CALL: _Asks(Level.ROUTINE, "Call and read the script."),
    TaskKind.NO_ANSWER: _Asks(Level.ROUTINE, "Call: the question was not answered within 48 hours."),
    TaskKind.TELL_BY_PHONE: _Asks(Level.ROUTINE, "Call and say it: no text or e-mail may carry it."),
    TaskKind.NOT_SENT: _Asks(Level.ROUTINE, "Call if it still matters: its time passed before it was sent."),
    TaskKind.UNDELIVERED: _Asks(Level.ROUTINE, "Check the number or address, and call: it did not arrive."),
    TaskKind.BAD_ADDRESS: _Asks(Level.ROUTINE, "Correct the number or address: it does not work."),
    TaskKind.UNRESOLVED: _Asks(
        Level.URGENT, "Ask the patient whether it arrived: nobody could find out, and it is not sent again."
    ),
    TaskKind.DOUBLED: _Asks(Level.ROUTINE, "Know that it went twice: the provider's list has it two times."),
    TaskKind.LEDGER: _Asks(
        Level.URGENT, "Compare with the provider's list (`followup audit ledger`): it and ours differ."
    ),
    TaskKind.OUTAGE: _Asks(
        Level.URGENT, "Call those on the list if it still matters: their texts did not go while followup was down."
    ),
    TaskKind.CLOCK: _Asks(Level.URGENT, "Set this machine's clock right: nothing goes out while it is wrong."),
    TaskKind.CORRECTION: _Asks(Level.URGENT, "Tell the patient the new date, or that it no longer holds."),
    TaskKind.DATE_CHANGED: _Asks(Level.URGENT, "Say whether the new procedure date is right; texts wait for it."),
    TaskKind.NOBODY_HOME: _Asks(Level.ROUTINE, "Record who is home (`followup home`): their texts wait."),
    TaskKind.SENDER_PAUSED: _Asks(Level.URGENT, "Mend the sender: its channel waits, and tries again by itself."),
    TaskKind.STAFF_PHONE: _Asks(
        Level.URGENT, "Text START from the phone on call that has stopped us: no page reaches it until then."
    ),
    TaskKind.CANNOT_RENDER: _Asks(Level.URGENT, "Mend the text (`followup plan check`), and call the patient."),
}


def deadline(level: Level, now: datetime, staffed: StaffedHours) -> datetime:
    """By when somebody should have looked; counted from the next staffed moment, except what is critical."""
    if level is Level.CRITICAL:
        return now
    start = staffed.defer(now, timedelta())
    return start + URGENT_WITHIN if level is Level.URGENT else staffed.defer(start + ROUTINE_WITHIN, timedelta())


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be opened: its kind, whom it is about, and by when somebody should have looked.

    `detail` is what the person needs to know (dates, a script); private.
    """

    kind: TaskKind
    due_at: datetime
    patient_id: int | None = None
    message_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)


def new_task(
    kind: TaskKind,
    now: datetime,
    staffed: StaffedHours,
    patient_id: int | None = None,
    message_id: int | None = None,
    **detail: object,
) -> NewTask:
    """A task with its deadline."""
    return NewTask(kind, deadline(kind.level, now, staffed), patient_id, message_id, detail)
