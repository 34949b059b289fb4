"""VERB: doubt is ended by evidence: what a crash or an unclear answer left behind is looked for, never guessed.

    rescue: sending, its owner dead -> in doubt
    settle: in doubt -> ask the ledger by number -> found: adopted | not found: once more, or a person

The network is asked outside any transaction; what it showed is weighed against the row as it is afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from followup.care.attempt import Listed
from followup.care.delivery import Mover, Status, the_move
from followup.care.doubt import CLOCKS_APART, Adopt, Again, GiveUp, LookAgain, Looked, matching, settle_doubt
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.channels import Ledger
from followup.clock import Clock
from followup.consequences import Moved, doubt, follow, tell
from followup.errors import SenderBlocked, Unavailable
from followup.listing import listed_together
from followup.replan import Clinic
from followup.storage import Storage, Transaction
from followup.storage.doubts import Doubtful
from followup.storage.outbox_rows import Entry
from followup.storage.owner import Owner

BATCH = 50
"""Messages settled in one round: a provider that answers slowly keeps nothing else waiting for long."""


def rescue(storage: Storage, clinic: Clinic, owner: Owner, now: datetime) -> int:
    """Take up the rows that owners now dead had in hand; returns how many: none while another may send.

    Whether they were sent cannot be known here: they are in doubt, and settling looks for evidence.
    """
    if not owner.acquire():
        return 0
    with storage.transaction() as tx:
        # The dead are named, not the living: one that began to send since we looked is neither.
        seen = tx.sending.owners()
        return doubt(tx, clinic, tx.sending.orphans(seen - owner.living(seen)), now)


def settle(
    storage: Storage,
    clinic: Clinic,
    ledgers: Mapping[ChannelName, Ledger],
    clock: Clock,
    stopping: threading.Event | None = None,
) -> int:
    """Look for evidence wherever it is due, and act on it; returns how many messages were looked into.

    What went close together is looked for in one list; a number whose messages are not all there is asked for by
    itself, once, since only its whole list can show that something is missing. A ledger that does not answer is
    not asked for the rest of this round. Once `stopping` is set nobody is asked anything more.
    """
    with storage.transaction() as tx:
        due = tx.doubts.due(clock.utc(), BATCH)
    silent: set[ChannelName] = set()
    shown = _list(ledgers, due, silent)
    for (channel, to), group in _by_number(due).items():
        if stopping is not None and stopping.is_set():
            break
        there = [one for one in shown.get(channel, ()) if one.to == to]
        if there and _adopt(storage, clinic, group, there, clock.utc()) == len(group):
            continue
        listed = None if channel in silent else _ask(ledgers.get(channel), to, group, silent)
        with storage.transaction() as tx:
            for one in tx.doubts.read([one.entry.id for one in group]):
                _settle_one(tx, clinic, one, listed, clock.utc())
    return len(due)


def _by_number(due: Iterable[Doubtful]) -> dict[tuple[ChannelName, str], list[Doubtful]]:
    groups: dict[tuple[ChannelName, str], list[Doubtful]] = {}
    for one in due:
        groups.setdefault((one.entry.channel, one.to), []).append(one)
    return groups


def _list(
    ledgers: Mapping[ChannelName, Ledger], due: Sequence[Doubtful], silent: set[ChannelName]
) -> dict[ChannelName, Sequence[Listed]]:
    """What one list for each stretch of time shows; nothing where the ledger does not answer."""
    found: dict[ChannelName, Sequence[Listed]] = {}
    for channel, ledger in ledgers.items():
        moments = [moment for one in due if one.entry.channel is channel for moment, _ in one.doubt.tries]
        try:
            found[channel] = list(listed_together(ledger, moments).values())
        except (Unavailable, SenderBlocked):
            silent.add(channel)
    return found


def _adopt(
    storage: Storage, clinic: Clinic, group: Sequence[Doubtful], there: Sequence[Listed], now: datetime
) -> int:
    """Settle what such a list shows; returns how many. What it does not show is not missing for that."""
    settled = 0
    with storage.transaction() as tx:
        for one in tx.doubts.read([one.entry.id for one in group]):
            if _looked(tx, one, there).found:
                _settle_one(tx, clinic, one, there, now)
                settled += 1
    return settled


def _ask(
    ledger: Ledger | None, to: str, group: Sequence[Doubtful], silent: set[ChannelName]
) -> Sequence[Listed] | None:
    """The provider's whole list of a number since our first attempt; None where nobody can be asked."""
    began = [moment for one in group for moment, _ in one.doubt.tries]
    if ledger is None or not to or not began:
        return None
    try:
        return ledger.sent_to(to, min(began) - CLOCKS_APART)
    except (Unavailable, SenderBlocked):
        silent.add(group[0].entry.channel)
        return None


def _settle_one(
    tx: Transaction, clinic: Clinic, one: Doubtful, listed: Sequence[Listed] | None, now: datetime
) -> None:
    entry = one.entry
    match settle_doubt(one.doubt, None if listed is None else _looked(tx, one, listed), now):
        case Adopt(found, doubled):
            tx.doubts.adopt(entry, found, now)
            _follow(tx, clinic, entry, Status.ACCEPTED, None, now)
            if doubled:
                tell(tx, clinic, TaskKind.DOUBLED, entry, now)
        case Again(due_at):
            tx.doubts.again(entry, due_at, now)
            _follow(tx, clinic, entry, Status.RETRY_WAIT, Reason.SENT_AGAIN, now)
        case GiveUp():
            tx.doubts.give_up(entry, now)
            _follow(tx, clinic, entry, Status.UNRESOLVED, Reason.NOT_FOUND, now)
        case LookAgain() as verdict:
            tx.doubts.look_again(entry, verdict, now)


def _follow(
    tx: Transaction, clinic: Clinic, entry: Entry, target: Status, reason: Reason | None, now: datetime
) -> None:
    follow(tx, clinic, Moved(entry, the_move(Mover.SETTLER, Status.IN_DOUBT, target), reason), now)


def _looked(tx: Transaction, one: Doubtful, listed: Sequence[Listed]) -> Looked:
    """What of the list can only be this message's; an id once adopted is nobody else's."""
    known = tx.doubts.known([found.provider_id for found in listed])
    found = matching(one.doubt, listed, known)
    return (
        Looked(found, tx.doubts.on_its_way(one.entry), tx.doubts.in_doubt_there(one.entry)) if found else Looked()
    )
