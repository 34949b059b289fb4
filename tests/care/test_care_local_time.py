"""Wall clock to UTC, on the days when that is not simple."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from care_strategies import (
    CHICAGO,
    JUMPS,
    LOST_DAY,
    MINUTE,
    ZONES,
    any_windows,
    moments,
    properties,
    staffs,
    windows,
    zones,
)
from hypothesis import given
from hypothesis import strategies as st

from followup.care.local_time import (
    STAFFED_AHEAD,
    SendWindow,
    StaffedHours,
    defer_question,
    instant,
    local_day,
)

APIA = ZoneInfo("Pacific/Apia")
DAYTIME = SendWindow({day: (time(9), time(20)) for day in range(6)} | {6: (time(12), time(20))})
OFFICE = StaffedHours({day: ((time(9), time(17)),) for day in range(5)}, CHICAGO)


def _naive(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _first_showing(naive: datetime, zone: ZoneInfo, around: datetime) -> datetime:
    """By looking at the clock every minute: the first at which it shows `naive` or more after a jump over it."""
    moment = around - timedelta(hours=30)
    while _naive(moment, zone) < naive:
        moment += MINUTE
    return moment


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_every_wall_time_around_every_clock_change_is_its_first_showing_or_the_end_of_the_gap(
    zone: ZoneInfo,
) -> None:
    for jump in JUMPS[zone]:
        start = _naive(jump - timedelta(hours=2), zone)
        shown = jump - timedelta(hours=2)
        for minutes in range(0, 300, 5):
            naive = start + timedelta(minutes=minutes)
            while _naive(shown, zone) < naive:
                shown += timedelta(minutes=5)
            assert instant(naive.date(), naive.time(), zone) == shown


@given(st.data())
@properties(100)
def test_a_wall_time_reads_back_as_itself_unless_the_clocks_skip_it(data: st.DataObject) -> None:
    zone = data.draw(zones)
    naive = _naive(data.draw(moments(zone)), zone) + timedelta(minutes=data.draw(st.integers(-200, 200)))
    found = instant(naive.date(), naive.time(), zone)
    if _naive(found, zone) != naive:
        assert _naive(found, zone) > naive
        assert _naive(found - timedelta(seconds=1), zone) < naive
    else:
        earlier = found - timedelta(hours=1)
        assert _naive(earlier, zone) != naive


def test_a_time_of_the_day_that_apia_lost_is_the_start_of_the_next() -> None:
    for hour in (0, 9, 23):
        assert instant(date(2011, 12, 30), time(hour), APIA) == LOST_DAY
    assert local_day(LOST_DAY, APIA) == date(2011, 12, 31)


def test_a_time_that_occurs_twice_is_the_first_even_if_the_second_is_asked_for() -> None:
    day = date(2026, 11, 1)
    assert instant(day, time(1, 30), CHICAGO) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert instant(day, time(1, 30, fold=1), CHICAGO) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_lord_howe_jumps_by_half_an_hour() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    assert instant(date(2026, 10, 4), time(2, 10), zone) == instant(date(2026, 10, 4), time(2, 30), zone)


def test_the_leap_day_is_a_day() -> None:
    two_days_on = date(2028, 2, 27) + timedelta(days=2)
    assert instant(two_days_on, time(10), CHICAGO) == datetime(2028, 2, 29, 16, tzinfo=UTC)


@given(st.data())
@properties(60)
def test_a_deferred_moment_is_the_earliest_open_one_and_never_earlier(data: st.DataObject) -> None:
    zone, window = data.draw(zones), data.draw(any_windows())
    moment = data.draw(moments(zone)).replace(second=0)
    found = window.defer(moment, zone)
    assert found >= moment
    assert window.contains(found, zone)
    assert window.defer(found, zone) == found
    looked = moment
    while looked < min(found, moment + timedelta(hours=60)):
        assert not window.contains(looked, zone)
        looked += MINUTE


@given(st.data())
@properties(60)
def test_from_an_open_moment_to_its_closing_all_is_open_and_then_it_is_not(data: st.DataObject) -> None:
    zone, window = data.draw(zones), data.draw(any_windows())
    moment = window.defer(data.draw(moments(zone)).replace(second=0), zone)
    closing = window.closes(moment, zone)
    assert closing > moment
    looked = moment
    while looked < closing:
        assert window.contains(looked, zone)
        looked += MINUTE
    midnight = _naive(closing, zone).time() == time.min
    assert midnight or not window.contains(closing, zone)


def test_a_closed_moment_closes_at_once() -> None:
    night = instant(date(2026, 10, 30), time(23), CHICAGO)
    assert DAYTIME.closes(night, CHICAGO) == night


def test_a_window_open_in_the_small_hours_opens_again_when_the_clocks_go_back_into_it() -> None:
    window = SendWindow({day: (time(0), time(1, 30)) for day in range(7)})
    closed = datetime(2026, 11, 1, 6, 45, tzinfo=UTC)
    assert window.defer(closed, CHICAGO) == datetime(2026, 11, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_no_clock_change_up_to_2030_lets_a_text_out_at_night(zone: ZoneInfo) -> None:
    for jump in JUMPS[zone]:
        for hours in range(-30, 31):
            moment = jump + timedelta(hours=hours, minutes=7)
            found = DAYTIME.defer(moment, zone)
            shown = found.astimezone(zone)
            assert found >= moment
            assert time(12 if shown.weekday() == 6 else 9) <= shown.time() < time(20)
            assert DAYTIME.closes(found, zone) - found <= timedelta(hours=12)


def test_a_window_that_never_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="never opens"):
        SendWindow({}).defer(LOST_DAY, CHICAGO)


@given(st.data())
@properties(50)
def test_somebody_is_there_for_two_hours_and_nobody_was_earlier(data: st.DataObject) -> None:
    staffed = data.draw(staffs())
    moment = data.draw(moments(staffed.zone)).replace(second=0)
    found = staffed.defer(moment)
    assert found >= moment
    assert staffed.contains(found)
    assert staffed.contains(found + STAFFED_AHEAD - MINUTE) or not staffed.contains(found - MINUTE)
    assert local_day(found, staffed.zone) not in staffed.holidays
    looked = moment
    while looked < min(found, moment + timedelta(hours=80)):
        assert not all(staffed.contains(looked + timedelta(minutes=n)) for n in (0, 30, 60, 90, 119))
        looked += 10 * MINUTE


def test_shifts_that_touch_are_one_whatever_their_order() -> None:
    shifts = ((time(12), time(17)), (time(9), time(12)))
    split = StaffedHours(dict.fromkeys(range(7), shifts), CHICAGO)
    late_morning = instant(date(2026, 11, 3), time(11, 30), CHICAGO)
    assert split.defer(late_morning) == late_morning


def test_a_clinic_staffed_round_the_clock_is_staffed_at_midnight() -> None:
    always = StaffedHours({day: ((time(0), time(0)),) for day in range(7)}, CHICAGO)
    late = instant(date(2026, 11, 3), time(23, 30), CHICAGO)
    assert always.defer(late) == late


def test_a_shift_that_the_clocks_skip_is_not_staffed() -> None:
    nights = StaffedHours({day: ((time(2), time(3)),) for day in range(7)}, CHICAGO)
    assert nights.defer(instant(date(2026, 3, 8), time(0), CHICAGO)) == instant(date(2026, 3, 9), time(2), CHICAGO)


def test_hours_that_are_never_staffed_are_refused() -> None:
    with pytest.raises(ValueError, match="never staffed"):
        StaffedHours({}, CHICAGO).defer(LOST_DAY)


@given(st.data())
@properties(50)
def test_a_question_stays_on_its_day_or_takes_its_hour_on_a_later_one(data: st.DataObject) -> None:
    zone, window, staffed = data.draw(zones), data.draw(windows()), data.draw(staffs())
    moment = data.draw(moments(zone)).replace(second=0)
    at = time(data.draw(st.integers(8, 14)))
    try:
        found = defer_question(moment, at, zone, window, staffed)
    except ValueError:
        return
    assert found >= moment
    assert window.contains(found, zone)
    assert staffed.defer(found) == found
    same_day = local_day(found, zone) == local_day(moment, zone)
    assert same_day or found >= instant(local_day(found, zone), at, zone)
    looked = moment
    while looked < min(found, moment + timedelta(hours=60)):
        asked_for = local_day(looked, zone) == local_day(moment, zone) or _naive(looked, zone).time() >= at
        assert not (asked_for and window.contains(looked, zone) and staffed.defer(looked) == looked)
        looked += 10 * MINUTE


def test_a_question_due_on_sunday_is_asked_when_sunday_is_staffed_or_on_monday_at_ten() -> None:
    sunday = instant(date(2026, 11, 1), time(10), CHICAGO)
    on_sundays = StaffedHours({**OFFICE.hours, 6: ((time(12), time(16)),)}, CHICAGO)
    ask = lambda staffed: defer_question(sunday, time(10), CHICAGO, DAYTIME, staffed)  # noqa: E731  two calls, one line each
    assert ask(on_sundays) == datetime(2026, 11, 1, 18, tzinfo=UTC)
    assert ask(OFFICE) == datetime(2026, 11, 2, 16, tzinfo=UTC)


def test_a_question_late_in_the_day_waits_for_its_hour_on_the_next_staffed_day() -> None:
    holiday = StaffedHours(OFFICE.hours, CHICAGO, frozenset({date(2028, 2, 28)}))
    friday = instant(date(2028, 2, 25), time(15, 30), CHICAGO)
    assert defer_question(friday, time(10), CHICAGO, DAYTIME, holiday) == instant(
        date(2028, 2, 29), time(10), CHICAGO
    )


def test_a_window_and_hours_that_never_meet_are_refused() -> None:
    nights = StaffedHours({day: ((time(21), time(23)),) for day in range(7)}, CHICAGO)
    with pytest.raises(ValueError, match="never meet"):
        defer_question(LOST_DAY, time(10), CHICAGO, DAYTIME, nights)


def test_the_jumps_that_the_properties_use_are_the_real_ones() -> None:
    assert len(JUMPS[CHICAGO]) == 14
    assert JUMPS[ZoneInfo("America/Phoenix")] == []
    assert all(b - a > timedelta(days=20) for jumps in JUMPS.values() for a, b in pairwise(jumps))
