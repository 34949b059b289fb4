"""Why nothing is sent, as far as the database is the cause: seen from another process."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from followup.errors import BusyError, StorageError
from followup.storage import guard, health
from followup.storage.engine import less_patient, sqlite_path
from followup.storage.faults import (
    BrokenStorageError,
    CorruptStorageError,
    FullStorageError,
    ReadOnlyStorageError,
    translated,
)
from followup.storage.schema import OtherSchemaError

if TYPE_CHECKING:
    from followup.storage import Storage

BRIEFLY = 2.0
"""Seconds to wait for the database: a daemon at work holds it for moments, not for seconds."""


class Hindrance(NamedTuple):
    """One cause: `code` for machines, `said` for staff, in one sentence without a full stop."""

    code: str
    said: str


_CODES: dict[type[StorageError], str] = {
    BusyError: "locked",
    ReadOnlyStorageError: "read_only",
    FullStorageError: "full",
    CorruptStorageError: "corrupt",
    BrokenStorageError: "broken",
    OtherSchemaError: "other_schema",
}


def usable(storage: Storage) -> Hindrance | None:
    """What keeps anybody from reading the database: None if it exists, is of this version and is undamaged."""
    try:
        storage.require_schema()
        with storage.reading() as tx:
            health.require_sound(tx.connection)
    except StorageError as error:
        return _write_protected(storage) or named(error)
    return None


def _write_protected(storage: Storage) -> Hindrance | None:
    """SQLite cannot even read where it cannot make its files beside the database, and does not say why."""
    path = sqlite_path(storage.engine)
    if path is None or not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return None
    return Hindrance("read_only", "the database or its folder is read-only; let the program write to it")


def found(storage: Storage, now: datetime, least_free: int = guard.LEAST_FREE) -> list[Hindrance]:
    """What keeps a daemon from writing to a database that can be read."""
    hindrances = []
    try:
        _hold_for_a_moment(storage)
    except StorageError as error:
        hindrances.append(named(error))
    try:
        with storage.reading() as tx:
            refusal = guard.refusal(tx, now, least_free)
    except StorageError as error:
        return [*hindrances, named(error)]
    if refusal is not None:
        hindrances.append(Hindrance(refusal.value, refusal.sentence))
    return hindrances


def named(error: StorageError) -> Hindrance:
    """The cause that an error tells of."""
    return Hindrance(_CODES.get(type(error), "unusable"), str(error))


def _hold_for_a_moment(storage: Storage) -> None:
    """Begin to write, and write nothing."""
    if storage.engine.dialect.name == "postgresql":
        with storage.reading() as tx:
            if tx.connection.scalar(text("SHOW transaction_read_only")) == "on":
                raise ReadOnlyStorageError("the database is read-only: the server is a standby, or was set so")
        return
    engine = less_patient(storage.engine, BRIEFLY)
    try:
        with translated(), engine.begin():
            pass
    finally:
        engine.dispose()
