"""The trail's seals: each is a keyed hash over the seal before and the lines it covers, in the order of their ids.

A line bears the number of its seal, so that one committed late is covered by a later seal instead of being missed.
That a line was undone comes later than its seal, and is not covered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from followup.storage.practice_tables import seals
from followup.storage.seal import Sealer
from followup.storage.tables import audit

MOST_LINES = 5000
"""Lines under one seal: verifying reads one seal's lines at a time."""

AT_ONCE = 500

_LOCK = 0x5EA1
"""PostgreSQL's advisory lock under which one daemon seals at a time."""

_COVERED = (
    "id",
    "at",
    "by",
    "action",
    "patient_id",
    "message_id",
    "detail",
    "before",
    "source",
    "target",
    "reason",
    "attempt",
    "revision",
)


class Chain:
    """The seals, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def seal(self, now: datetime) -> int:
        """Put what is unsealed under a new seal; returns how many lines: none while another daemon is at it."""
        if not self._alone():
            return 0
        lines = self._lines(audit.c.seal.is_(None), MOST_LINES)
        if lines:
            number, before = self.newest()
            row = {
                "number": number + 1,
                "at": now,
                "lines": len(lines),
                "head": self._head(before, number + 1, lines),
            }
            self._connection.execute(insert(seals), row)
            self._mark([line.id for line in lines], number + 1)
        return len(lines)

    def newest(self) -> tuple[int, bytes]:
        """Number and head of the newest seal; 0 and nothing before the first."""
        row = self._connection.execute(select(seals).order_by(seals.c.number.desc()).limit(1)).one_or_none()
        return (row.number, bytes(row.head)) if row else (0, b"")

    def breaches(self) -> Iterator[str]:
        """A sentence for each seal that does not hold; reads one seal's lines at a time."""
        expected, before = 1, b""
        for row in self._connection.execute(select(seals).order_by(seals.c.number)).all():
            if row.number != expected:
                yield f"seal {expected} is missing"
            lines = self._lines(audit.c.seal == row.number)
            if len(lines) != row.lines:
                yield f"seal {row.number} covers {row.lines} lines, and {len(lines)} are there"
            elif self._head(before, row.number, lines) != bytes(row.head):
                yield f"a line under seal {row.number}, or the seal before it, was changed"
            expected, before = row.number + 1, bytes(row.head)
        if beyond := self._connection.scalar(select(func.count()).where(audit.c.seal >= expected)):
            yield f"{beyond} lines bear a seal that is missing"

    def unsealed_before(self, moment: datetime) -> int:
        """How many lines older than this bear no seal."""
        query = select(func.count()).where(audit.c.seal.is_(None), audit.c.at < moment)
        return int(self._connection.scalar(query) or 0)

    def _alone(self) -> bool:
        if self._connection.dialect.name != "postgresql":
            return True
        return bool(self._connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}))

    def _lines(self, which: Any, most: int | None = None) -> Sequence[Row[Any]]:  # noqa: ANN401  a condition of SQLAlchemy's
        query = select(audit).where(which).order_by(audit.c.id)
        return self._connection.execute(query.limit(most) if most else query).all()

    def _head(self, before: bytes, number: int, lines: Sequence[Row[Any]]) -> bytes:
        digest = hashlib.sha256()
        for line in lines:
            digest.update(_written(line))
        return self._sealer.index("trail", f"{before.hex()}:{number}:{digest.hexdigest()}")

    def _mark(self, ids: Sequence[int], number: int) -> None:
        for start in range(0, len(ids), AT_ONCE):
            mine = audit.c.id.in_(ids[start : start + AT_ONCE])
            self._connection.execute(update(audit).where(mine).values(seal=number))


def _written(line: Row[Any]) -> bytes:
    """One line as it is hashed: every covered column, none of which can be taken for its neighbour."""
    values = [_plain(getattr(line, name)) for name in _COVERED]
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
    return value
