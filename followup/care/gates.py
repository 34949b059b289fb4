"""Every gate, asked again at the moment of sending: may this reminder go now, later, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from followup.care.delivery import SET_ASIDE
from followup.care.local_time import instant, local_day
from followup.care.message import LEAST_ROOM, Held, Recorded
from followup.care.people import ChannelName, Contact, Patient
from followup.care.plan import Step
from followup.care.practice import QUESTION_OPEN_FOR, Caps, Practice
from followup.care.reason import Reason
from followup.care.rows import may_still_go, perhaps_said
from followup.care.standing import held_by_facts

WEEK = timedelta(days=7)

CONVERSATION_ASKED_AGAIN = timedelta(minutes=15)
"""While staff are texting with a patient, what the program would say is asked about so often."""


@dataclass(frozen=True, slots=True)
class Go:
    """It may go; it must have left by `until` (UTC), the end of its validity or of the send window."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; it is to be asked again at `due_at` (UTC)."""

    due_at: datetime
    reason: Reason


Verdict = Go | Later | Held
"""Go, not yet, or never: `Held` names the reason that ends it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else is true at the moment of sending.

    `texts` are the moments at which this number was last texted, for whichever patient. `question_until` is when
    the patient's open question closes, another than the one this row asks or repeats. `listening` tells whether
    answers on this channel are being read. `nudged` is, for a nudge, the row of the question it repeats: the one
    that was asked, if any was. `in_conversation`: staff are texting with the patient.
    """

    now: datetime
    listening: bool
    alert_open: bool = False
    question_until: datetime | None = None
    texts: Sequence[datetime] = ()
    nudged: Recorded | None = None
    in_conversation: bool = False


def may_send(row: Recorded, patient: Patient, practice: Practice, around: Surroundings) -> Verdict:
    """The verdict on one due reminder. What forbids it comes first, what delays it next."""
    step = _step(row, patient, practice)
    if step is None:
        return Held(Reason.NO_LONGER_PLANNED)
    contact = patient.contact(row.key.contact)
    return (
        held_by_facts(row.key, step, around.now, patient, practice)
        or _held_now(row, step, around)
        or _later(row, step, contact, practice, around)
        or Go(min(row.valid_until, _closing(row, contact, practice, around.now)))
    )


def _step(row: Recorded, patient: Patient, practice: Practice) -> Step | None:
    plan = practice.plans.get(patient.procedure(row.key.procedure).plan)
    try:
        return plan.step(row.key.step) if plan else None
    except KeyError:
        return None


def _held_now(row: Recorded, step: Step, around: Surroundings) -> Held | None:
    """What forbids it at this moment, though not by the recorded facts."""
    if around.now + LEAST_ROOM > row.valid_until:
        return Held(Reason.TOO_LATE)
    if step.unless_alert and around.alert_open:
        return Held(Reason.ALERT_OPEN)
    if step.waits_for_answer and not around.listening and row.key.channel is not ChannelName.PHONE:
        return Held(Reason.NOBODY_LISTENS)
    return _held_nudge(step, around) if step.nudges else None


def _held_nudge(step: Step, around: Surroundings) -> Held | None:
    """A nudge repeats a question that was asked, still waits for its answer, and will when the nudge is due."""
    question = around.nudged
    if question and question.answered:
        return Held(Reason.ANSWERED)
    if question is None or not (perhaps_said(question) or may_still_go(question)):
        return Held(Reason.NOT_ASKED)
    asked_at = _asked_at(question, around.now)
    closes = question.question_closed_at or asked_at + QUESTION_OPEN_FOR
    latest = max(around.now, asked_at + (step.after or timedelta()))
    return Held(Reason.QUESTION_CLOSED) if latest + LEAST_ROOM > closes else None


def _asked_at(question: Recorded, now: datetime) -> datetime:
    """When the question went, or may go at the soonest."""
    if question.sent_at and perhaps_said(question):
        return question.sent_at
    return max(question.due_at, now)


_Wait = tuple[datetime, Reason]


def _later(
    row: Recorded, step: Step, contact: Contact, practice: Practice, around: Surroundings
) -> Later | Held | None:
    """The first moment at which nothing is in the way; None if that is now.

    A wait of the reminder's own ends it as too late; a rule that holds it up ends it by its own name.
    """
    waits = [(around.now, Reason.NOT_SENT_YET), *_waits(row, step, contact, practice, around)]
    moment, reason = max(waits, key=lambda wait: wait[0])
    try:
        opening = practice.opening(step, moment, contact.zone)
    except ValueError:
        return Held(Reason.NO_STAFFED_HOUR)
    if opening <= around.now:
        return None
    if step.waits_for_answer and opening > practice.window.defer(moment, contact.zone):
        reason = Reason.NO_STAFFED_HOUR
    if opening + LEAST_ROOM <= row.valid_until:
        return Later(opening, reason)
    return Held(reason if reason.status in SET_ASIDE else Reason.TOO_LATE)


def _waits(
    row: Recorded, step: Step, contact: Contact, practice: Practice, around: Surroundings
) -> Iterator[_Wait]:
    yield max(row.not_before, row.due_at), Reason.NOT_SENT_YET
    if around.in_conversation and row.key.channel is not ChannelName.PHONE:
        yield around.now + CONVERSATION_ASKED_AGAIN, Reason.IN_CONVERSATION
    if around.nudged and step.nudges:
        yield _asked_at(around.nudged, around.now) + (step.after or timedelta()), Reason.NOT_SENT_YET
    until = around.question_until
    if until and until > around.now:
        if step.unless_alert:
            day = local_day(until, contact.zone) + timedelta(days=1)
            yield instant(day, step.at, contact.zone), Reason.QUESTION_OPEN
        elif step.opens_question:
            yield until, Reason.QUESTION_OPEN
    if row.key.channel is ChannelName.SMS:
        free = _free_day(contact, practice.caps, around)
        if free > local_day(around.now, contact.zone):
            yield instant(free, step.at, contact.zone), Reason.CAP


def _free_day(contact: Contact, caps: Caps, around: Surroundings) -> date:
    """The first day, from today on, on which one more text keeps the caps of this number."""
    days = [local_day(moment, contact.zone) for moment in around.texts]
    day = local_day(around.now, contact.zone)
    while days.count(day) >= caps.per_day or sum(d > day - WEEK for d in days) >= caps.per_7_days:
        day += timedelta(days=1)
    return day


def _closing(row: Recorded, contact: Contact, practice: Practice, now: datetime) -> datetime:
    if row.key.channel is ChannelName.PHONE:
        return row.valid_until
    return practice.window.closes(now, contact.zone)
