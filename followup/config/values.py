"""The kinds of values in config.toml: what is typed, checked and brought into the form the house works with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import BeforeValidator

from followup import addresses
from followup.config.zones import zone
from followup.errors import InputError

_COUNTRY: ContextVar[str] = ContextVar("country", default="US")
"""How a number without + is read, while one file is being read: a pydantic validator sees only its own field."""


@contextmanager
def numbers_of(country: str) -> Iterator[None]:
    """Read numbers without + as numbers of that country."""
    token = _COUNTRY.set(country if country in phonenumbers.SUPPORTED_REGIONS else "US")
    try:
        yield
    finally:
        _COUNTRY.reset(token)


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('must be text in quotes: "…"')  # noqa: TRY004  pydantic collects ValueErrors
    return value


def _line(value: object) -> str:
    """One short line: it is read by patients, and must not be able to begin a second one."""
    text = unicodedata.normalize("NFC", _quoted(value)).strip()
    if not text or len(text) > 80:  # noqa: PLR2004  half of one SMS
        raise ValueError("must be one line of 1 to 80 characters")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Co", "Cs"} for c in text):
        raise ValueError("holds a line break or an invisible character; type it anew")
    return text


def _number(value: object) -> str:
    try:
        return addresses.number(_quoted(value), _COUNTRY.get())
    except InputError as error:
        raise ValueError(str(error)) from error


def _number_as_typed(value: object) -> str:
    """Patients read it as the clinic writes it, and a phone must still be able to dial it."""
    _number(value)
    return _line(value)


def _address(value: object) -> str:
    try:
        return addresses.address(_quoted(value))
    except InputError as error:
        raise ValueError(str(error)) from error


def _number_or_address(value: object) -> str:
    return _address(value) if "@" in _quoted(value) else _number(value)


def _zone(value: object) -> ZoneInfo:
    try:
        return zone(_quoted(value))
    except InputError as error:
        raise ValueError(str(error)) from error


def _country(value: object) -> str:
    if _quoted(value) not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('must be a country in two capital letters, for example "US"')
    return _quoted(value)


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(_quoted(value))
    except ValueError as error:
        raise ValueError("must be a date, year first: 2026-12-25") from error


def _imap_folder(value: object) -> str:
    """As IMAP lists it: beyond ASCII in a coding of its own (RFC 3501 §5.1.3), which the operator copies."""
    text = _line(value)
    if not text.isascii():
        raise ValueError('must be the name as the mail server lists it, in plain letters, for example "INBOX"')
    return text


def sid(prefix: str) -> BeforeValidator:
    """One of Twilio's ids, of the kind that begins so."""

    def check(value: object) -> str:
        if re.fullmatch(rf"{prefix}[0-9a-f]{{32}}", _quoted(value)) is None:
            raise ValueError(f"must be {prefix} and 32 digits or letters a to f, as the Twilio console shows it")
        return _quoted(value)

    return BeforeValidator(check)


def whole(low: int, high: int, unit: str = "") -> BeforeValidator:
    """A whole number within these bounds, both included; a bool or 3.0 is none."""

    def check(value: object) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be a whole number {unit and f'of {unit} '}from {low} to {high}")
        return value

    return BeforeValidator(check)


Quoted = Annotated[str, BeforeValidator(_quoted)]
Line = Annotated[str, BeforeValidator(_line)]
Number = Annotated[str, BeforeValidator(_number)]
NumberAsTyped = Annotated[str, BeforeValidator(_number_as_typed)]
Address = Annotated[str, BeforeValidator(_address)]
NumberOrAddress = Annotated[str, BeforeValidator(_number_or_address)]
Day = Annotated[date, BeforeValidator(_day)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Country = Annotated[str, BeforeValidator(_country)]
ImapFolder = Annotated[str, BeforeValidator(_imap_folder)]
