"""The small word lists: vocabulary/ (restrictions, wording) and shared/<language>/ (month names, subjects)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from followup.errors import Fault, MessageError
from followup.toml_file import TomlTable, parse, read

MONTHS, SUBJECTS = "months.toml", "subjects.toml"

_Twelve = Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]
_Seven = Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]
_Line = Annotated[str, Field(min_length=1, max_length=100)]


class Called(TomlTable):
    """What a restriction is called in one language, and how a sentence about it begins: "No heavy lifting"."""

    name: _Line
    rule: _Line


class _RestrictionsFile(TomlTable):
    restriction: Mapping[str, Mapping[str, Called]]


class Wording(TomlTable):
    """Words of one language that some texts must not hold.

    `ceilings` turn a floor into a promise ("until"); `health` must not stand in an e-mail's subject.
    """

    ceilings: tuple[str, ...]
    health: tuple[str, ...]


class _WordingFile(TomlTable):
    language: Mapping[str, Wording]


_A_WEEKDAY_IS_CLEAR = timedelta(days=6)
"""A weekday said further ahead could be taken for the one before it."""


class Months(TomlTable):
    """How dates are said: `{day}`, `{month}` and `{year}` are filled in; and an opening: `{day}` and `{time}`.

    `weekdays` begin with Monday; `clock` is of 12 or 24 hours.
    """

    short_months: _Twelve
    long_months: _Twelve
    short: _Line
    long: _Line
    weekdays: _Seven
    clock: Literal[12, 24]
    opening: _Line

    def opens(self, opening: datetime, now: datetime) -> str:
        """Mon 8 am; both moments are the reader's local ones."""
        near = opening.date() - now.date() < _A_WEEKDAY_IS_CLEAR
        day = self.weekdays[opening.weekday()] if near else self.said(opening.date(), short=True)
        return self.opening.replace("{day}", day).replace("{time}", self._time(opening))

    def _time(self, moment: datetime) -> str:
        if self.clock == 24:  # noqa: PLR2004  hours of a clock
            return f"{moment.hour}:{moment.minute:02}"
        minutes = f":{moment.minute:02}" if moment.minute else ""
        return f"{moment.hour % 12 or 12}{minutes} {'am' if moment.hour < 12 else 'pm'}"  # noqa: PLR2004  same

    def said(self, day: date, *, short: bool) -> str:
        """Dec 11 where letters cost, December 11, 2026 elsewhere."""
        month = (self.short_months if short else self.long_months)[day.month - 1]
        pattern = self.short if short else self.long
        said = pattern.replace("{day}", str(day.day)).replace("{year}", str(day.year))
        return said.replace("{month}", month)


class Subjects(TomlTable):
    """The subject of an e-mail that tells, and of one that asks."""

    message: _Line
    question: _Line


@dataclass(frozen=True, slots=True)
class Words:
    """All of them. `shared` holds the source of `shared/en/months.toml` and the like, since texts are approved."""

    restrictions: Mapping[str, Mapping[str, Called]] = field(default_factory=dict)
    wording: Mapping[str, Wording] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)


def read_words(folder: Path, languages: tuple[str, ...]) -> tuple[Words, list[Fault]]:
    """Every list that can be read, and a fault for each that cannot."""
    restrictions, faults = read(
        folder / "vocabulary" / "restrictions.toml", _RestrictionsFile, shown_as="vocabulary/restrictions.toml"
    )
    wording, more = read(folder / "vocabulary" / "wording.toml", _WordingFile, shown_as="vocabulary/wording.toml")
    faults += more
    shared = {}
    for language in languages:
        for name, model in ((MONTHS, Months), (SUBJECTS, Subjects)):
            where = f"shared/{language}/{name}"
            _, more = read(folder / where, model, shown_as=where)
            faults += more
            if not more:
                shared[where] = (folder / where).read_text(encoding="utf-8-sig")
    return Words(
        restrictions.restriction if restrictions else {}, wording.language if wording else {}, shared
    ), faults


@lru_cache(maxsize=64)
def months(text: str) -> Months:
    """The months file of that text; raises MessageError if it is none."""
    found, faults = parse(text, Months, shown_as=MONTHS)
    if found is None:
        raise MessageError(faults)
    return found


@lru_cache(maxsize=64)
def subjects(text: str) -> Subjects:
    """The subjects file of that text; raises MessageError if it is none."""
    found, faults = parse(text, Subjects, shown_as=SUBJECTS)
    if found is None:
        raise MessageError(faults)
    return found
