"""Senders that are given up for a while: what outlives a process, and what all daemons of a database share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from followup.care.breaker import Breaker, BreakerState
from followup.care.people import ChannelName
from followup.storage.conflicts import insert_or_replace
from followup.storage.practice_tables import breakers


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a breaker is about: an account at a host, on one channel."""

    channel: ChannelName
    account: str

    @property
    def name(self) -> str:
        return f"{self.channel}:{self.account}"[:80]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A sender that does not work, as `status` shows it."""

    name: str
    channel: ChannelName
    state: BreakerState
    code: str
    opened_at: datetime | None
    retry_at: datetime | None


_ONE = select(breakers).where(breakers.c.name == bindparam("name"))


class Breakers:
    """The breakers, within one transaction; a sender without a row is sound."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, sender: Sender, mine: Breaker) -> Breaker:
        """The sender's breaker as it is stored, with what only this process knows of it."""
        row = self._connection.execute(_ONE, {"name": sender.name}).one_or_none()
        if row is None:
            return mine if mine.state is BreakerState.CLOSED else Breaker(mine.ordinary)
        return self._breaker(row, mine)

    def _breaker(self, row: Row[Any], mine: Breaker) -> Breaker:
        same = BreakerState(row.state) is mine.state
        return Breaker(
            mine.ordinary,
            BreakerState(row.state),
            row.code,
            row.opened_at,
            row.retry_at,
            timedelta(seconds=row.wait_seconds),
            row.allowance,
            mine.out if same else 0,
            mine.in_a_row if same else 0,
            mine.recent if same else (),
        )

    def write(self, sender: Sender, breaker: Breaker, now: datetime) -> None:
        """A closed one is forgotten."""
        if breaker.state is BreakerState.CLOSED:
            self._connection.execute(delete(breakers).where(breakers.c.name == sender.name))
            return
        values = {
            "name": sender.name,
            "channel": sender.channel,
            "state": breaker.state,
            "code": breaker.code[:32],
            "opened_at": breaker.opened_at,
            "retry_at": breaker.retry_at,
            "wait_seconds": int(breaker.wait.total_seconds()),
            "allowance": breaker.allowance,
            "changed_at": now,
        }
        insert_or_replace(self._connection, breakers, values)

    def given_up(self) -> list[GivenUp]:
        """Senders of which no message has come through since they failed."""
        rows = self._connection.execute(select(breakers).order_by(breakers.c.name))
        return [
            GivenUp(
                row.name,
                ChannelName(row.channel),
                BreakerState(row.state),
                row.code,
                row.opened_at,
                row.retry_at,
            )
            for row in rows
            if not self._breaker(row, Breaker(1)).works
        ]

    def reset(self, channel: ChannelName | None = None) -> None:
        """A person says that it is mended: the next message tries it at once."""
        query = delete(breakers)
        self._connection.execute(query if channel is None else query.where(breakers.c.channel == channel))
