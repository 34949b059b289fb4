"""Whether this machine's clock may be believed now: read often, and compared with the time that providers tell."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

from followup.care.clock_guard import ClockGuard, ClockReading
from followup.clock import Clock


@dataclass
class Timekeeper:
    """One for a process; asked, and told the providers' times, by every thread that sends."""

    clock: Clock
    _guard: ClockGuard | None = field(default=None, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self, last_known: datetime | None, *, long_absent: bool) -> ClockGuard:
        """At the start of a process: `last_known` is the newest moment that the database knows of."""
        with self._turn:
            self._guard = ClockGuard.starting(self._reading(), last_known, long_absent=long_absent)
            return self._guard

    def look(self) -> ClockGuard:
        """What the clocks say now."""
        with self._turn:
            reading = self._reading()
            self._guard = (self._guard or ClockGuard.starting(reading)).observe(reading)
            return self._guard

    def hear(self, provider_time: datetime) -> None:
        """A provider has just told its time (UTC)."""
        with self._turn:
            reading = self._reading()
            self._guard = (self._guard or ClockGuard.starting(reading)).heard(provider_time, reading)

    def _reading(self) -> ClockReading:
        return ClockReading(self.clock.utc(), self.clock.since_boot(), self.clock.monotonic())
