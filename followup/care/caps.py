"""The most texts one number gets: what is beyond goes on the next free day, or by another channel."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from followup.care.displace import contact_of, displace, instead, next_day, unsent
from followup.care.facts import Facts
from followup.care.local_time import local_day
from followup.care.message import Held, ReminderKey
from followup.care.people import ChannelName, Contact
from followup.care.practice import Caps, Practice
from followup.care.reason import Reason
from followup.care.rows import may_still_go
from followup.care.timeline import Reminder

WEEK = 7


class Diary:
    """How many texts one number gets on each local day."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._count: Counter[date] = Counter()

    def add(self, day: date) -> None:
        self._count[day] += 1

    def is_full(self, day: date) -> bool:
        """Whether one more on `day` would break a cap, in any seven days that contain it."""
        if self._count[day] >= self._caps.per_day:
            return True
        if self._count.total() < self._caps.per_7_days:
            return False
        near = [self._count[day + timedelta(days=n)] for n in range(1 - WEEK, WEEK)]
        return max(sum(near[first : first + WEEK]) for first in range(WEEK)) >= self._caps.per_7_days


def capped(reminders: Mapping[ReminderKey, Reminder], facts: Facts, practice: Practice) -> list[Reminder]:
    """The texts that the caps move, or stop; critical ones take their place first."""
    diaries = _diaries(facts, practice)
    moved = []
    texts = [r for r in unsent(reminders.values(), facts) if r.key.channel is ChannelName.SMS]
    for reminder in sorted(texts, key=lambda r: not r.step.critical):
        contact = contact_of(reminder, facts)
        diary = diaries[_line(contact)]
        placed = _free_day(reminder, diary, facts, practice)
        if placed.goes:
            diary.add(local_day(placed.due_at, contact.zone))
        moved.append(placed)
    return moved


def _line(contact: Contact) -> str | int:
    """Contacts who share a phone share its caps."""
    return contact.number or contact.id


def _diaries(facts: Facts, practice: Practice) -> dict[str | int, Diary]:
    """What each number was sent, or may have been."""
    diaries: dict[str | int, Diary] = defaultdict(lambda: Diary(practice.caps))
    contacts = {c.id: c for c in facts.patient.contacts}
    for row in facts.recorded:
        contact = contacts.get(row.key.contact)
        begun = row.sent_at is not None and not may_still_go(row)
        if contact and begun and row.sent_at and row.key.channel is ChannelName.SMS:
            diaries[_line(contact)].add(local_day(row.sent_at, contact.zone))
    return diaries


def _free_day(reminder: Reminder, diary: Diary, facts: Facts, practice: Practice) -> Reminder:
    zone = contact_of(reminder, facts).zone
    placed = reminder
    while placed.goes and diary.is_full(local_day(placed.due_at, zone)):
        placed = displace(placed, next_day(placed, placed.due_at, facts), Reason.CAP, facts, practice)
    return placed


def by_next_channel(reminders: Mapping[ReminderKey, Reminder], facts: Facts) -> list[Reminder]:
    """What the caps leave no room for goes by another channel of the step, if one is free."""
    stopped = Held(Reason.CAP)
    changed: list[Reminder] = []
    for reminder in sorted(reminders.values(), key=lambda r: r.key):
        if reminder.held == stopped:
            changed += instead(reminder, stopped, reminders, facts)
    return changed
