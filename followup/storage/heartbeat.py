"""Who may send on PostgreSQL: several at once, each while its heart beats in the database.

    a beat every 10 s → silent for 60 s: sends nothing more → silent for 10 min: what it had in hand is the dead's

Between the two moments nobody owns the messages: whoever was cut off has fallen silent long before another takes
them up. On one machine a death shows at once, by a file whose lock is free (`liveness`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, text, update

from followup import log
from followup.errors import StorageError
from followup.storage.faults import translated
from followup.storage.liveness import forget, gone, hold, new_name
from followup.storage.practice_tables import owners
from followup.storage.tables import IN_HAND, messages

BEAT_EVERY = 10.0
FENCED_AFTER = 60.0
"""Seconds since the last committed beat after which an owner sends nothing more (RELIABILITY.md §4)."""

DEAD_AFTER = 600.0
"""Seconds of the database's clock after which the others take an owner for dead (RELIABILITY.md §4)."""

TRY_AGAIN_AFTER = 1.0
"""Seconds for which the database is not asked again after it failed: many threads may wait for one answer."""

LAST_BEAT = 5.0
"""Seconds that a beat on its way has to end when the owner leaves."""


def elapsed() -> float:
    """Seconds since an arbitrary start; time in which the machine slept is counted, where the system can."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class HeartbeatOwner:
    """Beats in a thread of its own, on a connection of its own.

    A beat counts from the moment it was begun, and only once it is committed. An owner that fell silent, or whose
    row the others took away, sends again only under a new name: what it had in hand belongs to the dead.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        beat_every: float = BEAT_EVERY,
        fenced_after: float = FENCED_AFTER,
        dead_after: float = DEAD_AFTER,
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        self.name = new_name()
        self._engine = engine
        self._beat_every = beat_every
        self._fenced_after = fenced_after
        self._dead_after = dead_after
        self._elapsed = elapsed
        self._beaten: float | None = None
        self._tried = False
        self._failed_at: float | None = None
        self._file: int | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()

    def acquire(self) -> bool:
        """Costs nothing while the heart beats; asks the database only for a new name."""
        if not self._beats():
            with self._turn:
                if not self._beats():
                    self._begin()
        return self._beats()

    def living(self, names: Collection[str]) -> set[str]:
        if not self._beats():
            raise StorageError("only who may send can tell which other senders live")
        with translated(), self._engine.connect() as connection:
            found = set(connection.scalars(_LIVING, {"names": list(names), "seconds": self._dead_after}))
        return {name for name in found if not gone(name)}

    def release(self) -> None:
        """Leave no trace; where the database cannot be asked, the file stays, and its free lock tells."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(LAST_BEAT)
        with self._turn:
            self._beaten = self._thread = None
            if self._tried and self._leave():
                forget(self.name)
            self._let_go()

    def _beats(self) -> bool:
        beaten = self._beaten
        return beaten is not None and self._elapsed() - beaten < self._fenced_after

    def _begin(self) -> None:
        """Register a name that nobody has had; raises StorageError."""
        began = self._elapsed()
        if self._failed_at is not None and began - self._failed_at < TRY_AGAIN_AFTER:
            raise StorageError("the database could not be asked a moment ago")
        name = new_name() if self._tried else self.name
        self._tried = True
        file = hold(name)
        try:
            with translated(), self._engine.begin() as connection:
                connection.execute(_LEAVE, {"old": self.name})
                connection.execute(_REGISTER, {"name": name})
        except StorageError:
            self._failed_at = self._elapsed()
            _drop(name, file)
            raise
        _drop(self.name if name != self.name else None, self._file)
        self.name, self._file, self._beaten = name, file, began
        self._keep_beating()

    def _leave(self) -> bool:
        try:
            with translated(), self._engine.begin() as connection:
                connection.execute(_LEAVE, {"old": self.name})
        except StorageError as error:
            log.fault("an owner's row stays behind", error)
            return False
        return True

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep_beating(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._stopping = threading.Event()
            self._thread = threading.Thread(target=self._run, args=[self._stopping], name="heartbeat", daemon=True)
            self._thread.start()

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                with translated(), self._engine.connect() as connection:
                    own = connection.execution_options(isolation_level="AUTOCOMMIT")
                    while not stopping.is_set():
                        self._beat(own)
                        stopping.wait(self._beat_every)
            except StorageError as error:
                log.fault("no heartbeat", error)
                stopping.wait(min(self._beat_every, TRY_AGAIN_AFTER))

    def _beat(self, connection: Connection) -> None:
        """One more beat, unless it comes too late: an owner that fell silent is not revived by it."""
        name, began = self.name, self._elapsed()
        if not self._beats():
            return
        counts = connection.execute(_BEAT, {"old": name, "seconds": self._dead_after}).rowcount == 1
        with self._turn:
            if self.name == name and self._beaten is not None:
                self._beaten = began if counts else None
        for buried in connection.scalars(_BURY, {"seconds": self._dead_after}):
            forget(buried)


@dataclass(frozen=True, slots=True)
class Beating:
    """An owner that is not taken for dead: since when it runs (UTC), and how long ago its heart beat."""

    name: str
    started_at: datetime
    beat_ago: timedelta


def beating(connection: Connection) -> list[Beating]:
    """The daemons of a PostgreSQL database, the oldest first; on SQLite there is one, proven by its lock."""
    if connection.dialect.name != "postgresql":
        return []
    ago = func.extract("epoch", _NOW - owners.c.beat_at)
    query = select(owners.c.name, owners.c.started_at, ago).where(_ALIVE).order_by(owners.c.started_at)
    return [
        Beating(name, started_at, timedelta(seconds=max(0.0, float(seconds))))
        for name, started_at, seconds in connection.execute(query, {"seconds": DEAD_AFTER})
    ]


def _drop(name: str | None, file: int | None) -> None:
    """A name that is used no more, and its file."""
    if name is not None:
        forget(name)
    if file is not None:
        os.close(file)


# Every moment is the database's own, and not that of a transaction's beginning.
_NOW = func.clock_timestamp()
_ALIVE = owners.c.beat_at > _NOW - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds"))

_REGISTER = insert(owners).values(name=bindparam("name"), started_at=_NOW, beat_at=_NOW)
_LEAVE = delete(owners).where(owners.c.name == bindparam("old"))
_BEAT = update(owners).where(owners.c.name == bindparam("old"), _ALIVE).values(beat_at=_NOW)
_LIVING = select(owners.c.name).where(owners.c.name.in_(bindparam("names", expanding=True)), _ALIVE)
_NOTHING_IN_HAND = (
    ~select(text("1")).where(IN_HAND, messages.c.owner == owners.c.name).select_from(messages).exists()
)
_BURY = delete(owners).where(~_ALIVE, _NOTHING_IN_HAND).returning(owners.c.name)
