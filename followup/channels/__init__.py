"""The ways out of the house: each channel speaks to one provider and knows what was on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, runtime_checkable

from followup.care.attempt import Receipt
from followup.care.message import Message

StillTrue = Callable[[], timedelta]
"""Asked after connecting and before the first byte: how long the message may still be sent; zero: no more."""


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
