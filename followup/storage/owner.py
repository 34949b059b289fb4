"""Who may send: proven by a lock that the operating system or the database gives back when its holder dies.

An SQLite file has one owner at a time, by `flock` on `<database>.sender`; PostgreSQL may have several, each with
an advisory lock of its own, and rows of an owner whose lock is free belong to the dead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text

from followup.errors import StorageError
from followup.storage.engine import sqlite_path
from followup.storage.faults import translated


class Owner(Protocol):
    """A process's proof that it may send."""

    name: str
    """Under which it claims; a lock that was lost and taken again has a new one."""

    def acquire(self) -> bool:
        """Take the lock, or learn that another has it; taking it twice is taking it once.

        Safe to call from several threads. Raises StorageError where the database cannot be asked.
        """

    def living(self, names: Collection[str]) -> set[str]:
        """Which of these owners still hold their lock. Only one that holds its own can tell: StorageError."""

    def release(self) -> None:
        """Give the lock back."""


def owner_of(engine: Engine) -> Owner:
    """The kind of ownership that suits the database."""
    path = sqlite_path(engine)
    return FileOwner(path.with_name(path.name + ".sender")) if path else AdvisoryOwner(engine)


def _new_name() -> str:
    """Host, process and a random part: a process id comes round again."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"


class FileOwner:
    """Holds an exclusive `flock` for the life of the process; it is free the moment the process is gone."""

    def __init__(self, path: Path) -> None:
        self.name = _new_name()
        self._path = path
        self._file: int | None = None
        self._turn = threading.Lock()

    def acquire(self) -> bool:
        with self._turn:
            if self._file is None:
                self._file = _locked(self._path)
            return self._file is not None

    def living(self, names: Collection[str]) -> set[str]:
        _require(self._file is not None)
        return {self.name} & set(names)

    def release(self) -> None:
        with self._turn:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def _locked(path: Path) -> int | None:
    """The open file with its lock; None if another has it."""
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"the lock beside the database cannot be opened ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


class AdvisoryOwner:
    """Holds an advisory lock on a connection of its own; it is free the moment that connection is gone."""

    def __init__(self, engine: Engine) -> None:
        self.name = _new_name()
        self._engine = engine
        self._connection: Connection | None = None
        # One connection, asked by every thread that sends: a connection serves one thread at a time.
        self._turn = threading.Lock()

    def acquire(self) -> bool:
        with self._turn:
            if self._connection is None or not self._answers(self._connection):
                self._connection = self._take()
            return True

    def _take(self) -> Connection:
        """A lock under a new name: with the old one's connection, what it had in hand became the dead's."""
        self.name = _new_name()
        with translated():
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.scalar(text("SELECT pg_advisory_lock(:key)"), {"key": _key(self.name)})
        return connection

    def living(self, names: Collection[str]) -> set[str]:
        with self._turn, translated():
            _require(self._connection is not None)
            held = set(self._connection.scalars(_HELD)) if self._connection else set()
        return {name for name in names if _key(name) in held}

    def release(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._drop(self._connection)

    def _answers(self, connection: Connection) -> bool:
        """A lost connection has lost the lock with it: this owner must take it again before it sends."""
        try:
            connection.scalar(text("SELECT 1"))
        except Exception:  # noqa: BLE001  whatever the driver raises, the proof is gone
            self._drop(connection)
            return False
        return True

    def _drop(self, connection: Connection) -> None:
        """The connection is closed for good, never handed back to the pool: the lock would live on in it."""
        self._connection = None
        connection.invalidate()
        connection.close()


_HELD = text(
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _require(held: bool) -> None:  # noqa: FBT001  a question asked in one word
    if not held:
        raise StorageError("only who may send can tell which other senders live")


def _key(name: str) -> int:
    """63 bits of the name, as PostgreSQL's advisory locks are numbered."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
