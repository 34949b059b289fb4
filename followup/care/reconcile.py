"""What the facts ask for against what the outbox holds: the difference, and nothing else.

Reconciling twice changes nothing. What was claimed, sent or settled is never touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from followup.care.delivery import ON_THE_WIRE, UNSENT, Status
from followup.care.message import LEAST_ROOM, Held, Recorded
from followup.care.reason import Reason
from followup.care.rows import may_reopen
from followup.care.timeline import Reminder


@dataclass(frozen=True, slots=True)
class Ending:
    """A row that the facts set aside, and why."""

    row: Recorded
    held: Held

    @property
    def status(self) -> Status:
        return Reason(self.held.reason).status


@dataclass(frozen=True, slots=True)
class Move:
    """A row whose times change, or which comes back to life with these times."""

    row: Recorded
    reminder: Reminder


@dataclass(frozen=True, slots=True)
class Changes:
    """What `reconcile` found.

    `add` are new rows, those with `held` set aside from the start; `end` covers cancelled, superseded and
    suppressed; `recall` are rows on the wire that the facts would have stopped: a person has to put that right.
    """

    add: tuple[Reminder, ...] = ()
    move: tuple[Move, ...] = ()
    end: tuple[Ending, ...] = ()
    reopen: tuple[Move, ...] = ()
    recall: tuple[Ending, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.move or self.end or self.reopen or self.recall)


def reconcile(planned: Iterable[Reminder], recorded: Iterable[Recorded], now: datetime) -> Changes:
    """The changes that make the recorded rows say what the facts ask for.

    What the facts ask for only after its time has passed is recorded as set aside, so that it can be explained.
    """
    wanted = {reminder.key: reminder for reminder in planned}
    rows = {row.key: row for row in recorded}
    add = tuple(
        _in_time(reminder, now) for key, reminder in wanted.items() if key not in rows and not reminder.spare
    )
    move: list[Move] = []
    end: list[Ending] = []
    reopen: list[Move] = []
    recall: list[Ending] = []
    for key, row in rows.items():
        reminder = wanted.get(key)
        held = reminder.held if reminder else Held(Reason.NO_LONGER_PLANNED)
        if row.status in UNSENT and held:
            end.append(Ending(row, held))
        elif row.status in UNSENT and reminder:
            move += _moved(row, reminder)
        elif may_reopen(row):
            if held is None and reminder and _still_fits(reminder, now):
                reopen.append(Move(row, reminder))
            elif held and _another_reason(row, held, now):
                end.append(Ending(row, held))
        elif row.status in ON_THE_WIRE and held and Reason(held.reason).status is not Status.SUPPRESSED:
            recall.append(Ending(row, held))
    return Changes(add, tuple(move), tuple(end), tuple(reopen), tuple(recall))


def _another_reason(row: Recorded, held: Held, now: datetime) -> bool:
    """Why it does not go has changed; once its time is over, the reason that kept it from going stays."""
    return (row.reason, row.held_by) != (held.reason, held.by) and now < row.valid_until


def _in_time(reminder: Reminder, now: datetime) -> Reminder:
    if reminder.goes and not _still_fits(reminder, now):
        return replace(reminder, held=Held(Reason.NO_ROOM))
    return reminder


def _still_fits(reminder: Reminder, now: datetime) -> bool:
    return now + LEAST_ROOM <= reminder.valid_until


def _moved(row: Recorded, reminder: Reminder) -> list[Move]:
    """The row's new times, if they are new; what waits for its next attempt or its turn is not brought forward."""
    if row.status == Status.RETRY_WAIT or row.reason == Reason.CATCH_UP:
        reminder = replace(reminder, due_at=max(row.due_at, reminder.due_at))
    times = (row.not_before, row.due_at, row.valid_until)
    same = times == (reminder.not_before, reminder.due_at, reminder.valid_until)
    return [] if same else [Move(row, reminder)]
