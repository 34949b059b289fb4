"""Every message of the demo with its end and its reason: as a table, and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from rich.table import Table
from rich.text import Text

from followup.care.delivery import STATUS_SENTENCES, Status
from followup.care.message import Kind
from followup.cli.demo.clinic import DemoClinic
from followup.cli.demo.screen import BY
from followup.cli.demo.staff import Reader, Staff
from followup.cli.screen import reason_text, status_text, table
from followup.storage.outbox_rows import Entry


@dataclass(frozen=True, slots=True)
class Fate:
    """One message at the end of the demo: to whom, for which procedure, and why it ended so."""

    entry: Entry
    reader: Reader
    procedure: date
    reason: str
    """The sentence of its reason; empty where its status says all."""

    @property
    def when(self) -> str:
        """When it went, or was due, by its reader's clock."""
        local = (self.entry.sent_at or self.entry.due_at).astimezone(self.reader.zone)
        return f"{local:%a %b} {local.day:2} {local:%H:%M}"


def fates(clinic: DemoClinic, staff: Staff) -> list[Fate]:
    """Every message of the plan, patient by patient and in order of time; answers belong to no procedure."""
    readers, names, procedures = staff.readers(), staff.patient_names(), staff.procedures()
    called = {key: f"{on:%b} {on.day}" for key, on in procedures.items()}
    with clinic.app.storage.reading() as tx:
        rows = tx.outbox.of_patients(names)
    return [
        Fate(
            entry,
            readers[entry.contact_id or 0],
            procedures[entry.procedure_id or 0],
            reason_text(entry.reason, called, entry.held_by),
        )
        for patient in names
        for entry in sorted((row for row in rows[patient] if row.kind is Kind.REMINDER), key=_order)
    ]


def _order(entry: Entry) -> tuple[object, ...]:
    return entry.procedure_id, entry.sent_at or entry.due_at, entry.contact_id, entry.step, entry.channel


def fates_table(found: Sequence[Fate]) -> Table:
    """A section a patient and procedure, a line a message."""
    made = table("Reader's time", "What", "By", "State", "Why")
    for (name, procedure), group in groupby(found, key=lambda fate: (fate.reader.patient, fate.procedure)):
        made.add_section()
        made.add_row(Text(name, style="bold"), Text(f"procedure of {procedure:%b} {procedure.day}", style="bold"))
        for fate in group:
            made.add_row(*_cells(fate))
    return made


def _cells(fate: Fate) -> tuple[str | Text, ...]:
    entry, reader = fate.entry, fate.reader
    what = f"{entry.step}, to {reader.name.split()[0]}" if reader.kinship else entry.step
    return fate.when, what, BY[entry.channel], status_text(entry.status), Text(fate.reason, style="dim")


def legend(found: Sequence[Fate]) -> Iterator[str]:
    """What each state means that needs no reason."""
    for status in Status:
        if any(fate.entry.status is status and not fate.reason for fate in found):
            yield f"{status}: {STATUS_SENTENCES[status]}"


def counts(found: Sequence[Fate]) -> str:
    """How many ended how."""
    by_status = Counter(fate.entry.status for fate in found)
    parts = ", ".join(f"{by_status[status]} {status.replace('_', ' ')}" for status in Status if by_status[status])
    return f"{len(found)} messages: {parts}."


def as_data(found: Sequence[Fate]) -> list[dict[str, object]]:
    """The table for other programs; moments in UTC, ISO 8601."""
    return [
        {
            "patient": fate.reader.patient,
            "to": fate.reader.name,
            "procedure": fate.procedure.isoformat(),
            "step": fate.entry.step,
            "channel": fate.entry.channel.value,
            "due_at": fate.entry.due_at.isoformat(),
            "sent_at": fate.entry.sent_at.isoformat() if fate.entry.sent_at else None,
            "status": fate.entry.status.value,
            "reason": fate.entry.reason.value if fate.entry.reason else None,
            "why": fate.reason or STATUS_SENTENCES[fate.entry.status],
        }
        for fate in found
    ]
