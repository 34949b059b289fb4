"""The only lines in the house that read the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What looping code asks for the time, so that a long wave does not run on one stale moment."""

    def utc(self) -> datetime:
        """The present moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back, whatever is done to the wall clock."""

    def since_boot(self) -> float:
        """As `monotonic`, and it goes on while the machine sleeps, where the system can tell."""


_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux counts sleep in a clock of its own; elsewhere sleep looks like a step, and the clock has to be proved."""


class SystemClock:
    """The machine's own clock."""

    def utc(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  the one reading of the wall clock

    def monotonic(self) -> float:
        return time.monotonic()

    def since_boot(self) -> float:
        return time.clock_gettime(_BOOT)


class StandingClock:
    """A clock that stands at one moment, to see what would be done then. Durations are real."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def utc(self) -> datetime:
        return self._moment

    def monotonic(self) -> float:
        return time.monotonic()

    def since_boot(self) -> float:
        return time.monotonic()
