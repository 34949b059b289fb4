"""Which sender may be used now, and how fast: breakers and buckets kept in the database, for all daemons on it.

A channel has one sender: its account at its provider. A call needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from followup.care.breaker import Breaker, BreakerState
from followup.care.pace import Bucket, wait
from followup.care.people import ChannelName
from followup.care.task import TaskKind, new_task
from followup.channels.slots import Result
from followup.replan import PROGRAM, Clinic
from followup.storage import Transaction
from followup.storage.breakers import Sender
from followup.storage.outbox_rows import Claim


@dataclass(frozen=True)
class Senders:
    """The senders of one process. `ordinary`: how many messages may be in hand at once when all is well.

    `paces`: segments, or mails, a second; a channel without one goes as fast as it can.
    """

    clinic: Clinic
    accounts: Mapping[ChannelName, str]
    ordinary: int
    paces: Mapping[ChannelName, float] = field(default_factory=dict)
    _known: dict[ChannelName, Breaker] = field(default_factory=dict, repr=False)

    def room(self, tx: Transaction, channel: ChannelName, now: datetime) -> int:
        """How many messages of a channel may be begun now: none while its sender is given up."""
        if channel not in self.accounts:
            return self.ordinary
        room = self._breaker(tx, channel).room(now)
        return self.ordinary if room is None else min(room, self.ordinary)

    def gave_up(self, channel: ChannelName) -> bool:
        """Whether this process has found that a channel's sender fails, and has not begun to try it again."""
        known = self._known.get(channel)
        return known is not None and known.state is BreakerState.OPEN

    def bucket(self, tx: Transaction, channel: ChannelName, now: datetime) -> Bucket | None:
        """What may be sent at this pace, held against other daemons; None where there is no pace to keep to."""
        per_second = self.paces.get(channel)
        return None if per_second is None else tx.paces.hold(self._sender(channel), per_second, now)

    def wait(self, channel: ChannelName, bucket: Bucket) -> timedelta:
        """How long until such a bucket holds something again."""
        return wait(bucket, self.paces[channel])

    def begun(self, tx: Transaction, channel: ChannelName, claims: Sequence[Claim], now: datetime) -> None:
        """These were claimed; of a sender that is tried again no more follow before they are back."""
        if channel not in self.accounts or not claims:
            return
        before = self._breaker(tx, channel)
        self._change(tx, channel, before, before.begun(len(claims), now), now)
        if bucket := self.bucket(tx, channel, now):
            tx.paces.write(self._sender(channel), bucket.spent(sum(max(1, claim.segments) for claim in claims)))

    def heard(self, tx: Transaction, channel: ChannelName, results: Iterable[Result], now: datetime) -> None:
        """What attempts led to, in the transaction that writes it down."""
        if channel in self.accounts:
            before = after = self._breaker(tx, channel)
            for result in results:
                after = after.after(result, now)
            self._change(tx, channel, before, after, now)

    def _breaker(self, tx: Transaction, channel: ChannelName) -> Breaker:
        mine = self._known.get(channel, Breaker(self.ordinary))
        return tx.breakers.read(self._sender(channel), mine)

    def _sender(self, channel: ChannelName) -> Sender:
        return Sender(channel, self.accounts[channel])

    def _change(
        self, tx: Transaction, channel: ChannelName, before: Breaker, after: Breaker, now: datetime
    ) -> None:
        self._known[channel] = after
        if _stored(before) == _stored(after):
            return
        tx.breakers.write(self._sender(channel), after, now)
        if before.works is not after.works:
            self._tell(tx, channel, after, now)

    def _tell(self, tx: Transaction, channel: ChannelName, breaker: Breaker, now: datetime) -> None:
        detail = f"sender={self._sender(channel).name} code={breaker.code}"
        tx.audit.write(now, PROGRAM, "sender works" if breaker.works else "sender given up", detail=detail)
        if not breaker.works:
            staffed = self.clinic.practice.staffed
            kind, about = TaskKind.SENDER_PAUSED, str(channel)
            tx.tasks.open(new_task(kind, now, staffed, channel=about, code=breaker.code), now)
        elif not tx.breakers.given_up():
            close_task(tx, now, PROGRAM)


def _stored(breaker: Breaker) -> tuple[object, ...]:
    return (
        breaker.state,
        breaker.code,
        breaker.opened_at,
        breaker.retry_at,
        breaker.wait,
        breaker.allowance,
    )


def close_task(tx: Transaction, now: datetime, by: str) -> None:
    """All senders work: the task about them is done."""
    for task in tx.tasks.open_tasks():
        if task.kind is TaskKind.SENDER_PAUSED:
            tx.tasks.close(task.number, now, by)
            tx.audit.write(now, by, "task done", detail=f"task={task.number} kind={task.kind}")
