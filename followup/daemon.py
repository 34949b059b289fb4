"""APScheduler as a metronome: the outbox is the schedule.

The main thread waits for a signal and shuts down; the handler itself only sets an event, since a scheduler that is
shut down from within a handler can hang.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from apscheduler.schedulers.background import BackgroundScheduler

from followup import dead_man, log, receipts, settle, worklist
from followup.app import App
from followup.care.people import ChannelName
from followup.dispatch import Tally
from followup.errors import BusyError
from followup.replan import PROGRAM
from followup.storage.switches import Switch

RESCUE_EVERY = timedelta(minutes=1)
SETTLE_EVERY = timedelta(seconds=30)
SWEEP_EVERY = timedelta(minutes=15)
HOME_ASKED_EVERY = timedelta(minutes=15)


class Daemon:
    """One process that sends while it owns the sending, and stands by while another does."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stop = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises StorageError if the database is not of this program's version."""
        self._app.storage.require_schema()
        self._app.clinic, self._app.dispatcher  # noqa: B018  every fault of the files shows now, not at the first tick
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        log.event("started", owner=self._app.owner.name)
        if self._wait_for_ownership():
            self._keep_time()
        log.event("stopped", owner=self._app.owner.name)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stop.set()

    def _wait_for_ownership(self) -> bool:
        """Stand by until the lock is free; False if we are told to stop before."""
        standing_by = False
        while not self._app.owner.acquire():
            if not standing_by:
                log.event("standing by: another daemon sends")
                standing_by = True
            if self._stop.wait(1):
                return False
        return not self._stop.is_set()

    def _keep_time(self) -> None:
        self._guarded(self._rescue)
        scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        every = self._app.config.daemon.tick_seconds
        self._beat(scheduler, self._tick, every)
        for channel in ChannelName:
            self._beat(scheduler, partial(self._drain, channel), every)
        self._beat(scheduler, self._poll, self._app.config.daemon.poll_seconds)
        self._beat(scheduler, self._close_questions, self._app.config.daemon.poll_seconds)
        self._beat(scheduler, self._sweep, SWEEP_EVERY.total_seconds())
        self._beat(scheduler, self._rescue, RESCUE_EVERY.total_seconds())
        self._beat(scheduler, self._settle, SETTLE_EVERY.total_seconds())
        self._beat(scheduler, self._ask_home, HOME_ASKED_EVERY.total_seconds())
        scheduler.start()
        self._stop.wait()
        self._app.dispatcher.stopping.set()
        for slots in self._app.slots.values():
            slots.close()
        scheduler.shutdown(wait=True)

    def _beat(self, scheduler: BackgroundScheduler, job: Callable[[], None], seconds: float) -> None:
        """Run at once and then again and again; a fault is logged and the next beat tries anew."""
        now = self._app.clock.utc()
        scheduler.add_job(partial(self._guarded, job), "interval", seconds=seconds, next_run_time=now)

    def _guarded(self, job: Callable[[], None]) -> None:
        name = getattr(job, "func", job).__name__.strip("_")
        try:
            job()
        except BusyError as error:
            log.fault("skipped", error, job=name)
        except Exception as error:  # noqa: BLE001  the metronome must not stop; the fault is logged and shown
            log.fault("failed", error, job=name)

    def _tick(self) -> None:
        """Timelines brought up to date, what is past its time ended; then the world is told that we live."""
        tally = Tally()
        if not self._app.owner.acquire():
            return
        if not self._app.dispatcher.idle():
            self._app.dispatcher.sweep(tally)
        with self._app.storage.transaction() as tx:
            tx.switches.set(Switch.TICKED, "", self._app.clock.utc(), PROGRAM)
        _log_tally("tick", tally)
        if url := self._app.config.daemon.ping_url:
            dead_man.ping(url)

    def _drain(self, channel: ChannelName) -> None:
        tally, more = Tally(), not self._app.dispatcher.idle()
        while more and not self._stop.is_set():
            more = self._app.dispatcher.drain(channel, tally)
        _log_tally("sent", tally, channel=channel.value)

    def _poll(self) -> None:
        if self._app.owner.acquire():
            app = self._app
            if asked := receipts.poll(app.storage, app.clinic, app.ledgers, app.clock, self._stop):
                log.event("receipts", asked=asked)

    def _rescue(self) -> None:
        app = self._app
        if app.owner.acquire() and (found := settle.rescue(app.storage, app.clinic, app.owner, app.clock.utc())):
            log.event("in doubt after a crash", messages=found)

    def _settle(self) -> None:
        app = self._app
        if app.owner.acquire() and (
            looked := settle.settle(app.storage, app.clinic, app.ledgers, app.clock, self._stop)
        ):
            log.event("settling", messages=looked)

    def _sweep(self) -> None:
        """What `_tick` leaves alone while nothing is due: trial rows past their end."""
        tally = Tally()
        if self._app.owner.acquire():
            self._app.dispatcher.sweep(tally)
        _log_tally("swept", tally)

    def _close_questions(self) -> None:
        if closed := self._app.dispatcher.close_questions():
            log.event("unanswered", questions=closed)

    def _ask_home(self) -> None:
        with self._app.storage.transaction() as tx:
            worklist.nobody_home(tx, self._app.clinic, self._app.clock.utc())


def _log_tally(name: str, tally: Tally, **fields: str) -> None:
    counts = {"replanned": tally.replanned, "expired": tally.expired}
    counts |= {status.value: count for status, count in tally.outcomes.items()}
    if any(counts.values()):
        log.event(name, **fields, **{key: count for key, count in counts.items() if count})
