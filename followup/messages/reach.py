"""Whether a plan's steps can ever be said: tried out on real weeks with the rules that place them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from followup.care.local_time import SendWindow, StaffedHours, instant, local_day
from followup.care.people import Contact, Patient, Procedure, Role
from followup.care.plan import CarePlan, Step
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.timeline import Reminder, build_timeline

_FIRST = date(2026, 3, 16)
"""A Monday with no change of clocks in the fortnight after it, in America or Europe but for the last Sunday."""

_HOMES = ((0, time(11)), (0, time(15)), (1, time(11)), (2, time(11)), (3, time(11)))
"""Going home: days after the procedure, and when."""

_ALL_DAY = (time.min, time.min)


@dataclass(frozen=True, slots=True)
class Reach:
    """What was found for one step. `last_day` is the latest day after the procedure on which it may still go."""

    step: Step
    fault: str = ""
    closed_weekdays: tuple[str, ...] = ()
    last_day: int = 0


def reach(plan: CarePlan, practice: Practice) -> Iterator[Reach]:
    """One finding a step, over fourteen days of procedures and five ways of going home."""
    placed = list(_placed(plan, practice))
    always = list(_placed(plan, _always_open(practice)))
    for step in plan.steps:
        own = [(p, r) for p, r in placed if r.step.key == step.key]
        ideal = [(p, r) for p, r in always if r.step.key == step.key]
        yield Reach(step, _fault(own, ideal), _closed(own), _last_day(ideal, practice))


_Placed = tuple[Procedure, Reminder]


def _placed(plan: CarePlan, practice: Practice) -> Iterator[_Placed]:
    zone = practice.zone
    contact = Contact(1, Role.PATIENT, "", "", zone, "x", "x")
    known = replace(practice, plans={**practice.plans, plan.key: plan})
    for offset in range(14):
        on = _FIRST + timedelta(days=offset)
        for days, wall in _HOMES:
            home = instant(on + timedelta(days=days), wall, zone)
            procedure = Procedure(1, plan.key, on, instant(on, time(9), zone), home)
            patient = Patient(1, (contact,), (procedure,))
            for reminder in build_timeline(plan, procedure, patient, known, ()):
                yield procedure, reminder


def _always_open(practice: Practice) -> Practice:
    window = SendWindow(dict.fromkeys(range(7), _ALL_DAY))
    staffed = StaffedHours(dict.fromkeys(range(7), (_ALL_DAY,)), practice.zone)
    return replace(practice, window=window, staffed=staffed)


def _fault(own: list[_Placed], ideal: list[_Placed]) -> str:
    if not own or any(r.goes for _, r in own):
        return ""
    if any(r.held and r.held.reason == Reason.NO_STAFFED_HOUR for _, r in own):
        return "asks a question nobody could hear: the send window and the staffed hours never meet"
    if not any(r.goes for _, r in ideal):
        return "can never be sent: valid_until comes before it is due, whatever day the patient goes home"
    return "can never be sent: no hour between its time and valid_until is open in this clinic"


def _closed(own: list[_Placed]) -> tuple[str, ...]:
    """The weekdays of a procedure after which the step is never sent, though it is after others."""
    by_day: dict[int, bool] = {}
    for procedure, reminder in own:
        day = procedure.on.weekday()
        by_day[day] = by_day.get(day, False) or reminder.goes
    closed = [day for day, goes in sorted(by_day.items()) if not goes]
    names = tuple((_FIRST + timedelta(days=day)).strftime("%A") for day in closed)
    return names if len(closed) < len(by_day) else ()


def _last_day(ideal: list[_Placed], practice: Practice) -> int:
    just_before = timedelta(seconds=1)
    ends = [(local_day(r.valid_until - just_before, practice.zone) - p.on).days for p, r in ideal]
    return max(ends, default=0)
