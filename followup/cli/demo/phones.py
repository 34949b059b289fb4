"""What the demo's patients hold in their hands: each phone and each inbox, at its owner's own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from followup.care.people import ChannelName
from followup.cli.demo.cast import CAST
from followup.cli.demo.clinic import DemoClinic
from followup.cli.demo.staff import Reader, Staff
from followup.sandbox import Mail, Sms

BUBBLE, OWN_BUBBLE = "black on grey85", "black on light_green"
PHONE_WIDTH = 49
FIRST_LINES = 2
"""So many lines of a mail's body are shown under its title."""


def everybody(clinic: DemoClinic, staff: Staff) -> Iterator[RenderableType]:
    """One row a reader: phone on the left, inbox on the right."""
    order = [who.name for who in CAST]
    readers = sorted(staff.readers().items(), key=lambda item: (order.index(item[1].patient), item[1].kinship))
    for contact, reader in readers:
        yield Text(f"\n{_story(reader)}", style="bold")
        yield side_by_side(
            [*_phone(clinic, reader), *_calls(clinic, staff, contact, reader), *_inbox(clinic, reader)]
        )


def phone(clinic: DemoClinic, reader: Reader, first: int | None = None) -> Panel:
    """The texts one number got and wrote, or only the first of them; those that did not arrive are not on it."""
    arrived = [sms for sms in clinic.twilio.messages if sms.to == reader.number and _arrived(sms, clinic)]
    written = [sms for sms in clinic.twilio.inbound if sms.from_ == reader.number]
    shown = sorted([*arrived, *written], key=lambda sms: (sms.created, sms.direction, sms.body))[:first]
    bubbles = [_bubble(sms, reader.zone) for sms in shown]
    return Panel(Group(*bubbles), title=_title(reader), box=box.ROUNDED, width=PHONE_WIDTH, border_style="blue")


def side_by_side(panels: Sequence[RenderableType]) -> Table:
    """What one reader, or two, hold in their hands."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for _ in panels:
        grid.add_column(vertical="top")
    grid.add_row(*panels)
    return grid


def _story(reader: Reader) -> str:
    if reader.kinship:
        return f"{reader.name}, {reader.patient}'s {reader.kinship}"
    return f"{reader.name}: {next(who.story for who in CAST if who.name == reader.patient)}"


def _phone(clinic: DemoClinic, reader: Reader) -> Iterator[Panel]:
    if any(sms.to == reader.number for sms in clinic.twilio.messages):
        yield phone(clinic, reader)


def _arrived(sms: Sms, clinic: DemoClinic) -> bool:
    return sms.standing(clinic.clock.utc()).status == "delivered"


def _bubble(sms: Sms, zone: ZoneInfo) -> RenderableType:
    is_theirs = sms.direction == "inbound"
    title = Text(_when(sms.created, zone) + (", writes:" if is_theirs else ""), style="dim")
    return Group(title, Padding(Text(sms.body), (0, 1), style=OWN_BUBBLE if is_theirs else BUBBLE, expand=False))


def _calls(clinic: DemoClinic, staff: Staff, contact: int, reader: Reader) -> Iterator[Panel]:
    """What somebody was told on the phone: the spoken lines of the scripts."""
    with clinic.app.storage.reading() as tx:
        rows = [e for patient in staff.patient_names() for e in tx.outbox.of_patients([patient]).get(patient, [])]
        calls = [e for e in rows if e.contact_id == contact and e.channel is ChannelName.PHONE and e.sent_at]
        said = [(e.updated_at, words.plain) for e in calls if (words := tx.outbox.words(e.id))]
    parts = [_spoken(moment, script, reader.zone) for moment, script in sorted(said)]
    if parts:
        yield Panel(Group(*parts), title=f"{_title(reader)}, called", box=box.ROUNDED, border_style="blue")


def _spoken(moment: datetime, script: str, zone: ZoneInfo) -> RenderableType:
    lines = [line.strip("“”") for line in script.splitlines() if line.startswith("“")]
    return Group(Text(_when(moment, zone), style="dim"), Padding(Text(" ".join(lines)), (0, 1), expand=False))


def _inbox(clinic: DemoClinic, reader: Reader) -> Iterator[Panel]:
    mails = [mail for mail in clinic.mail.mails if reader.email in mail.envelope_to]
    if mails:
        parts = [_mail(mail, reader.zone) for mail in sorted(mails, key=lambda mail: mail.received)]
        yield Panel(Group(*parts), title=reader.email, box=box.ROUNDED, border_style="magenta")


def _mail(mail: Mail, zone: ZoneInfo) -> RenderableType:
    return Group(
        Text(_when(mail.received, zone), style="dim"),
        Text(str(mail.message["Subject"]), style="bold"),
        Text(f"{_beginning(mail)} …"),
    )


def _beginning(mail: Mail) -> str:
    """The first lines of the body, without the clinic's name, the greeting, and a title said again."""
    body = mail.message.get_body(("plain",))
    lines = [line.strip() for line in (body.get_content() if body else "").splitlines() if line.strip()]
    _clinic, title, *rest = lines
    said = [line for line in rest if not line.endswith(",")][:FIRST_LINES]
    return " ".join(said if said[0].startswith(title) else [f"{title}.", *said])


def _title(reader: Reader) -> str:
    """Whose phone it is, and its number as people write it in the US."""
    number = reader.number or ""
    return f"{reader.title}, {number[2:5]}-{number[5:8]}-{number[8:]}"


def _when(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a %b} {local.day}, {local:%H:%M}"
