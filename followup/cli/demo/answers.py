"""They answer: what each wrote, what it was read as, what went back at once, and what staff were told of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from followup.care.people import ChannelName
from followup.care.task import Level, TaskKind
from followup.cli.demo.clinic import ZONE, DemoClinic
from followup.cli.demo.pages import staff_texts
from followup.cli.demo.screen import BY, LEVELS, city
from followup.cli.demo.staff import Reader, Staff
from followup.cli.screen import table
from followup.storage import Transaction
from followup.storage.inbox import Reply
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

FIRST_SENTENCES = 2
"""So much of an answer is in the table; all of it is on the phone that got it."""

SHARES = (15, 22, None, 27, 21)
"""How wide the columns of the table are, each against the others; the reading is never broken."""

SILENT = "nothing"
"""What is written by who never answers."""

SILENCES = "Nothing goes back to a STOP, which the carrier confirms; nor to news of a death: a person calls."


@dataclass(frozen=True, slots=True)
class Line:
    """One reply, or one silence; `tasks` are those that it opened or joined."""

    at: datetime
    reader: Reader
    words: str
    reading: str
    got_back: str
    tasks: tuple[Task, ...]


def lines(clinic: DemoClinic, staff: Staff) -> list[Line]:
    """Every reply and every question without one, in order of time."""
    readers = staff.readers()
    with clinic.app.storage.reading() as tx:
        found = [line for patient in staff.patient_names() for line in _of_patient(tx, patient, readers)]
    return sorted(found, key=lambda line: line.at)


def _of_patient(tx: Transaction, patient: int, readers: dict[int, Reader]) -> Iterator[Line]:
    rows, tasks = tx.outbox.of_patients([patient]).get(patient, []), tx.tasks.of_patient(patient)
    for reply in tx.inbox.of_patient(patient):
        told = tuple(task for task in tasks if _is_about(task, reply))
        yield Line(
            reply.written_at,
            readers[reply.contact_id or 0],
            _wrote(reply),
            _read_as(reply),
            _got_back(tx, reply, rows),
            told,
        )
    for row in rows:
        if row.asks and row.sent_at and row.question_closed_at and not row.answered:
            yield _silence(row, rows, tasks, readers[row.contact_id or 0])


def _is_about(task: Task, reply: Reply) -> bool:
    """Whether the reply opened the task or joined it; a spoken one has opened it in the same moment."""
    if reply.channel is ChannelName.PHONE:
        return task.opened_at == reply.written_at
    return reply.id in {detail.get("reply") for detail in (task.detail, *task.detail.get("earlier", []))}


def _wrote(reply: Reply) -> str:
    return f"{reply.words}, on the phone" if reply.channel is ChannelName.PHONE else f"“{reply.words}”"


def _read_as(reply: Reply) -> str:
    """The meanings in words; of a score, the number."""
    meanings = [meaning.replace("_", " ") for meaning in reply.reading.split(",")]
    return ", ".join(f"pain {reply.score}" if meaning == "score" else meaning for meaning in meanings)


def _got_back(tx: Transaction, reply: Reply, rows: Sequence[Entry]) -> str:
    """The first sentences of the answer, without the clinic's name; empty where nothing went."""
    if reply.channel is ChannelName.PHONE:
        return f"spoken to by {reply.by}"
    answer = next((row for row in rows if row.key == f"answer:{reply.id}"), None)
    words = tx.outbox.words(answer.id) if answer else None
    sentences = re.split(r"(?<=[.?]) ", words.plain.partition(": ")[2]) if words else []
    return " ".join(sentences[:FIRST_SENTENCES])


def _silence(asked: Entry, rows: Sequence[Entry], tasks: Sequence[Task], reader: Reader) -> Line:
    """A question that nobody answered: how it was repeated, and which call it became."""
    nudges = [row for row in rows if row.step == f"{asked.step}-nudge" and row.sent_at]
    repeated = [
        f"asked again by {BY[row.channel]}, {_when(row.sent_at, reader.zone)}" for row in nudges if row.sent_at
    ]
    calls = tuple(task for task in tasks if task.kind is TaskKind.NO_ANSWER)
    return Line(asked.question_closed_at or asked.due_at, reader, SILENT, "no answer", "; ".join(repeated), calls)


def answers_table(clinic: DemoClinic, found: Sequence[Line]) -> Table:
    """One line a reply, by the clock of who wrote."""
    made = table("Their time", "Who wrote what", "Read as", "Went back at once", "Staff")
    made.expand = True
    for column, share in zip(made.columns, SHARES, strict=True):
        column.ratio, column.no_wrap = share, share is None
    for line in found:
        made.add_row(*_cells(clinic, line))
    return made


def _cells(clinic: DemoClinic, line: Line) -> tuple[str | Text, ...]:
    who = Text.assemble(f"{line.reader.title}: ", (line.words, "bold"))
    back = Text(line.got_back or "nothing", style="" if line.got_back else "dim")
    staff = Text("\n").join(_told(clinic, task) for task in line.tasks) if line.tasks else Text("-", style="dim")
    return _when(line.at, line.reader.zone), who, line.reading, back, staff


def _told(clinic: DemoClinic, task: Task) -> Text:
    """The task, and the pages about it."""
    told = Text(f"task {task.number}, {task.level}", style=LEVELS[task.level.value])
    if task.level is not Level.CRITICAL:
        return told
    pages = Counter(text.name for text in staff_texts(clinic) if f"CRITICAL task {task.number}." in text.words)
    paged = ", ".join(f"{name} {'once' if count == 1 else f'{count} times'}" for name, count in pages.items())
    taken = f"; {task.acknowledged_by} has taken it" if task.acknowledged_by else ""
    return told.append(f": paged {paged}{taken}", style="")


def _when(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a %b} {local.day} {local:%H:%M}{'' if zone == ZONE else f' in {city(zone)}'}"
