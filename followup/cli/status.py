"""`followup status`: one screen for whoever keeps it running; green or red."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json

if TYPE_CHECKING:
    from followup.app import App
    from followup.cli.pulse import Pulse
    from followup.storage import Transaction
    from followup.storage.breakers import GivenUp
    from followup.storage.hindrances import Hindrance
    from followup.storage.switches import Setting, Switch

GRACE = timedelta(minutes=10)
"""A message due longer ago than this should have gone, or have been put off."""

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

    app = build_app(Path(desk.config) if desk.config else None)
    try:
        found = _look(app, app.clock.utc())
        if as_json:
            print_json(found.told())
        else:
            _print(app, found)
    finally:
        app.close()
    if found.red:
        click.get_current_context().exit(RED)


@dataclass(frozen=True, slots=True)
class _Figures:
    """What the tables say; a database that cannot be read says nothing."""

    trial: bool | None = None
    live_since: datetime | None = None
    paused: list[str] = field(default_factory=list)
    senders: list[GivenUp] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    overdue: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    late_tasks: int = 0
    next_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    now: datetime
    beat: Pulse
    hindrances: list[Hindrance]
    figures: _Figures | None

    @property
    def red(self) -> list[str]:
        """Every reason for which somebody should look; first what keeps everything from being sent."""
        reasons = [hindrance.said for hindrance in self.hindrances]
        if self.beat.trouble:
            reasons.append(self.beat.trouble)
        return reasons + (_reasons(self.figures) if self.figures else [])

    def told(self) -> dict[str, Any]:
        figures = self.figures or _Figures()
        return {
            "green": not self.red,
            "red": self.red,
            "database": [{"code": one.code, "said": one.said} for one in self.hindrances],
            "readable": self.figures is not None,
            "trial": figures.trial,
            "live_since": _iso(figures.live_since),
            "paused": figures.paused,
            "senders": [_sender(sender) for sender in figures.senders],
            "daemon": {"alive": self.beat.alive, "owned": self.beat.owned, "ticked": _iso(self.beat.ticked)},
            "messages": figures.counts,
            "overdue": figures.overdue,
            "tasks": figures.tasks,
            "late_tasks": figures.late_tasks,
            "next_due": _iso(figures.next_due),
        }


def _reasons(figures: _Figures) -> list[str]:
    reasons = (
        (bool(figures.paused), f"paused: {', '.join(figures.paused)} (`followup unpause`)"),
        (figures.overdue > 0, f"{figures.overdue} messages are overdue"),
        (figures.late_tasks > 0, f"{figures.late_tasks} tasks are past their time (`followup tasks`)"),
    )
    given_up = [
        f"nothing goes by {sender.channel} since {_iso(sender.opened_at)}: its sender failed ({sender.code})"
        " and is tried again by itself"
        for sender in figures.senders
    ]
    return figures.waits + given_up + [words for is_so, words in reasons if is_so]


def _sender(sender: GivenUp) -> dict[str, Any]:
    since, again = _iso(sender.opened_at), _iso(sender.retry_at)
    return {"channel": sender.channel, "code": sender.code, "state": sender.state, "since": since, "again": again}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _look(app: App, now: datetime) -> _Found:
    """What keeps the database from being used comes first: it decides what else can be read."""
    from followup.cli.pulse import Pulse, owned, pulse
    from followup.errors import StorageError
    from followup.storage import hindrances

    if cause := hindrances.usable(app.storage):
        return _Found(now, Pulse(owned(app), None, late=True), [cause], None)
    causes = hindrances.found(app.storage, now)
    try:
        beat = pulse(app, now)
        with app.storage.reading() as tx:
            figures = _figures(tx, app, now)
    except StorageError as error:
        cause = hindrances.named(error)
        return _Found(now, Pulse(owned(app), None, late=True), [*causes, cause], None)
    if beat.refusal is not None and beat.refusal not in {one.code for one in causes}:
        causes.append(hindrances.Hindrance(beat.refusal, beat.refusal.sentence))
    return _Found(now, beat, causes, figures)


def _figures(tx: Transaction, app: App, now: datetime) -> _Figures:
    from followup.storage import health
    from followup.storage.switches import Switch

    switches = tx.switches.all()
    live = switches.get(Switch.LIVE)
    waiting = tx.tasks.open_tasks()
    return _Figures(
        app.clinic.in_trial(tx),
        live.at if live else None,
        [str(channel) for channel in tx.switches.paused_channels()],
        tx.breakers.given_up(),
        _waits(switches),
        {str(status): count for status, count in sorted(tx.outbox.counts().items())},
        tx.outbox.overdue(now, GRACE),
        dict(Counter(str(task.level) for task in waiting)),
        sum(task.due_at < now for task in waiting),
        health.next_due(tx.connection),
    )


def _waits(switches: dict[Switch, Setting]) -> list[str]:
    """What the daemon waits for by its own decision."""
    from followup.care.clock_guard import Suspicion
    from followup.storage.switches import Switch

    found = []
    if clock := switches.get(Switch.CLOCK):
        found.append(Suspicion(clock.value).sentence)
    if Switch.BACKLOG in switches:
        found.append("what was overdue after an outage is held back (`followup backlog`)")
    return found


def _print(app: App, found: _Found) -> None:
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
    screen.say(f"Messages:  {_counted(figures.counts) or 'none yet'}; {figures.overdue} overdue")
    screen.say(f"Next due:  {screen.when(figures.next_due, zone) if figures.next_due else 'nothing waits'}")
    screen.say(f"Tasks:     {_counted(figures.tasks) or 'none open'}")


def _mode(app: App, figures: _Figures) -> str:
    from followup.cli import screen

    if figures.trial:
        return "trial: only the trial list is written to (`followup live`)"
    if figures.live_since is None:
        return "sandbox: every endpoint is this machine"
    return f"live since {screen.when(figures.live_since, app.config.clinic.zone)}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
