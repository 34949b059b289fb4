"""VERB: an old copy of the database that was put back is noticed, and what was due since is doubt, not sent again.

    mark ahead of the database -> unsent and due by now -> in doubt, in the words it would have gone in -> settle

Then the generation is raised: in the database first, in the mark once that is committed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from followup import log
from followup.care.task import TaskKind, new_task
from followup.messages import MessageLibrary
from followup.prepare import Preparer
from followup.replan import PROGRAM, Clinic
from followup.storage import Storage, Transaction
from followup.storage.generation import Generation, first, older, read_mark, record, recorded, write_mark
from followup.storage.owner import Owner
from followup.storage.switches import Switch


@dataclass(frozen=True)
class Keeper:
    """Keeps the mark of one database. Its rounds are safe to repeat."""

    storage: Storage
    clinic: Clinic
    library: MessageLibrary
    owner: Owner
    mark: Path

    def keep(self, now: datetime) -> int:
        """Compare mark and database, then raise both; returns how many messages an old copy has left in doubt.

        Called before anything else of a start, and once a minute after it. Nothing while another owns the
        sending. Raises StorageError where the mark can be neither read nor written.
        """
        if not self.owner.acquire():
            return 0
        seen = read_mark(self.mark)
        with self.storage.transaction() as tx:
            present = recorded(tx.switches)
            restored = seen is not None and older(present, seen)
            doubted = self._take_up(tx, present, seen, now) if seen and restored else 0
            raised = tick(tx, now, seen if restored else None)
        write_mark(self.mark, raised)
        if seen and restored:
            numbers = {"generation": present.number if present else None, "mark": seen.number}
            log.event("an older copy of the database was put back", messages=doubted, **numbers)
        return doubted

    def _take_up(self, tx: Transaction, present: Generation | None, seen: Generation, now: datetime) -> int:
        """What the copy takes for unsent, and was due by now, may have gone: evidence is looked for.

        Its patients are not planned anew for that: a mail in place of a text in doubt would go before the
        provider's list could tell that the text went.
        """
        since = present.at if present else None
        due = tx.backlog.due(now, on_trial=seen.live and tx.switches.get(Switch.LIVE) is None)
        preparer = Preparer(tx, self.clinic, self.library, due, now, listening={})
        claims = [
            claim
            for entry in due
            if (claim := preparer.supposed(entry, max(entry.due_at, since or entry.due_at))) is not None
        ]
        doubted = len(tx.backlog.doubt(due, {claim.entry.id: claim for claim in claims}, since, now))
        was = f"generation={present.number if present else 'none'} mark={seen.number} messages={doubted}"
        tx.audit.write(now, PROGRAM, "older copy put back", detail=was)
        self._tell(tx, since, doubted, now)
        return doubted

    def _tell(self, tx: Transaction, since: datetime | None, doubted: int, now: datetime) -> None:
        """What was entered since the copy is lost, and only people know it: an opt-out first of all."""
        zone = self.clinic.practice.zone
        when = f"{since.astimezone(zone):%Y-%m-%d %H:%M}" if since else "the copy was made"
        words = (
            f"an older copy of the database was put back: enter again what was entered since {when}, opt-outs "
            f"first; whether {doubted} messages due since went is being looked for"
        )
        task = new_task(TaskKind.OUTAGE, now, self.clinic.practice.staffed, reason=words)
        tx.tasks.extend(task, now, lambda before, new: {**before, **new})


def tick(tx: Transaction, now: datetime, taken_up: Generation | None = None) -> Generation:
    """Raise the database's generation; returns it, for the mark. `taken_up` is the mark that an old copy met."""
    present = recorded(tx.switches) or first(now)
    raised = replace(present, number=present.number + 1, at=now, live=tx.switches.get(Switch.LIVE) is not None)
    if taken_up is not None:
        raised = replace(raised, number=max(raised.number, taken_up.number + 1), taken_up=now)
    record(tx.switches, raised, PROGRAM)
    return raised
