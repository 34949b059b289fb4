"""Questions at the prompt: asked again until the answer can be right, each wrong one met with one clear line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import click

from followup.errors import InputError

T = TypeVar("T")

_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2,4})")
_WHOLE_YEAR = 4


def ask(question: str, read: Callable[[str], T], default: str | None = None) -> T:
    """Ask until `read` understands the answer; Enter takes the default, which is shown."""
    while True:
        typed = click.prompt(question, default=default if default is not None else "", show_default=bool(default))
        try:
            return read(str(typed).strip())
        except InputError as error:
            click.echo(f"  {error}", err=True)


def maybe(question: str, read: Callable[[str], T]) -> T | None:
    """As `ask`; Enter means that there is none."""
    return ask(f"{question} (Enter = none)", lambda typed: read(typed) if typed else None)


def yes(question: str, *, default: bool | None) -> bool:
    """Yes or no; with no default it must be typed, as a consent must."""
    return click.confirm(question, default=default)


def required(typed: str) -> str:
    """Raises InputError for an empty answer."""
    if not typed:
        raise InputError("this is needed")
    return typed


def day(typed: str, today: date) -> date:
    """A date as people type it: 2026-10-30, 10/30/2026, today, yesterday, tomorrow. Raises InputError."""
    words = {"today": 0, "t": 0, "yesterday": -1, "y": -1, "tomorrow": 1}
    if typed.lower() in words:
        return today + timedelta(days=words[typed.lower()])
    if found := _US_DATE.fullmatch(typed):
        month, number, year = found.groups()
        if len(year) != _WHOLE_YEAR:
            raise InputError("write the year with its four digits: 3/7/1948")
        typed = f"{year}-{month:0>2}-{number:0>2}"
    try:
        return date.fromisoformat(typed)
    except ValueError as error:
        raise InputError("this is not a day of the calendar; write 2026-10-30 or 10/30/2026") from error


def moment(typed: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A time of today, or a date and a time, as clocks in `zone` show it, or `now`. Raises InputError."""
    from followup.care.local_time import instant

    today = now.astimezone(zone).date()

    if typed.lower() == "now":
        return now
    parts = typed.replace("T", " ").split()
    try:
        wall = time.fromisoformat(parts[-1].zfill(5))
    except (ValueError, IndexError) as error:
        raise InputError("write the time like 14:30, or with its date 2026-10-30 14:30") from error
    return instant(day(parts[0], today) if len(parts) > 1 else today, wall, zone)


def choice(question: str, options: list[str], default: int | None = None) -> int:
    """One of several, by its number; returns its place, counted from 0."""
    for place, option in enumerate(options, 1):
        click.echo(f"  {place}  {option}")
    return ask(question, lambda typed: _place(typed, len(options)), None if default is None else str(default + 1))


def _place(typed: str, count: int) -> int:
    if not typed.isdecimal() or not 1 <= int(typed) <= count:
        raise InputError(f"type a number from 1 to {count}")
    return int(typed) - 1


def score(typed: str) -> int:
    """A pain score; raises InputError for anything but 0 to 10."""
    if not typed.isdecimal() or int(typed) > 10:  # noqa: PLR2004  the scale of every pain question
        raise InputError("pain is a number from 0 (none) to 10 (worst)")
    return int(typed)
