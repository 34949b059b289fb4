"""Hours of a week as a clinic writes them: when somebody is there, and when messages may go.

Wall times of the 24-hour clock, no zone in them: what they mean on a day clocks change is decided in
`care/local_time.py`.
"""

from __future__ import annotations

import re
from datetime import time
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, model_validator

from followup.care.local_time import STAFFED_AHEAD, Interval, SendWindow
from followup.errors import InputError
from followup.toml_file import TomlTable

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

EARLIEST, LATEST = time(8), time(21)
"""No message that we begin may go before 8 a.m. or after 9 p.m. local time (47 CFR 64.1200(c)(1))."""

NOON = time(12)

SHORTEST_WINDOW = 4 * 60
"""Minutes an open day must leave, or a day of messages would not fit (LIBRARIES.md, "Time")."""

_STRETCH = re.compile(r"(\d{1,2}):(\d\d) ?(?:-|\u2013|to) ?(\d{1,2}):(\d\d)", re.ASCII)
_FORM = 'write it by the 24-hour clock, for example "09:00-17:00"'


def stretches(text: str) -> tuple[Interval, ...]:
    """`09:00-12:00, 13:00-17:00` as wall times, in order; `closed` or nothing is no hours. Raises InputError.

    An end of 24:00 is the end of the day.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts in ([""], ["closed"], ["Closed"]):
        return ()
    found = tuple(sorted(_stretch(part) for part in parts))
    for earlier, later in pairwise(found):
        if later[0] < earlier[1] or earlier[1] == time.min:
            raise InputError("two stretches of one day overlap; write them one after the other")
    return found


def _stretch(text: str) -> Interval:
    match = _STRETCH.fullmatch(text)
    if match is None:
        raise InputError(f"these are no hours; {_FORM}")
    start, end = _wall(match[1], match[2]), _wall(match[3], match[4], ends_day=True)
    if start >= end and end != time.min:
        raise InputError(f"these hours end before they begin; {_instead(start, end)}")
    return start, end


def _instead(start: time, end: time) -> str:
    """Somebody wrote 5:00 for 5 p.m., or hours that run over midnight."""
    if end.hour < NOON.hour and start < end.replace(hour=end.hour + NOON.hour):
        return f"by the 24-hour clock the end would be {end.replace(hour=end.hour + NOON.hour):%H:%M}"
    return "write those before midnight as ending at 24:00, and the rest on the next day"


def _wall(hour: str, minute: str, *, ends_day: bool = False) -> time:
    if ends_day and (hour, minute) == ("24", "00"):
        return time.min
    try:
        return time(int(hour), int(minute))
    except ValueError as error:
        raise InputError(f"there is no such time of day; {_FORM}") from error


def _day_of_hours(value: object) -> tuple[Interval, ...]:
    """One weekday as it stands in the file: text, or a list of texts."""
    entries = value if isinstance(value, list) else [value]
    parts = [entry for entry in entries if isinstance(entry, str)]
    if len(parts) < len(entries):
        raise ValueError(f"these are no hours; {_FORM}, or [] for a closed day")
    try:
        return stretches(", ".join(parts))
    except InputError as error:
        raise ValueError(str(error)) from error


def _day_of_window(value: object) -> Interval | None:
    found = _day_of_hours(value)
    if len(found) > 1:
        raise ValueError('messages may go in one stretch a day; write one, for example "09:00-20:00"')
    if not found:
        return None
    start, end = found[0]
    if start < EARLIEST or end > LATEST or end == time.min:
        raise ValueError("the law allows messages from 08:00 to 21:00 only; stay inside these hours")
    if _minutes(end) - _minutes(start) < SHORTEST_WINDOW:
        raise ValueError("leaves less than 4 hours for messages; open it longer, or close the day with []")
    return start, end


def _minutes(wall: time) -> int:
    return wall.hour * 60 + wall.minute


StaffedDay = Annotated[tuple[Interval, ...], BeforeValidator(_day_of_hours)]
WindowDay = Annotated[Interval | None, BeforeValidator(_day_of_window)]


class HoursTable(TomlTable):
    """`[clinic.hours]`: when somebody is there to read answers; a day left out is closed."""

    monday: StaffedDay = ()
    tuesday: StaffedDay = ()
    wednesday: StaffedDay = ()
    thursday: StaffedDay = ()
    friday: StaffedDay = ()
    saturday: StaffedDay = ()
    sunday: StaffedDay = ()

    def by_weekday(self) -> dict[int, tuple[Interval, ...]]:
        """Monday is 0."""
        return {n: getattr(self, day) for n, day in enumerate(WEEKDAYS)}


class WindowTable(TomlTable):
    """`[send_window]`: when messages may go, in the contact's own zone (Texas hours, MESSAGING.md §1)."""

    monday: WindowDay = (time(9), time(20))
    tuesday: WindowDay = (time(9), time(20))
    wednesday: WindowDay = (time(9), time(20))
    thursday: WindowDay = (time(9), time(20))
    friday: WindowDay = (time(9), time(20))
    saturday: WindowDay = (time(9), time(20))
    sunday: WindowDay = (time(12), time(20))

    def window(self) -> SendWindow:
        """As the rules read it."""
        days = {n: getattr(self, day) for n, day in enumerate(WEEKDAYS)}
        return SendWindow({n: interval for n, interval in days.items() if interval is not None})

    @model_validator(mode="after")
    def _opens(self) -> WindowTable:
        if not self.window().hours:
            raise ValueError('no day is open; open at least one, for example monday = "09:00-20:00"')
        return self


def can_ask(hours: HoursTable, window: SendWindow) -> bool:
    """Whether some weekday has a moment at which a message may go and somebody is there for two hours."""
    return any(
        interval is not None and _meet(stretch, interval)
        for day, day_stretches in hours.by_weekday().items()
        for stretch in day_stretches
        for interval in [window.hours.get(day)]
    )


def _meet(staffed: Interval, window: Interval) -> bool:
    """In a stretch shorter than two hours only its first moment counts (`StaffedHours.defer`)."""
    start, end = _minutes(staffed[0]), _minutes(staffed[1]) or 24 * 60
    last_moment = max(start, end - int(STAFFED_AHEAD.total_seconds()) // 60)
    return start < _minutes(window[1]) and last_moment >= _minutes(window[0])
