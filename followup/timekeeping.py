"""Whether this machine's clock may be believed now: read often, and compared with the time that providers tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from followup.care.clock_guard import ClockGuard, ClockReading
from followup.clock import Clock

Told = tuple[datetime, float]
"""A provider's time, from its answer's `Date`, and a mark that differs each time it is told."""


@dataclass
class Timekeeper:
    """One for a process, asked by every thread that sends. `told` are the providers' latest times, if any."""

    clock: Clock
    told: Sequence[Callable[[], Told | None]] = ()
    _guard: ClockGuard | None = field(default=None, repr=False)
    _heard: dict[int, float] = field(default_factory=dict, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self, last_known: datetime | None, *, long_absent: bool) -> ClockGuard:
        """At the start of a process: `last_known` is the newest moment that the database knows of."""
        with self._turn:
            self._guard = ClockGuard.starting(self._reading(), last_known, long_absent=long_absent)
            return self._guard

    def look(self) -> ClockGuard:
        """What the clocks say now, and what providers have told since the last look."""
        with self._turn:
            reading = self._reading()
            guard = self._guard or ClockGuard.starting(reading)
            guard = guard.observe(reading)
            for number, told in enumerate(self.told):
                latest = told()
                if latest and self._heard.get(number) != latest[1]:
                    self._heard[number] = latest[1]
                    guard = guard.heard(latest[0], reading)
            self._guard = guard
            return guard

    def _reading(self) -> ClockReading:
        return ClockReading(self.clock.utc(), self.clock.since_boot(), self.clock.monotonic())
