"""Nine weeks in seconds: the clock jumps from one moment at which something is due to the next.

next moment -> what people do -> what the daemon does, until receipts are in
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from followup import receipts, worklist
from followup.care.delivery import UNSENT, Status
from followup.care.practice import QUESTION_OPEN_FOR
from followup.cli.demo.clinic import DemoClinic
from followup.cli.demo.script import Scene, calls_due, scenes
from followup.cli.demo.staff import Staff
from followup.dispatch import Tally
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

RECEIPT_ASKED_AFTER = receipts.SOONEST_POLL

MOST_ROUNDS = 10
"""Rounds of waiting for receipts at one stop; what has none by then is asked about at the next stop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """What one moment brought: the scene played (if any), rows before and after it, tasks opened since."""

    at: datetime
    scene: Scene | None
    before: Mapping[int, Entry]
    after: Mapping[int, Entry]
    opened: tuple[Task, ...]

    @property
    def changed(self) -> list[Entry]:
        """Rows that are new, or stand otherwise than before."""
        return [e for e in self.after.values() if self.is_new(e) or e.status != self.before[e.id].status]

    def is_new(self, entry: Entry) -> bool:
        return entry.id not in self.before


class Weeks:
    """The demo's course: every stop, told as it happens."""

    def __init__(self, clinic: DemoClinic, staff: Staff) -> None:
        self._clinic = clinic
        self._staff = staff
        self._waiting = scenes(clinic, staff)
        self._rows: dict[int, Entry] = {}
        self._last_task = 0

    def run(self) -> Iterator[Stop]:
        """Until nothing is due, nothing is asked and nobody has anything left to do."""
        while (moment := self._next_moment()) is not None:
            self._clinic.clock.move_to(moment)
            yield from self._stop(moment)

    def _next_moment(self) -> datetime | None:
        now = self._clinic.clock.utc()
        played = [scene.at for scene in [*self._waiting, *calls_due(self._staff)]]
        due = [row.due_at for row in self._rows.values() if row.status in UNSENT and row.due_at > now]
        closing = [row.sent_at + QUESTION_OPEN_FOR for row in self._rows.values() if row.sent_at and _is_open(row)]
        # A question is given up once it is older than that, not at the very moment.
        closing = [moment + timedelta(seconds=1) for moment in closing if moment >= now]
        return max(now, min([*played, *due, *closing])) if played or due or closing else None

    def _stop(self, moment: datetime) -> Iterator[Stop]:
        for scene in [s for s in [*self._waiting, *calls_due(self._staff)] if s.at <= moment]:
            scene.deed()
            yield self._told(moment, scene)
        self._waiting = [scene for scene in self._waiting if scene.at > moment]
        if self._settle():
            yield self._told(moment, None)

    def _settle(self) -> bool:
        """What the daemon's jobs do, until receipts are in; whether there was anything to do."""
        busy = self._beat()
        for _ in range(MOST_ROUNDS):
            if self._clinic.app.dispatcher.idle() and not self._awaited():
                break
            self._clinic.clock.advance(RECEIPT_ASKED_AFTER)
            busy |= self._beat()
        return busy

    def _beat(self) -> bool:
        """One beat of each of the daemon's jobs; whether any of them found something to do."""
        app, clock = self._clinic.app, self._clinic.clock
        asked = receipts.poll(app.storage, app.clinic, app.ledgers, clock)
        closed = app.dispatcher.close_questions()
        tally = app.dispatcher.tick()
        with app.storage.transaction() as tx:
            missing = worklist.nobody_home(tx, app.clinic, clock.utc())
        return bool(asked or closed or missing) or tally != Tally()

    def _awaited(self) -> bool:
        """Whether a receipt is to be asked for at the next round."""
        with self._clinic.app.storage.reading() as tx:
            return bool(tx.tracking.to_poll(self._clinic.clock.utc() + RECEIPT_ASKED_AFTER, 1))

    def _told(self, moment: datetime, scene: Scene | None) -> Stop:
        before, self._rows = self._rows, self._all_rows()
        opened = [task for task in self._staff.open_tasks() if task.number > self._last_task]
        self._last_task = max([self._last_task, *(task.number for task in opened)])
        return Stop(moment, scene, before, self._rows, tuple(sorted(opened, key=lambda task: task.number)))

    def _all_rows(self) -> dict[int, Entry]:
        with self._clinic.app.storage.reading() as tx:
            found = tx.outbox.of_patients(self._staff.patient_names())
        return {entry.id: entry for entries in found.values() for entry in entries}


def _is_open(row: Entry) -> bool:
    sent = row.status in (Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.IN_DOUBT)
    return row.asks and sent and row.question_closed_at is None
