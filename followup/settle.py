"""VERB: what a crash left in doubt is named so, and a person is told; nothing in doubt is sent a second time."""

from __future__ import annotations

from datetime import datetime

from followup.care.task import TaskKind
from followup.consequences import tell
from followup.replan import Clinic
from followup.storage import Storage
from followup.storage.owner import Owner


def rescue(storage: Storage, clinic: Clinic, owner: Owner, now: datetime) -> int:
    """Take up the rows that owners now dead had in hand; returns how many: none while another may send.

    Whether they were sent cannot be known here: they become `in_doubt`, with a task, and are never planned again.
    """
    if not owner.acquire():
        return 0
    with storage.transaction() as tx:
        names = tx.sending.owners()
        orphans = tx.sending.orphans(owner.living(names))
        for entry in orphans:
            if tx.sending.doubt(entry, now):
                tell(tx, clinic, TaskKind.IN_DOUBT, entry, now)
        return len(orphans)
