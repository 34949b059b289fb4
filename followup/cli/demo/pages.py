"""What the demo's staff get and give on their own phones: pages, and the number texted back by who takes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from followup.care.message import Kind
from followup.cli.demo.clinic import OPENS, ZONE, DemoClinic
from followup.cli.screen import table
from followup.sandbox import Sms

TEST_PAGE = "weekly test page"
COUNTED = {"test page": "weekly test page", "digest": "morning digest", "tasks": "mail about new tasks"}


@dataclass(frozen=True, slots=True)
class StaffText:
    """One text to or from the phone of one of the staff; `words` without the clinic's name."""

    at: datetime
    name: str
    words: str
    is_theirs: bool = False


def staff_texts(clinic: DemoClinic) -> list[StaffText]:
    """What has arrived on their phones, in order; the weekly test page is left out."""
    return [text for sms in clinic.twilio.messages if (text := _read(clinic, sms)) and TEST_PAGE not in text.words]


def _read(clinic: DemoClinic, sms: Sms) -> StaffText | None:
    """None if it is nobody's of the staff."""
    is_theirs = sms.direction == "inbound"
    person = clinic.app.staff.by_number(sms.from_ if is_theirs else sms.to)
    words = sms.body if is_theirs else sms.body.partition(": ")[2]
    return StaffText(sms.created, person.name, words, is_theirs) if person else None


def pages_table(clinic: DemoClinic) -> Table:
    """Every page, and what was texted back, by the clinic's clock."""
    sent = [text for sms in clinic.twilio.inbound if (text := _read(clinic, sms))]
    made = table("Clinic's time", "Phone", "Text")
    for text in sorted([*staff_texts(clinic), *sent], key=lambda text: (text.at, not text.is_theirs)):
        local = text.at.astimezone(ZONE)
        words = Text(f"“{text.words}”", style="bold") if text.is_theirs else Text(text.words)
        made.add_row(
            f"{local:%a %b} {local.day:2} {local:%H:%M}",
            f"{'from' if text.is_theirs else 'to'} {text.name}",
            words,
        )
    return made


def told_besides(clinic: DemoClinic) -> str:
    """What else staff got, in numbers."""
    with clinic.app.storage.reading() as tx:
        rows = tx.outbox.between(OPENS, clinic.clock.utc())
    steps = [row.step for row in rows if row.kind in (Kind.ALERT, Kind.DIGEST) and row.sent_at]
    counts = ", ".join(_counted(words, steps.count(step)) for step, words in COUNTED.items())
    return f"Besides: {counts}; none of them names a patient."


def _counted(words: str, count: int) -> str:
    head, space, rest = words.partition(" about")
    return f"{count} {head}{'' if count == 1 else 's'}{space}{rest}"
