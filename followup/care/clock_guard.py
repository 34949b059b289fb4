"""When the machine's clock is not believed: a wrong hour sends by night, and sends what is no longer true.

    observe: the wall clock went further than time passed → suspect → calm for two minutes → trusted
    heard:   the provider tells another time → suspect → its time agrees, or the clock is put right → trusted

Time that passed is counted by a clock that nobody can set and that goes on while the machine sleeps. Comparing
one observation with the next, and not with the first, a slow drift never adds up to a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

TOLERANCE = timedelta(seconds=120)
"""Two clocks further apart than this contradict each other (RELIABILITY.md §3)."""

CALM = timedelta(minutes=2)
"""So long without a step, awake, and a clock that nothing contradicts is believed again (RELIABILITY.md §3)."""

SHORTEST_SLEEP = timedelta(seconds=1)
"""Less is the time between two readings."""


class Suspicion(StrEnum):
    """Why the clock is not believed; `sentence` says it to staff."""

    STEPPED = "stepped"
    CONTRADICTED = "contradicted"
    BEHIND = "behind"
    LONG_ABSENT = "long_absent"

    @property
    def sentence(self) -> str:
        """One sentence for staff, without a full stop."""
        return _SENTENCES[self]


_SENTENCES = {
    Suspicion.STEPPED: "the clock was set by more than two minutes, and nothing goes until it has been steady",
    Suspicion.CONTRADICTED: "the provider tells another time, and nothing goes until the clock is put right",
    Suspicion.BEHIND: "the clock is behind what is already recorded, and nothing goes until it has been steady",
    Suspicion.LONG_ABSENT: "followup was away for long, and nothing goes until the clock has been steady",
}


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One look at all clocks: `wall` in UTC; `boot` and `monotonic` in seconds, and only `boot` counts sleep."""

    wall: datetime
    boot: float
    monotonic: float

    def shift_since(self, before: ClockReading) -> timedelta:
        """How far the wall clock was set forward, or back, between the two."""
        return self.wall - before.wall - timedelta(seconds=self.boot - before.boot)

    def awake_since(self, before: ClockReading) -> timedelta:
        return timedelta(seconds=self.monotonic - before.monotonic)

    def asleep_since(self, before: ClockReading) -> timedelta:
        return timedelta(seconds=self.boot - before.boot) - self.awake_since(before)


@dataclass(frozen=True, slots=True)
class ClockGuard:
    """What the readings so far say of the clock; `reason` is None while it is believed.

    `last`: the latest reading. `calm`: the reading since which a suspect clock has been steady. `ahead`: how far
    the clock is before the provider's, by the last time that was heard and what has passed since; it counts only
    while the provider contradicts. `paused_for`: how long the machine slept when it last did.
    """

    last: ClockReading
    calm: ClockReading
    reason: Suspicion | None = None
    ahead: timedelta = timedelta()
    paused_for: timedelta = timedelta()

    @classmethod
    def starting(
        cls, reading: ClockReading, last_known: datetime | None = None, *, long_absent: bool = False
    ) -> ClockGuard:
        """At the start of a process. `last_known`: the newest moment (UTC) that the database knows of."""
        if last_known is not None and last_known - reading.wall > TOLERANCE:
            return cls(reading, reading, Suspicion.BEHIND)
        return cls(reading, reading, Suspicion.LONG_ABSENT if long_absent else None)

    @property
    def trusted(self) -> bool:
        """Whether messages may be claimed by this clock."""
        return self.reason is None

    def observe(self, reading: ClockReading) -> ClockGuard:
        """To be called often: what lies between two observations is seen only in sum."""
        if reading.boot < self.last.boot:
            return self  # Taken by another thread before the latest, and heard of after it.
        shift, slept = reading.shift_since(self.last), reading.asleep_since(self.last)
        paused_for = slept if slept >= SHORTEST_SLEEP else self.paused_for
        seen = replace(self, last=reading, ahead=self.ahead + shift, paused_for=paused_for)
        if self.reason is Suspicion.CONTRADICTED and abs(seen.ahead) > TOLERANCE:
            return seen
        if self._is_unsteady(reading):
            return replace(seen, calm=reading, reason=Suspicion.STEPPED)
        is_over = reading.awake_since(self.calm) >= CALM
        return replace(seen, reason=None) if is_over else seen

    def heard(self, provider_time: datetime, reading: ClockReading) -> ClockGuard:
        """The provider told the time (UTC, whole seconds); `reading` was taken when it was heard."""
        seen = self.observe(reading)
        # A reading older than the latest says when it was heard; the clock may have been set since.
        passed = timedelta(seconds=seen.last.boot - reading.boot)
        ahead = seen.last.wall - (provider_time + passed)
        return replace(seen, ahead=ahead, reason=Suspicion.CONTRADICTED if abs(ahead) > TOLERANCE else None)

    def _is_unsteady(self, reading: ClockReading) -> bool:
        """A step; while suspect, also many small ones; and a clock that was just put right."""
        if abs(reading.shift_since(self.last)) > TOLERANCE or self.reason is Suspicion.CONTRADICTED:
            return True
        return self.reason is not None and abs(reading.shift_since(self.calm)) > TOLERANCE
