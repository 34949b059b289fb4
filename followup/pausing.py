"""VERB: nothing goes out, or nothing by one channel, until a person says otherwise."""

from __future__ import annotations

from datetime import datetime

from followup.care.people import ChannelName
from followup.errors import RefusedError
from followup.senders import close_task
from followup.storage import Transaction
from followup.storage.switches import PAUSES, Switch

BY_HAND = "by hand"


def pause(tx: Transaction, channel: ChannelName | None, now: datetime, by: str) -> bool:
    """Stop one channel, or all of them; False if it was stopped already."""
    switch = PAUSES[channel] if channel else Switch.PAUSED
    if tx.switches.get(switch):
        return False
    tx.switches.set(switch, BY_HAND, now, by)
    tx.audit.write(now, by, "pause", detail=f"channel={channel or 'all'}")
    return True


def unpause(tx: Transaction, channel: ChannelName | None, now: datetime, by: str) -> tuple[ChannelName, ...]:
    """Let one channel go again, or all; returns those that were stopped and now are not.

    A sender that was given up is tried at once. The task about it is closed with the last of them. RefusedError
    for one channel while everything is paused.
    """
    if channel and tx.switches.get(Switch.PAUSED):
        raise RefusedError("everything is paused: `followup unpause` without --channel")
    before = _stopped(tx)
    for switch in [PAUSES[channel]] if channel else [Switch.PAUSED, *PAUSES.values()]:
        tx.switches.clear(switch)
    tx.breakers.reset(channel)
    after = _stopped(tx)
    lifted = tuple(c for c in before if c not in after)
    if lifted:
        tx.audit.write(now, by, "unpause", detail=f"channels={','.join(lifted)}")
    if not after:
        close_task(tx, now, by)
    return lifted


def _stopped(tx: Transaction) -> tuple[ChannelName, ...]:
    """The channels that a person paused, and those whose sender is given up."""
    given_up = {one.channel for one in tx.breakers.given_up()}
    paused = tx.switches.paused_channels()
    return tuple(channel for channel in ChannelName if channel in paused or channel in given_up)
