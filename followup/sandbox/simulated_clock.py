"""A clock that only its owner moves: demo and tests hand it to the same functions the daemon's jobs call."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Stands still until it is told to go on; safe between threads, since senders and stand-ins read it too."""

    def __init__(self, start: datetime) -> None:
        """`start` is aware; raises ValueError for a moment without a zone."""
        if start.tzinfo is None:
            raise ValueError("a moment needs a zone")
        self._lock = threading.Lock()
        self._start = self._now = start.astimezone(UTC)

    def utc(self) -> datetime:
        """The simulated moment, aware, in UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Simulated seconds since the start."""
        return (self.utc() - self._start).total_seconds()

    def since_boot(self) -> float:
        """The same: a simulated machine never sleeps."""
        return self.monotonic()

    def advance(self, by: timedelta) -> None:
        """Let so much time pass; raises ValueError for less than none."""
        self.move_to(self.utc() + by)

    def move_to(self, moment: datetime) -> None:
        """Go on to a later moment; raises ValueError for an earlier one: time does not go back."""
        with self._lock:
            if moment < self._now:
                raise ValueError("a clock does not go back")
            self._now = moment.astimezone(UTC)
