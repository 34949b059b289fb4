"""The database's faults as our own errors; the drivers' texts stay behind, since they may repeat values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from followup.errors import BusyError, StorageError

HELD_BY_ANOTHER = frozenset({"55P03", "40P01", "40001"})
"""PostgreSQL's lock_not_available, deadlock_detected and serialization_failure: another try may succeed."""

_BUSY = "another program holds the database; try again in a moment"


class RefusedStatementError(StorageError):
    """The database works, and refused this statement: the same call would be refused again."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises BusyError where another holds the database, else RefusedStatementError or StorageError."""
    try:
        yield
    except PoolTimeoutError as error:
        raise BusyError(_BUSY) from error
    except OperationalError as error:
        if _is_busy(error):
            raise BusyError(_BUSY) from error
        raise StorageError(f"the database cannot be used ({_name(error)})") from error
    except DBAPIError as error:
        raise RefusedStatementError(f"the database refused a statement ({_name(error)})") from error


def _is_busy(error: OperationalError) -> bool:
    """By code; "database is locked" is SQLite's sentence for more than one code."""
    said = str(error.orig)
    return _name(error) in HELD_BY_ANOTHER or "database is locked" in said or "table is locked" in said


def _name(error: DBAPIError) -> str:
    """SQLite's or PostgreSQL's own name of the fault: a code, never a value."""
    origin = error.orig
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return str(code or type(origin).__name__)
