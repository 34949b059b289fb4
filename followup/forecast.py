"""Whether what is coming fits into its hours at the senders' pace: told while a person can still act."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from followup.care.pace import Coming, Shortfall, shortfall
from followup.care.people import ChannelName
from followup.care.practice import Practice
from followup.storage import Transaction
from followup.storage.health import segments_each, waves

AHEAD = timedelta(hours=36)
"""From any hour of today to the last of tomorrow."""


def shortfalls(
    tx: Transaction, practice: Practice, paces: Mapping[ChannelName, float], now: datetime
) -> dict[ChannelName, Shortfall]:
    """By channel, what could not go in its hours; a channel that keeps to no pace has none."""
    found = {
        channel: shortfall(_coming(tx, practice, channel, now), per_second, now)
        for channel, per_second in paces.items()
    }
    return {channel: short for channel, short in found.items() if short is not None}


def _coming(tx: Transaction, practice: Practice, channel: ChannelName, now: datetime) -> Iterator[Coming]:
    """What waits, in waves: due at one moment, until the end of its own time or of that day's window."""
    each = segments_each(tx.connection) if channel is ChannelName.SMS else 1.0
    for wave in waves(tx.connection, channel, now + AHEAD):
        zone = ZoneInfo(wave.zone)
        opens = practice.window.defer(max(wave.due_at, now), zone)
        yield Coming(opens, min(wave.valid_until, practice.window.closes(opens, zone)), wave.messages * each)
