"""Whether the daemon lives: its lock, when it last ticked, and what it said then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from followup.app import App
    from followup.storage.guard import Refusal
    from followup.storage.switches import Setting

FEWEST_SECONDS = 60
MISSED_TICKS = 4


@dataclass(frozen=True, slots=True)
class Pulse:
    """`owned`: whether a process holds the sending; None where only its ticks can tell (PostgreSQL).

    `ticked`: the last tick. `late`: it is too long ago for a daemon that lives. `refusal`: why it claimed nothing
    then, in its own judgement.
    """

    owned: bool | None
    ticked: datetime | None
    late: bool
    refusal: Refusal | None = None

    @property
    def alive(self) -> bool:
        return self.owned is not False and not self.late

    @property
    def trouble(self) -> str | None:
        """One sentence for staff if it does not do its rounds, without a full stop."""
        if self.alive:
            return None
        if self.owned:
            return "the daemon runs, and its rounds are not done: see its log"
        return "the daemon does not run: `followup run`"

    def said(self, now: datetime) -> str:
        """One sentence for staff, without a full stop."""
        if self.ticked is None:
            return "no tick of it is recorded" if self.owned else "it has never run here"
        ago = int((now - self.ticked).total_seconds())
        return (
            f"its last tick was {ago} s ago"
            if ago < 2 * FEWEST_SECONDS
            else f"its last tick was {ago // 60} min ago"
        )


def pulse(app: App, now: datetime) -> Pulse:
    """Feel it; the lock is taken and given back in the same moment if it is free."""
    from followup.storage.switches import Switch

    with app.storage.reading() as tx:
        tick = tx.switches.get(Switch.TICKED)
    longest = timedelta(seconds=max(FEWEST_SECONDS, MISSED_TICKS * app.config.daemon.tick_seconds))
    ticked = tick.at if tick else None
    return Pulse(owned(app), ticked, ticked is None or now - ticked > longest, _refusal(tick))


def owned(app: App) -> bool | None:
    """Whether a process holds the sending; None where that cannot be told."""
    from followup.errors import StorageError
    from followup.storage.owner import FileOwner

    if not isinstance(app.owner, FileOwner):
        return None
    try:
        return not app.owner.acquire()
    except StorageError:
        return None
    finally:
        app.owner.release()


def _refusal(tick: Setting | None) -> Refusal | None:
    from followup.storage.guard import Refusal

    return Refusal(tick.value) if tick and tick.value in set(Refusal) else None
