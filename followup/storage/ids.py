"""Ids made before the insert, since the seal of a value is bound to its row.

63 bits: milliseconds since 2026, then 22 bits that begin at random each millisecond and only rise. So new rows
lie together in the index, and two programs at once do not meet. Should they ever, the insert fails
and nothing is lost.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

_START = datetime(2026, 1, 1, tzinfo=UTC)
_LOW_BITS = 22
_lock = threading.Lock()
_last = [0]

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ"
_SIGNS = _LETTERS + "23456789"


def new_ids(now: datetime, count: int) -> Iterator[int]:
    """`count` ids, rising."""
    base = max(0, int((now - _START).total_seconds() * 1000)) << _LOW_BITS
    with _lock:
        first = max(_last[0] + 1, base + secrets.randbelow(1 << (_LOW_BITS - 1)))
        _last[0] = first + count - 1
    return iter(range(first, first + count))


def new_id(now: datetime) -> int:
    """One id."""
    return next(new_ids(now, 1))


def new_short_id() -> str:
    """A patient's id as staff say and type it: a letter first, none that is mistaken for another."""
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_SIGNS) for _ in range(4))
