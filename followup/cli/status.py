"""`followup status`: one screen for whoever keeps it running; green or red."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from followup.app import App
    from followup.cli.figures import Figures, Found
    from followup.storage.heartbeat import Beating

RED = 1


@click.command()
@AS_JSON
@pass_desk
def status(desk: Desk, *, as_json: bool) -> None:
    """Is it running, and is anything stuck? Exit code 0 is green, 1 is red.

    Red: the daemon does not run, the database cannot be used, a sender failed, the clock is not believed,
    something is paused or held back, messages are overdue, or tasks are past their time.
    """
    from followup.app import build_app
    from followup.cli.figures import look

    app = build_app(Path(desk.config) if desk.config else None)
    try:
        found = look(app, app.clock.utc())
        if as_json:
            print_json(found.told())
        else:
            _print(app, found)
    finally:
        app.close()
    if found.red:
        click.get_current_context().exit(RED)


def _print(app: App, found: Found) -> None:
    from followup.cli import screen

    screen.say("RED" if found.red else "GREEN", "bold red" if found.red else "bold green")
    for reason in found.red:
        screen.say(f"  {reason}", "red")
    if found.figures is None:
        screen.say("Nothing more can be told: the database cannot be read.")
        return
    figures, zone = found.figures, app.config.clinic.zone
    screen.say(f"Mode:      {_mode(app, figures)}")
    screen.say(f"Daemon:    {'runs' if found.beat.alive else 'does not run'}; {found.beat.said(found.now)}")
    for one in found.figures.daemons:
        screen.say(f"           {_daemon(one, zone)}")
    screen.say(f"Messages:  {_counted(figures.counts) or 'none yet'}; {figures.overdue} overdue")
    screen.say(f"Next due:  {screen.when(figures.next_due, zone) if figures.next_due else 'nothing waits'}")
    turn = f"; {figures.in_turn} wait for their turn" if figures.in_turn else ""
    screen.say(f"Pace:      {_paces(figures.paces)}{turn}")
    screen.say(f"Tasks:     {_counted(figures.tasks) or 'none open'}")
    heard = ", ".join(
        f"{name} read {screen.when(one.read, zone)}" for name, one in figures.listening.items() if one.read
    )
    screen.say(f"Answers:   {heard or 'not read yet'}; {figures.unhandled} wait to be handled")
    screen.say(f"Red flags: {_lags(figures.lags)}")
    screen.say(f"Test page: {_paged(figures, zone)}")
    if figures.conversations:
        screen.say(f"Staff are texting with {figures.conversations} patients (`followup conversation list`)")


def _daemon(one: Beating, zone: ZoneInfo) -> str:
    from followup.cli import screen

    return f"{one.name} since {screen.when(one.started_at, zone)}, its last beat {one.beat_ago.seconds} s ago"


def _paces(paces: dict[str, float]) -> str:
    from followup.cli.figures import UNITS

    told = [
        f"{pace:g} {UNITS[channel] if pace != 1 else UNITS[channel].removesuffix('s')} a second by {channel}"
        for channel, pace in paces.items()
    ]
    return ", ".join(told) or "as fast as it goes"


def _lags(lags: list[timedelta]) -> str:
    """How long the provider took to have the answer, from the moment the text was read."""
    if not lags:
        return "none answered in the last 7 days"
    from followup.cli.figures import slowest

    middle = sorted(lags)[len(lags) // 2].total_seconds()
    return f"{len(lags)} answered in the last 7 days, after {middle:.0f} s (median), {slowest(lags):.0f} s at most"


def _paged(figures: Figures, zone: ZoneInfo) -> str:
    from followup.cli import screen

    return f"{screen.when(figures.paged[0], zone)}, {figures.paged[1]}" if figures.paged else "none sent yet"


def _mode(app: App, figures: Figures) -> str:
    from followup.cli import screen

    if figures.trial:
        return "trial: only the trial list is written to (`followup live`)"
    if figures.live_since is None:
        return "sandbox: every endpoint is this machine"
    return f"live since {screen.when(figures.live_since, app.config.clinic.zone)}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
