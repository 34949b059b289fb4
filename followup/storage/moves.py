"""The one way to change a row of the outbox: compare, swap, and write the move into the trail.

A change holds only if nobody else has changed the row since it was read: its revision, attempt and status are
compared. What the table of `care.delivery` does not allow cannot be written. Rows that change in the same columns
change in one statement; those missing from its answer lost the race.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, Connection, Update, bindparam, cast, column, insert, update, values
from sqlalchemy.sql.elements import ColumnElement

from followup.care.delivery import Mover, Status, the_move
from followup.care.message import Recorded
from followup.storage.ids import new_ids
from followup.storage.tables import audit, messages

MOST_AT_ONCE = 500
"""Rows in one statement: SQLite takes 32,766 parameters, and each row brings up to twenty."""

_COMPARED = ("revision", "attempt", "status")


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
    won: set[int] = set()
    for columns, alike in _alike(changes):
        for change in alike:
            _require_allowed(mover, change)
        rows = [_row(change, now) for change in alike]
        changed = _one(connection, columns, rows[0]) if len(rows) == 1 else _many(connection, columns, rows)
        _tell(connection, mover, [change for change in alike if change.row.id in changed], now)
        won |= changed
    return won


def _require_allowed(mover: Mover, change: Change) -> None:
    if change.target != change.row.status:
        the_move(mover, Status(change.row.status), change.target)


def _alike(changes: Iterable[Change]) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Changes by the columns they touch, no more of them at once than a statement takes."""
    groups: dict[tuple[str, ...], list[Change]] = defaultdict(list)
    for change in changes:
        groups[tuple(sorted({*change.values, "revision", "updated_at"}))].append(change)
    for columns, alike in groups.items():
        for start in range(0, len(alike), MOST_AT_ONCE):
            yield columns, alike[start : start + MOST_AT_ONCE]


def _row(change: Change, now: datetime) -> dict[str, Any]:
    new = {**change.values, "revision": change.row.revision + 1, "updated_at": now}
    row = change.row
    known = {"id": row.id, "revision": row.revision, "attempt": row.attempt, "status": row.status}
    return {f"new_{name}": value for name, value in new.items()} | {f"its_{n}": v for n, v in known.items()}


def _one(connection: Connection, columns: tuple[str, ...], row: Mapping[str, Any]) -> set[int]:
    done = connection.execute(_swapping(columns), row).rowcount == 1
    return {row["its_id"]} if done else set()


@lru_cache(maxsize=64)
def _swapping(columns: tuple[str, ...]) -> Update:
    """The statement for one set of columns, built once: building it costs more than running it."""
    new = {name: bindparam(f"new_{name}", type_=messages.c[name].type) for name in columns}
    mine = [messages.c[name] == bindparam(f"its_{name}") for name in ("id", *_COMPARED)]
    return update(messages).where(*mine).values(new)


def _many(connection: Connection, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> set[int]:
    given = _given(columns, rows)
    on_postgresql = connection.dialect.name == "postgresql"

    def typed(name: str, column_name: str) -> ColumnElement[Any]:
        # PostgreSQL takes a column of empty values for text; SQLite has no moments to cast to.
        value = given.c[name]
        return cast(value, messages.c[column_name].type) if on_postgresql else value

    mine = [messages.c[name] == typed(f"its_{name}", name) for name in ("id", *_COMPARED)]
    new = {name: typed(f"new_{name}", name) for name in columns}
    query = update(messages).where(*mine).values(new).returning(messages.c.id)
    return set(connection.scalars(query))


def _given(columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> CTE:
    names = {f"new_{name}": name for name in columns} | {f"its_{name}": name for name in ("id", *_COMPARED)}
    table = values(*(column(given, messages.c[name].type) for given, name in names.items()), name="given")
    return table.data([tuple(row[name] for name in names) for row in rows]).cte("given")


def _tell(connection: Connection, mover: Mover, changes: Sequence[Change], now: datetime) -> None:
    """A line of the trail for each move; a change that moves nothing is no event."""
    moved = [change for change in changes if change.target != change.row.status]
    if moved:
        ids = new_ids(now, len(moved))
        lines = [_line(next(ids), mover, change, now) for change in moved]
        connection.execute(insert(audit), lines)


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
