"""Small facts about the whole practice: paused, live, when the last tick was. One row each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

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


class Switches:
    """The switches, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: Mapping[Switch, Setting] | None = None

    def get(self, switch: Switch) -> Setting | None:
        return self.all().get(switch)

    def all(self) -> Mapping[Switch, Setting]:
        """What is set; read once in a transaction, and anew after it has changed something."""
        if self._known is None:
            rows = self._connection.execute(_ALL).all()
            self._known = {Switch(row.name): Setting(row.value, row.at, row.by) for row in rows}
        return self._known

    def set(self, switch: Switch, value: str, now: datetime, by: str) -> None:
        insert_or_replace(self._connection, switches, {"name": switch, "value": value, "at": now, "by": by})
        self._known = None

    def clear(self, switch: Switch) -> None:
        self._connection.execute(delete(switches).where(switches.c.name == switch))
        self._known = None

    def paused_channels(self) -> tuple[ChannelName, ...]:
        """The channels that must not send now; all of them while everything is paused."""
        found = self.all()
        if Switch.PAUSED in found:
            return tuple(ChannelName)
        return tuple(channel for channel, switch in PAUSES.items() if switch in found)
