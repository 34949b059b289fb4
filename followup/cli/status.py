"""`followup status`: one screen for whoever keeps it running; green or red."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json

if TYPE_CHECKING:
    from followup.cli.pulse import Pulse
    from followup.storage import Transaction

GRACE = timedelta(minutes=10)
"""A message due longer ago than this should have gone, or have been put off."""

RED = 1


@click.command()
@AS_JSON
@pass_desk
def status(desk: Desk, *, as_json: bool) -> None:
    """Is it running, and is anything stuck? Exit code 0 is green, 1 is red.

    Red: the daemon does not run, something is paused, messages are overdue, or tasks are past their time.
    """
    from followup.cli.pulse import pulse

    now = desk.now
    beat = pulse(desk.app, now)
    with desk.app.storage.reading() as tx:
        found = _look(tx, desk, beat, now)
    if as_json:
        print_json(found.told())
    else:
        _print(desk, found)
    if found.red:
        click.get_current_context().exit(RED)


@dataclass(frozen=True, slots=True)
class _Found:
    now: datetime
    beat: Pulse
    trial: bool
    live_since: datetime | None
    paused: list[str]
    counts: dict[str, int]
    overdue: int
    tasks: dict[str, int]
    late_tasks: int
    next_due: datetime | None

    @property
    def red(self) -> list[str]:
        """Every reason for which somebody should look."""
        reasons = (
            (not self.beat.alive, "the daemon does not run: `followup run`"),
            (bool(self.paused), f"paused: {', '.join(self.paused)} (`followup unpause`)"),
            (self.overdue > 0, f"{self.overdue} messages are overdue"),
            (self.late_tasks > 0, f"{self.late_tasks} tasks are past their time (`followup tasks`)"),
        )
        return [words for is_so, words in reasons if is_so]

    def told(self) -> dict[str, Any]:
        return {
            "green": not self.red,
            "red": self.red,
            "trial": self.trial,
            "live_since": _iso(self.live_since),
            "paused": self.paused,
            "daemon": {"alive": self.beat.alive, "owned": self.beat.owned, "ticked": _iso(self.beat.ticked)},
            "messages": self.counts,
            "overdue": self.overdue,
            "tasks": self.tasks,
            "late_tasks": self.late_tasks,
            "next_due": _iso(self.next_due),
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _look(tx: Transaction, desk: Desk, beat: Pulse, now: datetime) -> _Found:
    from followup.storage import health
    from followup.storage.switches import Switch

    live = tx.switches.get(Switch.LIVE)
    waiting = tx.tasks.open_tasks()
    return _Found(
        now,
        beat,
        desk.app.clinic.in_trial(tx),
        live.at if live else None,
        [str(channel) for channel in tx.switches.paused_channels()],
        {str(status): count for status, count in sorted(tx.outbox.counts().items())},
        tx.outbox.overdue(now, GRACE),
        dict(Counter(str(task.level) for task in waiting)),
        sum(task.due_at < now for task in waiting),
        health.next_due(tx.connection),
    )


def _print(desk: Desk, found: _Found) -> None:
    from followup.cli import screen

    zone = desk.app.config.clinic.zone
    screen.say("RED" if found.red else "GREEN", "bold red" if found.red else "bold green")
    for reason in found.red:
        screen.say(f"  {reason}", "red")
    screen.say(f"Mode:      {_mode(desk, found)}")
    screen.say(f"Daemon:    {'runs' if found.beat.alive else 'does not run'}; {found.beat.said(found.now)}")
    screen.say(f"Messages:  {_counted(found.counts) or 'none yet'}; {found.overdue} overdue")
    screen.say(f"Next due:  {screen.when(found.next_due, zone) if found.next_due else 'nothing waits'}")
    screen.say(f"Tasks:     {_counted(found.tasks) or 'none open'}")


def _mode(desk: Desk, found: _Found) -> str:
    from followup.cli import screen

    if found.trial:
        return "trial: only the trial list is written to (`followup live`)"
    if found.live_since is None:
        return "sandbox: every endpoint is this machine"
    return f"live since {screen.when(found.live_since, desk.app.config.clinic.zone)}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
