"""VERB: what the provider says became of a message it accepted."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from followup.care.attempt import LONGEST_WITHOUT_RECEIPT, Receipt
from followup.care.delivery import Mover, Status, allowed, the_move
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.channels import Ledger
from followup.clock import Clock
from followup.consequences import Moved, follow
from followup.errors import DeliveryError, SenderBlocked, Unavailable
from followup.replan import Clinic
from followup.storage import Storage, Transaction
from followup.storage.outbox_rows import Entry

BATCH = 100
"""Receipts asked for in one call: a provider that answers slowly keeps nothing else waiting for long."""

SOONEST_POLL = timedelta(seconds=30)
LATEST_POLL = timedelta(hours=6)

FINAL = frozenset({Status.DELIVERED, Status.UNDELIVERED})


def poll(
    storage: Storage,
    clinic: Clinic,
    ledgers: Mapping[ChannelName, Ledger],
    clock: Clock,
    stopping: threading.Event | None = None,
) -> int:
    """Ask for every receipt that is due and write it down; returns how many were asked for.

    The network is asked outside any transaction. A provider that does not answer is not asked for the rest of its
    receipts in this call. Once `stopping` is set nobody is asked anything more.
    """
    with storage.reading() as tx:
        due = tx.tracking.to_poll(clock.utc(), BATCH)
    silent: set[ChannelName] = set()
    for count, entry in enumerate(due):
        if stopping is not None and stopping.is_set():
            return count
        receipt = None if entry.channel in silent else _ask(ledgers, entry, silent)
        with storage.transaction() as tx:
            _write(tx, clinic, entry.id, receipt, clock.utc())
    return len(due)


def _ask(ledgers: Mapping[ChannelName, Ledger], entry: Entry, silent: set[ChannelName]) -> Receipt | None:
    ledger = ledgers.get(entry.channel)
    try:
        return ledger.receipt(entry.provider_id) if ledger and entry.provider_id else None
    except (Unavailable, SenderBlocked):
        silent.add(entry.channel)
    except DeliveryError:
        pass  # this one cannot be told about; the age at which it is given up decides
    return None


def _write(tx: Transaction, clinic: Clinic, message: int, receipt: Receipt | None, now: datetime) -> None:
    entry = tx.outbox.get(message)
    if entry is None:
        return
    told = receipt or Receipt(entry.provider_id or "", entry.status)
    if told.status is Status.ACCEPTED and _too_old(entry, now):
        # It never left the provider, as far as anybody knows: the next channel is tried (RELIABILITY.md).
        told = replace(told, status=Status.UNDELIVERED)
    if tx.tracking.receive(entry, told, _next(entry, told, now), now) and _fell_through(entry, told):
        move = the_move(Mover.RECEIPTS, entry.status, Status.UNDELIVERED)
        follow(tx, clinic, Moved(entry, move, Reason.NOT_DELIVERED, bad_address=told.bad_address), now)


def _fell_through(entry: Entry, told: Receipt) -> bool:
    return told.status is Status.UNDELIVERED and allowed(Mover.RECEIPTS, entry.status, told.status)


def _too_old(entry: Entry, now: datetime) -> bool:
    return now - (entry.sent_at or now) >= LONGEST_WITHOUT_RECEIPT


def _next(entry: Entry, told: Receipt, now: datetime) -> datetime | None:
    """Asked again after a fifth of its age, between half a minute and six hours; not at all after 72 hours."""
    age = now - (entry.sent_at or now)
    if told.status in FINAL or _too_old(entry, now):
        return None
    return now + min(max(age / 5, SOONEST_POLL), LATEST_POLL)
