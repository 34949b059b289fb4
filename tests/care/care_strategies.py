"""What the properties draw from: zones with odd days, windows, staffed hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from followup.care.local_time import Interval, SendWindow, StaffedHours

ZONES = tuple(
    ZoneInfo(name)
    for name in (
        "America/Chicago",
        "America/New_York",
        "America/St_Johns",
        "America/Havana",
        "America/Phoenix",
        "America/Santiago",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "Asia/Gaza",
    )
)
CHICAGO = ZONES[0]
MINUTE = timedelta(minutes=1)


def properties(examples: int) -> settings:
    """So many examples, however long one takes."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def clock_changes(zone: ZoneInfo, first: int = 2024, last: int = 2030) -> list[datetime]:
    """Every moment of those years at which clocks in `zone` jump, to the second (UTC)."""
    found = []
    moment, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    while moment < end:
        after = moment + timedelta(hours=6)
        if _offset(moment, zone) != _offset(after, zone):
            while _offset(moment, zone) == _offset(moment + MINUTE, zone):
                moment += MINUTE
            found.append(moment + MINUTE)
        moment = after
    return found


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


JUMPS = {zone: clock_changes(zone) for zone in ZONES}
LOST_DAY = datetime(2011, 12, 30, 10, tzinfo=UTC)
"""Apia went from Thursday 29 to Saturday 31 December 2011 at this moment."""

zones = st.sampled_from(ZONES)


@st.composite
def moments(draw: st.DrawFn, zone: ZoneInfo) -> datetime:
    """A moment, more often than not within two days of a jump of the clocks."""
    near = [*JUMPS[zone], *([LOST_DAY] if zone.key == "Pacific/Apia" else [])]
    if near and draw(st.integers(0, 2)):
        return draw(st.sampled_from(near)) + timedelta(seconds=draw(st.integers(-172_800, 172_800)))
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 7 * 525_600)))


def _wall(quarter: int) -> time:
    return time(quarter // 4 % 24, quarter % 4 * 15)


@st.composite
def _intervals(draw: st.DrawFn, shortest: int = 1) -> Interval:
    start = draw(st.integers(0, 96 - shortest))
    return _wall(start), _wall(draw(st.integers(start + shortest, 96)))


@st.composite
def any_windows(draw: st.DrawFn) -> SendWindow:
    """Any window at all, however unwise: the arithmetic must hold for it too."""
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    return SendWindow({day: draw(_intervals()) for day in sorted(days)})


@st.composite
def windows(draw: st.DrawFn) -> SendWindow:
    """A window a clinic might set: by day, at least six hours."""
    days = draw(st.sets(st.integers(0, 6), min_size=4))
    return SendWindow(
        {day: (time(draw(st.integers(7, 12))), time(draw(st.integers(18, 21)))) for day in sorted(days)}
    )


@st.composite
def staffs(draw: st.DrawFn, zone: ZoneInfo | None = None) -> StaffedHours:
    """Hours of a clinic: some days closed, some split by lunch, some holidays."""
    days = draw(st.sets(st.integers(0, 6), min_size=2))
    hours: dict[int, tuple[Interval, ...]] = {}
    for day in sorted(days):
        start, end = draw(st.integers(7, 11)), draw(st.integers(14, 19))
        whole = ((time(start), time(end)),)
        split = ((time(13), time(end)), (time(start), time(12)))
        hours[day] = draw(st.sampled_from([whole, split, ((time(start), time(12)), (time(12), time(end)))]))
    holidays = draw(st.frozensets(st.dates(date(2026, 10, 20), date(2027, 1, 20)), max_size=5))
    return StaffedHours(hours, zone or draw(zones), holidays)
