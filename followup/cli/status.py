"""`followup status`: one screen for whoever keeps it running; green or red."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from followup.app import App
    from followup.care.delivery import Status
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


LAGS_OF = timedelta(days=7)

LONG_CONVERSATION = timedelta(days=1)
"""Somebody has forgotten to close it, and what the program had to say waits."""

FELL_THROUGH = frozenset({"undelivered", "failed", "expired", "unresolved", "suppressed"})
"""A page with such an end reached nobody."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Up to when one inbox has been read, and whether that is lately enough to ask anything."""

    read: datetime | None
    fresh: bool

    def told(self) -> dict[str, Any]:
        return {"read": _iso(self.read), "fresh": self.fresh}


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
    listening: dict[str, Listening] = field(default_factory=dict)
    unhandled: int = 0
    unhandled_long: int = 0
    lags: list[timedelta] = field(default_factory=list)
    uncovered: list[date] = field(default_factory=list)
    paged: tuple[datetime, Status] | None = None
    conversations: int = 0
    long_conversations: int = 0
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
            "listening": {name: one.told() for name, one in figures.listening.items()},
            "unhandled_replies": figures.unhandled,
            "red_flag_answers": {
                "last_7_days": len(figures.lags),
                "slowest_seconds": _slowest(figures.lags),
            },
            "uncovered_days": [day.isoformat() for day in figures.uncovered],
            "test_page": _page(figures.paged),
            "conversations": figures.conversations,
            "next_due": _iso(figures.next_due),
        }


def _reasons(figures: _Figures) -> list[str]:
    reasons = (
        (bool(figures.paused), f"paused: {', '.join(figures.paused)} (`followup unpause`)"),
        (figures.overdue > 0, f"{figures.overdue} messages are overdue"),
        (figures.late_tasks > 0, f"{figures.late_tasks} tasks are past their time (`followup tasks`)"),
        (figures.unhandled_long > 0, f"{figures.unhandled_long} replies wait to be handled for over ten minutes"),
        (figures.long_conversations > 0, f"{figures.long_conversations} conversations are open for over a day"),
        (
            bool(figures.uncovered),
            f"nobody could be paged on {_days(figures.uncovered)} (`followup staff`, clinic.on_call)",
        ),
        (
            figures.paged is not None and figures.paged[1] in FELL_THROUGH,
            "the last test page did not arrive (`followup staff`)",
        ),
    )
    given_up = [
        f"nothing goes by {sender.channel} since {_iso(sender.opened_at)}: its sender failed ({sender.code})"
        " and is tried again by itself"
        for sender in figures.senders
    ]
    deaf = [
        f"answers by {name} are not read{f' since {_iso(one.read)}' if one.read else ''}"
        for name, one in figures.listening.items()
        if not one.fresh
    ]
    return figures.waits + given_up + deaf + [words for is_so, words in reasons if is_so]


def _days(days: list[date]) -> str:
    return ", ".join(day.isoformat() for day in days)


def _slowest(lags: list[timedelta]) -> float | None:
    return max(lags).total_seconds() if lags else None


def _page(paged: tuple[datetime, Status] | None) -> dict[str, Any] | None:
    return {"at": _iso(paged[0]), "status": paged[1].value} if paged else None


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
    from followup.staff import uncovered
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
        sum(task.due_at < now and task.acknowledged_at is None for task in waiting),
        _listening(tx, app, now),
        health.unhandled_replies(tx.connection),
        health.unhandled_replies(tx.connection, now - GRACE),
        health.red_flag_lags(tx.connection, now - LAGS_OF),
        uncovered(tx, app.staff, now),
        health.last_page(tx.connection, "test page"),
        len(tx.register.conversations()),
        sum(since < now - LONG_CONVERSATION for _, since, _ in tx.register.conversations()),
        health.next_due(tx.connection),
    )


def _listening(tx: Transaction, app: App, now: datetime) -> dict[str, Listening]:
    """Every inbox that should be read, once anybody is in care; a house that has just begun has nobody to hear."""
    from followup.inbound import FRESH, read_until

    found = {}
    begun = bool(tx.outbox.counts())
    for channel in app.listened_to:
        read = read_until(tx, channel)
        fresh = read is not None and now - read <= FRESH
        if read is not None or begun:
            found[channel.value] = Listening(read, fresh)
    return found


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
    heard = ", ".join(
        f"{name} read {screen.when(one.read, zone)}" for name, one in figures.listening.items() if one.read
    )
    screen.say(f"Answers:   {heard or 'not read yet'}; {figures.unhandled} wait to be handled")
    screen.say(f"Red flags: {_lags(figures.lags)}")
    screen.say(f"Test page: {_paged(figures, zone)}")
    if figures.conversations:
        screen.say(f"Staff are texting with {figures.conversations} patients (`followup conversation list`)")


def _lags(lags: list[timedelta]) -> str:
    """How long the provider took to have the answer, from the moment the text was read."""
    if not lags:
        return "none answered in the last 7 days"
    middle = sorted(lags)[len(lags) // 2].total_seconds()
    return (
        f"{len(lags)} answered in the last 7 days, after {middle:.0f} s (median), {_slowest(lags):.0f} s at most"
    )


def _paged(figures: _Figures, zone: ZoneInfo) -> str:
    from followup.cli import screen

    return f"{screen.when(figures.paged[0], zone)}, {figures.paged[1]}" if figures.paged else "none sent yet"


def _mode(app: App, figures: _Figures) -> str:
    from followup.cli import screen

    if figures.trial:
        return "trial: only the trial list is written to (`followup live`)"
    if figures.live_since is None:
        return "sandbox: every endpoint is this machine"
    return f"live since {screen.when(figures.live_since, app.config.clinic.zone)}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
