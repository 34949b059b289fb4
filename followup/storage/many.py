"""Many rows into a table, or many rows of it changed, in few statements.

Values are laid out straight from the rows: SQLAlchemy's own way, made for any statement, takes longer over them
than the database does. SQLite takes all values as parameters, PostgreSQL all rows as one, a JSON text.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, LargeBinary, String, Table
from sqlalchemy.types import TypeEngine

from followup.storage.column_types import as_utc

MOST_AT_ONCE = 512
"""Rows in one statement on SQLite: of forty columns each, below the 32,766 parameters that it takes."""

Row = dict[str, Any]
"""Values by column; the rows of one call all bring the same columns."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; a column that they leave out gets the table's own value.

    Raises ValueError for rows that do not bring the same columns.
    """
    if rows:
        _statements(connection.dialect, table, _columns_of(rows)).insert(connection, rows)


def update_rows(connection: Connection, table: Table, rows: Sequence[Row], *, by: tuple[str, ...]) -> None:
    """Give rows, each found by its values of the columns `by`, all other values that it brings.

    Raises ValueError for rows that do not bring the same columns.
    """
    if rows:
        _statements(connection.dialect, table, _columns_of(rows)).update(connection, rows, by)


def _columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    columns = rows[0].keys()
    if any(row.keys() != columns for row in rows):
        raise ValueError("the rows of one statement must bring the same columns")
    return tuple(columns)


@lru_cache(maxsize=256)
def _statements(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Statements:
    kind = _PostgresqlStatements if dialect.name == "postgresql" else _SqliteStatements
    return kind(dialect, table, columns)


class _Statements(ABC):
    """The statements for rows of a table that bring these columns."""

    def __init__(self, dialect: Dialect, table: Table, columns: tuple[str, ...]) -> None:
        self._table = table.name
        self._quoted = {name: dialect.identifier_preparer.quote(name) for name in columns}
        self._names = ", ".join(self._quoted.values())

    @abstractmethod
    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert the rows."""

    @abstractmethod
    def update(self, connection: Connection, rows: Sequence[Row], by: tuple[str, ...]) -> None:
        """Change the rows found by the columns `by`."""

    def _new_values(self, by: tuple[str, ...]) -> str:
        return ", ".join(f"{quoted} = given.{quoted}" for name, quoted in self._quoted.items() if name not in by)

    def _found(self, by: tuple[str, ...]) -> str:
        return " AND ".join(f"{self._table}.{self._quoted[name]} = given.{self._quoted[name]}" for name in by)


class _SqliteStatements(_Statements):
    """One text for each number of rows: each statement hands the interpreter's lock on, so few are better."""

    def __init__(self, dialect: Dialect, table: Table, columns: tuple[str, ...]) -> None:
        super().__init__(dialect, table, columns)
        self._binds = [(name, _bind(table.c[name].type, dialect)) for name in columns]

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        for part in _in_powers_of_two(rows):
            connection.exec_driver_sql(self._insertion(len(part)), self._parameters(part))

    def update(self, connection: Connection, rows: Sequence[Row], by: tuple[str, ...]) -> None:
        for part in _in_powers_of_two(rows):
            connection.exec_driver_sql(self._change(by, len(part)), self._parameters(part))

    def _parameters(self, rows: Sequence[Row]) -> tuple[Any, ...]:
        return tuple([bind(row[name]) if bind else row[name] for row in rows for name, bind in self._binds])

    def _insertion(self, count: int) -> str:
        return f"INSERT INTO {self._table} ({self._names}) VALUES {self._places(count)}"  # noqa: S608  names only

    def _change(self, by: tuple[str, ...], count: int) -> str:
        return (
            f"WITH given ({self._names}) AS (VALUES {self._places(count)}) "  # noqa: S608  names only
            f"UPDATE {self._table} SET {self._new_values(by)} FROM given WHERE {self._found(by)}"
        )

    def _places(self, count: int) -> str:
        return ", ".join([f"({', '.join('?' * len(self._quoted))})"] * count)


def _bind(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes of a value what is stored; bytes are stored as they are."""
    return None if isinstance(type_, LargeBinary) else type_.dialect_impl(dialect).bind_processor(dialect)


def _in_powers_of_two(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """All rows, the largest part first: so few texts are needed that the driver keeps each of them prepared."""
    start = 0
    while left := len(rows) - start:
        size = min(MOST_AT_ONCE, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


class _PostgresqlStatements(_Statements):
    """One text for any number of rows, with one parameter."""

    def __init__(self, dialect: Dialect, table: Table, columns: tuple[str, ...]) -> None:
        super().__init__(dialect, table, columns)
        # A cast to VARCHAR(n) would cut what is too long; TEXT leaves it to the column, which refuses it.
        types = {name: table.c[name].type for name in columns}
        fields = (
            f"{quoted} {'TEXT' if isinstance(types[name], String) else types[name].compile(dialect)}"
            for name, quoted in self._quoted.items()
        )
        self._given = f"json_to_recordset(%s) AS given ({', '.join(fields)})"

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        query = f"INSERT INTO {self._table} ({self._names}) SELECT {self._names} FROM {self._given}"  # noqa: S608  names only
        connection.exec_driver_sql(query, (_as_json(rows),))

    def update(self, connection: Connection, rows: Sequence[Row], by: tuple[str, ...]) -> None:
        query = f"UPDATE {self._table} SET {self._new_values(by)} FROM {self._given} WHERE {self._found(by)}"  # noqa: S608  same
        connection.exec_driver_sql(query, (_as_json(rows),))


def _plain(value: object) -> str:
    """What JSON has no form for, as PostgreSQL reads it; ValueError for a moment without a time zone."""
    if isinstance(value, datetime):
        return as_utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"a {type(value).__name__} cannot be written down")


_as_json = json.JSONEncoder(default=_plain).encode
