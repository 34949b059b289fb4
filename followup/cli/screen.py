"""How things look on the staff's screen: times in the contact's own zone, one line a message, plain words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from followup.care.reason import Reason
from followup.care.status import Status

if TYPE_CHECKING:
    from followup.care.people import Patient
    from followup.care.reconcile import Changes
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


def changes_table(patient: Patient, changes: Changes) -> Table:
    """The difference, before it is made: what comes, moves, ends, and comes back."""
    made = table("", "When (patient's time)", "What", "To", "By", "Why")
    for sign, style, moment, key, reason, by in _difference(changes):
        contact = patient.contact(key.contact)
        why = reason_text(reason, procedure_names(patient), by)
        row = (sign, when(moment, contact.zone), key.step, contact.role.value, key.channel.value, why)
        made.add_row(*row, style=style)
    return made


def _difference(changes: Changes) -> list[tuple]:  # type: ignore[type-arg]
    rows: list[tuple] = []  # type: ignore[type-arg]
    for r in changes.add:
        if r.held:
            rows.append(("-", "dim", r.due_at, r.key, r.held.reason, r.held.by))
        else:
            rows.append(("+", "green", r.due_at, r.key, None, None))
    rows += [("-", "red", e.row.due_at, e.row.key, e.held.reason, e.held.by) for e in changes.end]
    rows += [("~", "yellow", m.reminder.due_at, m.row.key, None, None) for m in changes.move]
    rows += [("+", "green", m.reminder.due_at, m.row.key, None, None) for m in changes.reopen]
    rows += [("!", "bold red", e.row.due_at, e.row.key, e.held.reason, e.held.by) for e in changes.recall]
    return sorted(rows, key=lambda row: (row[2], row[3]))


def legend(changes: Changes) -> str:
    """What the signs of the difference mean, as far as they occur."""
    signs = [
        ("+ goes", any(r.held is None for r in changes.add) or changes.reopen),
        ("- does not go", changes.end or any(r.held for r in changes.add)),
        ("~ another time", changes.move),
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
