"""Work that one daemon of a database does at a time: on PostgreSQL under an advisory lock of a session of its own.

A daemon that is gone holds no lock: the server gives it up with the session. An SQLite file has one daemon anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from followup.storage.faults import translated

# Two numbers: whose, since several clinics may share a server's database in schemas of their own, and which work.
_LOCK = text("SELECT pg_try_advisory_lock(hashtext(current_schema()), hashtext(:work))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext(current_schema()), hashtext(:work))")


@contextmanager
def alone(engine: Engine, work: str) -> Iterator[bool]:
    """Whether nobody else is at this work; nobody else begins it within this block. Raises StorageError."""
    if engine.dialect.name != "postgresql":
        yield True
        return
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        mine = bool(session.scalar(_LOCK, {"work": work}))
        try:
            yield mine
        finally:
            if mine:
                session.scalar(_UNLOCK, {"work": work})
