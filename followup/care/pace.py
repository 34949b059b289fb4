"""How fast a sender may go: a bucket of tokens, and whether what is coming fits into its hours at that pace.

A token is one segment of a text, or one mail: carriers and mail hosts count so (MESSAGING.md §2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

ONE_NUMBER = 1
"""Segments a second that carriers take from an ordinary number (https://www.twilio.com/docs/api/errors/30001)."""

BURST = timedelta(seconds=1)
"""What a sender may send in so long, it may send at once; whatever it did not send before that is forgone."""

SOONEST, LATEST = timedelta(milliseconds=50), timedelta(seconds=1)
"""An empty bucket is looked into again no sooner and no later: answers and pages do not wait for it to fill."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` as of `at` (UTC). Below none, what went first has yet to be made up for."""

    tokens: float
    at: datetime

    def spent(self, tokens: float) -> Bucket:
        return Bucket(self.tokens - tokens, self.at)


def refilled(bucket: Bucket | None, per_second: float, now: datetime) -> Bucket:
    """The bucket as it is now: full, if nobody has used it; never more than what `BURST` gives, and one token."""
    most = max(1.0, per_second * BURST.total_seconds())
    if bucket is None:
        return Bucket(most, now)
    # Another daemon's clock may be ahead of ours: then nothing has flown in, and nobody waits for its hour.
    passed = max(now - bucket.at, timedelta())
    return Bucket(min(most, bucket.tokens + passed.total_seconds() * per_second), now)


def wait(bucket: Bucket, per_second: float) -> timedelta:
    """How long until something is in it, or until it is worth another look."""
    return min(max(SOONEST, timedelta(seconds=-bucket.tokens / per_second)), LATEST)


@dataclass(frozen=True, slots=True)
class Coming:
    """Messages that become due together and must have left by `until`: how many tokens they take."""

    due_at: datetime
    until: datetime
    tokens: float


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A wave that does not fit: since when it is due, until when it may go, how much of it would be left."""

    due_at: datetime
    until: datetime
    tokens: float


def shortfall(coming: Iterable[Coming], per_second: float, now: datetime) -> Shortfall | None:
    """What would be left of the first wave that does not fit, and of those behind it; None if all fit.

    One after the other, as they become due: what is left of one takes nothing from the next.
    """
    free, missed, left = now, [], 0.0
    for wave in sorted(coming, key=lambda wave: (wave.due_at, wave.until)):
        start = max(free, wave.due_at)
        fits = min(wave.tokens, max((wave.until - start).total_seconds(), 0.0) * per_second)
        free = start + timedelta(seconds=fits / per_second)
        if fits < wave.tokens:
            missed.append(wave)
            left += wave.tokens - fits
    return Shortfall(missed[0].due_at, missed[0].until, left) if missed else None
