"""Small facts about the whole practice: paused, live, when the last tick was. One row each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from followup.care.people import ChannelName
from followup.storage.conflicts import insert_or_replace
from followup.storage.practice_tables import switches


class Switch(StrEnum):
    """Every switch there is."""

    LIVE = "live"
    PAUSED = "paused"
    SMS_PAUSED = "paused_sms"
    EMAIL_PAUSED = "paused_email"
    TICKED = "ticked"
    INBOUND_READ = "inbound_read"
    MAIL_READ = "mail_read"
    DIGEST = "digest"
    TEST_PAGED = "test_paged"
    TEST_HEARD = "test_heard"
    AGREEMENTS = "agreements"
    CAMPAIGN = "campaign"
    LEDGER_AUDITED = "ledger_audited"
    MAINTENANCE = "maintenance"
    RUNNING = "running"
    GENERATION = "generation"
    BACKLOG = "backlog"
    TZDATA = "tzdata"
    CLOCK = "clock"


PAUSES = {ChannelName.SMS: Switch.SMS_PAUSED, ChannelName.EMAIL: Switch.EMAIL_PAUSED}


class Setting(NamedTuple):
    """What a switch was set to, when (UTC) and by whom."""

    value: str
    at: datetime
    by: str


_ALL = select(switches)
_ONE = _ALL.where(switches.c.name == bindparam("name"))


class Switches:
    """The switches, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, switch: Switch) -> Setting | None:
        row = self._connection.execute(_ONE, {"name": switch}).one_or_none()
        return Setting(row.value, row.at, row.by) if row else None

    def all(self) -> dict[Switch, Setting]:
        rows = self._connection.execute(_ALL).all()
        return {Switch(row.name): Setting(row.value, row.at, row.by) for row in rows}

    def set(self, switch: Switch, value: str, now: datetime, by: str) -> None:
        insert_or_replace(self._connection, switches, {"name": switch, "value": value, "at": now, "by": by})

    def clear(self, switch: Switch) -> None:
        self._connection.execute(delete(switches).where(switches.c.name == switch))

    def paused_channels(self) -> tuple[ChannelName, ...]:
        """The channels that must not send now; all of them while everything is paused."""
        found = self.all()
        if Switch.PAUSED in found:
            return tuple(ChannelName)
        return tuple(channel for channel, switch in PAUSES.items() if switch in found)
