"""VERB: what patients wrote is fetched every few seconds, and handed to who handles it.

    since the watermark, less an overlap -> ask -> store -> watermark | handle

Nothing is lost where a poll fails, and nothing counts twice where two overlap: what is stored is told by its id.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from followup import log
from followup.care.arrival import Arrival, Bounce
from followup.care.people import ChannelName
from followup.channels import Inbox
from followup.errors import DeliveryError
from followup.receipts import bounced
from followup.replan import PROGRAM
from followup.replies import Listener
from followup.storage import Transaction
from followup.storage.switches import Switch

OVERLAP = timedelta(minutes=10)
"""A list may show late what came before another; so much of it is asked for again each time."""

FIRST_LOOK_BACK = timedelta(hours=24)
"""What was written before somebody listened for the first time is looked at so far back."""

FRESH = timedelta(minutes=15)
"""A question goes only if answers were read within this time (CARE.md §0)."""

READ = {ChannelName.SMS: Switch.INBOUND_READ, ChannelName.EMAIL: Switch.MAIL_READ}
"""Each inbox's watermark: all that came in before it has been stored."""


def poll(
    listener: Listener,
    inboxes: Mapping[ChannelName, Inbox],
    stopping: threading.Event | None = None,
    *,
    trusted: bool = True,
) -> tuple[int, int]:
    """Ask every inbox, and handle what waits; returns how many came in, and how many were handled.

    The network is asked outside any transaction, and again between two slices of handling. An inbox that cannot be
    read is asked for the same next time. Without a clock that is `trusted` the watermark stays where it is: one
    that runs ahead would pass by what is being written now.
    """
    came, count, more = 0, 0, True
    while more:
        came += sum(_fetch(listener, channel, inbox, trusted=trusted) for channel, inbox in inboxes.items())
        handled = listener.handle(stopping)
        count += handled.replies
        more = handled.more and not (stopping and stopping.is_set())
    return came, count


def _fetch(listener: Listener, channel: ChannelName, inbox: Inbox, *, trusted: bool) -> int:
    began = listener.clock.utc()
    with listener.storage.reading() as tx:
        since = read_until(tx, channel) or began - FIRST_LOOK_BACK
    try:
        found = inbox.arrived(min(since, began) - OVERLAP)
    except DeliveryError as error:
        log.fault("cannot read what came in", error, channel=channel.value)
        return 0
    came = listener.take_in([one for one in found if isinstance(one, Arrival)])
    for one in found:
        if isinstance(one, Bounce):
            bounced(listener.storage, listener.clinic, one, listener.answering.mail_domain, listener.clock.utc())
    if not trusted:
        return came
    with listener.storage.transaction() as tx:
        tx.switches.set(READ[channel], began.isoformat(), began, PROGRAM)
    return came


def read_until(tx: Transaction, channel: ChannelName) -> datetime | None:
    """Up to when everything that came in has been stored; None where nobody has listened yet."""
    found = tx.switches.get(READ[channel])
    return datetime.fromisoformat(found.value) if found else None


def hears(tx: Transaction, now: datetime, *, mailbox: bool) -> Mapping[ChannelName, bool]:
    """Whether what patients answer would be read now, by channel.

    Where no mailbox is read, a mail that asks says whom to call instead (`plan check` sees to it).
    """
    fresh = {
        channel: (read := read_until(tx, channel)) is not None and abs(now - read) <= FRESH for channel in READ
    }
    return fresh if mailbox else fresh | {ChannelName.EMAIL: True}
