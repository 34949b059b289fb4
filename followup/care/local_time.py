"""Wall clock to UTC, in one place: the only rules that know what a time zone does to a day.

All moments are aware datetimes in UTC; days and wall times are those of a named zone. Days are calendar units:
nothing here adds 24 hours to reach tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Interval = tuple[time, time]
"""Wall times of one day, the end excluded; an end of 00:00 is the end of that day."""

LONGEST_SEARCH = 400
"""Days to look ahead for an open hour: more than a year of holidays is a fault of the configuration."""

STAFFED_AHEAD = timedelta(hours=2)
"""A text that waits for an answer lands only when somebody is there for the next two hours (CARE.md §3, 5)."""


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day that `moment` falls on in `zone`."""
    return moment.astimezone(zone).date()


def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The UTC moment at which clocks in `zone` first show `wall` on `day`.

    A time that occurs twice is the first of the two; a time that the clocks skip is the first moment after the
    gap, even where a whole day was skipped (Apia, 2011-12-30).
    """
    naive = datetime.combine(day, wall)
    moment = naive.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == naive:
        return moment
    return _end_of_gap(naive, zone)


def _end_of_gap(naive: datetime, zone: ZoneInfo) -> datetime:
    """The transition itself, found by halving: read with the later offset it lies before the gap, and after."""
    before = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _days_from(day: date) -> Iterator[date]:
    return (day + timedelta(days=n) for n in range(LONGEST_SEARCH))


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
        interval = self.hours.get(local_day(moment, zone).weekday())
        if interval is None or not _shows(moment, interval, zone):
            return moment
        day = local_day(moment, zone)
        end = interval[1]
        closing = instant(day + timedelta(days=1) if end == time.min else day, end, zone)
        # On the night clocks go back, the first showing of the end may already lie behind the moment.
        return max(closing, moment)

    def _openings(self, day: date, zone: ZoneInfo) -> list[datetime]:
        interval = self.hours.get(day.weekday())
        if interval is None:
            return []
        again = datetime.combine(day, interval[0]).replace(tzinfo=zone, fold=1).astimezone(UTC)
        return [instant(day, interval[0], zone), again]


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
                if moment <= max(start, end - ahead):
                    return max(moment, start)
        raise ValueError("these hours are never staffed")

    def _intervals(self, day: date) -> list[tuple[datetime, datetime]]:
        if day in self.holidays:
            return []
        return [
            (instant(day, start, self.zone), self._end(day, end))
            for start, end in self.hours.get(day.weekday(), ())
        ]

    def _end(self, day: date, end: time) -> datetime:
        return instant(day + timedelta(days=1) if end == time.min else day, end, self.zone)


def defer_question(
    moment: datetime, at: time, zone: ZoneInfo, window: SendWindow, staffed: StaffedHours
) -> datetime:
    """The first moment from `moment` on that is in the send window and staffed for two hours.

    It stays on the day of `moment` if that day has such an hour; otherwise it is the first such moment from `at`
    o'clock on of a later day of the contact. Raises ValueError if window and staffed hours never meet.
    """
    for day in _days_from(local_day(moment, zone)):
        earliest = max(moment, instant(day, at, zone)) if day > local_day(moment, zone) else moment
        found = _both_open(earliest, zone, window, staffed)
        if local_day(found, zone) == day:
            return found
    raise ValueError("the send window and the staffed hours never meet")


def _both_open(moment: datetime, zone: ZoneInfo, window: SendWindow, staffed: StaffedHours) -> datetime:
    for _ in range(LONGEST_SEARCH):
        found = staffed.defer(window.defer(moment, zone))
        if window.contains(found, zone):
            return found
        moment = found
    raise ValueError("the send window and the staffed hours never meet")
