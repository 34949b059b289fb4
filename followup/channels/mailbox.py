"""An Inbox of mails: whatever place they lie in, each is read once and told as often as it is asked for.

    since → mails not read yet → what came in → kept until what is asked for begins after them

Told again and not left out: whoever asks has stored it only when the next question begins later.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from followup.care.arrival import Arrival, Bounce
from followup.channels.inbound_mail import read_mail
from followup.channels.letter import RawMail
from followup.channels.mail import OurMails

LARGEST_WHOLE = 1024 * 1024
"""Bytes of a mail that is read whole; larger ones hold pictures."""
BEGINNING, END = 512 * 1024, 64 * 1024
"""Bytes of a larger mail that are read: an answer stands before its pictures, or behind the last."""

KEPT = timedelta(hours=1)
"""How long past what is asked for something is still told: a clock that was set back asks anew."""


class Source(Protocol):
    """A place that mails lie in."""

    on_loopback: bool
    """Whether it is on this machine."""

    def check(self) -> None:
        """Prove address, encryption, credentials and folder; raises as `unread` does."""

    def unread(self, since: datetime) -> Iterator[RawMail]:
        """Each mail not told before that came in at or after `since` (UTC); more may be told.

        What was yielded counts as told once the next is asked for. Raises Unavailable or SenderBlocked.
        """


@dataclass(frozen=True, slots=True)
class _Read:
    """Something read, and up to which question it is told."""

    came: Arrival | Bounce
    until: datetime


class Mailbox:
    """An Inbox, one question at a time."""

    def __init__(self, source: Source, ours: OurMails) -> None:
        self.on_loopback = source.on_loopback
        self._source, self._ours = source, ours
        self._lock = threading.Lock()
        self._read: dict[str, _Read] = {}

    def check(self) -> None:
        """Prove that mails can be read, without reading one; raises as `arrived` does."""
        self._source.check()

    def arrived(self, since: datetime) -> tuple[Arrival | Bounce, ...]:
        """See `Inbox.arrived`. What was read before it failed is kept, so that a long list is read bit by bit."""
        with self._lock:
            for raw in self._source.unread(since):
                if came := read_mail(raw, self._ours):
                    self._read[came.provider_id] = _Read(came, max(_moment(came), since) + KEPT)
            self._read = {key: read for key, read in self._read.items() if since <= read.until}
            return tuple(sorted((read.came for read in self._read.values()), key=_moment))

    def close(self) -> None:
        """Nothing is kept open between two questions."""


def joined(beginning: bytes, end: bytes) -> bytes:
    """The two ends of a large mail as one; the broken lines between them are left out."""
    return beginning.rpartition(b"\n")[0] + b"\n" + end.partition(b"\n")[2]


def _moment(came: Arrival | Bounce) -> datetime:
    return came.written_at if isinstance(came, Arrival) else came.received_at
