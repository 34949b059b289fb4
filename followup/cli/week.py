"""A week of hours as people say it on one line: `mon-fri 08:00-12:00 13:00-17:00, sun 12:00-16:00`."""

from __future__ import annotations

import re

from followup.config import stretches
from followup.config.hours import WEEKDAYS, HoursTable, WindowTable, can_ask
from followup.errors import InputError

_PART = re.compile(r"\s*([A-Za-z]+(?:\s*[-\u2013,]\s*[A-Za-z]+)*)\s*((?:[\d:\s,-]|\u2013)+)[\s,;]*")
_STRETCH = re.compile(r"\d{1,2}:\d\d\s*[-\u2013]\s*\d{1,2}:\d\d")
_SHORTEST_NAME = 3
_FORM = "write it like: mon-fri 08:00-17:00, sun 12:00-16:00"


def week(typed: str) -> dict[str, str]:
    """Hours by weekday (`monday`), as `stretches` reads them; a day not named is closed. Raises InputError."""
    found: dict[str, str] = {}
    place = 0
    while place < len(typed):
        part = _PART.match(typed, place)
        if part is None:
            raise InputError(f"these are no hours of a week; {_FORM}")
        hours = _hours(part[2])
        for day in _days(part[1]):
            if day in found:
                raise InputError(f"{day} stands twice; put its hours side by side: {day} 08:00-12:00 13:00-17:00")
            found[day] = hours
        place = part.end()
    _require_open(found)
    return found


def _hours(text: str) -> str:
    parts = _STRETCH.findall(text)
    # What is left over is for `stretches` to refuse in its own words.
    whole = ", ".join(parts) if not _STRETCH.sub("", text).strip(" ,") else text.strip(" ,")
    stretches(whole)
    return whole


def _days(text: str) -> list[str]:
    days = []
    for one in re.split(r"\s*,\s*", text.lower()):
        first, _, last = one.replace("\u2013", "-").partition("-")
        start = _day(first.strip())
        end = _day(last.strip()) if last else start
        count = (end - start) % len(WEEKDAYS) + 1
        days += [WEEKDAYS[(start + n) % len(WEEKDAYS)] for n in range(count)]
    return days


def _day(name: str) -> int:
    for number, day in enumerate(WEEKDAYS):
        if len(name) >= _SHORTEST_NAME and day.startswith(name.removesuffix("s")):
            return number
    raise InputError(f"there is a day of the week that is none; {_FORM}")


def _require_open(hours: dict[str, str]) -> None:
    """Else the program could never ask a patient anything."""
    table = HoursTable.model_validate(hours)
    if not can_ask(table, WindowTable().window()):
        raise InputError(f"at no hour would somebody be there while messages may go (09:00-20:00); {_FORM}")
