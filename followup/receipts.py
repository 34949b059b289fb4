"""VERB: what the provider says became of a message it accepted."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from followup.care.arrival import Bounce
from followup.care.attempt import LONGEST_WITHOUT_RECEIPT, Receipt
from followup.care.delivery import Mover, Status, allowed, the_move
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.task import TaskKind, new_task
from followup.channels import Ledger
from followup.clock import Clock
from followup.consequences import Moved, follow
from followup.errors import DeliveryError, SenderBlocked, Unavailable
from followup.listing import listed_together
from followup.replan import PROGRAM, Clinic
from followup.storage import Storage, Transaction
from followup.storage.outbox_rows import Entry
from followup.storage.switches import PAUSES

BATCH = 500
"""Receipts asked for in one call: a provider that answers slowly keeps nothing else waiting for long."""

SOONEST_POLL = timedelta(seconds=30)
LATEST_POLL = timedelta(hours=6)

FILTERED_OFTEN, FILTERED_WITHIN = 3, timedelta(hours=24)
"""So many texts taken for spam within so long, and the sender itself is distrusted (MESSAGING.md §5, 30007)."""

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
    receipts in this call. Once `stopping` is set nobody is asked anything more. Messages that went close together
    are looked up in one list; only what it does not show is asked for by itself.
    """
    with storage.reading() as tx:
        due = tx.tracking.to_poll(clock.utc(), BATCH)
    silent: set[ChannelName] = set()
    listed = _list(ledgers, due, silent)
    for count, entry in enumerate(due):
        if stopping is not None and stopping.is_set():
            return count
        receipt = listed.get(entry.provider_id or "")
        if receipt is None and entry.channel not in silent:
            receipt = _ask(ledgers, entry, silent)
        with storage.transaction() as tx:
            _write(tx, clinic, entry.id, receipt, clock.utc())
    return len(due)


def bounced(storage: Storage, clinic: Clinic, bounce: Bounce, mail_domain: str, now: datetime) -> bool:
    """A mail server could not hand one of our mails over; False if that changes nothing, or it is not ours.

    Safe to repeat: a bounce that is told twice finds the mail undelivered already.
    """
    with storage.transaction() as tx:
        entry = tx.outbox.by_provider_id(f"<{bounce.mail_id}@{mail_domain}>") if bounce.permanent else None
        if entry is None or not allowed(Mover.RECEIPTS, entry.status, Status.UNDELIVERED):
            return False
        told = Receipt(entry.provider_id or "", Status.UNDELIVERED, bounce.status, bad_address=bounce.bad_address)
        _write(tx, clinic, entry.id, told, now)
    return True


def _list(
    ledgers: Mapping[ChannelName, Ledger], due: Sequence[Entry], silent: set[ChannelName]
) -> dict[str, Receipt]:
    found: dict[str, Receipt] = {}
    for channel, ledger in ledgers.items():
        moments = [entry.sent_at for entry in due if entry.channel is channel and entry.sent_at]
        try:
            listed = listed_together(ledger, moments)
        except (Unavailable, SenderBlocked):
            silent.add(channel)
            continue
        found |= {one: shown.receipt for one, shown in listed.items()}
    return found


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
        _judge_sender(tx, clinic, entry, told, now)


def _judge_sender(tx: Transaction, clinic: Clinic, entry: Entry, told: Receipt, now: datetime) -> None:
    """A code that speaks of the account stops its channel until a person says otherwise, and they hear at once.

    The provider takes further texts all the same, so that a breaker's single try would prove nothing.
    """
    often = told.filtered and tx.tracking.lost_with(told.code, now - FILTERED_WITHIN) >= FILTERED_OFTEN
    if not (told.blocks_sender or often) or entry.channel in tx.switches.paused_channels():
        return
    tx.switches.set(PAUSES[entry.channel], f"code {told.code}", now, PROGRAM)
    tx.audit.write(now, PROGRAM, "pause", detail=f"channel={entry.channel} code={told.code}")
    kind, about = TaskKind.SENDER_PAUSED, str(entry.channel)
    tx.tasks.open(new_task(kind, now, clinic.practice.staffed, channel=about, code=told.code), now)


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
