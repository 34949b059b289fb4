"""Patients, plans and practices to test the rules with: the shipped timeline as Python, and any other.

`kyphoplasty()` is a copy of CARE.md's timeline, so that these tests read no file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from care_strategies import CHICAGO, ZONES
from hypothesis import strategies as st

from followup.care.combine import Facts, patient_timeline
from followup.care.delivery import Status
from followup.care.local_time import SendWindow, StaffedHours, instant
from followup.care.message import Recorded
from followup.care.people import Bar, ChannelName, Contact, Patient, Procedure, Role
from followup.care.plan import Anchor, Asks, Bound, CarePlan, Restriction, Step
from followup.care.practice import Caps, Practice
from followup.care.reason import Reason
from followup.care.reconcile import Changes, reconcile
from followup.care.timeline import Reminder

T = TypeVar("T")

SMS, EMAIL, PHONE = ChannelName.SMS, ChannelName.EMAIL, ChannelName.PHONE
ENROLLMENT, PROCEDURE, DISCHARGE = Anchor.ENROLLMENT, Anchor.PROCEDURE, Anchor.DISCHARGE
EVENING = time(20)

WINDOW = SendWindow({day: (time(9), time(20)) for day in range(6)} | {6: (time(12), time(20))})
WEEKDAYS = {day: ((time(9), time(17)),) for day in range(5)}
OFFICE = StaffedHours(WEEKDAYS, CHICAGO)
SUNDAYS = StaffedHours({**WEEKDAYS, 6: ((time(12), time(16)),)}, CHICAGO)


def _until(day: int, **others: int) -> tuple[Bound, ...]:
    days = {PROCEDURE: day} | {Anchor(name): count for name, count in others.items()}
    return (Bound(days, EVENING),)


def kyphoplasty() -> CarePlan:
    """CARE.md §3 with its §0, which wins."""
    every = (SMS, EMAIL, PHONE)
    steps = (
        Step("welcome", "shared/welcome", (SMS, EMAIL), (Bound({}, after=timedelta(hours=24)),), ENROLLMENT,
             after=timedelta(), also=True),
        Step("going-home", "going-home", (EMAIL, SMS),
             (Bound({PROCEDURE: 0}, EVENING), Bound({DISCHARGE: 0}, EVENING)), DISCHARGE,
             after=timedelta(minutes=30), critical=True),
        Step("day-1", "day-1", every, _until(2), DISCHARGE, day=1, critical=True,
             not_before=(Bound({PROCEDURE: 1}),)),
        Step("pain-check", "pain-check", every, _until(5, discharge=3), day=2, critical=True,
             asks=Asks.PAIN_SCORE, not_before=(Bound({DISCHARGE: 1}),)),
        Step("pain-check-nudge", "pain-check-nudge", (EMAIL, PHONE), _until(5, discharge=3),
             after=timedelta(hours=24), nudges="pain-check"),
        Step("activity", "activity", every, _until(13), day=4, ends="rest", critical=True, unless_alert=True,
             not_before=(Bound({PROCEDURE: 3}),)),
        Step("two-weeks", "two-weeks", (SMS, EMAIL, PHONE), _until(28), day=14, also=True),
        Step("four-weeks", "four-weeks", (SMS, EMAIL), _until(41), day=28),
        Step("six-weeks", "six-weeks", every, _until(56), day=42, ends="heavy_lifting", critical=True, also=True,
             not_before=(Bound({PROCEDURE: 42}),)),
    )  # fmt: skip
    limits = (Restriction("rest", 2), Restriction("hard_effort", 42), Restriction("heavy_lifting", 42))
    return CarePlan("kyphoplasty", "Kyphoplasty", steps, limits)


def biopsy() -> CarePlan:
    """Another plan, with a question and limits of its own that overlap."""
    steps = (
        Step("welcome", "shared/welcome", (SMS, EMAIL), (Bound({}, after=timedelta(hours=24)),), ENROLLMENT,
             after=timedelta(), also=True),
        Step("site-check", "site-check", (SMS, EMAIL, PHONE), _until(6), day=1, asks=Asks.PAIN_SCORE),
        Step("lifting", "lifting", (SMS, EMAIL, PHONE), _until(20), day=10, ends="heavy_lifting",
             unless_alert=True),
    )  # fmt: skip
    return CarePlan("biopsy", "Biopsy", steps, (Restriction("heavy_lifting", 10), Restriction("rest", 5)))


PLANS = {"kyphoplasty": kyphoplasty(), "biopsy": biopsy()}


def a_practice(staffed: StaffedHours = OFFICE) -> Practice:
    return Practice(CHICAGO, WINDOW, staffed, PLANS)


def local(day: date, hour: int, minute: int = 0, zone: ZoneInfo = CHICAGO) -> datetime:
    return instant(day, time(hour, minute), zone)


def a_contact(key: int = 1, role: Role = Role.PATIENT, *barred: ChannelName) -> Contact:
    bars = dict.fromkeys(barred, Bar.NO_CONSENT)
    return Contact(key, role, "", "en", CHICAGO, f"+1555000{key:04}", f"{key}@example.test", bars)


def a_procedure(key: int, on: date, plan: str = "kyphoplasty", home: int | None = 16) -> Procedure:
    """Enrolled at nine on its day, home at `home` o'clock."""
    return Procedure(key, plan, on, local(on, 9), local(on, home) if home else None)


def a_patient(*procedures: Procedure, contacts: tuple[Contact, ...] = ()) -> Patient:
    return Patient(1, contacts or (a_contact(),), procedures)


def find(timeline: tuple[Reminder, ...], step: str, procedure: int = 1, contact: int = 1) -> Reminder:
    """The reminder of that step that goes, or the one that explains why none does."""
    own = [
        r
        for r in timeline
        if (r.key.procedure, r.key.step, r.key.contact) == (procedure, step, contact) and not r.spare
    ]
    return min(own, key=lambda r: (not r.goes, r.key))


def row_of(reminder: Reminder, key: int = 1) -> Recorded:
    """The row that the outbox makes of a new reminder."""
    held = reminder.held
    return Recorded(
        key,
        reminder.key,
        Reason(held.reason).status if held else Status.PLANNED,
        reminder.not_before,
        reminder.due_at,
        reminder.valid_until,
        held.reason if held else None,
        held.by if held else None,
        asks=reminder.step.opens_question,
    )


def applied(changes: Changes, rows: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
    """The rows after `changes`, as the outbox writes them."""
    by_key = {row.key: row for row in rows}
    for n, reminder in enumerate(changes.add, start=len(rows) + 1):
        by_key[reminder.key] = row_of(reminder, n)
    for move in (*changes.move, *changes.reopen):
        new = move.reminder
        row = replace(
            move.row, not_before=new.not_before, due_at=new.due_at, valid_until=new.valid_until, held_by=None
        )
        again = move in changes.reopen
        by_key[row.key] = replace(row, status=Status.PLANNED, reason=None) if again else row
    for ending in changes.end:
        by_key[ending.row.key] = replace(
            ending.row, status=ending.status, reason=ending.held.reason, held_by=ending.held.by
        )
    return tuple(by_key.values())


def replanned(facts: Facts, practice: Practice, now: datetime) -> Facts:
    """What the verb `replan` does, without a database."""
    changes = reconcile(patient_timeline(facts, practice), facts.recorded, now)
    return replace(facts, recorded=applied(changes, facts.recorded))


# --- any plan, any patient


FIRST = date(2026, 10, 20)
KEYS = ("rest", "hard_effort", "heavy_lifting")
CLINICS = (CHICAGO, CHICAGO, ZoneInfo("America/New_York"), ZoneInfo("America/St_Johns"), ZoneInfo("Asia/Gaza"))


class Dice:
    """Chance from one number: a world takes hundreds of throws, too many to be drawn one by one."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  test data

    def one_of(self, *choices: T) -> T:
        return self._random.choice(choices)

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def some(self, choices: Iterable[T]) -> list[T]:
        """Any of them, in any order."""
        shuffled = list(choices)
        self._random.shuffle(shuffled)
        return shuffled[: self.number(0, len(shuffled))]

    def rarely(self) -> bool:
        return self.number(0, 9) == 0


dice = st.builds(Dice, st.integers(0, 2**48))


def _bounds(dice: Dice, low: int, high: int) -> tuple[Bound, ...]:
    days = {PROCEDURE: dice.number(low, high)}
    if dice.one_of(True, False):  # noqa: FBT003  a coin
        days[DISCHARGE] = dice.number(low, high)
    return (Bound(days, dice.one_of(time(0), time(10), EVENING)),)


def _step(dice: Dice, key: str) -> Step:
    day = dice.number(0, 45)
    return Step(
        key,
        dice.one_of(key, "shared/hello"),
        tuple(dice.some(ChannelName)) or (SMS,),
        _bounds(dice, day, day + 12),
        dice.one_of(*Anchor),
        day,
        time(dice.number(8, 20)),
        dice.one_of(None, None, None, timedelta(minutes=30), timedelta(hours=50)),
        dice.one_of((), _bounds(dice, 0, day)),
        also=dice.number(0, 1) == 1,
        asks=dice.one_of(None, None, Asks.PAIN_SCORE),
        ends=dice.one_of(None, None, *KEYS),
        critical=dice.number(0, 1) == 1,
        unless_alert=dice.number(0, 1) == 1,
    )


def _plan(dice: Dice, key: str) -> CarePlan:
    """A plan that its check would pass or refuse: the rules must be safe with either."""
    steps = [_step(dice, f"step-{n}") for n in range(dice.number(1, 5))]
    asking = [step.key for step in steps if step.asks]
    if asking:
        nudge = replace(_step(dice, "nudge"), asks=None, nudges=dice.one_of(*asking))
        steps.insert(dice.number(0, len(steps)), replace(nudge, after=timedelta(hours=24)))
    limits = tuple(Restriction(k, dice.number(0, 42)) for k in dice.some(KEYS))
    return CarePlan(key, key, tuple(steps), limits)


def _practice(dice: Dice) -> Practice:
    """Any clinic, with the shipped plans and two of any kind."""
    zone = dice.one_of(*CLINICS)
    hours = {day: (time(dice.number(7, 12)), time(dice.number(18, 21))) for day in range(7) if not dice.rarely()}
    start, end = time(dice.number(7, 11)), time(dice.number(14, 19))
    shifts = dice.one_of(((start, end),), ((time(13), end), (start, time(12))))
    staffed = dict.fromkeys(range(dice.number(2, 7)), shifts)
    holidays = frozenset(FIRST + timedelta(days=dice.number(0, 60)) for _ in range(dice.number(0, 5)))
    plans = PLANS | {key: _plan(dice, key) for key in ("any", "other")}
    caps = dice.one_of(Caps(), Caps(1, 3))
    return Practice(zone, SendWindow(hours), StaffedHours(staffed, zone, holidays), plans, caps)


def _contact(dice: Dice, key: int) -> Contact:
    """The first is the patient; a caregiver may share the patient's phone."""
    bars = {channel: dice.one_of(*Bar) for channel in (dice.some(ChannelName) if dice.number(0, 2) == 0 else ())}
    number = dice.one_of("+15550001", f"+1555000{key}")
    role = Role.PATIENT if key == 1 else Role.CAREGIVER
    zone = dice.one_of(CHICAGO, CHICAGO, *ZONES)
    return Contact(key, role, "", "en", zone, number, f"{key}@example.test", bars)


def any_procedure(dice: Dice, key: int) -> Procedure:
    """Past, future, cancelled, overnight: whatever a front desk may record."""
    on = FIRST + timedelta(days=dice.number(0, 50))
    enrolled = local(on, 9) + timedelta(hours=dice.number(-400, 100))
    home = dice.one_of(None, 8, 8, 10, 26, 50)
    return Procedure(
        key,
        dice.one_of("kyphoplasty", "kyphoplasty", "biopsy", "any", "other", "forgotten"),
        on,
        enrolled,
        None if home is None else local(on, 8) + timedelta(hours=home),
        in_hospital=dice.rarely(),
        cancelled_at=local(on, 10) if dice.rarely() else None,
    )


def _patient(dice: Dice) -> Patient:
    people = tuple(_contact(dice, key) for key in range(1, dice.number(1, 3) + 1))
    done = tuple(any_procedure(dice, key) for key in range(1, dice.number(1, 4) + 1))
    return Patient(1, people, done, dice.rarely(), dice.rarely())


@dataclass(frozen=True)
class World:
    """A clinic and one patient."""

    practice: Practice
    facts: Facts


def _world(dice: Dice) -> World:
    return World(_practice(dice), Facts(_patient(dice), (), dice.rarely()))


worlds = st.builds(_world, dice)
"""Facts as they stand before anything was planned."""


def _telling(dice: Dice) -> World:
    """A patient with one or two procedures of the shipped plans, and nothing that silences them from the start."""
    patient = _patient(dice)
    done = tuple(
        replace(p, plan=dice.one_of("kyphoplasty", "biopsy"), in_hospital=False, cancelled_at=None)
        for p in patient.procedures[:2]
    )
    contacts = (replace(patient.contacts[0], bars={}, zone=CHICAGO), *patient.contacts[1:2])
    telling = replace(patient, procedures=done, contacts=contacts, died=False, on_hold=False)
    return World(_practice(dice), Facts(telling))


telling_worlds = st.builds(_telling, dice)

nows = st.builds(lambda n: datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=n), st.integers(0, 170_000))
