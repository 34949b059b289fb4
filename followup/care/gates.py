"""Every gate, asked again at the moment of sending: may this reminder go now, later, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from followup.care.delivery import SET_ASIDE, Reason
from followup.care.local_time import defer_question, instant, local_day
from followup.care.message import LEAST_ROOM, Held, Recorded
from followup.care.people import ChannelName, Contact, Patient
from followup.care.plan import Step
from followup.care.practice import Practice
from followup.care.standing import held_by_facts

WEEK = timedelta(days=7)


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

    `texts` are the moments at which this number was last texted, for whichever patient; `question_until` is when
    the contact's open question closes; `listening` whether answers on this channel are being read.
    """

    now: datetime
    listening: bool
    alert_open: bool = False
    question_until: datetime | None = None
    texts: Sequence[datetime] = ()


def may_send(row: Recorded, patient: Patient, practice: Practice, around: Surroundings) -> Verdict:
    """The verdict on one due reminder. Facts come first, time next, then answers and caps."""
    step = _step(row, patient, practice)
    if step is None:
        return Held(Reason.NO_LONGER_PLANNED)
    contact = patient.contact(row.key.contact)
    if held := held_by_facts(row.key, step, around.now, patient, practice):
        return held
    return (
        _time(row, contact, practice, around.now)
        or _answerable(row, step, contact, practice, around)
        or _caps(row, step, contact, practice, around)
        or Go(min(row.valid_until, _closing(row, contact, practice, around.now)))
    )


def _step(row: Recorded, patient: Patient, practice: Practice) -> Step | None:
    plan = practice.plans.get(patient.procedure(row.key.procedure).plan)
    try:
        return plan.step(row.key.step) if plan else None
    except KeyError:
        return None


def _time(row: Recorded, contact: Contact, practice: Practice, now: datetime) -> Verdict | None:
    if now + LEAST_ROOM > row.valid_until:
        return Held(Reason.TOO_LATE)
    earliest = max(now, row.not_before, row.due_at)
    opening = practice.window.defer(earliest, contact.zone)
    if opening == earliest and practice.window.closes(opening, contact.zone) < opening + LEAST_ROOM:
        opening = practice.window.defer(practice.window.closes(opening, contact.zone), contact.zone)
    return _later(row, opening, now, Reason.NOT_SENT_YET)


def _later(row: Recorded, moment: datetime, now: datetime, reason: Reason) -> Verdict | None:
    """Not before `moment`; the end of the row if that is too late, None if it is now.

    A wait that belongs to the reminder itself ends as too late; a rule that holds it up ends it by its own name.
    """
    if moment <= now:
        return None
    if moment + LEAST_ROOM <= row.valid_until:
        return Later(moment, reason)
    return Held(reason if reason.status in SET_ASIDE else Reason.TOO_LATE)


def _answerable(
    row: Recorded, step: Step, contact: Contact, practice: Practice, around: Surroundings
) -> Verdict | None:
    if step.unless_alert and around.alert_open:
        return Held(Reason.ALERT_OPEN)
    waits = step.unless_alert or (step.asks and not step.nudges)
    if waits and around.question_until and around.question_until > around.now:
        return _later(row, around.question_until, around.now, Reason.QUESTION_OPEN)
    if not step.asks or row.key.channel is ChannelName.PHONE:
        return None
    if not around.listening:
        return Held(Reason.NOBODY_LISTENS)
    return _later(row, _staffed(step, contact, practice, around.now), around.now, Reason.NO_STAFFED_HOUR)


def _staffed(step: Step, contact: Contact, practice: Practice, now: datetime) -> datetime:
    return defer_question(now, step.at, contact.zone, practice.window, practice.staffed)


def _caps(row: Recorded, step: Step, contact: Contact, practice: Practice, around: Surroundings) -> Verdict | None:
    """The caps count by number, so that two patients who share a phone share its caps."""
    if row.key.channel is not ChannelName.SMS:
        return None
    today = local_day(around.now, contact.zone)
    days = [local_day(moment, contact.zone) for moment in around.texts]
    full_today = days.count(today) >= practice.caps.per_day
    full_week = sum(day > today - WEEK for day in days) >= practice.caps.per_7_days
    if not full_today and not full_week:
        return None
    tomorrow = _next_day(step, contact, practice, around.now)
    return _later(row, tomorrow, around.now, Reason.CAP)


def _next_day(step: Step, contact: Contact, practice: Practice, now: datetime) -> datetime:
    day = local_day(now, contact.zone) + timedelta(days=1)
    return practice.window.defer(instant(day, step.at, contact.zone), contact.zone)


def _closing(row: Recorded, contact: Contact, practice: Practice, now: datetime) -> datetime:
    if row.key.channel is ChannelName.PHONE:
        return row.valid_until
    return practice.window.closes(now, contact.zone)
