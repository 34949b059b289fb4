"""`followup run`, `tick`, `migrate`: the daemon, one beat of it by hand, and the database's version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.cli import screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.errors import InputError, RefusedError

if TYPE_CHECKING:
    from followup.app import App
    from followup.storage.outbox_rows import Claim


FIRST_YEAR, LAST_YEAR = 2000, 2200
"""No patient is followed up outside of these, and dates near the calendar's ends cannot be reckoned with."""


@click.command()
@pass_desk
def run(desk: Desk) -> None:
    """The daemon: send what is due until SIGTERM or Ctrl-C; log lines are JSON on standard error.

    A second one on the same database waits and takes over when the first is gone.
    """
    from followup import log
    from followup.daemon import Daemon

    log.to_stderr()
    Daemon(desk.app).run()


@click.command()
@click.option("--at", metavar="TIME", help="As if it were then: 2026-11-01T18:00Z, or with an offset.")
@AS_JSON
@pass_desk
def tick(desk: Desk, at: str | None, *, as_json: bool) -> None:
    """Print what would go now, or at a given time.

    Really sends only where every endpoint is on this machine (a sandbox); there it is one beat of the daemon.
    """
    from followup.app import App
    from followup.clock import StandingClock

    moment = _moment(at) if at else desk.now
    app = App(desk.app.config, StandingClock(moment))
    try:
        going = _would_go(app)
        if as_json:
            print_json([_json(claim) for claim in going])
        else:
            _print(going, moment)
        if app.clinic.on_loopback:
            _beat(app)
        elif not as_json:
            screen.say("Nothing was sent: only `followup run` writes to patients.", "dim")
    finally:
        app.close()


def _moment(typed: str) -> datetime:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise InputError("--at is a moment like 2026-11-01T18:00Z") from None
    if moment.tzinfo is None:
        raise InputError("--at needs its zone: end it with Z, or with an offset like -06:00")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InputError(f"--at is a moment of the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC)


def _would_go(app: App) -> list[Claim]:
    """Every gate asked and every text rendered, and nothing kept."""
    from followup.care.people import ChannelName
    from followup.prepare import Preparer
    from followup.replan import replan_stale

    with app.storage.rehearsal() as tx:
        now = app.clock.utc()
        replan_stale(tx, app.clinic, now)
        # A beat listens before it sends.
        listening, going = dict.fromkeys(ChannelName, True), []
        for channel in ChannelName:
            due = [] if channel in tx.switches.paused_channels() else tx.sending.due(now, 1000, channel)
            preparer = Preparer(tx, app.clinic, app.library, due, now, listening=listening)
            going += [claim for entry in due if (claim := preparer.prepare(entry)) is not None]
        return going


def _beat(app: App) -> None:
    """What the daemon does, once."""
    from followup.rounds import Rounds

    if not app.owner.acquire():
        raise RefusedError("the daemon is running and sends by itself; stop it to tick by hand")
    Rounds(app).once()


def _print(going: list[Claim], moment: datetime) -> None:
    screen.say(f"At {moment:%Y-%m-%dT%H:%M:%SZ}: {len(going)} to go")
    for claim in going:
        entry = claim.entry
        screen.say(
            f"{entry.step or entry.kind} by {entry.channel}, message {entry.id}, {claim.segments} segments", "bold"
        )
        screen.say(claim.words.plain)


def _json(claim: Claim) -> dict[str, object]:
    from followup.cli.show import message_json

    return message_json(claim.entry) | {"text": claim.words.plain, "segments": claim.segments}


@click.command()
@pass_desk
def migrate(desk: Desk) -> None:
    """Bring the database to this program's version; makes it if there is none.

    A daemon that runs claims nothing meanwhile; what it is sending just now is waited for, a minute at most.
    """
    from followup.app import build_app
    from followup.storage import maintenance

    app = build_app(Path(desk.config) if desk.config else None)
    try:
        before, after = maintenance.migrate(app.storage, app.clock, _waiting, desk.by)
    finally:
        app.close()
    if before == after:
        screen.say(f"The database is of version {after} already.")
    else:
        screen.say(f"The database went from version {before or 'none'} to {after}.", "green")
        screen.say("A daemon that still runs sends nothing more: start it anew.")


def _waiting(count: int) -> None:
    screen.say(f"Waiting for {count} messages that are being sent; nothing new is begun.")
