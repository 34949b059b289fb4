"""Whether the daemon lives: its lock, and when it last ticked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from followup.app import App

FEWEST_SECONDS = 60
MISSED_TICKS = 4


@dataclass(frozen=True, slots=True)
class Pulse:
    """`owned`: whether a process holds the sending; None where only its ticks can tell (PostgreSQL).

    `ticked`: the last tick. `late`: it is too long ago for a daemon that lives.
    """

    owned: bool | None
    ticked: datetime | None
    late: bool

    @property
    def alive(self) -> bool:
        return self.owned is not False and not self.late

    def said(self, now: datetime) -> str:
        """One sentence for staff, without a full stop."""
        if self.ticked is None:
            return "it has never run here"
        ago = int((now - self.ticked).total_seconds())
        return (
            f"its last tick was {ago} s ago"
            if ago < 2 * FEWEST_SECONDS
            else f"its last tick was {ago // 60} min ago"
        )


def pulse(app: App, now: datetime) -> Pulse:
    """Feel it; the lock is taken and given back in the same moment if it is free."""
    from followup.storage.owner import FileOwner
    from followup.storage.switches import Switch

    with app.storage.reading() as tx:
        tick = tx.switches.get(Switch.TICKED)
    owned = None
    if isinstance(app.owner, FileOwner):
        owned = not app.owner.acquire()
        app.owner.release()
    longest = timedelta(seconds=max(FEWEST_SECONDS, MISSED_TICKS * app.config.daemon.tick_seconds))
    ticked = tick.at if tick else None
    return Pulse(owned, ticked, ticked is None or now - ticked > longest)
