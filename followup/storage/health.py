"""How the database and the outbox are, in figures: for `doctor`, `status`, and before a switch is turned."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from followup.care.delivery import Status
from followup.care.message import Kind
from followup.care.people import ChannelName
from followup.storage.faults import CorruptStorageError, explained
from followup.storage.tables import WAITING, attempts, contacts, messages, procedures, replies


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


class Wave(NamedTuple):
    """Messages that are due, and end, at the same moments for contacts of one zone."""

    due_at: datetime
    valid_until: datetime
    zone: str
    messages: int


def waves(connection: Connection, channel: ChannelName, until: datetime) -> list[Wave]:
    """What waits on a channel and is due by a moment, reminders only: nothing else waits for its turn."""
    w = messages.c
    what = (w.due_at, w.valid_until, contacts.c.zone)
    query = (
        select(*what, func.count())
        .join(contacts, contacts.c.id == w.contact_id)
        .where(WAITING, w.channel == channel, w.kind == Kind.REMINDER, w.due_at <= until)
        .group_by(*what)
    )
    return [Wave(*row) for row in connection.execute(query)]


def last_attempt(connection: Connection, channel: ChannelName) -> datetime | None:
    """When the last attempt on a channel began; None if there was none."""
    of_channel = select(attempts.c.began_at).join(messages, messages.c.id == attempts.c.message_id)
    query = of_channel.where(messages.c.channel == channel).order_by(attempts.c.id.desc()).limit(1)
    found: datetime | None = connection.scalar(query)
    return found


LATEST_ATTEMPTS = 1000
UNKNOWN_SEGMENTS = 2.0
"""A text of which no attempt is on record is taken for a long one."""


def segments_each(connection: Connection) -> float:
    """How many segments a text had, over the latest that were sent."""
    latest = (
        select(attempts.c.segments)
        .where(attempts.c.segments > 0)
        .order_by(attempts.c.id.desc())
        .limit(LATEST_ATTEMPTS)
    ).subquery()
    found = connection.scalar(select(func.avg(latest.c.segments)))
    return UNKNOWN_SEGMENTS if found is None else float(found)


def questions_due_by(connection: Connection, moment: datetime) -> int:
    """How many of them ask something."""
    query = select(func.count()).where(WAITING, messages.c.due_at <= moment, messages.c.asks.is_(True))
    return int(connection.scalar(query) or 0)


def plans_followed(connection: Connection) -> set[str]:
    """The plans of all procedures that stand."""
    return set(connection.scalars(select(procedures.c.plan).where(procedures.c.cancelled_at.is_(None)).distinct()))


TO_STAFF = (Kind.ALERT, Kind.DIGEST)
_TAKEN = (Status.ACCEPTED, Status.SENT)


def gone_since(connection: Connection, since: datetime) -> dict[Status, int]:
    """What became of the messages to patients whose last attempt began at or after a moment, by status."""
    w = messages.c
    query = select(w.status, func.count()).where(w.sent_at >= since, w.kind.not_in(TO_STAFF)).group_by(w.status)
    return {Status(status): count for status, count in connection.execute(query)}


def replies_since(connection: Connection, since: datetime) -> int:
    """How many texts, mails and spoken answers were read at or after a moment."""
    return int(connection.scalar(select(func.count()).where(replies.c.read_at >= since)) or 0)


def unhandled_replies(connection: Connection, read_before: datetime | None = None) -> int:
    """How many were stored and wait to be handled; of those read before a moment, if given."""
    query = select(func.count()).where(replies.c.handled_at.is_(None))
    if read_before is not None:
        query = query.where(replies.c.read_at < read_before)
    return int(connection.scalar(query) or 0)


def red_flag_lags(connection: Connection, since: datetime) -> list[timedelta]:
    """From the moment a red flag was read to the moment the provider had its answer, for those since a moment."""
    w, a = messages.c, attempts.c
    query = (
        select(w.planned_at, a.ended_at)
        .select_from(messages.join(attempts, a.message_id == w.id))
        .where(w.kind == Kind.RED_FLAG, w.planned_at >= since, a.outcome.in_(_TAKEN))
        .order_by(w.planned_at)
    )
    return [row.ended_at - row.planned_at for row in connection.execute(query) if row.ended_at]


def last_page(connection: Connection, step: str) -> tuple[datetime, Status] | None:
    """When the newest page of a sort was planned, and what became of it."""
    w = messages.c
    query = select(w.planned_at, w.status).where(w.kind == Kind.ALERT, w.step == step)
    row = connection.execute(query.order_by(w.id.desc()).limit(1)).one_or_none()
    return (row.planned_at, Status(row.status)) if row else None
