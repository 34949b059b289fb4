"""The one way to change a row of the outbox: compare, swap, and write the move into the trail.

A change holds only if nobody else has changed the row since it was read: its revision, attempt and status are
compared. What the table of `care.delivery` does not allow cannot be written. Whoever compares holds the rows until
the end of the transaction (SQLite has one writer at a time), so that nothing comes between comparing and swapping.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, TextClause, bindparam, insert, select, text

from followup.care.delivery import Mover, Status, the_move
from followup.care.message import Recorded
from followup.storage.ids import new_ids
from followup.storage.tables import audit, messages

MOST_AT_ONCE = 500
"""Rows compared in one statement: SQLite takes 32,766 parameters."""

MOST_SWAPPED = 64
"""Rows changed in one statement, each of which brings up to twenty values."""

_Row = dict[str, Any]

_STANDING = (
    select(messages.c.id, messages.c.revision, messages.c.attempt, messages.c.status)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(messages.c.id)
    .with_for_update()
)
_TELL = insert(audit)


@dataclass(frozen=True, slots=True)
class Change:
    """New values for one row, as it was read."""

    row: Recorded
    values: Mapping[str, Any]

    @property
    def target(self) -> Status:
        return Status(self.values.get("status", self.row.status))


def swap(connection: Connection, mover: Mover, row: Recorded, now: datetime, new: Mapping[str, Any]) -> bool:
    """Change one row; False if somebody else has changed it since it was read."""
    return bool(swap_all(connection, mover, [Change(row, new)], now))


def swap_all(connection: Connection, mover: Mover, changes: Iterable[Change], now: datetime) -> set[int]:
    """Change many; returns the ids of those that were as they had been read."""
    wanted = list(changes)
    for change in wanted:
        _require_allowed(mover, change)
    won = _still_as_read(connection, wanted)
    swapped = [change for change in wanted if change.row.id in won]
    for columns, rows in _alike(swapped, now).items():
        for part in _in_powers_of_two(rows):
            connection.execute(_swapping(connection.dialect, columns, len(part)), _numbered(part))
    _tell(connection, mover, swapped, now)
    return won


def _still_as_read(connection: Connection, changes: Sequence[Change]) -> set[int]:
    """The ids of rows that nobody has changed since, held from now on against everybody else."""
    read = {change.row.id: (change.row.revision, change.row.attempt, change.row.status) for change in changes}
    ids, found = sorted(read), set()
    for start in range(0, len(ids), MOST_AT_ONCE):
        rows = connection.execute(_STANDING, {"ids": ids[start : start + MOST_AT_ONCE]}).all()
        found |= {row.id for row in rows if (row.revision, row.attempt, row.status) == read[row.id]}
    return found


def _require_allowed(mover: Mover, change: Change) -> None:
    if change.target != change.row.status:
        the_move(mover, Status(change.row.status), change.target)


def _alike(changes: Iterable[Change], now: datetime) -> dict[tuple[str, ...], list[_Row]]:
    """The new values of rows, by the columns they touch."""
    groups: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for change in changes:
        new = {**change.values, "revision": change.row.revision + 1, "updated_at": now}
        groups[tuple(sorted(new))].append(new | {"id": change.row.id})
    return groups


def _in_powers_of_two(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """All rows, the largest part first: so few statements are needed that each is built only once."""
    start = 0
    while left := len(rows) - start:
        size = min(MOST_SWAPPED, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _numbered(rows: Sequence[_Row]) -> _Row:
    return {f"{name}_{number}": value for number, row in enumerate(rows) for name, value in row.items()}


@lru_cache(maxsize=256)
def _swapping(dialect: Dialect, columns: tuple[str, ...], count: int) -> TextClause:
    """One statement for so many rows that change in these columns; building it costs more than running it."""
    names = ("id", *columns)
    rows = ", ".join(f"({', '.join(f':{name}_{number}' for name in names)})" for number in range(count))
    types = {name: messages.c[name].type for name in names}
    # PostgreSQL takes a column of empty values for text; SQLite has no moments to cast to.
    cast = "CAST(given.{0} AS {1})" if dialect.name == "postgresql" else "given.{0}"
    new = ", ".join(f"{name} = {cast.format(name, types[name].compile(dialect))}" for name in columns)
    query = (
        f"WITH given ({', '.join(names)}) AS (VALUES {rows}) "  # noqa: S608  names of columns and numbers only
        f"UPDATE messages SET {new} FROM given WHERE messages.id = given.id"
    )
    places = [bindparam(f"{name}_{number}", type_=types[name]) for number in range(count) for name in names]
    return text(query).bindparams(*places)


def _tell(connection: Connection, mover: Mover, changes: Sequence[Change], now: datetime) -> None:
    """A line of the trail for each move; a change that moves nothing is no event."""
    moved = [change for change in changes if change.target != change.row.status]
    if moved:
        ids = new_ids(now, len(moved))
        lines = [_line(next(ids), mover, change, now) for change in moved]
        connection.execute(_TELL, lines)


def _line(row: int, mover: Mover, change: Change, now: datetime) -> dict[str, Any]:
    before, after = change.row, change.values
    move = the_move(mover, Status(before.status), change.target)
    return {
        "id": row,
        "at": now,
        "by": mover,
        "action": move.event,
        "message_id": before.id,
        "detail": str(after.get("code") or ""),
        "source": move.source,
        "target": move.target,
        "reason": after.get("reason"),
        "attempt": after.get("attempt", before.attempt),
        "revision": before.revision + 1,
    }
