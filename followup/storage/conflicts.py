"""Inserts that another program may be making at the same moment: what is there already is no error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table


def insert_unless_there(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert the row; False if one that excludes it was there already."""
    query = _insert(connection, table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    found: bool = connection.execute(query).first() is not None
    return found


def insert_all_unless_there(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows in one statement, but for those that one there already excludes; returns how many were new."""
    query = _insert(connection, table).values(list(rows)).on_conflict_do_nothing().returning(*table.primary_key)
    return len(connection.execute(query).all()) if rows else 0


def insert_or_replace(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert the row, or give the one of the same primary key these values."""
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in values.items() if name not in keys}
    query = _insert(connection, table).values(**values).on_conflict_do_update(index_elements=keys, set_=rest)
    connection.execute(query)


def _insert(connection: Connection, table: Table) -> Any:  # noqa: ANN401  each dialect has an Insert of its own
    """The dialect's own insert; only the dialect in use is imported, since every command pays for it."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415  see above

        return insert(table)
    from sqlalchemy.dialects.sqlite import insert as insert_in_sqlite  # noqa: PLC0415  see above

    return insert_in_sqlite(table)
