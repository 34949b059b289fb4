"""The ways out of the house: each channel speaks to one provider and knows what was on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from followup.care.arrival import Arrival, Bounce
from followup.care.attempt import Listed, Receipt
from followup.care.message import Message

StillTrue = Callable[[], timedelta]
"""Asked after connecting and before the first byte: how long the message may still be sent; zero: no more."""


TellTime = Callable[[datetime], None]
"""Called as soon as an answer was heard, with the provider's own time (UTC, whole seconds) from its `Date`."""


class Channel(Protocol):
    """What sends."""

    on_loopback: bool
    """Whether all it speaks to is this machine: then nothing is really sent."""

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        """Hand one message to the provider; safe to call from several threads.

        Raises Rejected, Unavailable, Uncertain or SenderBlocked (see `followup.errors`); a message that is no
        longer true is Unavailable, since nothing was sent.
        """

    def check(self) -> None:
        """Prove address, encryption and credentials without sending anything; raises as `send` does."""

    def close(self) -> None:
        """Close kept connections."""


@runtime_checkable
class Ledger(Protocol):
    """What a provider remembers of what it was given."""

    def receipt(self, provider_id: str) -> Receipt:
        """What became of one message; raises Unavailable where the provider cannot be asked now."""

    def sent_to(self, address: str, since: datetime) -> tuple[Listed, ...]:
        """All that we sent to an address and the provider made at or after `since` (UTC), oldest first.

        Raises Unavailable or SenderBlocked where the list cannot be had, or hides what it should tell.
        """

    def sent_on(self, day: date) -> tuple[Listed, ...]:
        """All that we sent, to anybody, and the provider made on one day (UTC), oldest first; raises as above."""

    def sent_between(self, start: datetime, end: datetime, most: int) -> tuple[Listed, ...]:
        """Of all that we sent, to anybody, between two moments (UTC), at most `most`, the newest first.

        What still waits with the provider may be missing; raises as above.
        """

    def ask_time(self) -> None:
        """Ask for nothing but an answer, whose time is then told as every answer's is; raises as above."""


@runtime_checkable
class Inbox(Protocol):
    """What came in."""

    def arrived(self, since: datetime) -> tuple[Arrival | Bounce, ...]:
        """All that the provider took in at or after `since` (UTC), oldest first; more may be told, never less.

        Raises Unavailable or SenderBlocked where it cannot be had, or hides what it should tell.
        """

    def close(self) -> None:
        """Close kept connections."""
