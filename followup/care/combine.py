"""All timelines of one patient made one: nothing said twice, never two open questions, caps kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from followup.care.caps import by_next_channel, capped
from followup.care.displace import contact_of, unsent
from followup.care.facts import Facts
from followup.care.local_time import local_day
from followup.care.message import Held, ReminderKey
from followup.care.people import ChannelName, Patient
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.rows import perhaps_said
from followup.care.spacing import after_questions, nudges, one_question
from followup.care.standing import order
from followup.care.timeline import Reminder, build_timeline

__all__ = ["Facts", "combine", "patient_timeline"]

_Reminders = dict[ReminderKey, Reminder]


def patient_timeline(facts: Facts, practice: Practice) -> tuple[Reminder, ...]:
    """Every reminder of one patient, in order, over all procedures."""
    timelines = [
        build_timeline(practice.plans[p.plan], p, facts.patient, practice, facts.recorded)
        for p in facts.patient.procedures
        if p.plan in practice.plans
    ]
    return combine(timelines, facts, practice)


def combine(timelines: Iterable[Sequence[Reminder]], facts: Facts, practice: Practice) -> tuple[Reminder, ...]:
    """The timelines of one patient's procedures, made one.

    Each rule only moves reminders later, holds them, or passes them to a further channel; what one rule moves
    may concern another, so they are asked until none has anything to say.
    """
    reminders = {r.key: r for timeline in timelines for r in timeline}
    reminders |= _by_key(_alert(reminders, facts))
    before: _Reminders = {}
    while reminders != before:
        before = dict(reminders)
        reminders |= _by_key(_said_once(reminders, facts))
        reminders |= _by_key(one_question(reminders, facts, practice))
        reminders |= _by_key(after_questions(reminders, facts, practice))
        reminders |= _by_key(capped(reminders, facts, practice))
        reminders |= _by_key(by_next_channel(reminders, facts))
        reminders |= _by_key(nudges(reminders, facts, practice))
    return tuple(sorted(reminders.values(), key=lambda r: (r.due_at, r.key)))


def _by_key(reminders: Iterable[Reminder]) -> _Reminders:
    return {r.key: r for r in reminders}


def _alert(reminders: Mapping[ReminderKey, Reminder], facts: Facts) -> list[Reminder]:
    if not facts.alert_open:
        return []
    waiting = unsent(reminders.values(), facts)
    return [replace(r, held=Held(Reason.ALERT_OPEN)) for r in waiting if r.step.unless_alert]


def _said_once(reminders: Mapping[ReminderKey, Reminder], facts: Facts) -> list[Reminder]:
    """Of one text to one contact by one channel on one day: the one already said, else the latest procedure's."""
    said = {row.key: row.sent_at for row in facts.recorded if perhaps_said(row)}
    concerned = [*unsent(reminders.values(), facts), *(r for r in reminders.values() if r.key in said)]

    def same(reminder: Reminder) -> tuple[int, ChannelName, str, date]:
        moment = said.get(reminder.key) or reminder.due_at
        day = local_day(moment, contact_of(reminder, facts).zone)
        return reminder.key.contact, reminder.key.channel, _words(reminder, facts.patient), day

    def weight(reminder: Reminder) -> tuple[object, ...]:
        return reminder.key in said, *order(facts.patient.procedure(reminder.key.procedure))

    dropped = []
    for _, group in groupby(sorted(concerned, key=lambda r: (same(r), weight(r))), key=same):
        *others, speaks = group
        held = Held(Reason.SAID_ONCE, speaks.key.procedure)
        dropped += [replace(r, held=held) for r in others if r.key not in said]
    return dropped


def _words(reminder: Reminder, patient: Patient) -> str:
    """What is said: a shared text is the same in every plan, a plan's own only within the plan."""
    message = reminder.step.message
    return message if "/" in message else f"{patient.procedure(reminder.key.procedure).plan}/{message}"
