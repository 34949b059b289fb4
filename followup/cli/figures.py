"""What `followup status` shows, looked up: the pulse, what keeps the database from being used, the figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from followup.app import App
    from followup.care.delivery import Status
    from followup.care.pace import Shortfall
    from followup.care.people import ChannelName
    from followup.cli.pulse import Pulse
    from followup.storage import Transaction
    from followup.storage.breakers import GivenUp
    from followup.storage.heartbeat import Beating
    from followup.storage.hindrances import Hindrance
    from followup.storage.switches import Setting, Switch

GRACE = timedelta(minutes=10)
"""A message due longer ago than this should have gone, or have been put off."""

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
        return {"read": iso(self.read), "fresh": self.fresh}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the tables say; a database that cannot be read says nothing."""

    trial: bool | None = None
    live_since: datetime | None = None
    paused: list[str] = field(default_factory=list)
    senders: list[GivenUp] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    overdue: int = 0
    in_turn: int = 0
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
    paces: dict[str, float] = field(default_factory=dict)
    shortfalls: dict[ChannelName, Shortfall] = field(default_factory=dict)
    daemons: list[Beating] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found; a database that cannot be used has no figures."""

    now: datetime
    beat: Pulse
    hindrances: list[Hindrance]
    figures: Figures | None

    @property
    def red(self) -> list[str]:
        """Every reason for which somebody should look; first what keeps everything from being sent."""
        reasons = [hindrance.said for hindrance in self.hindrances]
        if self.beat.trouble:
            reasons.append(self.beat.trouble)
        return reasons + (_reasons(self.figures) if self.figures else [])

    def told(self) -> dict[str, Any]:
        figures = self.figures or Figures()
        return {
            "green": not self.red,
            "red": self.red,
            "database": [{"code": one.code, "said": one.said} for one in self.hindrances],
            "readable": self.figures is not None,
            "trial": figures.trial,
            "live_since": iso(figures.live_since),
            "paused": figures.paused,
            "senders": [_sender(sender) for sender in figures.senders],
            "daemon": {"alive": self.beat.alive, "owned": self.beat.owned, "ticked": iso(self.beat.ticked)},
            "messages": figures.counts,
            "overdue": figures.overdue,
            "wait_for_their_turn": figures.in_turn,
            "tasks": figures.tasks,
            "late_tasks": figures.late_tasks,
            "listening": {name: one.told() for name, one in figures.listening.items()},
            "unhandled_replies": figures.unhandled,
            "red_flag_answers": {
                "last_7_days": len(figures.lags),
                "slowest_seconds": slowest(figures.lags),
            },
            "uncovered_days": [day.isoformat() for day in figures.uncovered],
            "test_page": _page(figures.paged),
            "conversations": figures.conversations,
            "next_due": iso(figures.next_due),
            "paces": figures.paces,
            "shortfalls": {
                channel.value: {"due": iso(s.due_at), "until": iso(s.until), "left": ceil(s.tokens)}
                for channel, s in figures.shortfalls.items()
            },
            "daemons": [
                {"name": one.name, "started": iso(one.started_at), "beat_seconds_ago": one.beat_ago.seconds}
                for one in figures.daemons
            ],
        }


def _reasons(figures: Figures) -> list[str]:
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
        f"nothing goes by {sender.channel} since {iso(sender.opened_at)}: its sender failed ({sender.code})"
        " and is tried again by itself"
        for sender in figures.senders
    ]
    deaf = [
        f"answers by {name} are not read{f' since {iso(one.read)}' if one.read else ''}"
        for name, one in figures.listening.items()
        if not one.fresh
    ]
    short = [
        f"{ceil(s.tokens)} {UNITS[channel]} due from {iso(s.due_at)} cannot all go before {iso(s.until)} at"
        f" {figures.paces[channel]:g} a second (`{SETTINGS[channel]}`)"
        for channel, s in figures.shortfalls.items()
    ]
    return figures.waits + given_up + deaf + short + [words for is_so, words in reasons if is_so]


UNITS = {"sms": "segments", "email": "mails"}
"""In which a sender's pace is counted."""

SETTINGS = {"sms": "twilio.segments_per_second", "email": "smtp.mails_per_second"}


def _days(days: list[date]) -> str:
    return ", ".join(day.isoformat() for day in days)


def slowest(lags: list[timedelta]) -> float | None:
    """Seconds."""
    return max(lags).total_seconds() if lags else None


def _page(paged: tuple[datetime, Status] | None) -> dict[str, Any] | None:
    return {"at": iso(paged[0]), "status": paged[1].value} if paged else None


def _sender(sender: GivenUp) -> dict[str, Any]:
    since, again = iso(sender.opened_at), iso(sender.retry_at)
    return {"channel": sender.channel, "code": sender.code, "state": sender.state, "since": since, "again": again}


def iso(moment: datetime | None) -> str | None:
    """As it stands in JSON."""
    return moment.isoformat(timespec="seconds") if moment else None


def look(app: App, now: datetime) -> Found:
    """What keeps the database from being used comes first: it decides what else can be read."""
    from followup.cli.pulse import Pulse, owned, pulse
    from followup.errors import StorageError
    from followup.storage import hindrances

    if cause := hindrances.usable(app.storage):
        return Found(now, Pulse(owned(app), None, late=True), [cause], None)
    causes = hindrances.found(app.storage, now)
    try:
        beat = pulse(app, now)
        with app.storage.reading() as tx:
            figures = _figures(tx, app, now)
    except StorageError as error:
        cause = hindrances.named(error)
        return Found(now, Pulse(owned(app), None, late=True), [*causes, cause], None)
    if beat.refusal is not None and beat.refusal not in {one.code for one in causes}:
        causes.append(hindrances.Hindrance(beat.refusal, beat.refusal.sentence))
    return Found(now, beat, causes, figures)


def _figures(tx: Transaction, app: App, now: datetime) -> Figures:
    from followup.forecast import shortfalls
    from followup.staff import uncovered
    from followup.storage import health
    from followup.storage.heartbeat import beating
    from followup.storage.switches import Switch

    switches = tx.switches.all()
    live = switches.get(Switch.LIVE)
    waiting = tx.tasks.open_tasks()
    overdue = tx.outbox.overdue(now, GRACE)
    in_turn = sum(count for channel, count in overdue.items() if _goes_on(tx, app, channel, now))
    return Figures(
        app.clinic.in_trial(tx),
        live.at if live else None,
        [str(channel) for channel in tx.switches.paused_channels()],
        tx.breakers.given_up(),
        _waits(switches),
        {str(status): count for status, count in sorted(tx.outbox.counts().items())},
        sum(overdue.values()) - in_turn,
        in_turn,
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
        {channel.value: pace for channel, pace in app.paces.items()},
        shortfalls(tx, app.clinic.practice, app.paces, now),
        beating(tx.connection),
    )


def _goes_on(tx: Transaction, app: App, channel: ChannelName, now: datetime) -> bool:
    """Whether what is late only waits for its turn: its sender keeps to a pace, and one went a moment ago."""
    from followup.storage import health

    last = health.last_attempt(tx.connection, channel) if channel in app.paces else None
    return last is not None and now - last <= GRACE


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
