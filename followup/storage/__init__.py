"""Where facts and messages are kept: rows become frozen values at this border, and identity is sealed at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection

from followup.errors import StorageError
from followup.storage import schema
from followup.storage.absences import Absences
from followup.storage.agreements import Agreements
from followup.storage.alone import alone
from followup.storage.audit import Audit
from followup.storage.backlog import Backlog
from followup.storage.breakers import Breakers
from followup.storage.chain import Chain
from followup.storage.directory import Directory
from followup.storage.doubts import Doubts
from followup.storage.engine import create_private_file, open_engine, sqlite_path
from followup.storage.faults import translated
from followup.storage.history import History
from followup.storage.inbox import Inbox
from followup.storage.outbox import Outbox
from followup.storage.paces import Paces
from followup.storage.register import Register
from followup.storage.seal import Sealer
from followup.storage.sending import Sending
from followup.storage.stale import Stale
from followup.storage.switches import Switches
from followup.storage.tasks import Tasks
from followup.storage.tracking import Tracking


@dataclass(frozen=True)
class Transaction:
    """One transaction on the database: all of it is kept, or none."""

    connection: Connection
    sealer: Sealer

    @cached_property
    def register(self) -> Register:
        return Register(self.connection, self.sealer)

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.connection, self.sealer)

    @cached_property
    def agreements(self) -> Agreements:
        return Agreements(self.connection, self.sealer)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.connection, self.sealer)

    @cached_property
    def sending(self) -> Sending:
        return Sending(self.connection, self.sealer)

    @cached_property
    def tracking(self) -> Tracking:
        return Tracking(self.connection)

    @cached_property
    def doubts(self) -> Doubts:
        return Doubts(self.connection, self.sealer)

    @cached_property
    def backlog(self) -> Backlog:
        return Backlog(self.connection, self.sealer)

    @cached_property
    def breakers(self) -> Breakers:
        return Breakers(self.connection)

    @cached_property
    def paces(self) -> Paces:
        return Paces(self.connection)

    @cached_property
    def chain(self) -> Chain:
        return Chain(self.connection, self.sealer)

    @cached_property
    def inbox(self) -> Inbox:
        return Inbox(self.connection, self.sealer)

    @cached_property
    def tasks(self) -> Tasks:
        return Tasks(self.connection, self.sealer)

    @cached_property
    def absences(self) -> Absences:
        return Absences(self.connection)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.connection, self.sealer)

    @cached_property
    def history(self) -> History:
        return History(self.connection, self.sealer)

    @cached_property
    def stale(self) -> Stale:
        return Stale(self.connection)

    @cached_property
    def switches(self) -> Switches:
        return Switches(self.connection)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that may fail by itself; raises as `Storage.transaction` does."""
        with translated(), self.connection.begin_nested():
            yield


class Storage:
    """A database, and the keys that open what is sealed in it."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self.engine = open_engine(url)
        # PostgreSQL shows each statement the newest state anyway: a transaction would only cost two round trips.
        on_postgresql = self.engine.dialect.name == "postgresql"
        self._reading = {"isolation_level": "AUTOCOMMIT"} if on_postgresql else {"reading": True}
        self.sealer = sealer

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Read and write; commits at the end, rolls back on any error.

        Raises BusyError where another program holds the database, StorageError for its other faults.
        """
        with translated(), self.engine.begin() as connection:
            yield Transaction(connection, self.sealer)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Read without keeping writers waiting: of SQLite one moment's state, of PostgreSQL each statement's."""
        with translated(), self.engine.connect().execution_options(**self._reading) as connection:
            yield Transaction(connection, self.sealer)

    @contextmanager
    def rehearsal(self) -> Iterator[Transaction]:
        """As `transaction`, but nothing is kept: it tells what would change."""
        with translated(), self.engine.connect() as connection, connection.begin() as begun:
            yield Transaction(connection, self.sealer)
            begun.rollback()

    def alone(self, work: str) -> AbstractContextManager[bool]:
        """Whether this is the one daemon of the database at a work; see `alone.py`."""
        return alone(self.engine, work)

    def migrate(self) -> tuple[str | None, str]:
        """Bring the schema up to this program's version; returns the versions before and after."""
        if path := sqlite_path(self.engine):
            create_private_file(path)
        with self.transaction() as tx:
            before = schema.present(tx.connection)
            if before != schema.newest():
                schema.upgrade(tx.connection)
            return before, schema.newest()

    def require_schema(self) -> None:
        """Raises StorageError unless the database exists and is of this program's version."""
        path = sqlite_path(self.engine)
        if path and not path.exists():
            raise StorageError("there is no database yet: run `followup migrate`")
        with self.reading() as tx:
            schema.require(tx.connection)

    def close(self) -> None:
        self.engine.dispose()


__all__ = ["Sealer", "Storage", "Transaction"]
