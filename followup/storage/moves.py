"""The one way to change a row of the outbox: compare, swap, and write the move into the trail.

A change holds only if nobody else has changed the row since it was read: its revision, attempt and status are
compared. What the table of `care.delivery` does not allow cannot be written. Whoever compares holds the rows until
the end of the transaction (SQLite has one writer at a time), so that nothing comes between comparing and swapping.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from followup.care.delivery import Mover, Status, the_move
from followup.care.message import Recorded
from followup.storage.ids import new_ids
from followup.storage.many import Row, insert_rows, update_rows
from followup.storage.tables import audit, messages

MOST_AT_ONCE = 500
"""Rows compared in one statement: SQLite takes 32,766 parameters."""

_STANDING = (
    select(messages.c.id, messages.c.revision, messages.c.attempt, messages.c.status)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(messages.c.id)
    .with_for_update()
)


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
    for rows in _alike(swapped, now):
        update_rows(connection, messages, rows, by=("id",))
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


def _alike(changes: Iterable[Change], now: datetime) -> Iterable[list[Row]]:
    """The new values of rows, those together that touch the same columns."""
    groups: dict[frozenset[str], list[Row]] = defaultdict(list)
    for change in changes:
        after = {"id": change.row.id, "revision": change.row.revision + 1, "updated_at": now}
        groups[frozenset(change.values)].append({**change.values, **after})
    return groups.values()


def _tell(connection: Connection, mover: Mover, changes: Sequence[Change], now: datetime) -> None:
    """A line of the trail for each move; a change that moves nothing is no event."""
    moved = [change for change in changes if change.target != change.row.status]
    if moved:
        ids = new_ids(now, len(moved))
        lines = [_line(next(ids), mover, change, now) for change in moved]
        insert_rows(connection, audit, lines)


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
