"""VERB: the provider's list of a day against our attempts, both ways: in production, what tests show before.

Nothing is changed but one task that lists the differences; ids only, never a number or a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from followup.care.attempt import Listed
from followup.care.delivery import Status
from followup.care.people import ChannelName
from followup.care.task import TaskKind, new_task
from followup.channels import Ledger
from followup.errors import DeliveryError
from followup.replan import Clinic
from followup.storage import Storage, Transaction
from followup.storage.outbox_rows import Entry

NOT_KNOWN = frozenset({"20404", "404"})
"""The provider's word that it has no message of an id."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What differs on one day (UTC). `ghosts`: the provider's ids of texts that we know nothing of.

    `missing`: our messages that the provider took, by its word then, and does not know now. `doubled`: our
    messages whose words went a second time, under another id. `in_doubt`: ours in doubt that its list shows.
    """

    day: date
    listed: int
    ghosts: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()
    doubled: tuple[tuple[int, str], ...] = ()
    in_doubt: tuple[tuple[int, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ghosts or self.missing or self.doubled or self.in_doubt)


def audit(storage: Storage, clinic: Clinic, ledger: Ledger, day: date, now: datetime) -> Findings:
    """Compare one day (UTC). Raises Unavailable or SenderBlocked where the provider's list cannot be had."""
    listed = ledger.sent_on(day)
    with storage.reading() as tx:
        unknown = [one for one in listed if one.provider_id not in tx.doubts.known([one.provider_id])]
        named = [(one, tx.doubts.with_words(ChannelName.SMS, one.to, one.body)) for one in unknown]
        ours = tx.doubts.taken_on(day, ChannelName.SMS)
    shown = {one.provider_id for one in listed}
    absent = [entry for entry in ours if entry.provider_id not in shown and _is_unknown(ledger, entry)]
    findings = _sorted(day, len(listed), named, absent)
    if findings:
        with storage.transaction() as tx:
            _tell(tx, clinic, findings, now)
    return findings


def _is_unknown(ledger: Ledger, entry: Entry) -> bool:
    """A list by day lacks what was never handed on: only the provider's word on the id itself counts."""
    try:
        ledger.receipt(entry.provider_id or "")
    except DeliveryError as error:
        return error.code in NOT_KNOWN
    return False


def _sorted(
    day: date, count: int, named: Sequence[tuple[Listed, Sequence[Entry]]], absent: Sequence[Entry]
) -> Findings:
    ghosts, doubled, doubtful = [], [], []
    for one, entries in named:
        in_doubt = [entry for entry in entries if entry.status is Status.IN_DOUBT]
        if in_doubt:
            doubtful.append((in_doubt[0].id, one.provider_id))
        elif entries:
            doubled.append((entries[0].id, one.provider_id))
        else:
            ghosts.append(one.provider_id)
    missing = tuple(entry.id for entry in absent)
    return Findings(day, count, tuple(ghosts), missing, tuple(doubled), tuple(doubtful))


def _tell(tx: Transaction, clinic: Clinic, found: Findings, now: datetime) -> None:
    """One open task, however many days differ."""
    differences: dict[str, Any] = {
        "day": found.day.isoformat(),
        "ghosts": list(found.ghosts),
        "missing": list(found.missing),
        "doubled": [list(pair) for pair in found.doubled],
        "in_doubt": [list(pair) for pair in found.in_doubt],
    }
    known = [task for task in tx.tasks.open_tasks() if task.kind is TaskKind.LEDGER]
    told = [detail for task in known for detail in (task.detail, *task.detail.get("earlier", []))]
    if differences not in [{key: detail.get(key) for key in differences} for detail in told]:
        tx.tasks.open(new_task(TaskKind.LEDGER, now, clinic.practice.staffed, **differences), now)
