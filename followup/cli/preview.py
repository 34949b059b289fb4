"""`followup plan preview`: what a patient would get, and when; the patient is fictional and nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from followup.cli import ask
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from followup.care.people import Contact, Patient, Procedure
    from followup.care.practice import Practice
    from followup.care.timeline import Reminder
    from followup.cli.shelf import Shelf
    from followup.messages import MessageLibrary

FIRST_NAME = "Maria"
SAME_DAY = "same-day"
ENROLLED_AT, HOME_AT = "12:00", "15:00"
EARLIEST_YEAR, LATEST_YEAR = 1970, 2100


@click.command()
@click.argument("plan_key", metavar="PLAN")
@click.option("--on", required=True, metavar="DATE", help="The procedure's day: 2026-10-30.")
@click.option("--zone", metavar="ZONE", help="The patient's time zone (default: the clinic's).")
@click.option(
    "--discharged",
    metavar="WHEN",
    help=f'When they went home: "2026-10-30 15:00", or {SAME_DAY} ({HOME_AT} of each procedure\'s day). '
    "Without it nobody has said so, and the steps that wait for it are shown as waiting.",
)
@click.option(
    "--enrolled", metavar="WHEN", help=f"When they were enrolled (default: {ENROLLED_AT} of the procedure's day)."
)
@click.option("--second", metavar="DATE", help="The day of a second session of the same plan.")
@click.option("--language", default="en", show_default=True)
@click.option("--role", type=click.Choice(["patient", "caregiver"]), default="patient", show_default=True)
@click.option(
    "--channel", type=click.Choice(["sms", "email", "phone"]), help="They can be reached in this one way only."
)
@click.option("--full", is_flag=True, help="E-mails and call scripts in full.")
@AS_JSON
@pass_desk
def preview(desk: Desk, /, plan_key: str, **given: Any) -> None:  # noqa: ANN401  what the options hold
    """The whole calendar of a fictional patient: local times, texts, segments.

    It is what is planned on the day of enrollment: a question that is asked may still move what waits for its
    answer, and a nudge goes only to who stays silent.
    """
    from followup.cli.shelf import shelf

    place = shelf(desk)
    library = place.library
    _require_known(library, plan_key, given["language"])
    asked = _asked(place, plan_key, given)
    lines = [_line(reminder, asked, library) for reminder in _shown(asked)]
    if given["as_json"]:
        print_json([line.told() for line in lines])
        return
    _print(lines, asked, full=given["full"])


def _require_known(library: MessageLibrary, plan: str, language: str) -> None:
    spoken = library.languages(plan)
    if language not in spoken:
        raise NotFoundError(f"the plan {plan} has no texts in {language!r}; it has: {', '.join(spoken)}")


@dataclass(frozen=True)
class _Asked:
    """A fictional patient, and whose messages are looked at."""

    patient: Patient
    contact: Contact
    practice: Practice

    @property
    def zone(self) -> ZoneInfo:
        return self.contact.zone


def _asked(place: Shelf, plan: str, given: dict[str, Any]) -> _Asked:
    from followup.care.people import Patient, Role
    from followup.config import zone

    where = zone(given["zone"]) if given["zone"] else place.config.clinic.zone
    contacts = _contacts(where, given["language"], given["channel"])
    wanted = Role(given["role"])
    shown = contacts if wanted is Role.CAREGIVER else contacts[:1]
    patient = Patient(1, shown, tuple(_procedures(plan, where, given)))
    return _Asked(patient, shown[-1], place.practice(place.library))


def _contacts(where: ZoneInfo, language: str, only: str | None) -> tuple[Contact, ...]:
    from followup.care.people import Bar, ChannelName, Contact, Role

    closed = [c for c in (ChannelName.SMS, ChannelName.EMAIL) if only and c != only]
    bars = dict.fromkeys(closed, Bar.NO_CONSENT)
    patient = Contact(1, Role.PATIENT, FIRST_NAME, language, where, "+12145550101", "maria@example.org", bars)
    return patient, replace(patient, id=2, role=Role.CAREGIVER)


def _procedures(plan: str, where: ZoneInfo, given: dict[str, Any]) -> Iterable[Procedure]:
    from followup.care.people import Procedure

    first = _day(given["on"])
    enrolled = _moment(given["enrolled"] or ENROLLED_AT, first, where)
    home = given["discharged"]
    yield Procedure(1, plan, first, enrolled, _home(home, first, where))
    if given["second"]:
        second = _day(given["second"])
        if second <= first:
            raise InputError("the second session comes after the first")
        again = _moment(ENROLLED_AT, second, where)
        yield Procedure(2, plan, second, again, _home(home if home == SAME_DAY else None, second, where))


def _day(typed: str) -> date:
    from followup.clock import SystemClock

    found = ask.day(typed, SystemClock().utc().date())
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise InputError(f"choose a day between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return found


def _home(typed: str | None, on: date, where: ZoneInfo) -> datetime | None:
    if typed is None:
        return None
    home = _moment(HOME_AT if typed == SAME_DAY else typed, on, where)
    if home.astimezone(where).date() < on:
        raise InputError("nobody goes home before the procedure's day")
    return home


def _moment(typed: str, on: date, where: ZoneInfo) -> datetime:
    """A bare time, and words like "tomorrow", count from the procedure's day."""
    from datetime import time

    from followup.care.local_time import instant

    return ask.moment(typed, where, instant(on, time(12), where))


def _shown(asked: _Asked) -> list[Reminder]:
    """What this contact gets or is held back; a step that waits for a discharge is shown once, at the end."""
    from followup.care.combine import patient_timeline
    from followup.care.facts import Facts

    whole = patient_timeline(Facts(asked.patient), asked.practice)
    own = [r for r in whole if r.key.contact == asked.contact.id]
    waiting = {(r.key.procedure, r.step.key): r for r in reversed(own) if _waits(r)}
    order = [s.key for p in asked.patient.procedures for s in asked.practice.plans[p.plan].steps]
    late = sorted(waiting.values(), key=lambda r: (r.key.procedure, order.index(r.step.key)))
    return [r for r in own if not r.spare] + late


def _waits(reminder: Reminder) -> bool:
    from followup.care.reason import Reason

    return reminder.spare and reminder.held is not None and reminder.held.reason == Reason.NOT_HOME


@dataclass(frozen=True)
class _Line:
    """One reminder, as it is shown; `text` is empty for what does not go."""

    reminder: Reminder
    contact: Contact
    note: str
    text: str = ""
    subject: str = ""
    segments: int = 0
    encoding: str = ""

    def told(self) -> dict[str, Any]:
        r, waits = self.reminder, _waits(self.reminder)
        return {
            "procedure": r.key.procedure,
            "step": r.step.key,
            "role": self.contact.role.value,
            "channel": None if waits else r.key.channel.value,
            "goes": r.goes,
            "note": self.note,
            "due_at": None if waits else f"{r.due_at:%Y-%m-%dT%H:%MZ}",
            "local": None if waits else r.due_at.astimezone(self.contact.zone).isoformat(),
            "valid_until": None if waits else f"{r.valid_until:%Y-%m-%dT%H:%MZ}",
            "subject": self.subject,
            "text": self.text,
            "segments": self.segments,
            "encoding": self.encoding,
        }


def _line(reminder: Reminder, asked: _Asked, library: MessageLibrary) -> _Line:
    from followup.care.local_time import local_day
    from followup.care.people import ChannelName
    from followup.care.restrictions import all_in_force, limits
    from followup.messages import Speaking, segments

    contact = asked.contact
    if not reminder.goes:
        return _Line(reminder, contact, _why_not(reminder, asked.patient))
    # What is told is what is known by then: a second session is known from its own enrollment on.
    known = [p for p in asked.patient.procedures if p.enrolled_at <= reminder.due_at]
    laid = limits(known, asked.practice.plans)
    until = all_in_force(laid, local_day(reminder.due_at, contact.zone))
    plan, channel = asked.patient.procedure(reminder.key.procedure).plan, reminder.key.channel
    speaking = Speaking(plan, reminder.step.key, contact.language, contact.role, channel, until, FIRST_NAME)
    words, note = library.render(speaking), _note(reminder)
    if channel is not ChannelName.SMS:
        return _Line(reminder, contact, note, words.plain, words.subject)
    cost = segments(words.plain)
    return _Line(reminder, contact, note, words.plain, "", cost.count, cost.encoding)


def _why_not(reminder: Reminder, patient: Patient) -> str:
    from followup.cli import screen

    if reminder.held is None or _waits(reminder):
        return "waits until somebody records that the patient is home"
    reason = screen.reason_text(reminder.held.reason, screen.procedure_names(patient), reminder.held.by)
    return f"does not go: {reason}"


def _note(reminder: Reminder) -> str:
    step = reminder.step
    told = (
        (step.opens_question, "asks"),
        (step.nudges is not None, "only if silent"),
        (step.unless_alert, "not while a question or an alert is open"),
    )
    return ", ".join(words for is_so, words in told if is_so)


def _print(lines: list[_Line], asked: _Asked, *, full: bool) -> None:
    from followup.cli import screen

    for line in lines:
        r = line.reminder
        several = f" (session {r.key.procedure})" if len(asked.patient.procedures) > 1 else ""
        if _waits(r):
            screen.say(f"{r.step.key}{several}: {line.note}", "yellow")
            continue
        due = f"{screen.when(r.due_at, asked.zone)}  {r.due_at:%Y-%m-%dT%H:%MZ}"
        head = f"{due}  {r.step.key}{several}  {r.key.channel}  until {screen.when(r.valid_until, asked.zone)}"
        screen.say(head + (f"  ({line.note})" if line.note else ""), "bold" if r.goes else "dim")
        for text in _body(line, full=full):
            screen.say(f"    {text}")
    screen.say(f"Times of {asked.zone.key}; the second is UTC.", "dim")


def _body(line: _Line, *, full: bool) -> list[str]:
    if line.segments:
        parts = "segment" if line.segments == 1 else "segments"
        return [line.text, f"[{line.segments} {parts}, {line.encoding}, {len(line.text)} characters]"]
    if not line.text:
        return []
    subject = [f"Subject: {line.subject}"] if line.subject else []
    return [*subject, *(line.text.strip().splitlines() if full else [])]
