"""Nine weeks in seconds: the clock jumps from one moment at which something is due to the next.

next moment -> what people do -> the daemon's own rounds, until receipts are in
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from followup import receipts
from followup.care.delivery import UNSENT, Status
from followup.care.practice import QUESTION_OPEN_FOR
from followup.cli.demo.clinic import DemoClinic
from followup.cli.demo.pages import StaffText, staff_texts
from followup.cli.demo.script import Scene, deeds_due, scenes
from followup.cli.demo.staff import Staff
from followup.rounds import Rounds
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

ROUND_AFTER = receipts.SOONEST_POLL

MOST_ROUNDS = 10
"""Rounds of waiting at one stop; a receipt that is not in by then is asked for at the next."""


@dataclass(frozen=True, slots=True)
class Stop:
    """What one moment brought: the scene played (if any), rows before and after it, tasks and pages since."""

    at: datetime
    scene: Scene | None
    before: Mapping[int, Entry]
    after: Mapping[int, Entry]
    opened: tuple[Task, ...]
    paged: tuple[StaffText, ...]

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
        self._rounds = Rounds(clinic.app)
        self._waiting = scenes(clinic, staff)
        self._rows: dict[int, Entry] = {}
        self._last_task = 0
        self._texts_to_staff = 0

    def run(self) -> Iterator[Stop]:
        """Until nothing is due, nothing is asked and nobody has anything left to do."""
        self._rounds.begin()
        while (moment := self._next_moment()) is not None:
            self._clinic.clock.move_to(moment)
            yield from self._stop(moment)
        self._rounds.seal()

    def _next_moment(self) -> datetime | None:
        now, tasks = self._clinic.clock.utc(), self._staff.open_tasks()
        played = [scene.at for scene in [*self._waiting, *deeds_due(self._clinic, self._staff, tasks)]]
        due = [row.due_at for row in self._rows.values() if row.status in UNSENT and row.due_at > now]
        closing = [row.sent_at + QUESTION_OPEN_FOR for row in self._rows.values() if row.sent_at and _is_open(row)]
        # A question is given up once it is older than that, not at the very moment.
        closing = [moment + timedelta(seconds=1) for moment in closing if moment >= now]
        paging = [task.page_at for task in tasks if task.page_at]
        coming = [*played, *due, *closing, *paging]
        return max(now, min(coming)) if coming else None

    def _stop(self, moment: datetime) -> Iterator[Stop]:
        deeds = deeds_due(self._clinic, self._staff, self._staff.open_tasks())
        for scene in [scene for scene in [*self._waiting, *deeds] if scene.at <= moment]:
            scene.deed()
            yield self._told(moment, scene)
        self._waiting = [scene for scene in self._waiting if scene.at > moment]
        self._settle()
        yield self._told(moment, None)

    def _settle(self) -> None:
        """The daemon's rounds, until receipts are in and staff are told of what they brought."""
        newest = self._newest_task()
        for _ in range(MOST_ROUNDS):
            self._beat()
            before, newest = newest, self._newest_task()
            if newest == before and self._clinic.app.dispatcher.idle() and not self._awaited():
                break
            self._clinic.clock.advance(ROUND_AFTER)

    def _beat(self) -> None:
        """Once each of the rounds that have anything to do in a demo that never stands still or is stopped."""
        rounds = self._rounds
        rounds.listen()
        rounds.tell_staff()
        self._clinic.app.dispatcher.tick()
        rounds.close_questions()
        rounds.poll()
        rounds.ask_home()

    def _newest_task(self) -> int:
        return max((task.number for task in self._staff.open_tasks()), default=0)

    def _awaited(self) -> bool:
        """Whether a receipt is to be asked for at the next round."""
        with self._clinic.app.storage.reading() as tx:
            return bool(tx.tracking.to_poll(self._clinic.clock.utc() + ROUND_AFTER, 1))

    def _told(self, moment: datetime, scene: Scene | None) -> Stop:
        before, self._rows = self._rows, self._all_rows()
        opened = [task for task in self._staff.open_tasks() if task.number > self._last_task]
        self._last_task = max([self._last_task, *(task.number for task in opened)])
        texts = staff_texts(self._clinic)
        paged, self._texts_to_staff = texts[self._texts_to_staff :], len(texts)
        by_number = tuple(sorted(opened, key=lambda task: task.number))
        return Stop(moment, scene, before, self._rows, by_number, tuple(paged))

    def _all_rows(self) -> dict[int, Entry]:
        with self._clinic.app.storage.reading() as tx:
            found = tx.outbox.of_patients(self._staff.patient_names())
        return {entry.id: entry for entries in found.values() for entry in entries}


def _is_open(row: Entry) -> bool:
    sent = row.status in (Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.IN_DOUBT)
    return row.asks and sent and row.question_closed_at is None
