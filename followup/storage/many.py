"""Many rows into a table, or many rows of it changed, in few statements.

A statement's text is built once for each number of rows, and its values are laid out straight from the rows:
SQLAlchemy's own way, made for any statement, takes longer over them than the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table

MOST_AT_ONCE = 512
"""Rows in one statement: of forty columns each, below the 32,766 values that SQLite takes."""

Row = Mapping[str, Any]
"""Values by column; the rows of one call all bring the same columns."""

_Bind = Callable[[Any], Any]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; a column that they leave out gets the table's own value.

    Raises ValueError for rows that do not bring the same columns.
    """
    if not rows:
        return
    shape = _Shape.of(connection.dialect, table, rows)
    if connection.dialect.name == "postgresql":
        # Its driver sends one row after the other without waiting for each: twice as fast there.
        connection.exec_driver_sql(shape.insertion(1), [shape.values([row]) for row in rows])
        return
    # Each statement hands the interpreter's lock to whoever waits for it on the wire: the fewer the better.
    for part in _in_powers_of_two(rows):
        connection.exec_driver_sql(shape.insertion(len(part)), shape.values(part))


def update_rows(connection: Connection, table: Table, rows: Sequence[Row], *, by: tuple[str, ...]) -> None:
    """Give rows, each found by its values of the columns `by`, all other values that it brings.

    Raises ValueError for rows that do not bring the same columns.
    """
    if not rows:
        return
    shape = _Shape.of(connection.dialect, table, rows)
    for part in _in_powers_of_two(rows):
        connection.exec_driver_sql(shape.change(by, len(part)), shape.values(part))


def _in_powers_of_two(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """All rows, the largest part first: so few statements are needed that each is built only once."""
    start = 0
    while left := len(rows) - start:
        size = min(MOST_AT_ONCE, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


class _Shape:
    """Rows of a table that bring the same columns: their statements, and their values as the driver takes them."""

    def __init__(self, dialect: Dialect, table: Table, columns: tuple[str, ...]) -> None:
        self._on_postgresql = dialect.name == "postgresql"
        self._table, self._columns = table.name, columns
        self._quoted = {name: dialect.identifier_preparer.quote(name) for name in columns}
        types = {name: table.c[name].type for name in columns}
        self._types = {name: type_.compile(dialect) for name, type_ in types.items()}
        self._binds: list[tuple[str, _Bind | None]] = [
            (name, type_.dialect_impl(dialect).bind_processor(dialect)) for name, type_ in types.items()
        ]
        self._texts: dict[tuple[object, ...], str] = {}

    @classmethod
    def of(cls, dialect: Dialect, table: Table, rows: Sequence[Row]) -> _Shape:
        columns = rows[0].keys()
        if any(row.keys() != columns for row in rows):
            raise ValueError("the rows of one statement must bring the same columns")
        return _shape(dialect, table, tuple(columns))

    def values(self, rows: Sequence[Row]) -> tuple[Any, ...]:
        """One row after the other, in the order of the columns."""
        return tuple([bind(row[name]) if bind else row[name] for row in rows for name, bind in self._binds])

    def insertion(self, count: int) -> str:
        return self._text(("insert", count), lambda: self._insertion(count))

    def change(self, by: tuple[str, ...], count: int) -> str:
        return self._text(("update", by, count), lambda: self._change(by, count))

    def _text(self, key: tuple[object, ...], build: Callable[[], str]) -> str:
        if key not in self._texts:
            self._texts[key] = build()
        return self._texts[key]

    def _insertion(self, count: int) -> str:
        return f"INSERT INTO {self._table} ({self._names()}) VALUES {self._places(count)}"  # noqa: S608  names only

    def _change(self, by: tuple[str, ...], count: int) -> str:
        new = ", ".join(f"{self._quoted[name]} = {self._given(name)}" for name in self._columns if name not in by)
        found = " AND ".join(f"{self._table}.{self._quoted[name]} = {self._given(name)}" for name in by)
        return (
            f"WITH given ({self._names()}) AS (VALUES {self._places(count)}) "  # noqa: S608  names only
            f"UPDATE {self._table} SET {new} FROM given WHERE {found}"
        )

    def _names(self) -> str:
        return ", ".join(self._quoted.values())

    def _places(self, count: int) -> str:
        place = "%s" if self._on_postgresql else "?"
        return ", ".join([f"({', '.join([place] * len(self._columns))})"] * count)

    def _given(self, name: str) -> str:
        # PostgreSQL takes a column of empty values for text; SQLite has no moments to cast to.
        given = f"given.{self._quoted[name]}"
        return f"CAST({given} AS {self._types[name]})" if self._on_postgresql else given


@lru_cache(maxsize=256)
def _shape(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Shape:
    return _Shape(dialect, table, columns)
