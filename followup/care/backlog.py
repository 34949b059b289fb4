"""What a long outage has left overdue: when each message may still go, and which have been outlasted.

Only what is still valid goes, at most one purpose per patient and local day, the newest first (CARE.md §3,
rule 7). Patients are written to one after the other, so that a week's silence does not end in one wave.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from followup.care.local_time import instant, local_day
from followup.care.message import LEAST_ROOM, Recorded
from followup.care.plan import Step
from followup.care.practice import Practice

LONG_ABSENCE = timedelta(hours=1)
"""After so long without a round, what is overdue is taken stock of before anything goes (RELIABILITY.md, T11)."""

SPREAD = timedelta(minutes=30)
"""A backlog is let go evenly over so long, or over a second a patient where that is longer."""

CLOSEST = timedelta(seconds=1)
WIDEST = timedelta(minutes=1)
"""Between two patients lies no less and no more than this."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A reminder that an outage has held back; `zone` is its contact's."""

    row: Recorded
    step: Step
    zone: ZoneInfo

    @property
    def purpose(self) -> Purpose:
        return purpose(self.row)

    @property
    def latest(self) -> datetime:
        """After this moment it is begun no more."""
        return self.row.valid_until - LEAST_ROOM


Purpose = tuple[int, str]
"""What is said to a patient: a step of a procedure, by whatever channels and to whichever contacts."""

Said = tuple[Purpose, datetime]


def purpose(row: Recorded) -> Purpose:
    """What a row says."""
    return row.key.procedure, row.key.step


def outlasted(valid_until: datetime, now: datetime) -> bool:
    """Whether too little is left of a message's time to begin it."""
    return now + LEAST_ROOM > valid_until


def gap(patients: int) -> timedelta:
    """How long after one patient the next is written to."""
    return min(max(SPREAD / max(patients, 1), CLOSEST), WIDEST)


def places(
    held: Iterable[Overdue], said: Iterable[Said], now: datetime, lag: timedelta, practice: Practice
) -> dict[int, datetime | None]:
    """When each of one patient's overdue reminders goes, by the id of its row; None if it has been outlasted.

    `said` is what else the patient gets or got, and when: on such a day nothing of the backlog is added. `lag` is
    how long after the first patient's turn this one's is.
    """
    taken = list(said)
    found: dict[int, datetime | None] = {}
    for one in sorted(held, key=lambda one: (one.row.due_at, one.row.id), reverse=True):
        moment = _place(one, _days(one, taken), now, lag, practice)
        found[one.row.id] = moment
        if moment is not None:
            taken.append((one.purpose, moment))
    return found


def _days(one: Overdue, taken: Iterable[Said]) -> set[date]:
    """The local days on which something else is said."""
    return {local_day(moment, one.zone) for about, moment in taken if about != one.purpose}


def _place(one: Overdue, days: set[date], now: datetime, lag: timedelta, practice: Practice) -> datetime | None:
    """The first moment on a day that is free: now, in its turn, or at the step's own time on a later day."""
    try:
        moment = _in_turn(one, now, lag, practice)
        while moment <= one.latest:
            day = local_day(moment, one.zone)
            if day not in days:
                return moment
            moment = practice.opening(one.step, instant(day + timedelta(days=1), one.step.at, one.zone), one.zone)
    except ValueError:
        return None
    return None


def _in_turn(one: Overdue, now: datetime, lag: timedelta, practice: Practice) -> datetime:
    """The first opening, and the turn after it; at once where its time would be over by then."""
    first = practice.opening(one.step, now, one.zone)
    turn = practice.opening(one.step, first + lag, one.zone)
    if turn > first + lag:  # it closes before this patient's turn: the order is kept when it opens again
        turn = practice.opening(one.step, turn + lag, one.zone)
    return turn if turn <= one.latest else first
