"""Moving a reminder to a later moment, or to another channel, and asking again whether it may go there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from followup.care.facts import Facts
from followup.care.local_time import instant, local_day
from followup.care.message import LEAST_ROOM, Held, ReminderKey
from followup.care.people import ChannelName, Contact
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.rows import may_still_go
from followup.care.standing import held_by_overlap
from followup.care.timeline import Reminder, is_later


def unsent(reminders: Iterable[Reminder], facts: Facts) -> list[Reminder]:
    """Those still to be sent, in order; what was claimed, sent or given up stays where it is."""
    gone = {row.key for row in facts.recorded if not may_still_go(row)}
    return sorted((r for r in reminders if r.goes and r.key not in gone), key=lambda r: (r.due_at, r.key))


def contact_of(reminder: Reminder, facts: Facts) -> Contact:
    """Whom a reminder is for."""
    return facts.patient.contact(reminder.key.contact)


def next_day(reminder: Reminder, moment: datetime, facts: Facts) -> datetime:
    """The step's own wall time on the contact's day after `moment`."""
    zone = contact_of(reminder, facts).zone
    return instant(local_day(moment, zone) + timedelta(days=1), reminder.step.at, zone)


def displace(reminder: Reminder, moment: datetime, reason: Reason, facts: Facts, practice: Practice) -> Reminder:
    """The reminder from `moment` on where it may go; held with `reason` where its time ends before."""
    if moment <= reminder.due_at:
        return reminder
    zone = contact_of(reminder, facts).zone
    try:
        due = practice.opening(reminder.step, moment, zone)
    except ValueError:
        return replace(reminder, held=Held(reason))
    if due + LEAST_ROOM > reminder.valid_until:
        return replace(reminder, held=Held(reason))
    procedure = facts.patient.procedure(reminder.key.procedure)
    held = held_by_overlap(procedure, reminder.step, local_day(due, zone), facts.patient, practice)
    return replace(reminder, due_at=due, held=held)


def instead(
    reminder: Reminder,
    held: Held,
    reminders: Mapping[ReminderKey, Reminder],
    facts: Facts,
    after: ChannelName | None = None,
) -> list[Reminder]:
    """The reminder held, and in its place the next free channel of its step, unless another goes already."""
    place = [r for r in reminders.values() if _place(r) == _place(reminder) and r.key != reminder.key]
    stopped = replace(reminder, held=held)
    known = {row.key for row in facts.recorded if not may_still_go(row)}
    free = [
        r
        for r in place
        if r.spare
        and r.held == Held(Reason.OTHER_CHANNEL)
        and r.key not in known
        and (after is None or is_later(r.key.channel, after))
    ]
    if free and not any(r.goes for r in place):
        return [stopped, replace(free[0], held=None, spare=False)]
    return [stopped]


def _place(reminder: Reminder) -> tuple[int, str, int]:
    return reminder.key.procedure, reminder.key.step, reminder.key.contact
