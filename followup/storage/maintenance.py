"""Moving the schema under running daemons.

    switch on -> they claim no more -> what they have in hand comes back -> the schema moves -> switch off

Whether anything is in hand is asked once more in the transaction that moves the schema, when nobody else can
write. Only columns that every version has had are read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, inspect, select, text

from followup.errors import BusyError, StorageError
from followup.storage import schema
from followup.storage.engine import sqlite_path
from followup.storage.heartbeat import DEAD_AFTER
from followup.storage.liveness import gone
from followup.storage.owner import owner_of
from followup.storage.practice_tables import owners
from followup.storage.switches import Switch
from followup.storage.tables import IN_HAND, messages

if TYPE_CHECKING:
    from followup.clock import Clock
    from followup.storage import Storage

PATIENCE = 60.0
"""Seconds for which what is in hand is waited for; one attempt lasts 20 s at the most."""

LOOK_EVERY = 0.5

IN_HAND_FOR = timedelta(minutes=10)
"""After so long no attempt is on the wire, whatever its row says: whoever claimed it is gone, or was paused."""


def migrate(
    storage: Storage,
    clock: Clock,
    tell: Callable[[int], None],
    by: str = "migrate",
    patience: float = PATIENCE,
) -> tuple[str | None, str]:
    """As `Storage.migrate`, once nothing is in hand; `tell` hears how many messages are waited for.

    Raises BusyError, with nothing changed, if they do not come back in time.
    """
    before = _version(storage)
    if before is None or before >= schema.newest():
        return storage.migrate()
    with storage.transaction() as tx:
        tx.switches.set(Switch.MAINTENANCE, schema.newest(), clock.utc(), by)
    try:
        _wait(storage, clock, tell, patience)
    finally:
        # Where even this fails, the switch loses its force by itself.
        with suppress(StorageError), storage.transaction() as tx:
            tx.switches.clear(Switch.MAINTENANCE)
    return before, schema.newest()


def _version(storage: Storage) -> str | None:
    path = sqlite_path(storage.engine)
    if path and not path.exists():
        return None
    with storage.reading() as tx:
        return schema.present(tx.connection)


def _wait(storage: Storage, clock: Clock, tell: Callable[[int], None], patience: float) -> None:
    """Until the schema has moved, or patience has run out."""
    began, told = clock.monotonic(), False
    while count := _waited_for(storage, clock.utc()):
        if not told:
            tell(count)
            told = True
        if clock.monotonic() - began > patience:
            raise BusyError(f"{count} messages are still being sent; nothing was changed, try again in a minute")
        threading.Event().wait(LOOK_EVERY)


def _waited_for(storage: Storage, now: datetime) -> int:
    """Move the schema if nothing is in hand; else how many messages are."""
    with storage.reading() as tx:
        if count := in_hand(tx.connection, now):
            return count
    with storage.transaction() as tx:
        _hold_still(tx.connection)
        count = in_hand(tx.connection, now)
        if not count:
            schema.upgrade(tx.connection)
        return count


def _hold_still(connection: Connection) -> None:
    """Wait for claims that have begun and keep others waiting; on SQLite, one that writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table takes its time
        connection.execute(text("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"))


def in_hand(connection: Connection, now: datetime) -> int:
    """How many messages living daemons may have on the wire."""
    query = (
        select(messages.c.owner, func.count())
        .where(IN_HAND, messages.c.sent_at > now - IN_HAND_FOR)
        .group_by(messages.c.owner)
    )
    found = connection.execute(query).all()
    return sum(count for owner, count in found if _may_live(connection, owner))


def _may_live(connection: Connection, owner: str) -> bool:
    if sqlite_path(connection.engine):
        return _somebody_sends(connection)
    if not inspect(connection).has_table(owners.name):
        return True
    alive = owners.c.beat_at > func.clock_timestamp() - timedelta(seconds=DEAD_AFTER)
    return (
        not gone(owner)
        and connection.scalar(select(owners.c.name).where(owners.c.name == owner, alive)) is not None
    )


def _somebody_sends(connection: Connection) -> bool:
    """On SQLite one lock tells; it is given back in the same moment if it is free."""
    owner = owner_of(connection.engine)
    try:
        return not owner.acquire()
    finally:
        owner.release()
