"""APScheduler as a metronome: the outbox is the schedule, `rounds.py` is what each beat does.

The main thread waits for a signal and shuts down; the handler itself only sets an event, since a scheduler that is
shut down from within a handler can hang. The scheduler waits by the wall clock: when that is put back it would
sleep until the old hour comes round again. So the main thread, on a clock that nobody can set, wakes late rounds.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from apscheduler.schedulers.background import BackgroundScheduler

from followup import log
from followup.app import App
from followup.care.people import ChannelName
from followup.errors import BusyError, StorageError
from followup.rounds import Rounds
from followup.storage import guard
from followup.storage.faults import FATAL
from followup.storage.modes import require_private

STAND_BY = 1
"""Seconds between two tries of a standby to own the sending."""

WATCH_EVERY = 5
"""Seconds between two looks of the watchdog."""

LATE = 2
"""A round is late when so many of its intervals have passed without one."""


@dataclass
class _Beat:
    """One round in the scheduler: its job's id, its interval in seconds, when it last began (monotonic)."""

    name: str
    seconds: float
    began: float
    running: bool = False


class Daemon:
    """One process that sends while it owns the sending, and stands by while another does."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stop = threading.Event()
        self._rounds = Rounds(app, self._stop)
        self._beats: list[_Beat] = []
        self._broken: StorageError | None = None

    def run(self) -> None:
        """Until SIGTERM or SIGINT.

        Raises StorageError if the database is not of this program's version, if others may read it, if it is
        damaged, or if its disk has failed.
        """
        self._app.storage.require_schema()
        require_private(self._app.storage.engine)
        self._app.clinic, self._app.dispatcher  # noqa: B018  every fault of the files shows now, not at the first tick
        gc.freeze()  # what is loaded by now stays: it need not be looked through for garbage again and again
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        log.event("started", owner=self._app.owner.name)
        if self._wait_for_ownership() and self._begin():
            self._keep_time()
        log.event("stopped", owner=self._app.owner.name)
        if self._broken is not None:
            raise self._broken

    def _begin(self) -> bool:
        """Wait until the database can be written to, however long; False if we are told to stop before.

        After an unclean stop the file is looked through first: raises CorruptStorageError if it is damaged.
        """
        while not self._stop.is_set():
            try:
                with self._app.storage.transaction() as tx:
                    unclean = guard.begun(tx, self._app.owner.name, self._app.clock.utc())
            except FATAL:
                raise
            except StorageError as error:
                log.fault("waiting for the database", error)
                self._stop.wait(STAND_BY)
                continue
            if unclean:
                log.event("the last daemon did not end as it should")
            self._guarded("begin", self._rounds.begin)
            return True
        return False

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stop.set()

    def _wait_for_ownership(self) -> bool:
        """Stand by until the lock is free; False if we are told to stop before."""
        standing_by = False
        while not self._app.owner.acquire():
            if not standing_by:
                log.event("standing by: another daemon sends")
                standing_by = True
            if self._stop.wait(STAND_BY):
                return False
        return not self._stop.is_set()

    def _keep_time(self) -> None:
        rounds = self._schedule()
        scheduler = BackgroundScheduler(
            timezone="UTC",
            # A thread for each round: one that takes long keeps no other from its beat.
            executors={"default": {"type": "threadpool", "max_workers": len(rounds)}},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        for round_, seconds in rounds:
            self._beat(scheduler, round_, seconds)
        scheduler.start()
        while not self._stop.wait(WATCH_EVERY):
            self._watch(scheduler)
        self._app.dispatcher.stopping.set()
        for slots in self._app.slots.values():
            slots.close()
        scheduler.shutdown(wait=True)
        self._guarded("end", self._end)

    def _end(self) -> None:
        with self._app.storage.transaction() as tx:
            guard.ended(tx, self._app.owner.name)

    def _schedule(self) -> list[tuple[Callable[[], None], float]]:
        """Every round and its interval in seconds."""
        rounds, every = self._rounds, self._app.config.daemon
        return [
            (rounds.tick, every.tick_seconds),
            *((partial(rounds.drain, channel), every.tick_seconds) for channel in ChannelName),
            (rounds.poll, every.poll_seconds),
            (rounds.listen, every.poll_seconds),
            (rounds.tell_staff, every.tick_seconds),
            (rounds.close_questions, every.poll_seconds),
            (rounds.watch_clock, every.tick_seconds),
            (rounds.rescue, 60),
            (rounds.keep_generation, 60),
            (rounds.let_go, 60),
            (rounds.seal, 60),
            (rounds.sweep, 900),
            (rounds.audit_ledger, 900),
            (rounds.ask_home, 900),
        ]

    def _beat(self, scheduler: BackgroundScheduler, round_: Callable[[], None], seconds: float) -> None:
        """Run at once and then again and again; a fault is logged and the next beat tries anew."""
        name = "-".join([getattr(round_, "func", round_).__name__, *getattr(round_, "args", ())])
        beat = _Beat(name, seconds, self._app.clock.monotonic())
        self._beats.append(beat)

        def run() -> None:
            beat.began, beat.running = self._app.clock.monotonic(), True
            self._guarded(name, round_)
            beat.running = False

        scheduler.add_job(run, "interval", seconds=seconds, id=name, next_run_time=self._app.clock.utc())

    def _watch(self, scheduler: BackgroundScheduler) -> None:
        """Wake what is late. The clocks are looked at often: a step shows only between two looks."""
        self._app.timekeeper.look()
        now = self._app.clock.monotonic()
        for beat in self._beats:
            if not beat.running and now - beat.began > LATE * beat.seconds + WATCH_EVERY:
                log.event("late", job=beat.name)
                beat.began = now
                scheduler.modify_job(beat.name, next_run_time=self._app.clock.utc())

    def _guarded(self, name: str, round_: Callable[[], None]) -> None:
        try:
            round_()
        except BusyError as error:
            log.fault("skipped", error, job=name)
        except FATAL as error:
            log.fault("cannot go on", error, job=name)
            self._broken = error
            self._stop.set()
        except Exception as error:  # noqa: BLE001  the metronome must not stop; the fault is logged and shown
            log.fault("failed", error, job=name)
