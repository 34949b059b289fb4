"""How things look on the staff's screen: times in the contact's own zone, one line a message, plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from followup.care.delivery import UNSENT, Status
from followup.care.reason import Reason

if TYPE_CHECKING:
    from followup.care.message import Held, ReminderKey
    from followup.care.people import Patient
    from followup.care.reconcile import Changes, Ending, Move
    from followup.storage.outbox_rows import Entry
    from followup.storage.tasks import Task

COLOURS = {
    Status.PLANNED: "cyan",
    Status.RETRY_WAIT: "yellow",
    Status.SENDING: "yellow",
    Status.IN_DOUBT: "red",
    Status.ACCEPTED: "green",
    Status.SENT: "green",
    Status.DELIVERED: "green",
    Status.FAILED: "red",
    Status.UNDELIVERED: "red",
    Status.EXPIRED: "red",
    Status.UNRESOLVED: "red",
}


@cache
def console() -> Console:
    """Standard output; as wide as the terminal, at least 80 columns where it is no terminal."""
    found = Console(highlight=False, soft_wrap=False)
    return found if found.is_terminal else Console(highlight=False, width=max(found.width, 120))


def say(text: str = "", style: str = "") -> None:
    """One line, taken literally: what is in brackets is no markup."""
    console().print(Text(text, style=style))


def when(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as the contact's clock shows it: Sun 2026-11-01 12:00."""
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"


def table(*columns: str) -> Table:
    """An empty table in the house's style."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def show(made: Table) -> None:
    """Print a table."""
    console().print(made)


def status_text(status: Status, *, trial: bool = False) -> Text:
    """A status in its colour; a planned row that waits for the clinic to be live says so."""
    words = status.replace("_", " ") + (" (trial)" if trial and status is Status.PLANNED else "")
    return Text(words, style=COLOURS.get(status, "dim"))


def reason_text(reason: Reason | str | None, procedures: dict[int, str], held_by: int | None) -> str:
    """Why, in one sentence; the procedure that holds it is named by plan and date."""
    if reason is None:
        return ""
    sentence = Reason(reason).sentence
    return f"{sentence} ({procedures[held_by]})" if held_by in procedures else sentence


def procedure_names(patient: Patient) -> dict[int, str]:
    """What each procedure is called on the screen: plan and local date."""
    return {p.id: f"{p.plan} {p.on}" for p in patient.procedures}


def timeline_table(patient: Patient, entries: Iterable[Entry]) -> Table:
    """Every message of a patient in order, at the contact's local time."""
    made = table("When (patient's time)", "What", "To", "By", "Status", "Why")
    names = procedure_names(patient)
    several = len(patient.procedures) > 1
    for entry in sorted(entries, key=lambda e: (e.sent_at or e.due_at, e.id)):
        contact = patient.contact(entry.contact_id or 0)
        what = f"{entry.step} ({names[entry.procedure_id or 0]})" if several else entry.step
        made.add_row(
            when(entry.sent_at or entry.due_at, contact.zone),
            what,
            contact.role.value,
            entry.channel.value,
            status_text(entry.status, trial=entry.trial),
            reason_text(entry.reason, names, entry.held_by),
        )
    return made


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a difference; `before` is when a moved message was to go."""

    sign: str
    style: str
    moment: datetime
    key: ReminderKey
    held: Held | None = None
    before: datetime | None = None


def changes_table(patient: Patient, changes: Changes) -> Table:
    """The difference, before it is made: what comes, moves, ends, and comes back."""
    made = table("", "When (patient's time)", "What", "To", "By", "Why")
    for line in sorted(_lines(changes), key=lambda line: (line.moment, line.key)):
        contact = patient.contact(line.key.contact)
        why = reason_text(line.held.reason, procedure_names(patient), line.held.by) if line.held else ""
        if line.before:
            why = f"instead of {when(line.before, contact.zone)}"
        moment, key = when(line.moment, contact.zone), line.key
        made.add_row(line.sign, moment, key.step, contact.role, key.channel, why, style=line.style)
    return made


def _lines(changes: Changes) -> Iterator[_Line]:
    for r in changes.add:
        sign, style = ("-", "dim") if r.held else ("+", "green")
        yield _Line(sign, style, r.due_at, r.key, r.held)
    for e in _stopped(changes):
        yield _Line("-", "red", e.row.due_at, e.row.key, e.held)
    for m in _moved(changes):
        yield _Line("~", "yellow", m.reminder.due_at, m.row.key, before=m.row.due_at)
    for m in changes.reopen:
        yield _Line("+", "green", m.reminder.due_at, m.row.key)
    for e in changes.recall:
        yield _Line("!", "bold red", e.row.due_at, e.row.key, e.held)


def _moved(changes: Changes) -> list[Move]:
    """What goes at another time; a row whose end alone has changed is no news."""
    return [m for m in changes.move if m.row.due_at != m.reminder.due_at]


def _stopped(changes: Changes) -> list[Ending]:
    """What was going to go and now does not; a row that only gets another reason is no news."""
    return [e for e in changes.end if e.row.status in UNSENT]


def legend(changes: Changes) -> str:
    """What the signs of the difference mean, as far as they occur."""
    signs = [
        ("+ goes", any(r.held is None for r in changes.add) or changes.reopen),
        ("- does not go", _stopped(changes) or any(r.held for r in changes.add)),
        ("~ another time", _moved(changes)),
        ("! on its way already: a task is opened", changes.recall),
    ]
    return ", ".join(words for words, occurs in signs if occurs)


def tasks_table(tasks: Sequence[Task], names: dict[int, str], zone: ZoneInfo) -> Table:
    """Open tasks, the most urgent first; `names` by patient."""
    made = table("Task", "Level", "Patient", "What to do", "Look by")
    for task in tasks:
        style = {"critical": "bold red", "urgent": "yellow"}.get(task.level.value, "")
        times = f" ({task.times} times)" if task.times > 1 else ""
        made.add_row(
            str(task.number),
            Text(task.level.value, style=style),
            names.get(task.patient_id or 0, "(practice)"),
            task.kind.sentence + times,
            when(task.due_at, zone),
        )
    return made
