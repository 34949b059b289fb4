"""All timelines of one patient made one: nothing said twice, never two open questions, caps kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from followup.care.delivery import SET_ASIDE, UNSENT, Reason
from followup.care.local_time import instant, local_day
from followup.care.message import LEAST_ROOM, Held, Recorded, ReminderKey
from followup.care.people import ChannelName, Patient
from followup.care.practice import QUESTION_OPEN_FOR, Caps, Practice
from followup.care.timeline import Reminder, build_timeline, next_open, questions

WEEK = 7


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one patient's timeline is derived from.

    `alert_open`: a task of level URGENT or CRITICAL about this patient waits for a person.
    """

    patient: Patient
    recorded: tuple[Recorded, ...] = ()
    alert_open: bool = False


def patient_timeline(facts: Facts, practice: Practice) -> tuple[Reminder, ...]:
    """Every reminder of one patient, in order, over all procedures."""
    timelines = [
        build_timeline(practice.plans[p.plan], p, facts.patient, practice, facts.recorded)
        for p in facts.patient.procedures
        if p.plan in practice.plans
    ]
    return combine(timelines, facts, practice)


def combine(timelines: Iterable[Sequence[Reminder]], facts: Facts, practice: Practice) -> tuple[Reminder, ...]:
    """The timelines of one patient's procedures, made one."""
    reminders = [_alert(r, facts) for timeline in timelines for r in timeline]
    reminders = _said_once(reminders, facts.patient)
    reminders = _one_question(reminders, facts, practice)
    reminders = _capped(reminders, facts, practice)
    return tuple(sorted(reminders, key=lambda r: (r.due_at, r.key)))


def _alert(reminder: Reminder, facts: Facts) -> Reminder:
    if reminder.goes and reminder.step.unless_alert and facts.alert_open:
        return replace(reminder, held=Held(Reason.ALERT_OPEN))
    return reminder


def _said_once(reminders: list[Reminder], patient: Patient) -> list[Reminder]:
    """Of one text to one contact on one channel and day, the one about the latest procedure goes."""

    def same(reminder: Reminder) -> tuple[int, ChannelName, str, date]:
        day = local_day(reminder.due_at, patient.contact(reminder.key.contact).zone)
        return reminder.key.contact, reminder.key.channel, _words(reminder, patient), day

    going = sorted((r for r in reminders if r.goes), key=lambda r: (same(r), _procedure_order(r, patient)))
    drop: dict[ReminderKey, int] = {}
    for _, group in groupby(going, key=same):
        *earlier, last = group
        drop |= dict.fromkeys((r.key for r in earlier), last.key.procedure)
    return [replace(r, held=Held(Reason.SAID_ONCE, drop[r.key])) if r.key in drop else r for r in reminders]


def _words(reminder: Reminder, patient: Patient) -> str:
    """What is said: a shared text is the same in every plan, a plan's own only within the plan."""
    message = reminder.step.message
    return message if "/" in message else f"{patient.procedure(reminder.key.procedure).plan}/{message}"


def _procedure_order(reminder: Reminder, patient: Patient) -> tuple[date, datetime, int]:
    procedure = patient.procedure(reminder.key.procedure)
    return procedure.on, procedure.enrolled_at, procedure.id


def _one_question(reminders: list[Reminder], facts: Facts, practice: Practice) -> list[Reminder]:
    """A question waits until the one before it has closed; a nudge repeats a question and does not count."""
    closes = {c.id: _open_until(c.id, facts) for c in facts.patient.contacts}
    moved: dict[ReminderKey, Reminder] = {}
    for reminder in _unsent_questions(reminders, facts):
        free_from = closes[reminder.key.contact]
        placed = reminder
        if free_from is not None and reminder.due_at < free_from:
            placed = displace(reminder, free_from, Reason.QUESTION_OPEN, facts.patient, practice)
        if placed.goes:
            closes[reminder.key.contact] = placed.due_at + QUESTION_OPEN_FOR
        moved[reminder.key] = placed
    return [moved.get(r.key, r) for r in reminders]


def _unsent_questions(reminders: Iterable[Reminder], facts: Facts) -> list[Reminder]:
    begun = {r.key for r in facts.recorded if r.status not in UNSENT | SET_ASIDE}
    asks = [r for r in reminders if r.goes and r.step.asks and not r.step.nudges and r.key not in begun]
    return sorted(asks, key=lambda r: (r.due_at, r.key))


def _open_until(contact: int, facts: Facts) -> datetime | None:
    asked = questions(r for r in facts.recorded if r.key.contact == contact)
    return max((q.closes_at for q in asked), default=None)


def displace(
    reminder: Reminder, moment: datetime, reason: Reason, patient: Patient, practice: Practice
) -> Reminder:
    """The reminder from `moment` on where it may go; held with `reason` where its time ends before."""
    contact = patient.contact(reminder.key.contact)
    procedure = patient.procedure(reminder.key.procedure)
    try:
        due = next_open(reminder, moment, contact, practice, procedure)
    except ValueError:
        return replace(reminder, held=Held(reason))
    if due + LEAST_ROOM > reminder.valid_until:
        return replace(reminder, held=Held(reason))
    return replace(reminder, due_at=due)


class _Diary:
    """How many texts one contact gets on each local day."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._count: Counter[date] = Counter()

    def add(self, day: date) -> None:
        self._count[day] += 1

    def is_full(self, day: date) -> bool:
        """Whether one more on `day` would break a cap, in any seven days that contain it."""
        if self._count[day] >= self._caps.per_day:
            return True
        return any(
            sum(self._count[day + timedelta(days=first + n)] for n in range(WEEK)) >= self._caps.per_7_days
            for first in range(1 - WEEK, 1)
        )


def _capped(reminders: list[Reminder], facts: Facts, practice: Practice) -> list[Reminder]:
    """Texts beyond the caps go on the next free day; critical ones take their place first."""
    begun = {r.key: r for r in facts.recorded if r.status not in UNSENT | SET_ASIDE}
    diaries = {c.id: _Diary(practice.caps) for c in facts.patient.contacts}
    for row in begun.values():
        if row.key.channel is ChannelName.SMS and row.sent_at and row.key.contact in diaries:
            diaries[row.key.contact].add(_day(row.sent_at, row.key.contact, facts.patient))
    texts = [r for r in reminders if r.goes and r.key.channel is ChannelName.SMS and r.key not in begun]
    moved: dict[ReminderKey, Reminder] = {}
    for reminder in sorted(texts, key=lambda r: (not r.step.critical, r.due_at, r.key)):
        placed = _free_day(reminder, diaries[reminder.key.contact], facts.patient, practice)
        if placed.goes:
            diaries[reminder.key.contact].add(_day(placed.due_at, placed.key.contact, facts.patient))
        moved[reminder.key] = placed
    return _by_next_channel([moved.get(r.key, r) for r in reminders], begun)


def _day(moment: datetime, contact: int, patient: Patient) -> date:
    return local_day(moment, patient.contact(contact).zone)


def _free_day(reminder: Reminder, diary: _Diary, patient: Patient, practice: Practice) -> Reminder:
    contact = patient.contact(reminder.key.contact)
    placed = reminder
    while placed.goes and diary.is_full(day := local_day(placed.due_at, contact.zone)):
        tomorrow = instant(day + timedelta(days=1), reminder.step.at, contact.zone)
        placed = displace(placed, tomorrow, Reason.CAP, patient, practice)
    return placed


def _by_next_channel(reminders: list[Reminder], begun: Container[ReminderKey]) -> list[Reminder]:
    """What the caps leave no room for goes by another channel of the step, if one is free."""
    used = {(r.key.procedure, r.key.step, r.key.contact) for r in reminders if r.goes or r.key in begun}
    stuck = {(r.key.procedure, r.key.step, r.key.contact) for r in reminders if r.held == Held(Reason.CAP)} - used
    result = []
    for reminder in reminders:
        place = (reminder.key.procedure, reminder.key.step, reminder.key.contact)
        if place in stuck and reminder.spare and reminder.held == Held(Reason.OTHER_CHANNEL):
            stuck.discard(place)
            result.append(replace(reminder, held=None, spare=False))
        else:
            result.append(reminder)
    return result
