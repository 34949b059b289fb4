"""What waits for a person: one open task per patient and kind, open until somebody closes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from followup.care.task import Level, NewTask, TaskKind
from followup.errors import NotFoundError, RefusedError
from followup.storage.conflicts import insert_unless_there
from followup.storage.seal import Place, Sealer
from followup.storage.tables import UNTOLD, task_numbers, tasks


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `detail` is what the person needs to know; private, like `note`."""

    number: int
    kind: TaskKind
    level: Level
    patient_id: int | None
    message_id: int | None
    opened_at: datetime
    due_at: datetime
    times: int
    detail: Mapping[str, Any] = field(repr=False)
    closed_at: datetime | None = None
    closed_by: str | None = None
    note: str | None = field(default=None, repr=False)
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    page_at: datetime | None = None
    pages: int = 0
    told_at: datetime | None = None

    @property
    def parts(self) -> tuple[Mapping[str, Any], ...]:
        """What it knows, the newest first, and then what it was before that was joined."""
        return (self.detail, *reversed(self.detail.get("earlier", [])))


class ToPage(NamedTuple):
    """A task about which a page is due, and how many have gone."""

    number: int
    patient_id: int | None
    pages: int


class AlertState(NamedTuple):
    """Whether an alert about a patient is open, and when the last one was closed."""

    is_open: bool
    closed_at: datetime | None


class Waiting(NamedTuple):
    """An open task, without what it is about."""

    number: int
    kind: TaskKind
    level: Level
    due_at: datetime


MOST_KEPT = 20
"""So much of what a task was joined by is kept in it; every reply and message stands in its own table as well."""


# Built once: see `register.py`.
_OF_ALERT = tasks.c.kind.in_([kind for kind in TaskKind if kind.about_patient])
_ALERTS_OF = select(tasks.c.patient_id, tasks.c.closed_at).where(
    tasks.c.patient_id.in_(bindparam("ids", expanding=True)), _OF_ALERT
)
_ALERTS = select(tasks.c.patient_id).where(
    tasks.c.closed_at.is_(None),
    _OF_ALERT,
    tasks.c.patient_id.in_(bindparam("ids", expanding=True)),
)


_WAITING = select(tasks.c.number, tasks.c.kind, tasks.c.level, tasks.c.due_at)


class Tasks:
    """The worklist, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def open(self, new: NewTask, now: datetime) -> int:
        """Open a task, or join the open one of that patient and kind; returns its number."""
        number = None
        while number is None:
            row = self._standing(new)
            number = self._join(row, new, now) if row else self._insert(new, now)
        return number

    def _paged_again(self, task: Task, now: datetime) -> dict[str, Any]:
        """What flares up is nobody's any more; where pages go on anyway, they go on as they were."""
        if task.acknowledged_at is None:
            return {}
        return {"acknowledged_at": None, "acknowledged_by": None, "page_at": now}

    def extend(
        self,
        new: NewTask,
        now: datetime,
        together: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]],
    ) -> int:
        """As `open`, for a task that is one list: `together` makes one detail of the standing one and the new."""
        row = self._standing(new)
        if row is None:
            return self.open(new, now)
        sealed = self._sealed("detail", row.number, json.dumps(together(self._task(row).detail, new.detail)))
        self._connection.execute(update(tasks).where(tasks.c.number == row.number).values(detail=sealed))
        return int(row.number)

    def _standing(self, new: NewTask) -> Row[Any] | None:
        same = (tasks.c.kind == new.kind, tasks.c.closed_at.is_(None), tasks.c.patient_id == new.patient_id)
        return self._connection.execute(select(tasks).where(*same).with_for_update()).one_or_none()

    def _join(self, row: Row[Any], new: NewTask, now: datetime) -> int:
        """The newest detail counts; the earliest deadline stays. Whoever had it in hand must look once more."""
        task = self._task(row)
        kept = [*task.detail.get("earlier", []), {k: v for k, v in task.detail.items() if k != "earlier"}]
        kept = kept[-MOST_KEPT:]
        detail = dict(new.detail) | {"earlier": kept} if new.detail else dict(task.detail)
        self._connection.execute(
            update(tasks)
            .where(tasks.c.number == task.number)
            .values(
                times=tasks.c.times + 1,
                due_at=min(task.due_at, new.due_at),
                message_id=new.message_id or task.message_id,
                detail=self._sealed("detail", task.number, json.dumps(detail)),
                **(self._paged_again(task, now) if new.kind.level is Level.CRITICAL else {}),
                **({} if new.kind.level is Level.ROUTINE else {"told_at": None}),
            )
        )
        return task.number

    def _insert(self, new: NewTask, now: datetime) -> int | None:
        """The new task's number; None if another program has just opened one of the same patient and kind."""
        number = self._next_number()
        values = {
            "number": number,
            "kind": new.kind,
            "level": new.kind.level,
            "patient_id": new.patient_id,
            "message_id": new.message_id,
            "opened_at": now,
            "due_at": new.due_at,
            "times": 1,
            "page_at": now if new.kind.level is Level.CRITICAL else None,
            "detail": self._sealed("detail", number, json.dumps(dict(new.detail))),
        }
        return number if insert_unless_there(self._connection, tasks, values) else None

    def _next_number(self) -> int:
        """Small numbers, since they are typed and texted; SQLite has one writer and needs no sequence."""
        if self._connection.dialect.name == "postgresql":
            return int(self._connection.scalar(select(task_numbers.next_value())) or 0)
        return int(self._connection.scalar(select(func.coalesce(func.max(tasks.c.number), 0))) or 0) + 1

    def get(self, number: int) -> Task:
        """NotFoundError if there is no task of that number."""
        row = self._connection.execute(select(tasks).where(tasks.c.number == number)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no task {number}")
        return self._task(row)

    def open_tasks(self, patient_id: int | None = None) -> list[Task]:
        """What waits, the most urgent and oldest first; of one patient, if given."""
        query = select(tasks).where(tasks.c.closed_at.is_(None))
        if patient_id is not None:
            query = query.where(tasks.c.patient_id == patient_id)
        found = [self._task(row) for row in self._connection.execute(query)]
        return sorted(found, key=lambda task: (list(Level).index(task.level), task.due_at, task.number))

    def of_patient(self, patient_id: int) -> list[Task]:
        """Every task there ever was about a patient."""
        query = select(tasks).where(tasks.c.patient_id == patient_id).order_by(tasks.c.number)
        return [self._task(row) for row in self._connection.execute(query)]

    def of_practice(self) -> list[Task]:
        """Every task there ever was that is about no one patient; what it knows may name several."""
        query = select(tasks).where(tasks.c.patient_id.is_(None)).order_by(tasks.c.number)
        return [self._task(row) for row in self._connection.execute(query)]

    def of_message(self, message_id: int) -> list[Task]:
        query = select(tasks).where(tasks.c.message_id == message_id).order_by(tasks.c.number)
        return [self._task(row) for row in self._connection.execute(query)]

    def closed_since(self, moment: datetime) -> list[Task]:
        query = select(tasks).where(tasks.c.closed_at >= moment).order_by(tasks.c.closed_at)
        return [self._task(row) for row in self._connection.execute(query)]

    def alerts(self, patient_ids: Collection[int]) -> set[int]:
        """Those of the patients about whom an alert is open."""
        return set(self._connection.scalars(_ALERTS, {"ids": sorted(patient_ids)}))

    def alert_states(self, patient_ids: Collection[int]) -> dict[int, AlertState]:
        """For each of the patients: whether an alert about them is open, and when the last one was closed."""
        closed: dict[int, list[datetime | None]] = {patient: [] for patient in patient_ids}
        for patient, moment in self._connection.execute(_ALERTS_OF, {"ids": sorted(patient_ids)}).all():
            closed[patient].append(moment)
        return {
            patient: AlertState(None in found, max(filter(None, found), default=None))
            for patient, found in closed.items()
        }

    def close(self, number: int, now: datetime, by: str, note: str = "", times: int | None = None) -> Task:
        """Close it; RefusedError if it is closed already, or has grown since it was seen to have come `times`."""
        task = self.get(number)
        if times is not None and task.times != times:
            raise RefusedError(
                f"task {number} has grown since you looked: read it again (`followup tasks {number}`)"
            )
        sealed = self._sealed("note", number, note) if note else None
        values = {"closed_at": now, "closed_by": by, "note": sealed, "page_at": None}
        query = update(tasks).where(tasks.c.number == number, tasks.c.closed_at.is_(None)).values(**values)
        if not self._connection.execute(query).rowcount:
            raise RefusedError(f"task {number} is closed already")
        return task

    # Telling staff

    def acknowledge(self, number: int, now: datetime, by: str) -> bool:
        """Somebody has it in hand: no more pages go; False if nobody is being paged about it."""
        open_one = (tasks.c.number == number, tasks.c.closed_at.is_(None), tasks.c.acknowledged_at.is_(None))
        query = update(tasks).where(*open_one, tasks.c.level == Level.CRITICAL)
        values = {"acknowledged_at": now, "acknowledged_by": by, "page_at": None}
        return bool(self._connection.execute(query.values(**values)).rowcount)

    def to_page(self, now: datetime) -> list[ToPage]:
        """Those about which a page is due, the longest waiting first; what they are about is not opened for it."""
        t = tasks.c
        query = select(t.number, t.patient_id, t.pages).where(t.page_at <= now).order_by(t.page_at)
        return [ToPage(*row) for row in self._connection.execute(query.with_for_update(skip_locked=True))]

    def paged(self, number: int, next_at: datetime) -> None:
        """One more page about it is on its way."""
        query = update(tasks).where(tasks.c.number == number)
        self._connection.execute(query.values(pages=tasks.c.pages + 1, page_at=next_at))

    def untold(self) -> list[Waiting]:
        """Open ones that staff have not been told of by e-mail."""
        return self._waiting(_WAITING.where(UNTOLD).with_for_update(skip_locked=True))

    def waiting(self) -> list[Waiting]:
        """All open ones, by number."""
        return self._waiting(_WAITING.where(tasks.c.closed_at.is_(None)))

    def _waiting(self, query: Select[Any]) -> list[Waiting]:
        rows = self._connection.execute(query.order_by(tasks.c.number))
        return [Waiting(row.number, TaskKind(row.kind), Level(row.level), row.due_at) for row in rows]

    def told(self, numbers: Collection[int], now: datetime) -> None:
        self._connection.execute(update(tasks).where(tasks.c.number.in_(numbers)).values(told_at=now))

    def _sealed(self, column: str, number: int, text: str) -> bytes:
        return self._sealer.seal(Place("tasks", column, number), text)

    def _task(self, row: Row[Any]) -> Task:
        note = row.note and self._sealer.open(Place("tasks", "note", row.number), row.note)
        return Task(
            row.number,
            TaskKind(row.kind),
            Level(row.level),
            row.patient_id,
            row.message_id,
            row.opened_at,
            row.due_at,
            row.times,
            json.loads(self._sealer.open(Place("tasks", "detail", row.number), row.detail)),
            row.closed_at,
            row.closed_by,
            note,
            row.acknowledged_at,
            row.acknowledged_by,
            row.page_at,
            row.pages,
            row.told_at,
        )
