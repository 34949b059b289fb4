"""VERB: the loop. What is due is asked every gate again, written down, sent, and its outcome written down.

    expire -> due -> may_send -> render -> claim | commit | still_true -> send -> judge -> record -> tasks

Left of the bars is one transaction, right of them another; between the two stands the network.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from followup import log
from followup.care.attempt import Attempt, Outcome, judge
from followup.care.delivery import Mover, Status, the_move
from followup.care.message import POLICIES, Held, Kind, Message
from followup.care.people import ChannelName
from followup.care.practice import QUESTION_OPEN_FOR
from followup.care.reason import Reason
from followup.care.task import TaskKind, new_task
from followup.channels.slots import Flight, Result, Slots
from followup.clock import Clock
from followup.consequences import Moved, doubt, follow, recorded, tell
from followup.errors import StorageError, Unavailable, Uncertain
from followup.last_word import HOLDS, LastWord, Untils, still_true
from followup.messages import MessageLibrary
from followup.prepare import Preparer
from followup.replan import Clinic, replan_stale
from followup.senders import Senders
from followup.storage import Storage, Transaction
from followup.storage.faults import RefusedStatementError
from followup.storage.guard import refusal
from followup.storage.heartbeat import elapsed
from followup.storage.outbox_rows import Claim, Entry
from followup.storage.owner import Owner
from followup.timekeeping import Timekeeper

SLICE = timedelta(seconds=10)
"""One drain works no longer than this before other jobs have their turn."""

GROUP = 32
"""Outcomes written in one commit at the most: so many a crash can leave in doubt though they were heard."""

REFILL = 0.25
"""More is claimed once there is room for so large a part of what may be on its way."""

SWEEP = 200
"""Rows handled in one transaction of the sweep."""

PATIENCE = 0.5
"""Seconds between two tries to write outcomes down while the database is held or away."""

OUTRANK_A_PAUSE = frozenset(kind for kind, policy in POLICIES.items() if not policy.pausable)
"""A person pauses what we begin; a page, and the answer to a red flag, go all the same."""

Hears = Callable[[Transaction, datetime], Mapping[ChannelName, bool]]


def deaf(_tx: Transaction, _now: datetime) -> Mapping[ChannelName, bool]:
    """Nobody reads what patients answer."""
    return {}


_Heard = tuple[Claim, Result]
_Step = Callable[[Transaction, datetime], int]


@dataclass
class Tally:
    """What one tick did, in numbers: for the log and the screen."""

    replanned: int = 0
    expired: int = 0
    outcomes: dict[Status, int] = field(default_factory=dict)

    def count(self, statuses: Iterable[Status]) -> None:
        for status in statuses:
            self.outcomes[status] = self.outcomes.get(status, 0) + 1


@dataclass(frozen=True)
class _Turn:
    """One drain: of which channel, under whose name it claims, when its slice ends (monotonic), what it holds."""

    channel: ChannelName
    owner: str
    ends: float
    in_hand: dict[int, Claim] = field(default_factory=dict)


@dataclass(frozen=True)
class Dispatcher:
    """The sender of one process. It sends only while `owner` holds its lock.

    `hears` tells, for each channel, whether what patients answer there would be read now. `slots` has one entry a
    channel that can send. `holds` is how long an answer of the gates counts (see `last_word.py`). Once `stopping`
    is set nothing more is claimed.
    """

    storage: Storage
    clinic: Clinic
    library: MessageLibrary
    slots: Mapping[ChannelName, Slots]
    clock: Clock
    owner: Owner
    senders: Senders
    timekeeper: Timekeeper
    hears: Hears = deaf
    holds: timedelta = HOLDS
    stopping: threading.Event = field(default_factory=threading.Event)

    def tick(self) -> Tally:
        """All that is to be done now, channel after channel; nothing while another owns the sending."""
        tally = Tally()
        if self.owner.acquire() and not self.idle():
            self.sweep(tally)
            for channel in ChannelName:
                self.drain(channel, tally)
        return tally

    def idle(self) -> bool:
        """Whether there is nothing to do: the stale table is empty and the first due row is not due yet."""
        with self.storage.reading() as tx:
            return not tx.stale.patients(1) and not tx.sending.anything_due(self.clock.utc())

    def sweep(self, tally: Tally) -> None:
        """Bring timelines up to date and end what is past its time."""
        while replanned := self._in_one(self._replan_stale):
            tally.replanned += replanned
        while expired := self._in_one(self._expire):
            tally.expired += expired

    def close_questions(self) -> int:
        """Close questions that nobody answered within 48 hours; returns how many.

        A person asks by phone, and what waited for the answer waits no longer.
        """
        closed = 0
        while self.owner.acquire() and (found := self._in_one(self._close_questions)):
            closed += found
        return closed

    def drain(self, channel: ChannelName, tally: Tally) -> timedelta | None:
        """Send what is due by one channel, for one slice of time at most.

        Returns how long until more may go: at once where the slice was too short, later where the sender's pace
        forbids it; None if nothing is left.
        """
        if not self.owner.acquire():
            return None
        turn = _Turn(channel, self.owner.name, self.clock.monotonic() + SLICE.total_seconds())
        if channel is ChannelName.PHONE:
            return self._hand_over(turn, tally)
        return self._send(turn, tally) if channel in self.slots else None

    def _send(self, turn: _Turn, tally: Tally) -> timedelta | None:
        """Batch after batch: the next is claimed as soon as a part of the last has come back."""
        last_word = LastWord(self._look, self.holds)
        flight = self.slots[turn.channel].flight(partial(self._still_true, turn, last_word))
        again: timedelta | None = timedelta()
        try:
            while again == timedelta() and self._goes_on(turn):
                if (room := flight.room) >= REFILL * self.slots[turn.channel].size:
                    began = elapsed()
                    claims, again = self._take(turn, len(flight), room)
                    turn.in_hand.update((claim.entry.id, claim) for claim in claims)
                    batch = [_message(claim) for claim in claims]
                    last_word.expect(batch, {claim.entry.id: claim.until for claim in claims}, began)
                    flight.begin(batch)
                else:
                    self._hear(turn, flight, tally)
        finally:
            while flight:
                self._hear(turn, flight, tally)
        return None if self.stopping.is_set() else again

    def _hear(self, turn: _Turn, flight: Flight, tally: Tally) -> None:
        heard = flight.heard(GROUP)
        self._record([(turn.in_hand.pop(message.id), result) for message, result in heard], tally)

    def _goes_on(self, turn: _Turn) -> bool:
        """Within its slice, and as long as what it claims is claimed under the name that it began with."""
        ours = not self.stopping.is_set() and self.owner.acquire() and self.owner.name == turn.owner
        return ours and self.clock.monotonic() < turn.ends

    def _hand_over(self, turn: _Turn, tally: Tally) -> timedelta | None:
        """Phone steps become tasks for people, each in the transaction that claims it."""
        again: timedelta | None = timedelta()
        while again is not None and self._goes_on(turn):
            with self.storage.transaction() as tx:
                now = self.clock.utc()
                claims, again = self._claim(tx, turn, 0, self.senders.ordinary, now)
                handed = self._write(tx, [(claim, self._call(tx, claim, now)) for claim in claims], now)
            tally.count(handed)
        return None if self.stopping.is_set() else again

    def _take(self, turn: _Turn, on_their_way: int, most: int) -> tuple[list[Claim], timedelta | None]:
        """Claim what may go now: what is to be sent, and how long until more may."""
        with self.storage.transaction() as tx:
            return self._claim(tx, turn, on_their_way, most, self.clock.utc())

    def _claim(
        self, tx: Transaction, turn: _Turn, on_their_way: int, most: int, now: datetime
    ) -> tuple[list[Claim], timedelta | None]:
        """Ask every gate, write down what may go; what may not go is ended or put off with its reason."""
        room = min(most, self._room(tx, turn.channel, now) - on_their_way)
        if room <= 0:
            return [], None
        if not on_their_way:
            self._doubt_leftovers(tx, turn, now)
        bucket = self.senders.bucket(tx, turn.channel, now)
        paced = None if bucket is None else max(0, ceil(bucket.tokens))
        paused = turn.channel in tx.switches.paused_channels()
        due = tx.sending.due(now, room, turn.channel, OUTRANK_A_PAUSE if paused else None, paced)
        preparer = Preparer(tx, self.clinic, self.library, due, now, listening=self.hears(tx, now))
        claims = [claim for entry in due if (claim := preparer.prepare(entry)) is not None]
        won = {entry.id for entry in tx.sending.claim(claims, turn.owner, now)}
        claims = [claim for claim in claims if claim.entry.id in won]
        self.senders.begun(tx, turn.channel, claims, now)
        if len(due) >= room:
            return claims, timedelta()
        empty = bucket is not None and len(due) >= ceil(bucket.tokens)
        return claims, self.senders.wait(turn.channel, bucket) if bucket and empty else None

    def _room(self, tx: Transaction, channel: ChannelName, now: datetime) -> int:
        """How many messages may be claimed: none while a breaker, the clock or the disk forbids it."""
        if refusal(tx, now) is not None or not self.timekeeper.look().trusted:
            return 0
        return self.senders.room(tx, channel, now)

    def _doubt_leftovers(self, tx: Transaction, turn: _Turn, now: datetime) -> None:
        """What we claimed before and never wrote an outcome for: one channel has one drain at a time."""
        doubt(tx, self.clinic, tx.sending.left_by(turn.owner, turn.channel), now)

    def _in_one(self, step: _Step) -> int:
        with self.storage.transaction() as tx:
            return step(tx, self.clock.utc())

    def _replan_stale(self, tx: Transaction, now: datetime) -> int:
        return replan_stale(tx, self.clinic, now)

    def _expire(self, tx: Transaction, now: datetime) -> int:
        expired = tx.sending.expired(now, SWEEP)
        for entry in expired:
            reason = Reason.TRIAL if entry.trial else Reason.TOO_LATE
            if tx.sending.end(entry, Held(reason), now):
                move = the_move(Mover.DISPATCHER, entry.status, Status.EXPIRED)
                follow(tx, self.clinic, Moved(entry, move, reason), now)
        return len(expired)

    def _close_questions(self, tx: Transaction, now: datetime) -> int:
        silent = tx.tracking.open_questions(now - QUESTION_OPEN_FOR, SWEEP)
        for entry in silent:
            tx.tracking.close_question(entry, now, answered=False)
            tell(tx, self.clinic, TaskKind.NO_ANSWER, entry, now)
        return len(silent)

    def _still_true(self, turn: _Turn, last_word: LastWord, message: Message) -> timedelta:
        """How long it may still be sent: asked on the wire, and nothing is sent on an old answer.

        What was claimed under a name that is ours no more is the dead's, even if we may send again. What was
        claimed before its sender was given up waits like all others.
        """
        if self.senders.gave_up(turn.channel):
            return timedelta()
        try:
            ours = self.owner.acquire() and self.owner.name == turn.owner
            until = last_word.until(message) if ours and self.timekeeper.look().trusted else None
        except StorageError as error:
            raise Unavailable("the database could not be asked once more") from error
        return timedelta() if until is None else max(until - self.clock.utc(), timedelta())

    def _look(self, asked: Sequence[Message]) -> Untils:
        with self.storage.reading() as tx:
            return still_true(tx, self.clinic, asked, self.clock.utc())

    def _record(self, results: Sequence[_Heard], tally: Tally) -> None:
        """Write outcomes down, however long the database is held: one forgotten is a message in doubt."""
        while results:
            try:
                return self._write_down(results, tally)
            except RefusedStatementError as error:
                return self._record_singly(results, tally, error)
            except StorageError:
                if self.stopping.wait(PATIENCE):
                    raise
            except Exception as error:  # noqa: BLE001  what one outcome leads to must not lose those of its group
                return self._record_singly(results, tally, error)
        return None

    def _record_singly(self, results: Sequence[_Heard], tally: Tally, error: Exception) -> None:
        """One outcome of a group cannot be written: the others are, and it ends in doubt."""
        if len(results) > 1:
            for one in results:
                self._record([one], tally)
            return
        claim, result = results[0]
        log.fault("cannot record", error, message=claim.entry.id)
        if isinstance(result, Uncertain):
            raise error
        self._record([(claim, Uncertain("its outcome could not be recorded"))], tally)

    def _write_down(self, results: Sequence[_Heard], tally: Tally) -> None:
        with self.storage.transaction() as tx:
            now = self.clock.utc()
            judged = [(claim, judge(_attempt(claim), result, now)) for claim, result in results]
            written = self._write(tx, judged, now)
            for channel in {claim.entry.channel for claim, _ in results}:
                heard = [result for claim, result in results if claim.entry.channel is channel]
                self.senders.heard(tx, channel, heard, now)
        tally.count(written)

    def _call(self, tx: Transaction, claim: Claim, now: datetime) -> Outcome:
        """A phone step is handed to a person: its task is its receipt."""
        entry, staffed = claim.entry, self.clinic.practice.staffed
        said = {"script": claim.words.plain, "step": entry.step}
        number = tx.tasks.open(new_task(TaskKind.CALL, now, staffed, entry.patient_id, entry.id, **said), now)
        return Outcome(Status.ACCEPTED, Reason.CALL_TASK, f"task:{number}:{entry.id}")

    def _write(self, tx: Transaction, judged: Sequence[tuple[Claim, Outcome]], now: datetime) -> list[Status]:
        """Outcomes and all that follows from them; what somebody else has settled meanwhile is left as it is."""
        won = tx.sending.record(judged, now)
        ours = [(claim, outcome) for claim, outcome in judged if claim.entry.id in won]
        for claim, outcome in ours:
            recorded(tx, self.clinic, claim, outcome, now)
        return [outcome.status for _, outcome in ours]


def _message(claim: Claim) -> Message:
    entry = claim.entry
    answers = entry.kind in {Kind.ANSWER, Kind.RED_FLAG}
    return Message(entry.id, entry.attempt + 1, entry.channel, claim.to, claim.words, mail_id(entry), answers)


def mail_id(entry: Entry) -> str:
    """The left part of a mail's Message-ID: the same on every attempt, and nothing can be read from it."""
    return hashlib.sha256(f"{entry.id}:{entry.key}".encode()).hexdigest()[:32]


def _attempt(claim: Claim) -> Attempt:
    entry = claim.entry
    return Attempt(entry.id, entry.charged, entry.first_tried_at or entry.due_at, entry.valid_until)
