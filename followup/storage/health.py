"""How the database and the outbox are, in figures: for `doctor`, `status`, and before a switch is turned."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from followup.care.people import ChannelName
from followup.storage.faults import CorruptStorageError, explained
from followup.storage.tables import WAITING, messages, procedures


def sound(connection: Connection) -> bool:
    """Whether the file is undamaged as far as SQLite can tell quickly; PostgreSQL looks after its own pages."""
    if connection.dialect.name != "sqlite":
        return True
    try:
        return bool(connection.scalar(text("PRAGMA quick_check(1)")) == "ok")
    except DBAPIError as error:
        if isinstance(explained(error), CorruptStorageError):
            return False
        raise


def require_sound(connection: Connection) -> None:
    """Raises CorruptStorageError, in one line, if the file is damaged."""
    if not sound(connection):
        raise CorruptStorageError("the database is damaged; stop the daemon and restore a backup")


def next_due(connection: Connection) -> datetime | None:
    """When the first message that waits is due; None if none waits."""
    found: datetime | None = connection.scalar(
        select(messages.c.due_at).where(WAITING).order_by(messages.c.due_at).limit(1)
    )
    return found


def due_by(connection: Connection, moment: datetime, channels: Collection[ChannelName]) -> dict[ChannelName, int]:
    """How many messages that wait are due by a moment, by channel."""
    query = (
        select(messages.c.channel, func.count())
        .where(WAITING, messages.c.due_at <= moment, messages.c.channel.in_(channels))
        .group_by(messages.c.channel)
    )
    return {ChannelName(channel): count for channel, count in connection.execute(query)}


def questions_due_by(connection: Connection, moment: datetime) -> int:
    """How many of them ask something."""
    query = select(func.count()).where(WAITING, messages.c.due_at <= moment, messages.c.asks.is_(True))
    return int(connection.scalar(query) or 0)


def plans_followed(connection: Connection) -> set[str]:
    """The plans of all procedures that stand."""
    return set(connection.scalars(select(procedures.c.plan).where(procedures.c.cancelled_at.is_(None)).distinct()))
