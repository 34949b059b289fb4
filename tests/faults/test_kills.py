"""kill -9 at every point of a sending, and at random, by the provider that counts: nothing lost, nothing doubled.

`FOLLOWUP_KILLS` is how many kills are tried in all; `FOLLOWUP_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fault_table
import pytest
from world import World, numbered, person

from followup.care.delivery import NOT_REACHED, ON_THE_WIRE, UNSENT
from followup.care.people import ChannelName, ConsentTo
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.sandbox import SmtpEvent
from followup.sandbox.twilio_server import Event
from followup.storage.outbox_rows import Entry

KILLS = int(os.environ.get("FOLLOWUP_KILLS", "300"))

TEXT_POINTS = ("before reading", "after reading", "after accepting", "before reply", "after reply")
MAIL_POINTS = ("MAIL", "RCPT", "DATA", "body", "dot", "accepted", "answered")
RANDOM = "at random"
LATEST = 0.08
"""Seconds: a random kill comes within so long after the first sign of life at a provider."""

IN_FLIGHT = 2
"""Few at once, so that one kill leaves little in doubt and many kills find something to kill."""

LAST_HOUR = 17
"""After it the next day is waited for: two hours are needed for settling before the window closes."""

PATIENTS = 6
"""So many more are enrolled whenever nothing was left to kill anybody for."""


class Nursery:
    """The process that forks the daemons; see `kill_worker.py`."""

    def __init__(self, config: Path, log: Path) -> None:
        worker = Path(__file__).with_name("kill_worker.py")
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(worker), str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def run(self, moment: datetime, channel: ChannelName, count: int = 1) -> list[int]:
        return [int(pid) for pid in self._ask(f"run {moment.isoformat()} {count} {channel}").split()]

    def wait(self) -> list[int]:
        return [int(code) for code in self._ask("wait").split()]

    def _ask(self, words: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._log.close()


@dataclass
class Executioner:
    """Kills whoever works when a provider sees the point it is set to; once."""

    world: World
    point: str = ""
    pids: list[int] = field(default_factory=list)
    killed: int = 0
    delay: float = 0.0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def watch(self) -> None:
        self.world.twilio.on_event(self._text)
        self.world.post.on_event(self._mail)

    def _text(self, event: Event) -> None:
        if event.method == "POST" or event.point == "before reading":
            self._see(event.point)

    def _mail(self, event: SmtpEvent) -> None:
        self._see(event.point)

    def _see(self, point: str) -> None:
        with self._turn:
            if self.point == RANDOM:
                self.point = ""
                threading.Timer(self.delay, self._kill).start()
            elif self.point and point == self.point:
                self.point = ""
                self._kill()

    def _kill(self) -> None:
        for pid in self.pids[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.killed += 1


@contextmanager
def kill_clinic(world: World) -> Iterator[tuple[Nursery, Executioner]]:
    """A clinic whose daemons are born to be killed."""
    config = world.folder / "config.toml"
    text = config.read_text()
    config.write_text(text.replace("# in_flight = 64", f"in_flight = {IN_FLIGHT}"))
    assert f"in_flight = {IN_FLIGHT}" in config.read_text()
    executioner = Executioner(world)
    executioner.watch()
    nursery = Nursery(config, world.folder / "nursery.log")
    try:
        yield nursery, executioner
    finally:
        nursery.close()


def enroll_more(world: World, patients: list[int]) -> None:
    today = world.clock.utc().astimezone(world.clinic.practice.zone).date()
    for number in range(len(patients), len(patients) + PATIENTS):
        who = person(
            numbered(number),
            f"+1214556{number:04d}",
            f"p{number}@example.org",
            agreed=[ConsentTo.SMS, ConsentTo.EMAIL],
        )
        born = date(1930, 1, 1) + timedelta(days=number)
        named = {"name": numbered(number), "record_number": f"K-{number}", "birth_date": born, "on": today}
        patients.append(world.enroll(patient=who, **named).patient_id)


@dataclass
class Chance:
    """What is left to chance, and how much of it."""

    dice: random.Random
    kills: int
    at_once: int

    def point(self) -> tuple[ChannelName, str]:
        channel = self.dice.choice([ChannelName.SMS, ChannelName.EMAIL])
        points = TEXT_POINTS if channel is ChannelName.SMS else MAIL_POINTS
        return channel, self.dice.choice([*points, RANDOM, RANDOM])


def kill_and_kill_again(
    world: World, nursery: Nursery, executioner: Executioner, chance: Chance, patients: list[int]
) -> None:
    """Until so many have been killed: a life begins, is ended at a point, and the next one takes over."""
    idle = 0
    while executioner.killed < chance.kills:
        before = executioner.killed
        channel, executioner.point = chance.point()
        executioner.delay = chance.dice.random() * LATEST
        executioner.pids = nursery.run(world.clock.utc(), channel, chance.at_once)
        nursery.wait()
        idle = idle + 1 if executioner.killed == before else 0
        world.clock.advance(timedelta(minutes=chance.dice.choice([0, 1, 5])))
        if idle >= 2:
            enroll_more(world, patients)
            idle = 0
        if late(world):
            through_the_night(world, nursery)


def late(world: World) -> bool:
    return world.clock.utc().astimezone(world.clinic.practice.zone).hour >= LAST_HOUR


def through_the_night(world: World, nursery: Nursery) -> None:
    """The daemon goes on with its rounds, so that the morning does not find it long absent."""
    morning = next_morning(world)
    while world.clock.utc() < morning:
        world.clock.move_to(min(morning, world.clock.utc() + timedelta(minutes=50)))
        nursery.run(world.clock.utc(), ChannelName.SMS)
        nursery.wait()


def next_morning(world: World) -> datetime:
    """Ten o'clock of the next weekday, where the clinic is."""
    zone = world.clinic.practice.zone
    local = world.clock.utc().astimezone(zone) + timedelta(days=1)
    while local.weekday() >= 5:
        local += timedelta(days=1)
    return local.replace(hour=10, minute=0, second=0, microsecond=0).astimezone(UTC)


def let_it_settle(world: World, nursery: Nursery, executioner: Executioner) -> None:
    """Nobody is killed any more: two hours in small steps, so that all doubt comes to its end."""
    executioner.point = ""
    for _ in range(14):
        world.clock.advance(timedelta(minutes=10))
        for channel in (ChannelName.SMS, ChannelName.EMAIL):
            nursery.run(world.clock.utc(), channel)
            assert nursery.wait() == [0]


def all_rows(world: World, patients: list[int]) -> list[Entry]:
    return [row for patient in patients for row in world.rows(patient)]


def lost(world: World, rows: list[Entry]) -> list[Entry]:
    """Messages that did not reach anybody, and of which no task was ever opened."""
    missed = [row for row in rows if row.status in NOT_REACHED]
    with world.app.storage.reading() as tx:
        tasked = {row.patient_id for row in missed if row.patient_id and tx.tasks.of_patient(row.patient_id)}
        outage = any(task.kind is TaskKind.OUTAGE for task in tx.tasks.open_tasks())
    return [r for r in missed if r.patient_id not in tasked and not (outage and r.reason is Reason.OUTAGE)]


def unknown_texts(world: World, rows: list[Entry]) -> list[str]:
    """What the provider took and no message knows of."""
    known = {row.provider_id for row in rows if row.provider_id}
    return [sms.sid for sms in world.twilio.messages if sms.sid not in known]


@pytest.mark.parametrize(
    ("lying", "at_once", "share"),
    [(False, 1, 0.5), (False, 2, 0.25), (True, 1, 0.25)],
    ids=["one process", "two processes", "a ledger that lies"],
)
def test_killed_at_every_point_nothing_is_lost_and_nothing_doubled(
    make_world: Callable[..., World],
    sqlite_url: str,
    lying: bool,  # noqa: FBT001  a case
    at_once: int,
    share: float,
) -> None:
    seed, kills = fault_table.seed(), max(1, int(KILLS * share))
    print(f"seed {seed}, {kills} kills")  # noqa: T201  so that a failure can be repeated
    world, dice = make_world(sqlite_url), random.Random(seed)  # noqa: S311  faults, not secrets
    patients: list[int] = []
    enroll_more(world, patients)
    if lying:
        world.twilio.settings.ledger_lag = timedelta(days=3650)
    with kill_clinic(world) as (nursery, executioner):
        kill_and_kill_again(world, nursery, executioner, Chance(dice, kills, at_once), patients)
        let_it_settle(world, nursery, executioner)
        said = (world.folder / "nursery.log").read_text()
    assert said == ""
    rows = all_rows(world, patients)
    _is_explained(world, rows)
    texts = world.twilio.duplicates()
    fault_table.tried(
        f"kill -9, {'lying' if lying else 'true'} ledger, {at_once} at once",
        tried=executioner.killed,
        **fault_table.became(world, rows, lost(world, rows)),
    )
    assert lost(world, rows) == []
    assert set(world.post.duplicates().values()) <= {2}
    if lying:
        assert set(texts.values()) <= {2}
        again = Counter(number for number, _ in texts)
        assert again <= Counter(_number(world, row) for row in rows if row.doubts and _critical(world, row))
    else:
        assert not texts
        assert unknown_texts(world, rows) == []


def _number(world: World, row: Entry) -> str | None:
    assert row.patient_id is not None
    return world.contact(row.patient_id).number


def _critical(world: World, row: Entry) -> bool:
    return world.clinic.practice.plans["kyphoplasty"].step(row.step).critical


def _is_explained(world: World, rows: list[Entry]) -> None:
    """Nothing hangs, and every status is the end of a trail without a gap."""
    now = world.clock.utc()
    with world.app.storage.reading() as tx:
        for row in rows:
            moves = tx.audit.moves_of(row.id)
            assert row.status not in ON_THE_WIRE
            assert row.status not in UNSENT or row.valid_until > now
            assert not moves or moves[-1].target is row.status
            assert [m.source for m in moves[1:]] == [m.target for m in moves[:-1]]
