"""Inserts that another program may be making at the same moment: what is there already is no error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_there(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert the row; False if one that excludes it was there already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    query = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(query).first() is not None


def insert_or_replace(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert the row, or give the one of the same primary key these values."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in values.items() if name not in keys}
    query = insert(table).values(**values).on_conflict_do_update(index_elements=keys, set_=rest)
    connection.execute(query)
