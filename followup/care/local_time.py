"""Wall clock to UTC, in one place: the only rules that know what a time zone does to a day.

All moments are aware datetimes in UTC; days and wall times are those of a named zone. Days are calendar units:
nothing here adds 24 hours to reach tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Interval = tuple[time, time]
"""Wall times of one day, the end excluded; an end of 00:00 is the end of that day."""

LONGEST_SEARCH = 400
"""Days to look ahead for an open hour: more than a year of holidays is a fault of the configuration."""

LONGEST_CLOSURE = 35
"""Days to look ahead for an hour in which to ask: no question stays true for longer."""

STAFFED_AHEAD = timedelta(hours=2)
"""A text that waits for an answer lands only when somebody is there for the next two hours (CARE.md §3, 5)."""


@lru_cache(maxsize=16_384)
def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day that `moment` falls on in `zone`."""
    return moment.astimezone(zone).date()


@lru_cache(maxsize=16_384)  # a clinic's patients share their days: a third of the time of planning
def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The UTC moment at which clocks in `zone` first show `wall` on `day`.

    A time that occurs twice is the first of the two; a time that the clocks skip is the first moment after the
    gap, even where a whole day was skipped (Apia, 2011-12-30).
    """
    naive = datetime.combine(day, wall).replace(fold=0)
    moment = naive.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == naive:
        return moment
    # Read with the later offset a skipped time lies before the gap, with the earlier one after it.
    return _jump(naive.replace(tzinfo=zone, fold=1).astimezone(UTC), moment, zone)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the clocks jump, found by halving."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


@lru_cache(maxsize=4096)
def _jumps(day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments of `day` at which the clocks jump: none, or one."""
    start, end = instant(day, time.min, zone), instant(day + timedelta(days=1), time.min, zone)
    same = start.astimezone(zone).utcoffset() == end.astimezone(zone).utcoffset()
    return () if same else (_jump(start, end, zone),)


@lru_cache(maxsize=4096)
def _showings(day: date, wall: time, zone: ZoneInfo) -> tuple[datetime, ...]:
    """When clocks show `wall` on `day`: twice, on a night they go back."""
    first = instant(day, wall, zone)
    again = datetime.combine(day, wall).replace(tzinfo=zone, fold=1).astimezone(UTC)
    return (first, again) if again > first else (first,)


def _days_from(day: date, count: int = LONGEST_SEARCH) -> Iterator[date]:
    return (day + timedelta(days=n) for n in range(count))


def _shows(moment: datetime, interval: Interval, zone: ZoneInfo) -> bool:
    wall = moment.astimezone(zone).time()
    start, end = interval
    return start <= wall and (wall < end or end == time.min)


@dataclass(frozen=True, slots=True)
class SendWindow:
    """Local hours in which messages may go, by weekday (Monday is 0); a weekday left out is closed.

    It is asked in the contact's own zone, and by the wall clock, so that it holds on the days clocks change.
    """

    hours: Mapping[int, Interval]

    def contains(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether clocks in `zone` show an open hour."""
        interval = self.hours.get(local_day(moment, zone).weekday())
        return interval is not None and _shows(moment, interval, zone)

    def defer(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """`moment` itself when it is open, else the next opening; never before `moment`.

        Raises ValueError if no weekday is open.
        """
        if self.contains(moment, zone):
            return moment
        for day in _days_from(local_day(moment, zone)):
            if openings := [m for m in self._openings(day, zone) if m >= moment and self.contains(m, zone)]:
                return min(openings)
        raise ValueError("this send window never opens")

    def closes(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The end of the open hours that `moment` lies in; `moment` itself when it lies outside."""
        day = local_day(moment, zone)
        if not self.contains(moment, zone):
            return moment
        end = self.hours[day.weekday()][1]
        ends = _showings(day + timedelta(days=1) if end == time.min else day, end, zone)
        # Clocks that go back may show a closed hour again before the end is reached.
        jumps = [m for m in _jumps(day, zone) if not self.contains(m, zone)]
        return min(m for m in (*ends, *jumps) if m > moment)

    def _openings(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """Every moment of `day` at which a closed hour may give way to an open one."""
        interval = self.hours.get(day.weekday())
        return [*(_showings(day, interval[0], zone) if interval else ()), *_jumps(day, zone)]


@dataclass(frozen=True, slots=True)
class StaffedHours:
    """The hours in which somebody at the clinic reads answers: intervals by weekday in the clinic's own zone."""

    hours: Mapping[int, tuple[Interval, ...]]
    zone: ZoneInfo
    holidays: frozenset[date] = field(default_factory=frozenset)

    def contains(self, moment: datetime) -> bool:
        """Whether somebody is there at `moment`."""
        day = local_day(moment, self.zone)
        return any(start <= moment < end for start, end in self._intervals(day))

    def defer(self, moment: datetime, ahead: timedelta = STAFFED_AHEAD) -> datetime:
        """The first moment from `moment` on at which somebody is there and stays for `ahead`.

        In an interval shorter than `ahead` only its first moment counts. Raises ValueError if nobody ever is.
        """
        for day in _days_from(local_day(moment, self.zone)):
            for start, end in self._intervals(day):
                found = max(moment, start)
                if found == start or (found < end and self._stays(found, found + ahead)):
                    return found
        raise ValueError("these hours are never staffed")

    def _stays(self, moment: datetime, until: datetime) -> bool:
        """Whether somebody is there from `moment` to `until`, midnight between two shifts included."""
        while moment < until:
            shifts = self._intervals(local_day(moment, self.zone))
            end = next((end for start, end in shifts if start <= moment < end), None)
            if end is None:
                return False
            moment = end
        return True

    def _intervals(self, day: date) -> list[tuple[datetime, datetime]]:
        """The shifts of one day in order; those that touch are one, one that the clocks skip is none."""
        if day in self.holidays:
            return []
        shifts = self.hours.get(day.weekday(), ())
        merged: list[tuple[datetime, datetime]] = []
        for start, end in sorted((instant(day, start, self.zone), self._end(day, end)) for start, end in shifts):
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], end)
            elif start < end:
                merged.append((start, end))
        return merged

    def _end(self, day: date, end: time) -> datetime:
        return instant(day + timedelta(days=1) if end == time.min else day, end, self.zone)


def defer_question(
    moment: datetime, at: time, zone: ZoneInfo, window: SendWindow, staffed: StaffedHours
) -> datetime:
    """The first moment from `moment` on that is in the send window and staffed for two hours.

    It stays on the day of `moment` if that day has such an hour; otherwise it is the first such moment from `at`
    o'clock on of a later day of the contact. Raises ValueError if window and staffed hours do not meet within
    `LONGEST_CLOSURE` days.
    """
    for day in _days_from(local_day(moment, zone), LONGEST_CLOSURE):
        earliest = max(moment, instant(day, at, zone)) if day > local_day(moment, zone) else moment
        found = _both_open(earliest, zone, window, staffed)
        if local_day(found, zone) == day:
            return found
    raise ValueError("the send window and the staffed hours never meet")


def _both_open(moment: datetime, zone: ZoneInfo, window: SendWindow, staffed: StaffedHours) -> datetime:
    for _ in range(LONGEST_CLOSURE):
        found = staffed.defer(window.defer(moment, zone))
        if window.contains(found, zone):
            return found
        moment = found
    raise ValueError("the send window and the staffed hours never meet")
