"""`followup pause` and `unpause`: the emergency stop, and the way back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from followup.cli import ask
from followup.cli.desk import Desk, pass_desk

if TYPE_CHECKING:
    from collections.abc import Collection

    from followup.care.people import ChannelName

AHEAD = timedelta(hours=24)

CHANNEL = click.option("--channel", type=click.Choice(["sms", "email"]), help="Only this one.")


@click.command()
@CHANNEL
@pass_desk
def pause(desk: Desk, channel: str | None) -> None:
    """Send nothing, or nothing by one channel, from this moment on.

    What is on the wire finishes. What waits too long ends as expired, with a task: unpause in time.
    """
    from followup import pausing
    from followup.care.people import ChannelName

    only = ChannelName(channel) if channel else None
    new = desk.carry_out(lambda tx: pausing.pause(tx, only, desk.now, desk.by))
    stopped = [only] if only else list(ChannelName)
    now, later = _due(desk, stopped, timedelta()), _due(desk, stopped, AHEAD)
    click.echo(f"{'Paused' if new else 'It is paused already'}: {', '.join(stopped)}.")
    click.echo(f"{now} messages are due now, {later} by this time tomorrow; they wait for `followup unpause`.")


@click.command()
@CHANNEL
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_desk
def unpause(desk: Desk, channel: str | None, *, yes: bool) -> None:
    """Send again; what is due and still valid goes at once."""
    from followup import pausing
    from followup.care.people import ChannelName

    only = ChannelName(channel) if channel else None
    lifted = desk.rehearse(lambda tx: pausing.unpause(tx, only, desk.now, desk.by))
    if not lifted:
        click.echo("Nothing is paused." if only is None else f"{only} is not paused.")
        return
    click.echo(
        f"{_due(desk, lifted, timedelta())} messages are due now and go at once, as far as the hour allows."
    )
    if not yes and not ask.yes(f"Send again by {', '.join(lifted)}?", default=True):
        click.echo("It stays paused.")
        return
    desk.carry_out(lambda tx: pausing.unpause(tx, only, desk.now, desk.by))
    click.echo(f"Sending again: {', '.join(lifted)}.")


def _due(desk: Desk, channels: Collection[ChannelName], ahead: timedelta) -> int:
    from followup.storage import health

    with desk.app.storage.reading() as tx:
        return sum(health.due_by(tx.connection, desk.now + ahead, channels).values())
