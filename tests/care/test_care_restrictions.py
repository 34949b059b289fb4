"""Until when may this patient not lift? Early is the unsafe direction."""

from __future__ import annotations

from datetime import date, timedelta

from care_strategies import properties
from care_worlds import FIRST, PLANS, World, a_procedure, worlds
from hypothesis import given
from hypothesis import strategies as st

from followup.care.restrictions import Limit, all_in_force, holder, in_force, limits

FRIDAY = date(2026, 10, 30)


def _days(count: int) -> date:
    return FIRST + timedelta(days=count)


laid = st.lists(
    st.builds(
        lambda start, length, by: Limit("heavy_lifting", _days(start), _days(start + length), by),
        st.integers(0, 60),
        st.integers(0, 45),
        st.integers(1, 4),
    ),
    max_size=5,
)


@given(laid, st.integers(-5, 110))
@properties(150)
def test_the_date_told_is_the_first_free_day_looked_for_day_by_day(found: list[Limit], count: int) -> None:
    day = _days(count)
    free = day
    while any(x.start <= free < x.end for x in found):
        free += timedelta(days=1)
    assert in_force(found, "heavy_lifting", day) == (free if free > day else None)


@given(worlds, st.integers(0, 100))
@properties(30)
def test_the_date_told_is_never_before_the_end_of_any_limit_that_runs(world: World, count: int) -> None:
    found = limits(world.facts.patient.procedures, world.practice.plans)
    day = _days(count)
    told = all_in_force(found, day)
    for limit in found:
        if limit.start <= day < limit.end:
            assert told[limit.key] >= limit.end
            assert holder(found, limit.key, day, apart_from=0) is not None


def test_a_cancelled_procedure_forbids_nothing() -> None:
    first = a_procedure(1, FRIDAY)
    cancelled = Limit("heavy_lifting", FRIDAY, FRIDAY, 1)
    assert cancelled not in limits((first,), {})
    assert in_force(limits((first,), PLANS), "heavy_lifting", FRIDAY) == date(2026, 12, 11)


def test_a_second_session_extends_the_first_ones_limit_from_the_moment_it_is_enrolled() -> None:
    both = limits((a_procedure(1, FRIDAY), a_procedure(2, date(2026, 11, 20))), PLANS)
    assert in_force(both, "heavy_lifting", FRIDAY) == date(2027, 1, 1)


def test_a_limit_that_begins_on_the_day_another_ends_leaves_no_day_between() -> None:
    both = limits((a_procedure(1, FRIDAY), a_procedure(2, date(2026, 12, 11), "biopsy")), PLANS)
    assert in_force(both, "heavy_lifting", date(2026, 12, 10)) == date(2026, 12, 21)


def test_who_forbids_it_is_the_one_who_forbids_it_longest() -> None:
    both = limits((a_procedure(1, FRIDAY), a_procedure(2, date(2026, 11, 20))), PLANS)
    found = holder(both, "heavy_lifting", date(2026, 11, 25))
    assert found is not None
    assert found.procedure == 2
    other = holder(both, "heavy_lifting", date(2026, 11, 25), apart_from=2)
    assert other is not None
    assert other.procedure == 1
    assert holder(both, "heavy_lifting", date(2027, 1, 1)) is None
