"""The database's faults as our own errors; the drivers' texts stay behind, since they may repeat values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from followup.errors import BusyError, StorageError

_BUSY = "another program holds the database; try again in a moment"

LOST = ("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FULL")
"""After one of these a connection is closed, and the next one looks at the file anew (RELIABILITY.md §4)."""


class RefusedStatementError(StorageError):
    """The database works, and refused this statement: the same call would be refused again."""


class FullStorageError(StorageError):
    """No room is left where the database lies: it can be read, and nothing can be written until there is."""


class ReadOnlyStorageError(StorageError):
    """The database may only be read: its file or its disk is write-protected, or the server is a standby."""


class CorruptStorageError(StorageError):
    """The database is damaged: nothing in it may be believed, and it is never repaired unasked."""


class BrokenStorageError(StorageError):
    """The disk failed: what was written may be lost. The process ends, and begins anew from the file."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: systemd starts it again


FATAL = (BrokenStorageError, CorruptStorageError)
"""After these a daemon goes on with nothing: it ends with the error's exit code."""

_CODES: tuple[tuple[type[StorageError], str, tuple[str, ...]], ...] = (
    # 55P03 lock_not_available, 40P01 deadlock_detected, 40001 serialization_failure: another try may succeed.
    (BusyError, _BUSY, ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01", "40001")),
    (
        FullStorageError,
        "the disk is full, and nothing can be written down ({code}); make room, and it goes on by itself",
        # 53100 disk_full; SQLite's shared memory could not grow for the same reason
        ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "53100"),
    ),
    (
        ReadOnlyStorageError,
        "the database is read-only ({code}); let the program write to it, and it goes on by itself",
        ("SQLITE_READONLY", "25006"),  # read_only_sql_transaction
    ),
    (
        CorruptStorageError,
        "the database is damaged ({code}); stop the daemon and restore a backup",
        ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002"),  # data_corrupted, index_corrupted
    ),
    (
        BrokenStorageError,
        "the disk failed under the database ({code}); look at the disk, then start again",
        ("SQLITE_IOERR", "58030"),  # io_error
    ),
)
"""Told apart by code alone; the first that fits. SQLite's finer codes begin with the coarse one."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises the class above that fits; RefusedStatementError or StorageError where none does."""
    try:
        yield
    except PoolTimeoutError as error:
        raise BusyError(_BUSY) from error
    except DBAPIError as error:
        raise explained(error) from error


def explained(error: DBAPIError) -> StorageError:
    """A driver's error as ours, with its code and without its text."""
    code = name_of(error.orig)
    for kind, sentence, codes in _CODES:
        if code.startswith(codes):
            return kind(sentence.format(code=code))
    if isinstance(error, OperationalError):
        return StorageError(f"the database cannot be used ({code})")
    return RefusedStatementError(f"the database refused a statement ({code})")


def name_of(origin: BaseException | None) -> str:
    """SQLite's or PostgreSQL's own name of the fault: a code, never a value."""
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return str(code or type(origin).__name__)
