"""`followup send-test`: one message to somebody of the clinic, by the same way that patients' messages go."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from followup.cli import ask, screen
from followup.cli.desk import Desk, pass_desk
from followup.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from followup.care.people import ChannelName
    from followup.config import Config
    from followup.storage.outbox_rows import Entry

WORDS = "{clinic}: test of followup. Nothing to do."
SUBJECT = "Test of followup"
"""Operational words, read by the clinic's own people: no patient ever gets them, so nobody approves them."""

VALID_FOR = timedelta(minutes=10)
PATIENCE = timedelta(seconds=60)


@click.command("send-test")
@click.option("--sms", "way", flag_value="sms", help="A text.")
@click.option("--email", "way", flag_value="email", help="An e-mail.")
@pass_desk
def send_test(desk: Desk, way: str | None) -> None:
    """Send a test to one of the staff, or of the trial list, and note whether it was received.

    It goes only to who stands in config.toml; no number or address is ever typed.
    """
    from followup.care.people import ChannelName
    from followup.going_live import record_heard

    channel, address = _choose(desk.app.config, ChannelName(way) if way else None)
    _require_sending(desk, channel)
    message = _plan(desk, channel, address)
    if desk.app.owner.acquire():
        _send(desk, channel)
    else:
        _wait(desk, message)
    _tell(desk, message)
    if ask.yes("Did it arrive?", default=True):
        desk.carry_out(lambda tx: record_heard(tx, channel, desk.now, desk.by))
        click.echo("Noted for `followup live`.")
    else:
        click.echo("Not noted. `followup doctor` may know why.")


def _choose(config: Config, only: ChannelName | None) -> tuple[ChannelName, str]:
    options = [option for option in _options(config) if only in (None, option[0])]
    if not options:
        raise NotFoundError("config.toml names nobody for that: clinic.staff, or [trial] allow")
    if len(options) == 1:
        return options[0][0], options[0][1]
    place = ask.choice("To whom?", [label for _, _, label in options], 0)
    return options[place][0], options[place][1]


def _options(config: Config) -> list[tuple[ChannelName, str, str]]:
    """Every way to one of our own: channel, address, and how it is shown."""
    from followup.care.people import ChannelName

    found = []
    known = set()
    for person in config.clinic.staff:
        for channel, address in ((ChannelName.SMS, person.phone), (ChannelName.EMAIL, person.email)):
            if address:
                found.append((channel, address, f"{person.name}, {address}"))
                known.add(address)
    for address in sorted(config.trial_allowed - known):
        channel = ChannelName.EMAIL if "@" in address else ChannelName.SMS
        found.append((channel, address, f"trial list, {address}"))
    return found


def _require_sending(desk: Desk, channel: ChannelName) -> None:
    """Where no daemon runs, this command sends by itself, and must not carry patients' messages along."""
    from followup.cli.pulse import pulse
    from followup.storage import health

    with desk.app.storage.reading() as tx:
        if channel in tx.switches.paused_channels():
            raise RefusedError(f"{channel} is paused; `followup unpause` first")
        due = sum(health.due_by(tx.connection, desk.now, (channel,)).values())
    if due and not pulse(desk.app, desk.now).alive:
        raise RefusedError(f"{due} messages are due and no daemon runs: start `followup run`, then test again")


def _plan(desk: Desk, channel: ChannelName, address: str) -> int:
    from followup.care.message import Kind, Text
    from followup.care.people import ChannelName
    from followup.storage.outbox_rows import NewMessage

    words = Text(WORDS.format(clinic=desk.app.config.clinic.name))
    if channel is ChannelName.EMAIL:
        words = Text(words.plain + "\n", SUBJECT)
    now = desk.now
    key = f"{Kind.ALERT}:test:{secrets.token_hex(8)}"
    new = NewMessage(Kind.ALERT, key, channel, now, now + VALID_FOR, address, words)
    message = desk.carry_out(lambda tx: tx.outbox.add_message(new, now))
    desk.carry_out(lambda tx: tx.audit.write(now, desk.by, "send test", message_id=message))
    return message


def _send(desk: Desk, channel: ChannelName) -> None:
    from followup import receipts
    from followup.dispatch import Tally

    app = desk.app
    app.dispatcher.drain(channel, Tally())
    receipts.poll(app.storage, app.clinic, app.ledgers, app.clock)


def _wait(desk: Desk, message: int) -> None:
    """The daemon sends it; it looks every few seconds."""
    from followup.care.delivery import Status

    click.echo("The daemon sends it …")
    clock, pause = desk.app.clock, threading.Event()
    began = clock.monotonic()
    while clock.monotonic() - began < PATIENCE.total_seconds():
        if _entry(desk, message).status not in (Status.PLANNED, Status.SENDING):
            return
        pause.wait(1)


def _entry(desk: Desk, message: int) -> Entry:
    with desk.app.storage.reading() as tx:
        entry = tx.outbox.get(message)
    if entry is None:
        raise NotFoundError("the test message is gone from the outbox")
    return entry


def _tell(desk: Desk, message: int) -> None:
    entry = _entry(desk, message)
    why = screen.reason_text(entry.reason, {}, None)
    code = f", code {entry.code}" if entry.code else ""
    screen.say(f"Status: {entry.status.replace('_', ' ')}{f' ({why}{code})' if why or code else ''}")
