"""What an IMAP server says about a mail, and how a question to it is written; the words of RFC 3501."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from followup.errors import Unavailable

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,12})\b")
_DELIVERED = re.compile(rb'INTERNALDATE "([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)"')

NO_IMAP = "the mailbox's server does not keep to the protocol"


@dataclass(frozen=True, slots=True)
class About:
    """What a server tells of a mail before it is fetched."""

    uid: str
    received: datetime
    size: int


def told_of(piece: object) -> About | None:
    """What one line of an answer tells; None if it tells of something else, as servers do unasked."""
    line = piece if isinstance(piece, bytes) else b""
    uid, size = _UID.search(line), _SIZE.search(line)
    if uid is None or size is None:
        return None
    return About(uid[1].decode("ascii"), _moment(line), int(size[1]))


def _moment(line: bytes) -> datetime:
    found = _DELIVERED.search(line)
    try:
        if found is not None:
            day, month, year, *clock, hours, minutes = (part.decode("ascii") for part in found.groups())
            east = timedelta(hours=int(hours), minutes=int(hours[0] + minutes))
            hour, minute, second = map(int, clock)
            zone = timezone(east)
            told = datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=zone)
            return told.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unavailable(NO_IMAP, of_sender=True)


def quoted(text: str) -> bytes:
    """As a quoted string, in bytes: the client itself would take ASCII only, and quotes not everything."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode()


def shown(day: date) -> str:
    """A day as SEARCH wants it: 2-Nov-2026, in English everywhere."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"
