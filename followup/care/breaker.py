"""When a sender pauses: an account or a host that fails is left alone, tried by one message, taken up slowly.

    closed → open → (wait) → half-open: one message, 2, 4, … → closed
                ↖ the wait doubles ↙

Only what speaks of the sender counts; what became of one message for its own sake does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from followup.care.attempt import Receipt
from followup.care.message import LONGEST_ATTEMPT
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

FAULTS_IN_A_ROW = 5
LEAST_RESULTS = 10
WINDOW = timedelta(seconds=60)
"""So many faults in a row open it, or half of at least so many results within so long (RELIABILITY.md §5)."""

MOST_RESULTS = 100
"""Of a busy sender the latest are enough to judge by."""

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
"""Before the first message tries an open sender; doubled each time that it fails, up to the longest."""

LOST_AFTER = LONGEST_ATTEMPT + timedelta(seconds=40)
"""What was begun and not heard of for so long died with its process, and is waited for no longer."""


class BreakerState(StrEnum):
    """Whether a sender is used; `sentence` says it to staff."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"

    @property
    def sentence(self) -> str:
        """One sentence for staff, without a full stop."""
        return _SENTENCES[self]


_SENTENCES = {
    BreakerState.CLOSED: "messages go as usual",
    BreakerState.OPEN: "it failed, and nothing goes until one message tries it again",
    BreakerState.HALF_OPEN: "it is being tried again, with few messages at a time",
}


class Verdict(StrEnum):
    """What one result says of the sender."""

    WORKS = "works"
    FAULT = "fault"
    BLOCKED = "blocked"
    NOTHING = "nothing"


def verdict_on_sender(result: Receipt | DeliveryError) -> Verdict:
    """A provider that refuses one message works; a refusal without a code is our own, and nobody was asked."""
    match result:
        case Unavailable(of_sender=False) | Rejected(code=""):
            return Verdict.NOTHING
        case Receipt() | Rejected():
            return Verdict.WORKS
        case SenderBlocked() | Uncertain(blocks_sender=True):
            return Verdict.BLOCKED
        case _:
            return Verdict.FAULT


Results = tuple[tuple[datetime, bool], ...]
"""When each was heard, and whether it was a fault; the latest last."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """One sender's state. Moments are UTC.

    `ordinary`: how many messages may be in hand when all is well. `code`: the provider's, of the fault that
    opened it, or `fault` or `blocked` where it gave none. `opened_at` stays until it closes. `retry_at`: nothing
    is begun before it. `wait`: the wait now, or the last. `allowance`: so many may be begun in this round.
    Of this process alone: how many are `out`, how many faults came `in_a_row`, and the `recent` results.
    """

    ordinary: int
    state: BreakerState = BreakerState.CLOSED
    code: str = ""
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    wait: timedelta = FIRST_WAIT
    allowance: int = 1
    out: int = 0
    in_a_row: int = 0
    recent: Results = ()

    @property
    def works(self) -> bool:
        """Whether messages come through: never given up, or one has come through since."""
        return self.state is BreakerState.CLOSED or (self.state is BreakerState.HALF_OPEN and self.allowance > 1)

    def room(self, now: datetime) -> int | None:
        """How many messages may be begun now; None: as many as usual."""
        if self.state is BreakerState.CLOSED:
            return None
        return 0 if self._is_waiting(now) else self.allowance

    def begun(self, count: int, now: datetime) -> Breaker:
        """So many, at most `room`, are out: the next round begins when all are back, or given up for lost."""
        if self.state is BreakerState.CLOSED or not count:
            return self
        return replace(self, state=BreakerState.HALF_OPEN, retry_at=now + LOST_AFTER, out=count)

    def after(self, result: Receipt | DeliveryError, now: datetime) -> Breaker:
        """The breaker once this result was heard."""
        if self.state is BreakerState.OPEN:
            return self  # It was begun before the sender was given up, and tells nothing new.
        verdict = verdict_on_sender(result)
        if verdict is Verdict.NOTHING:
            return self._back(works=False)
        is_fault = verdict is not Verdict.WORKS
        in_a_row = self.in_a_row + 1 if is_fault else 0
        recent = (*self.recent[1 - MOST_RESULTS :], (now, is_fault))
        if verdict is Verdict.BLOCKED or (is_fault and self._gives_up(in_a_row, recent, now)):
            return self._opened(result.code or verdict, now)
        return replace(self._back(works=not is_fault), in_a_row=in_a_row, recent=recent)

    def _is_waiting(self, now: datetime) -> bool:
        """A moment further off than any wait was written before the clock was put back, and is not waited for."""
        return self.retry_at is not None and timedelta() < self.retry_at - now <= LONGEST_WAIT

    def _gives_up(self, in_a_row: int, recent: Results, now: datetime) -> bool:
        """Asked after a fault. The first message that tries an open sender decides alone."""
        if self.state is BreakerState.HALF_OPEN and self.allowance == 1:
            return True
        lately = [is_fault for heard_at, is_fault in recent if abs(now - heard_at) <= WINDOW]
        half = len(lately) >= LEAST_RESULTS and 2 * sum(lately) >= len(lately)
        return half or in_a_row >= FAULTS_IN_A_ROW

    def _opened(self, code: str, now: datetime) -> Breaker:
        again = self.state is BreakerState.HALF_OPEN
        wait = min(2 * self.wait, LONGEST_WAIT) if again else FIRST_WAIT
        return Breaker(self.ordinary, BreakerState.OPEN, str(code), self.opened_at or now, now + wait, wait)

    def _back(self, *, works: bool) -> Breaker:
        """One of a round is back. A round that ends well doubles the next; the ordinary number closes it."""
        if self.state is BreakerState.CLOSED:
            return self
        if self.out > 1:
            return replace(self, out=self.out - 1)
        if works and 2 * self.allowance >= self.ordinary:
            return Breaker(self.ordinary)
        return replace(self, out=0, retry_at=None, allowance=self.allowance * (2 if works else 1))
