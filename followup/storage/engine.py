"""Opening a database: SQLite for a practice, PostgreSQL for a group, each with the settings that keep it safe."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from followup.errors import StorageError

BUSY_SECONDS = 10
"""How long a writer waits for another before it gives up."""

PARTITION_MS = 4000
"""After this a silent network is taken for a broken one (RELIABILITY.md §4)."""


def open_engine(url: str) -> Engine:
    """An engine for the URL; raises StorageError for one that is not SQLite or PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError("the database URL cannot be read; for example: sqlite:///followup.db") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(url, parsed.database)
        case "postgresql":
            return _postgresql(url)
        case other:
            raise StorageError(f"a {other} database is not supported; use sqlite or postgresql")


def sqlite_path(engine: Engine) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def _sqlite(url: str, database: str | None) -> Engine:
    if not database or database == ":memory:":
        raise StorageError("the database must be a file: a reminder that lives in memory is lost with it")
    # Without an isolation level the driver begins nothing by itself: the begin event below does, as a writer.
    settings = {"timeout": BUSY_SECONDS, "isolation_level": None}
    engine = create_engine(url, hide_parameters=True, connect_args=settings)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    """IMMEDIATE: a transaction that reads before it writes would otherwise fail without waiting its turn."""
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgresql(url: str) -> Engine:
    settings: dict[str, Any] = {
        "connect_timeout": 5,
        "tcp_user_timeout": PARTITION_MS,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    }
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=settings)
    except ModuleNotFoundError:
        raise StorageError("PostgreSQL needs its driver: pip install 'followup[postgres]'") from None


def create_private_file(path: Path) -> None:
    """Make the database's file before SQLite does, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
