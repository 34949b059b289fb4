"""A clock that only its owner moves: demo and tests hand it to the same functions the daemon's jobs call."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Stands still until it is told to go on; safe between threads, since senders and stand-ins read it too.

    Time passes by `advance` and `move_to`. `step` sets the wall clock without time passing, as a person or a time
    server does; in `sleep` time passes while the machine is suspended.
    """

    def __init__(self, start: datetime) -> None:
        """`start` is aware; raises ValueError for a moment without a zone."""
        if start.tzinfo is None:
            raise ValueError("a moment needs a zone")
        self._lock = threading.Lock()
        self._start = self._now = start.astimezone(UTC)
        self._awake = timedelta()
        self._asleep = timedelta()

    def utc(self) -> datetime:
        """The simulated moment, aware, in UTC."""
        with self._lock:
            return self._now

    def elsewhere(self) -> datetime:
        """The moment by everybody else's clock: where this one was never set, it is the same."""
        with self._lock:
            return self._start + self._awake + self._asleep

    def monotonic(self) -> float:
        """Simulated seconds since the start, awake."""
        with self._lock:
            return self._awake.total_seconds()

    def since_boot(self) -> float:
        """Simulated seconds since the start, awake and asleep."""
        with self._lock:
            return (self._awake + self._asleep).total_seconds()

    def advance(self, by: timedelta) -> None:
        """Let so much time pass; raises ValueError for less than none."""
        self.move_to(self.utc() + by)

    def move_to(self, moment: datetime) -> None:
        """Go on to a later moment; raises ValueError for an earlier one: time does not go back."""
        with self._lock:
            if moment < self._now:
                raise ValueError("a clock does not go back")
            self._awake += moment - self._now
            self._now = moment.astimezone(UTC)

    def step(self, by: timedelta) -> None:
        """Set the wall clock forward or back, though no time passes."""
        with self._lock:
            self._now += by

    def sleep(self, by: timedelta) -> None:
        """The machine is suspended for so long."""
        with self._lock:
            self._now += by
            self._asleep += by
