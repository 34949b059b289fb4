"""Whether the database may be used for sending: asked inside every claim, and once at a daemon's start.

No byte goes to a network without a durable claim. So nothing is claimed where an outcome might find no room, while
the schema moves, or by a program of another version than the database.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from followup.errors import StorageError
from followup.storage import health, schema
from followup.storage.engine import sqlite_path
from followup.storage.switches import Switch

if TYPE_CHECKING:
    from pathlib import Path

    from followup.storage import Transaction

LEAST_FREE = 64 * 1024 * 1024
"""Bytes that must be free beside an SQLite database before more is claimed (RELIABILITY.md §4)."""

WAL_TIMES = 2
"""Or so many times its write-ahead log, if that is more: a checkpoint must find room, too."""

MAINTENANCE_LASTS = timedelta(minutes=5)
"""So long the switch holds: a migration that was killed must not stop the sending for ever."""


_VERSION = text("SELECT version_num FROM alembic_version")


class Refusal(StrEnum):
    """Why nothing may be claimed now; `sentence` says it to staff."""

    NO_SPACE = "no_space"
    OTHER_SCHEMA = "other_schema"
    MAINTENANCE = "maintenance"

    @property
    def sentence(self) -> str:
        """One sentence, without a full stop."""
        return _SENTENCES[self]


_SENTENCES = {
    Refusal.NO_SPACE: "the disk of the database is nearly full; make room, and it goes on by itself",
    Refusal.OTHER_SCHEMA: "the database is of another version than the daemon: start the daemon anew with the"
    " program that migrated it",
    Refusal.MAINTENANCE: "the database is being migrated; it goes on by itself within some minutes",
}


def refusal(tx: Transaction, now: datetime, least_free: int = LEAST_FREE) -> Refusal | None:
    """Why nothing may be claimed in this transaction; None if it may. Raises StorageError."""
    if not _of_this_version(tx.connection):
        return Refusal.OTHER_SCHEMA
    if in_maintenance(tx, now):
        return Refusal.MAINTENANCE
    return None if has_room(tx.connection, least_free) else Refusal.NO_SPACE


def _of_this_version(connection: Connection) -> bool:
    return bool(connection.scalar(_VERSION) == schema.newest())


def in_maintenance(tx: Transaction, now: datetime) -> bool:
    """Whether a migration waits for what is in hand; a switch that is too old, or of the future, means nothing."""
    asked = tx.switches.get(Switch.MAINTENANCE)
    return asked is not None and abs(now - asked.at) < MAINTENANCE_LASTS


def has_room(connection: Connection, least_free: int = LEAST_FREE) -> bool:
    """Whether outcomes will find room on the disk; PostgreSQL's disk is its server's affair."""
    path = sqlite_path(connection.engine)
    if path is None:
        return True
    try:
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize >= max(least_free, WAL_TIMES * _size_of_wal(path))
    except OSError as error:
        raise StorageError(f"the folder of the database cannot be looked at ({error.strerror})") from None


def _size_of_wal(path: Path) -> int:
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0


def begun(tx: Transaction, owner: str, now: datetime) -> bool:
    """Note that a daemon runs from now on; returns whether the one before it did not end as it should.

    After such an end the file is looked through first: raises CorruptStorageError if it is damaged.
    """
    before = tx.switches.get(Switch.RUNNING)
    unclean = before is not None and before.value != owner
    if unclean:
        health.require_sound(tx.connection)
    tx.switches.set(Switch.RUNNING, owner, now, owner)
    return unclean


def ended(tx: Transaction, owner: str) -> None:
    """Note that this daemon ended as it should, with nothing in hand."""
    running = tx.switches.get(Switch.RUNNING)
    if running is not None and running.value == owner:
        tx.switches.clear(Switch.RUNNING)
