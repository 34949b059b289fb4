"""What a daemon does in its rounds: each round is safe to repeat, and asks first whether it may.

The metronome of `daemon.py` beats them; `followup tick` and the tests call the same functions on a clock of their
own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps

from followup import backlog, dead_man, inbound, ledger_audit, log, paging, receipts, settle, worklist
from followup.app import App
from followup.care.backlog import LONG_ABSENCE
from followup.care.clock_guard import ClockGuard, Suspicion
from followup.care.people import ChannelName
from followup.care.task import TaskKind, new_task
from followup.channels.remembered import Remembered
from followup.dispatch import Tally
from followup.errors import BusyError, DeliveryError
from followup.replan import PROGRAM
from followup.storage import Transaction
from followup.storage.guard import refusal
from followup.storage.switches import Switch

LOGGED_EVERY = timedelta(minutes=1)
"""A wave that spreads at its sender's pace goes on for hours, and is told of so often."""

AUDITED_FROM = 12
"""The hour (UTC) from which yesterday's list is complete: Twilio queues for ten hours at the most."""


def _alone(round_: Callable[[Rounds], None]) -> Callable[[Rounds], None]:
    """A round that one daemon of a database does at a time; the others leave it to that one."""

    @wraps(round_)
    def run(self: Rounds) -> None:
        with self.app.storage.alone(round_.__name__) as mine:
            if mine:
                round_(self)

    return run


@dataclass(frozen=True)
class Rounds:
    """The rounds of one process. Once `stopping` is set nothing new is begun."""

    app: App
    stopping: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Once, by who has just come to own the sending: what was left behind is taken stock of."""
        app, now = self.app, self.app.clock.utc()
        with app.storage.transaction() as tx:
            ticked = tx.switches.get(Switch.TICKED)
            last = ticked.at if ticked else None
            suspected = tx.switches.get(Switch.CLOCK) is not None
            self._take_over_zone_rules(tx)
        absent = last is not None and now - last > LONG_ABSENCE
        app.timekeeper.start(last, long_absent=absent or suspected)
        self._ask_time()
        self._tell_of_clock(app.timekeeper.look())
        self._take_stock()

    def _take_stock(self) -> None:
        """What an old copy, a dead process and a long absence have left, in this order; then what still holds."""
        self.keep_generation()
        self.rescue()
        backlog.take_stock(self.app.storage, self.app.owner, self.app.clock.utc())
        self.let_go()

    @_alone
    def keep_generation(self) -> None:
        """Notice an old copy of the database, and raise its mark."""
        try:
            self.app.keeper.keep(self.app.clock.utc())
        except BusyError as error:
            log.fault("skipped", error, job="keep_generation")

    @_alone
    def let_go(self) -> None:
        """What an outage held back and is still true gets its turn, by a clock that is believed."""
        app = self.app
        if app.timekeeper.look().trusted:
            backlog.let_go(app.storage, app.clinic, app.owner, app.clock.utc())

    def once(self) -> None:
        """Every round, one after the other, as often as there is something to send."""
        self._take_stock()
        self.listen()
        self.tell_staff()
        self.app.dispatcher.tick()
        self.close_questions()
        self.poll()
        self.ask_home()
        self.seal()

    def tick(self) -> None:
        """Timelines brought up to date, what is past its time ended; then the world is told that we live."""
        app, tally = self.app, Tally()
        if not app.owner.acquire():
            return
        backlog.take_stock(app.storage, app.owner, app.clock.utc())
        if not app.dispatcher.idle():
            app.dispatcher.sweep(tally)
        with app.storage.transaction() as tx:
            now = app.clock.utc()
            # `status` shows what this process refuses, which another of the newer version cannot judge.
            tx.switches.set(Switch.TICKED, refusal(tx, now) or "", now, PROGRAM)
        _log_tally("tick", tally)
        if url := app.config.daemon.ping_url:
            dead_man.ping(url)

    def drain(self, channel: ChannelName) -> None:
        """All that may go now by one channel."""
        backlog.take_stock(self.app.storage, self.app.owner, self.app.clock.utc())
        clock, tally = self.app.clock, Tally()
        again, told_at = None if self.app.dispatcher.idle() else timedelta(), clock.monotonic()
        while again is not None and not self.stopping.wait(again.total_seconds()):
            again = self.app.dispatcher.drain(channel, tally)
            if clock.monotonic() - told_at >= LOGGED_EVERY.total_seconds():
                _log_tally("sent", tally, channel=channel.value)
                tally, told_at = Tally(), clock.monotonic()
        _log_tally("sent", tally, channel=channel.value)

    def seal(self) -> None:
        """Put new lines of the trail under a seal; its head is logged, for those who keep logs elsewhere."""
        app = self.app
        if app.owner.acquire():
            with app.storage.transaction() as tx:
                lines = tx.chain.seal(app.clock.utc())
                number, head = tx.chain.newest()
            if lines:
                log.event("sealed", lines=lines, seal=number, head=head.hex())

    @_alone
    def audit_ledger(self) -> None:
        """Yesterday by the provider's list, once a day; whoever has done it has noted the day."""
        app, now = self.app, self.app.clock.utc()
        day = now.date() - timedelta(days=1)
        with app.storage.reading() as tx:
            done = tx.switches.get(Switch.LEDGER_AUDITED)
        if not app.owner.acquire() or (done and done.value == day.isoformat()) or now.hour < AUDITED_FROM:
            return
        for ledger in app.ledgers.values():
            try:
                found = ledger_audit.audit(app.storage, app.clinic, ledger, day, now)
            except DeliveryError as error:
                log.fault("cannot audit", error)
                return
            log.event("ledger audited", listed=found.listed, differs=bool(found))
        with app.storage.transaction() as tx:
            tx.switches.set(Switch.LEDGER_AUDITED, day.isoformat(), now, PROGRAM)

    @_alone
    def poll(self) -> None:
        """What the provider says became of what it accepted; and evidence, wherever there is doubt.

        Both look at the same lists.
        """
        app = self.app
        if not app.owner.acquire():
            return
        ledgers = {name: Remembered(ledger) for name, ledger in app.ledgers.items()}
        if asked := receipts.poll(app.storage, app.clinic, ledgers, app.clock, self.stopping):
            log.event("receipts", asked=asked)
        if looked := settle.settle(app.storage, app.clinic, ledgers, app.clock, self.stopping):
            log.event("settling", messages=looked)

    @_alone
    def listen(self) -> None:
        """What patients wrote is stored and handled; what must go at once goes at once."""
        app = self.app
        if not app.owner.acquire():
            return
        trusted = app.timekeeper.look().trusted
        came, handled = inbound.poll(app.listener, app.inboxes, self.stopping, trusted=trusted)
        if came or handled:
            log.event("heard", came=came, handled=handled)
            self._tell_staff()  # at once, whoever else is at it

    @_alone
    def tell_staff(self) -> None:
        """Pages, a mail about new tasks, the digest and the weekly test page: whatever is due."""
        self._tell_staff()

    def _tell_staff(self) -> None:
        """Each is a transaction of its own, the pages first: what is wrong with one keeps no page from going."""
        app = self.app
        if not app.owner.acquire():
            return
        with app.storage.transaction() as tx:
            pages = paging.page(tx, app.staff, app.clock.utc())
        with app.storage.transaction() as tx:
            told = paging.tell(tx, app.clinic, app.staff, app.clock.utc())
        for duty in (paging.weekly_page, paging.digest):
            with app.storage.transaction() as tx:
                duty(tx, app.clinic, app.staff, app.clock.utc())
        if pages or told:
            log.event("staff told", pages=pages, tasks=told)

    @_alone
    def rescue(self) -> None:
        """What a dead process had in hand is named as doubt."""
        app = self.app
        if app.owner.acquire() and (found := settle.rescue(app.storage, app.clinic, app.owner, app.clock.utc())):
            log.event("in doubt after a crash", messages=found)

    def sweep(self) -> None:
        """What `tick` leaves alone while nothing is due: trial rows past their end."""
        tally = Tally()
        if self.app.owner.acquire():
            self.app.dispatcher.sweep(tally)
        _log_tally("swept", tally)

    @_alone
    def close_questions(self) -> None:
        """Questions that nobody answered become calls."""
        if closed := self.app.dispatcher.close_questions():
            log.event("unanswered", questions=closed)

    @_alone
    def ask_home(self) -> None:
        """One task a day names how many patients wait for somebody to say that they are home."""
        with self.app.storage.transaction() as tx:
            worklist.nobody_home(tx, self.app.clinic, self.app.clock.utc())

    def watch_clock(self) -> None:
        """Look at the clocks; while they are not believed, ask a provider for the time."""
        if not self.app.timekeeper.look().trusted:
            self._ask_time()
        self._tell_of_clock(self.app.timekeeper.look())

    def _ask_time(self) -> None:
        """Of every provider that can be asked; one that does not answer leaves the clock as it is believed."""
        for ledger in self.app.ledgers.values():
            try:
                ledger.ask_time()
            except DeliveryError as error:
                log.fault("cannot ask the time", error)

    def _tell_of_clock(self, guard: ClockGuard) -> None:
        """Staff see in `status` that the clock is not believed; a clock that stays wrong is a task."""
        app = self.app
        with app.storage.transaction() as tx:
            now, before = app.clock.utc(), tx.switches.get(Switch.CLOCK)
            if guard.reason is None:
                if before is not None:
                    tx.switches.clear(Switch.CLOCK)
                    tx.audit.write(now, PROGRAM, "clock believed")
                    _close(tx, TaskKind.CLOCK, app)
            elif before is None or before.value != guard.reason:
                tx.switches.set(Switch.CLOCK, guard.reason, now, PROGRAM)
                tx.audit.write(now, PROGRAM, "clock not believed", detail=guard.reason)
                log.event("clock not believed", reason=guard.reason.value)
                if guard.reason is Suspicion.CONTRADICTED:
                    tx.tasks.open(new_task(TaskKind.CLOCK, now, app.clinic.practice.staffed), now)

    def _take_over_zone_rules(self, tx: Transaction) -> None:
        """Where the rules of time zones have changed, every unsent reminder is placed anew from its local time."""
        from followup.config.zones import rules_in_use  # noqa: PLC0415  reads some hundred small files

        rules, now = rules_in_use(), self.app.clock.utc()
        before = tx.switches.get(Switch.TZDATA)
        if before is None or before.value != rules:
            tx.switches.set(Switch.TZDATA, rules, now, PROGRAM)
        if before is not None and before.value != rules:
            noted = tx.stale.note_all_waiting()
            tx.audit.write(now, PROGRAM, "time zone rules changed", detail=f"patients={noted}")
            log.event("time zone rules changed", patients=noted)


def _close(tx: Transaction, kind: TaskKind, app: App) -> None:
    for task in tx.tasks.open_tasks():
        if task.kind is kind:
            tx.tasks.close(task.number, app.clock.utc(), PROGRAM)


def _log_tally(name: str, tally: Tally, **fields: str) -> None:
    if counts := dict(_counts(tally)):
        log.event(name, **fields, **counts)


def _counts(tally: Tally) -> Iterator[tuple[str, int]]:
    counts = {"replanned": tally.replanned, "expired": tally.expired}
    counts |= {status.value: count for status, count in tally.outcomes.items()}
    yield from ((key, count) for key, count in counts.items() if count)
