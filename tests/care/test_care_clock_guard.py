"""When the machine's clock is believed, and when not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from care_strategies import JUMPS, ZONES, properties
from hypothesis import given
from hypothesis import strategies as st

from followup.care.clock_guard import CALM, TOLERANCE, ClockGuard, ClockReading, Suspicion

NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = 15


@dataclass
class Machine:
    """A machine whose clock is `wrong` by so much; `awake` and `asleep` are seconds since it was started."""

    wrong: timedelta = timedelta()
    awake: int = 0
    asleep: int = 0

    @property
    def true_time(self) -> datetime:
        return NOON + timedelta(seconds=self.awake + self.asleep)

    @property
    def reading(self) -> ClockReading:
        return ClockReading(self.true_time + self.wrong, float(self.awake + self.asleep), float(self.awake))


def seconds(low: int, high: int) -> st.SearchStrategy[timedelta]:
    return st.integers(low, high).map(lambda s: timedelta(seconds=s))


either_way = st.sampled_from([-1, 1])
small_shifts = seconds(-120, 120)
steps = st.builds(lambda size, sign: sign * size, seconds(121, 400 * 86_400), either_way)
works = st.tuples(st.just("works"), st.integers(0, 400))
sleeps = st.tuples(st.just("sleeps"), st.integers(1, 40 * 86_400))
drifts = st.tuples(st.just("drifts"), small_shifts)
is_set = st.tuples(st.just("is set"), steps)
is_told = st.tuples(st.just("is told"), seconds(-1, 1))
any_events = st.one_of(works, works, sleeps, drifts, is_set, is_told)
Event = tuple[str, int | timedelta]


def lived(guard: ClockGuard, machine: Machine, event: Event) -> ClockGuard:
    """The guard once it has observed this; the provider tells the true time, but for a second."""
    match event:
        case "works", int(length):
            machine.awake += length
        case "sleeps", int(length):
            machine.asleep += length
        case "is told", timedelta() as late:
            return guard.heard(machine.true_time + late, machine.reading)
        case _, timedelta() as shift:
            machine.wrong += shift
    return guard.observe(machine.reading)


def started(machine: Machine | None = None) -> ClockGuard:
    return ClockGuard.starting((machine or Machine()).reading)


@st.composite
def lives(draw: st.DrawFn) -> tuple[ClockGuard, Machine]:
    """A guard as a machine's life may have left it."""
    machine = Machine(draw(small_shifts))
    guard = ClockGuard.starting(machine.reading, long_absent=draw(st.booleans()))
    for event in draw(st.lists(any_events, max_size=20)):
        guard = lived(guard, machine, event)
    return guard, machine


def set_by(shift: timedelta) -> tuple[ClockGuard, Machine]:
    machine = Machine()
    return lived(started(machine), machine, ("is set", shift)), machine


def calmly(guard: ClockGuard, machine: Machine, length: timedelta = CALM) -> ClockGuard:
    for _ in range(length // timedelta(seconds=TICK)):
        guard = lived(guard, machine, ("works", TICK))
    return guard


@pytest.mark.parametrize("suspicion", Suspicion)
def test_every_reason_not_to_believe_the_clock_is_explained(suspicion: Suspicion) -> None:
    assert suspicion.sentence


@properties(500)
@given(st.lists(st.one_of(works, sleeps, is_told), max_size=40))
def test_a_steady_clock_is_always_believed_however_often_the_machine_sleeps(events: list[Event]) -> None:
    machine = Machine()
    guard = started(machine)
    for event in events:
        guard = lived(guard, machine, event)
        assert guard.trusted


@properties(500)
@given(st.lists(st.one_of(works, sleeps, drifts), max_size=40))
def test_a_slow_drift_alone_raises_no_alarm(events: list[Event]) -> None:
    machine = Machine()
    guard = started(machine)
    for event in events:
        guard = lived(guard, machine, event)
        assert guard.trusted


@properties(500)
@given(lives(), steps)
def test_a_step_of_more_than_two_minutes_is_noticed_at_once(
    life: tuple[ClockGuard, Machine], step: timedelta
) -> None:
    guard, machine = life
    after = lived(guard, machine, ("is set", step))
    assert not after.trusted


@properties(1000)
@given(st.lists(any_events, max_size=40))
def test_after_a_step_the_clock_is_believed_only_once_the_provider_agrees_or_it_was_calm(
    events: list[Event],
) -> None:
    machine = Machine()
    guard, stepped_at, agreed = started(machine), None, False
    for event in events:
        guard = lived(guard, machine, event)
        if event[0] == "is set":
            stepped_at, agreed = machine.awake, False
        if event[0] == "is told":
            agreed = abs(machine.wrong) <= TOLERANCE + SECOND
        calm = stepped_at is None or machine.awake - stepped_at >= CALM.total_seconds()
        assert calm or agreed or not guard.trusted


@properties(1000)
@given(lives(), st.lists(st.one_of(works, sleeps, drifts, is_set), max_size=30))
def test_while_the_provider_contradicts_no_calm_heals(
    life: tuple[ClockGuard, Machine], events: list[Event]
) -> None:
    guard, machine = life
    machine.wrong = DAY
    guard = lived(guard, machine, ("is told", timedelta()))
    for event in events:
        guard = lived(guard, machine, event)
        if abs(machine.wrong) <= TOLERANCE:
            return
        assert guard.reason is Suspicion.CONTRADICTED


@properties(500)
@given(lives())
def test_a_provider_that_agrees_heals_at_once_and_one_that_does_not_raises_the_alarm(
    life: tuple[ClockGuard, Machine],
) -> None:
    guard, machine = life
    told = guard.heard(machine.true_time, machine.reading)
    assert told.trusted is (abs(machine.wrong) <= TOLERANCE)


@properties(500)
@given(lives())
def test_once_it_is_right_and_told_so_it_is_believed_until_it_is_set_again(
    life: tuple[ClockGuard, Machine],
) -> None:
    guard, machine = life
    machine.wrong = timedelta()
    guard = lived(guard, machine, ("is told", timedelta()))
    for _ in range(20):
        assert guard.trusted
        guard = lived(guard, machine, ("works", TICK))


@properties(500)
@given(lives())
def test_a_clock_put_right_is_believed_after_two_calm_minutes_even_if_nobody_tells_the_time(
    life: tuple[ClockGuard, Machine],
) -> None:
    guard, machine = life
    machine.wrong = timedelta()
    guard = calmly(guard.observe(machine.reading), machine)
    for _ in range(20):
        assert guard.trusted
        guard = lived(guard, machine, ("works", TICK))


@properties(300)
@given(steps, st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_calm_is_two_minutes_awake_and_not_a_second_less(step: timedelta, lengths: list[int]) -> None:
    guard, machine = set_by(step)
    for length in lengths:
        guard = lived(guard, machine, ("works", length))
        guard = lived(guard, machine, ("sleeps", 600))
        assert guard.trusted is (machine.awake >= CALM.total_seconds())


@properties(300)
@given(steps, st.integers(10, 120), either_way)
def test_a_clock_that_creeps_while_it_is_suspect_is_not_calm(step: timedelta, creep: int, sign: int) -> None:
    guard, machine = set_by(step)
    for _ in range(40):
        machine.wrong += sign * timedelta(seconds=creep)
        guard = lived(guard, machine, ("works", 5))
        assert not guard.trusted


def test_a_clock_that_runs_away_in_small_steps_is_found_out_when_the_provider_tells_the_time() -> None:
    machine = Machine()
    guard = started(machine)
    for _ in range(13):
        machine.wrong += 10 * SECOND
        guard = lived(guard, machine, ("works", TICK))
    assert guard.trusted
    guard = lived(guard, machine, ("is told", timedelta()))
    assert guard.reason is Suspicion.CONTRADICTED


@properties(500)
@given(lives(), st.integers(1, 3600), steps)
def test_what_was_heard_before_a_step_and_is_told_after_it_is_held_against_the_clock_of_now(
    life: tuple[ClockGuard, Machine], passed: int, step: timedelta
) -> None:
    guard, machine = life
    before, told = machine.reading, machine.true_time
    guard = lived(guard, machine, ("works", passed))
    guard = lived(guard, machine, ("is set", step))
    assert guard.heard(told, before).trusted is (abs(machine.wrong) <= TOLERANCE)


@properties(500)
@given(lives(), st.integers(1, 3600))
def test_a_reading_that_comes_late_changes_nothing(life: tuple[ClockGuard, Machine], passed: int) -> None:
    guard, machine = life
    before = machine.reading
    guard = lived(guard, machine, ("works", passed))
    assert guard.observe(before) == guard


@properties(300)
@given(lives(), st.integers(1, 40 * 86_400), st.lists(works, max_size=5))
def test_a_sleep_is_a_pause_whose_length_is_known(
    life: tuple[ClockGuard, Machine], slept: int, events: list[Event]
) -> None:
    guard, machine = life
    before = guard.reason
    guard = lived(guard, machine, ("sleeps", slept))
    assert guard.reason in {before, None}
    for event in events:
        guard = lived(guard, machine, event)
    assert guard.paused_for == timedelta(seconds=slept)


@pytest.mark.parametrize("shift", [-HOUR, HOUR, DAY, -DAY, datetime(1970, 1, 1, tzinfo=UTC) - NOON])
def test_a_clock_that_was_set_is_not_believed_until_it_was_calm(shift: timedelta) -> None:
    guard, machine = set_by(shift)
    assert guard.reason is Suspicion.STEPPED
    guard = calmly(guard, machine, CALM - TICK * SECOND)
    assert not guard.trusted
    assert lived(guard, machine, ("works", TICK)).trusted


@pytest.mark.parametrize("shift", [-HOUR, HOUR, DAY, -DAY])
def test_a_wrong_clock_that_the_provider_contradicts_is_believed_once_it_is_put_right(shift: timedelta) -> None:
    guard, machine = set_by(shift)
    guard = lived(guard, machine, ("is told", timedelta()))
    guard = calmly(guard, machine, HOUR)
    assert guard.reason is Suspicion.CONTRADICTED
    guard = lived(guard, machine, ("is set", -shift))
    assert guard.reason is Suspicion.STEPPED
    assert calmly(guard, machine).trusted


def test_a_wrong_clock_that_is_slowly_led_back_is_believed_after_two_calm_minutes() -> None:
    machine = Machine(150 * SECOND)
    guard = lived(started(machine), machine, ("is told", timedelta()))
    guard = calmly(guard, machine, HOUR)
    machine.wrong = TOLERANCE
    guard = lived(guard, machine, ("works", TICK))
    assert guard.reason is Suspicion.STEPPED
    assert calmly(guard, machine).trusted


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_summer_time_begins_and_ends_without_an_alarm(zone: ZoneInfo) -> None:
    for change in JUMPS[zone]:
        assert _passes(change - 5 * SECOND, zone)


@pytest.mark.parametrize("eve", [date(2028, 2, 28), date(2028, 2, 29), date(2027, 12, 31)])
def test_the_leap_day_and_the_new_year_come_without_an_alarm(eve: date) -> None:
    assert _passes(datetime.combine(eve, time(23, 59, 55), UTC), ZONES[0])


def _passes(before: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock is believed ten seconds later, as a clock in the zone shows it."""
    guard = ClockGuard.starting(ClockReading(before.astimezone(zone).astimezone(UTC), 0, 0))
    after = (before + 10 * SECOND).astimezone(zone).astimezone(UTC)
    return guard.observe(ClockReading(after, 10, 10)).trusted


@pytest.mark.parametrize(
    ("last_known", "reason"),
    [
        (None, None),
        (NOON - DAY, None),
        (NOON + TOLERANCE, None),
        (NOON + TOLERANCE + SECOND, Suspicion.BEHIND),
        (NOON + 365 * DAY, Suspicion.BEHIND),
    ],
)
def test_a_clock_behind_what_is_recorded_is_not_believed_from_the_start(
    last_known: datetime | None, reason: Suspicion | None
) -> None:
    assert ClockGuard.starting(Machine().reading, last_known).reason is reason


@pytest.mark.parametrize("last_known", [NOON - 30 * DAY, NOON + HOUR])
def test_who_was_long_away_waits_for_calm_or_for_the_provider(last_known: datetime) -> None:
    machine = Machine()
    guard = ClockGuard.starting(machine.reading, last_known, long_absent=True)
    assert not guard.trusted
    assert guard.heard(machine.true_time, machine.reading).trusted
    assert calmly(guard, machine).trusted
