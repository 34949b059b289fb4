"""Opening a database: SQLite for a practice, PostgreSQL for a group, each with the settings that keep it safe."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from followup.errors import StorageError
from followup.storage.faults import LOST, name_of

BUSY_SECONDS = 10
"""How long a writer waits for another before it gives up."""

CLIENT_TIME_OUTS: dict[str, int] = {
    "connect_timeout": 5,  # seconds for all of it: name, TCP, TLS, login
    "tcp_user_timeout": 4000,  # milliseconds that what was sent may go without the other machine's word
    "keepalives_idle": 2,  # seconds: while an answer is waited for, and while nothing is asked
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
"""A silent network is taken for a broken one within 6 s (RELIABILITY.md §4: with tcp_user_timeout, 4.4 s)."""

SERVER_TIME_OUTS = {
    "statement_timeout": "30s",
    "lock_timeout": f"{BUSY_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",  # a client that is gone holds no row for longer
    "tcp_user_timeout": "4s",  # the server's own ends of the same: a client that is cut off frees its rows
    "tcp_keepalives_idle": "2s",
    "tcp_keepalives_interval": "1s",
    "tcp_keepalives_count": "3",
}

POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 24}
"""Connections of one process: some are kept, and each round of a daemon may need two at the same moment."""

VERIFIED = "verify-full"


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
            return _postgresql(parsed)
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
    event.listen(engine, "handle_error", _look_anew)
    return engine


def less_patient(engine: Engine, seconds: float) -> Engine:
    """A second engine on the same SQLite file, whose writers wait no longer than this for others."""
    other = _sqlite(engine.url.render_as_string(hide_password=False), engine.url.database)
    event.listen(other, "connect", partial(_wait_no_longer, seconds))
    return other


def _wait_no_longer(seconds: float, connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}").close()


def _look_anew(context: ExceptionContext) -> None:
    """After such a fault every kept connection is closed: one opened while it lasted would never see it mended."""
    if name_of(context.original_exception).startswith(LOST):
        context.is_disconnect = True


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    # 16 MB of pages: a wave among a million rows touches more than the two that are the default.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    """IMMEDIATE: a transaction that reads before it writes would otherwise fail without waiting its turn."""
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgresql(url: URL) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in SERVER_TIME_OUTS.items())
    settings: dict[str, Any] = CLIENT_TIME_OUTS | {"options": f"{url.query.get('options', '')} {options}".strip()}
    settings |= _tls(url)
    try:
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=settings, **POOL)
    except ModuleNotFoundError:
        raise StorageError("PostgreSQL needs its driver: pip install 'followup[postgres]'") from None
    event.listen(engine, "handle_error", partial(_no_second_wait, engine))
    return engine


def _hosts(url: URL) -> list[str]:
    asked = url.query.get("hostaddr") or url.query.get("host") or url.host or ""
    parts = [asked] if isinstance(asked, str) else asked
    return [host for part in parts for host in part.split(",") if host]


def _on_this_machine(host: str) -> bool:
    """Whether this is the folder of a socket file, or loopback; a port may follow."""
    return host.startswith("/") or _is_loopback(host) or _is_loopback(host.rpartition(":")[0])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(url: URL) -> dict[str, str]:
    """Names and texts go over a network only encrypted, and only to a server whose name is proven.

    A URL without a host leaves the choice to the driver; should it choose a socket file, TLS has no part in it.
    """
    hosts = _hosts(url)
    if hosts and all(_on_this_machine(host) for host in hosts):
        return {}
    if hosts and url.query.get("sslmode", VERIFIED) != VERIFIED:
        raise StorageError(f"the database is on another machine: its URL must say sslmode={VERIFIED}")
    return {"sslmode": VERIFIED}


def _no_second_wait(engine: Engine, context: ExceptionContext) -> None:
    """A kept connection that the network has cut off is not replaced at once: the next would be cut off too.

    Without this, noticing would take as long as both together. The other kept ones are given up with it.
    """
    if context.is_pre_ping and "timed out" in str(context.original_exception):
        engine.dispose()
        raise StorageError("the network to the database is silent")


def create_private_file(path: Path) -> None:
    """Make the database's file before SQLite does, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
