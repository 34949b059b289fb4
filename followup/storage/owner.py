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
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text

from followup.storage.engine import sqlite_path


class Owner(Protocol):
    """A process's proof that it may send."""

    name: str

    def acquire(self) -> bool:
        """Take the lock, or learn that another has it; taking it twice is taking it once."""

    def living(self, names: Collection[str]) -> set[str]:
        """Which of these owners still hold their lock; itself among them."""

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

    def acquire(self) -> bool:
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def living(self, names: Collection[str]) -> set[str]:
        return {self.name} & set(names)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class AdvisoryOwner:
    """Holds an advisory lock on a connection of its own; it is free the moment that connection is gone."""

    def __init__(self, engine: Engine) -> None:
        self.name = _new_name()
        self._engine = engine
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        if self._connection is not None and self._answers(self._connection):
            return True
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(self.name)})
        if not taken:
            connection.close()
            return False
        self._connection = connection
        return True

    def living(self, names: Collection[str]) -> set[str]:
        if self._connection is None:
            return set()
        held = set(
            self._connection.scalars(
                text(
                    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks "
                    "WHERE locktype = 'advisory' AND granted AND objsubid = 1"
                )
            )
        )
        return {name for name in names if _key(name) in held}

    def release(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _answers(self, connection: Connection) -> bool:
        """A lost connection has lost the lock with it: this owner must take it again before it sends."""
        try:
            connection.scalar(text("SELECT 1"))
        except Exception:  # noqa: BLE001  whatever the driver raises, the proof is gone
            connection.invalidate()
            self._connection = None
            return False
        return True


def _key(name: str) -> int:
    """63 bits of the name, as PostgreSQL's advisory locks are numbered."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
