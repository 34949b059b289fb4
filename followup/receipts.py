"""VERB: what the provider says became of a message it accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from followup.care.delivery import LONGEST_WITHOUT_RECEIPT, Receipt, Status
from followup.care.people import ChannelName
from followup.channels import Ledger
from followup.clock import Clock
from followup.consequences import did_not_arrive
from followup.errors import DeliveryError
from followup.replan import Clinic
from followup.storage import Storage
from followup.storage.outbox_rows import Entry

BATCH = 100

SOONEST_POLL = timedelta(seconds=30)
LATEST_POLL = timedelta(hours=6)

FINAL = frozenset({Status.DELIVERED, Status.UNDELIVERED})


def poll(storage: Storage, clinic: Clinic, ledgers: Mapping[ChannelName, Ledger], clock: Clock) -> int:
    """Ask for every receipt that is due and write it down; returns how many were asked for.

    The network is asked outside any transaction; a provider that does not answer is asked again later.
    """
    with storage.reading() as tx:
        due = tx.tracking.to_poll(clock.utc(), BATCH)
    for entry in due:
        receipt = _ask(ledgers, entry)
        with storage.transaction() as tx:
            now = clock.utc()
            fresh = tx.outbox.get(entry.id)
            if fresh is None:
                continue
            told = receipt or Receipt(entry.provider_id or "", fresh.status)
            if tx.tracking.receive(fresh, told, _next(fresh, told, now), now) and _fell_through(fresh, told):
                did_not_arrive(tx, clinic, fresh, bad_address=told.bad_address, now=now)
    return len(due)


def _ask(ledgers: Mapping[ChannelName, Ledger], entry: Entry) -> Receipt | None:
    ledger = ledgers.get(entry.channel)
    try:
        return ledger.receipt(entry.provider_id) if ledger and entry.provider_id else None
    except DeliveryError:
        return None


def _fell_through(entry: Entry, told: Receipt) -> bool:
    return told.status is Status.UNDELIVERED and entry.status is not Status.UNDELIVERED


def _next(entry: Entry, told: Receipt, now: datetime) -> datetime | None:
    """Asked again after a fifth of its age, between half a minute and six hours; not at all after 72 hours."""
    age = now - (entry.sent_at or now)
    if told.status in FINAL or age >= LONGEST_WITHOUT_RECEIPT:
        return None
    return now + min(max(age / 5, SOONEST_POLL), LATEST_POLL)
