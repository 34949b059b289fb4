"""VERB: nothing goes out, or nothing by one channel, until a person says otherwise."""

from __future__ import annotations

from datetime import datetime

from followup.care.people import ChannelName
from followup.care.task import TaskKind
from followup.errors import RefusedError
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

    The task about a paused sender is closed with the last of them. RefusedError for one channel while
    everything is paused.
    """
    if channel and tx.switches.get(Switch.PAUSED):
        raise RefusedError("everything is paused: `followup unpause` without --channel")
    before = tx.switches.paused_channels()
    for switch in [PAUSES[channel]] if channel else [Switch.PAUSED, *PAUSES.values()]:
        tx.switches.clear(switch)
    after = tx.switches.paused_channels()
    lifted = tuple(c for c in before if c not in after)
    if lifted:
        tx.audit.write(now, by, "unpause", detail=f"channels={','.join(lifted)}")
    if not after:
        _close_task(tx, now, by)
    return lifted


def _close_task(tx: Transaction, now: datetime, by: str) -> None:
    for task in tx.tasks.open_tasks():
        if task.kind is TaskKind.SENDER_PAUSED:
            tx.tasks.close(task.number, now, by)
            tx.audit.write(now, by, "task done", detail=f"task={task.number} kind={task.kind}")
