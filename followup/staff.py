"""The clinic's own people: who is on call, who is away, and who takes a page from their phone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from followup.care.local_time import local_day
from followup.care.message import Kind, Text
from followup.care.people import ChannelName
from followup.care.reply import Meaning
from followup.consent import Address, stop
from followup.consequences import staff_phone_stopped
from followup.errors import InputError, NotFoundError
from followup.replan import PROGRAM, Clinic
from followup.storage import Transaction
from followup.storage.absences import Absence
from followup.storage.inbox import Reply
from followup.storage.outbox_rows import NewMessage

COVER_LOOKED_AHEAD = 14
"""Days, today included, on which somebody must be on call for `status` to be green."""

ALERT_VALID_FOR = timedelta(minutes=10)
"""A page comes again before that."""

NOTICE_VALID_FOR = timedelta(hours=12)
"""A mail about new tasks goes once, and is still worth reading after an outage of the mail server."""

_TAKES = re.compile(r"\W*(ack|ok|task|page|tarea|si|yes)?\W*(\d{1,9})\W*", re.IGNORECASE)
"""A page is taken by texting its number, with or without such a word; a contact of a patient needs the word."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the staff; `phone` is E.164."""

    name: str
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Staff:
    """The people, and how they are paged.

    `on_call`: names, in the order in which they are paged. Each is paged `pages_each` times, `repeat` apart, then
    the next. `carries_number`: the clinic has decided that a page may hold the number to call back.
    """

    clinic: str
    zone: ZoneInfo
    people: tuple[Person, ...]
    on_call: tuple[str, ...] = ()
    repeat: timedelta = timedelta(minutes=5)
    pages_each: int = 3
    carries_number: bool = False

    def named(self, name: str) -> Person:
        """The one of that name, however it is spelt in capitals; NotFoundError with all names if there is none."""
        wanted = name.strip().casefold()
        for person in self.people:
            if person.name.casefold() == wanted:
                return person
        known = ", ".join(person.name for person in self.people) or "nobody"
        raise NotFoundError(f"config.toml names no such person in clinic.staff; it names: {known}")

    def by_number(self, number: str) -> Person | None:
        return next((person for person in self.people if person.phone == number), None)

    def pageable(self) -> tuple[Person, ...]:
        """Everybody on call who has a phone, in their order."""
        return tuple(person for name in self.on_call if (person := self.named(name)).phone)


def present(tx: Transaction, staff: Staff, now: datetime) -> set[str]:
    """The names of those who are not away today."""
    today = local_day(now, staff.zone)
    away = {absence.name for absence in tx.absences.since(today) if absence.first <= today}
    return {person.name for person in staff.people} - away


def on_duty(tx: Transaction, staff: Staff, now: datetime) -> list[Person]:
    """Who can be paged today, in order."""
    here = present(tx, staff, now)
    return [person for person in _reached(tx, staff) if person.name in here]


def _reached(tx: Transaction, staff: Staff) -> list[Person]:
    """Those on call whose phone has not stopped us."""
    return [p for p in staff.pageable() if not tx.agreements.stopped(ChannelName.SMS, p.phone or "")]


def uncovered(tx: Transaction, staff: Staff, now: datetime) -> list[date]:
    """The days of the next two weeks on which nobody could be paged."""
    today = local_day(now, staff.zone)
    absences = tx.absences.since(today)
    days = [today + timedelta(days=n) for n in range(COVER_LOOKED_AHEAD)]
    names = [person.name for person in _reached(tx, staff)]
    return [day for day in days if all(_is_away(absences, name, day) for name in names)]


def _is_away(absences: Iterable[Absence], name: str, day: date) -> bool:
    return any(absence.name == name and absence.first <= day <= absence.last for absence in absences)


def away(tx: Transaction, staff: Staff, absence: Absence, now: datetime, by: str) -> list[date]:
    """Somebody is away; returns the days of the next two weeks on which nobody could be paged then.

    Raises InputError for days that are over or in the wrong order, NotFoundError for an unknown name.
    """
    person = staff.named(absence.name)
    if absence.last < absence.first:
        raise InputError(f"the last day, {absence.last}, is before the first, {absence.first}")
    if absence.last < local_day(now, staff.zone):
        raise InputError(f"the last day, {absence.last}, is over")
    tx.absences.add(Absence(person.name, absence.first, absence.last), now, by)
    tx.audit.write(now, by, "staff away", detail=f"{absence.first}..{absence.last}")
    return uncovered(tx, staff, now)


def back(tx: Transaction, staff: Staff, name: str, now: datetime, by: str) -> int:
    """Somebody is back; returns how many absences that ends."""
    ended = tx.absences.end(staff.named(name).name, local_day(now, staff.zone), now)
    if ended:
        tx.audit.write(now, by, "staff back", detail=f"absences={ended}")
    return ended


def alert(words: Text, channel: ChannelName, address: str, key: str, now: datetime, step: str) -> NewMessage:
    """A message to staff: due at once, of no use after a while; `key` makes it one and the same."""
    until = now + (NOTICE_VALID_FOR if channel is ChannelName.EMAIL else ALERT_VALID_FOR)
    return NewMessage(Kind.ALERT, f"{Kind.ALERT}:{key}", channel, now, until, address, words, step)


def acknowledge(tx: Transaction, number: int, now: datetime, by: str) -> bool:
    """Somebody has a critical task in hand, and nobody is paged about it any more; False if nobody was."""
    task = tx.tasks.get(number)
    taken = tx.tasks.acknowledge(number, now, by)
    if taken:
        tx.audit.write(now, by, "task acknowledged", patient_id=task.patient_id, detail=f"task={number}")
    return taken


def taken_from_a_phone(
    tx: Transaction, clinic: Clinic, staff: Staff, reply: Reply, meanings: frozenset[Meaning], now: datetime
) -> bool:
    """Whether a text is one of the staff's to the program; a page whose number it holds is then theirs.

    Somebody of the staff who is also a contact is a contact: their "8" is a score, and only "ack 8" takes a page.
    What is no number is not answered, since it may be a machine's; STOP and START count for the pages.
    """
    person = staff.by_number(reply.address) if reply.channel is ChannelName.SMS else None
    if person is None:
        return False
    is_contact = bool(tx.directory.contacts_at(reply.channel, reply.address))
    found = _TAKES.fullmatch(reply.words)
    if found is None or (is_contact and not found[1]):
        if not is_contact:
            _stopped_or_not(tx, clinic, reply, meanings, now)
        return not is_contact
    said = f"nobody is paged about task {found[2]} now."
    if _taken(tx, int(found[2]), now, person.name):
        said = f"Task {found[2]} is yours, {person.name}."
    words = Text(f"{staff.clinic}: {said}")
    tx.outbox.add_message(alert(words, ChannelName.SMS, reply.address, f"reply:{reply.id}", now, "page"), now)
    return True


def _taken(tx: Transaction, number: int, now: datetime, by: str) -> bool:
    try:
        return acknowledge(tx, number, now, by)
    except NotFoundError:
        return False


def _stopped_or_not(
    tx: Transaction, clinic: Clinic, reply: Reply, meanings: frozenset[Meaning], now: datetime
) -> None:
    """The carrier lets no page through to a phone that has texted STOP, whoever's it is."""
    if Meaning.OPT_OUT in meanings:
        stop(tx, clinic, Address(ChannelName.SMS, reply.address), "carrier", now, PROGRAM)
        staff_phone_stopped(tx, clinic, reply.address, now)
    elif Meaning.OPT_IN in meanings and tx.agreements.lift(ChannelName.SMS, reply.address, now):
        tx.audit.write(now, PROGRAM, "staff phone reached again")
