"""Questions and what depends on them: one open at a time, nudges after them, nothing allowed while one is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from followup.care.displace import contact_of, displace, instead, next_day, unsent
from followup.care.facts import Facts
from followup.care.local_time import local_day
from followup.care.message import LEAST_ROOM, Held, ReminderKey
from followup.care.practice import QUESTION_OPEN_FOR, Practice
from followup.care.questions import questions
from followup.care.reason import Reason
from followup.care.timeline import Reminder, is_later

Reminders = Mapping[ReminderKey, Reminder]


def one_question(reminders: Reminders, facts: Facts, practice: Practice) -> list[Reminder]:
    """Those questions that have to wait until the one before has closed; one by two channels is one question."""
    closing = {(q.procedure, q.step): q.closes_at for q in questions(facts.recorded)}
    moved = []
    for reminder in _questions(reminders, facts):
        own = reminder.key.procedure, reminder.key.step
        others = [moment for question, moment in closing.items() if question != own]
        placed = displace(reminder, max(others, default=reminder.due_at), Reason.QUESTION_OPEN, facts, practice)
        if placed.goes:
            closing[own] = max(placed.due_at + QUESTION_OPEN_FOR, closing.get(own, placed.due_at))
        moved.append(placed)
    return moved


def _questions(reminders: Reminders, facts: Facts) -> list[Reminder]:
    return [r for r in unsent(reminders.values(), facts) if r.step.opens_question]


def after_questions(reminders: Reminders, facts: Facts, practice: Practice) -> list[Reminder]:
    """Steps that must not go while a question or an alert is open: on the day after it was closed."""
    moved = []
    for reminder in unsent(reminders.values(), facts):
        if reminder.step.unless_alert:
            floors = [next_day(reminder, m, facts) for m in _closings(reminder, reminders, facts)]
            moved.append(
                displace(reminder, max(floors, default=reminder.due_at), Reason.QUESTION_OPEN, facts, practice)
            )
    return moved


def _closings(reminder: Reminder, reminders: Reminders, facts: Facts) -> list[datetime]:
    """When what a step waits for is over: alerts, questions asked, and those to be asked by its own day."""
    zone = contact_of(reminder, facts).zone
    own = reminder.key.procedure, reminder.key.step
    asked = [q.closes_at for q in questions(facts.recorded) if (q.procedure, q.step) != own]
    ahead = [
        r.due_at
        for r in _questions(reminders, facts)
        if (r.key.procedure, r.key.step) != own and local_day(r.due_at, zone) <= local_day(reminder.due_at, zone)
    ]
    alerts = [facts.alert_closed_at] if facts.alert_closed_at else []
    return asked + ahead + alerts


def nudges(reminders: Reminders, facts: Facts, practice: Practice) -> list[Reminder]:
    """Nudges of questions that have moved: as long after them, by a later channel, and never without them."""
    moved: list[Reminder] = []
    asking = {r.key for r in _questions(reminders, facts)}
    for nudge in unsent(reminders.values(), facts):
        if nudge.step.nudges:
            question = _repeated(nudge, reminders)
            if question is None:
                moved.append(replace(nudge, held=Held(Reason.NOT_ASKED)))
            elif not is_later(nudge.key.channel, question.key.channel):
                held = Held(Reason.NO_CHANNEL)
                moved += instead(nudge, held, reminders, facts, after=question.key.channel)
            elif question.key in asking:
                moved.append(_after(nudge, question, facts, practice))
    return moved


def _repeated(nudge: Reminder, reminders: Reminders) -> Reminder | None:
    found = [
        r
        for r in reminders.values()
        if r.goes
        and (r.key.procedure, r.key.step, r.key.contact)
        == (nudge.key.procedure, nudge.step.nudges, nudge.key.contact)
    ]
    return max(found, key=lambda r: r.due_at, default=None)


def _after(nudge: Reminder, question: Reminder, facts: Facts, practice: Practice) -> Reminder:
    floor = question.due_at + (nudge.step.after or timedelta())
    placed = displace(nudge, floor, Reason.QUESTION_CLOSED, facts, practice)
    closed = placed.due_at + LEAST_ROOM > question.due_at + QUESTION_OPEN_FOR
    return replace(placed, held=Held(Reason.QUESTION_CLOSED)) if placed.goes and closed else placed
