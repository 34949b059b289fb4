"""PostgreSQL stops at once, its network falls silent, workers are killed, several send: nothing lost or doubled.

`FOLLOWUP_PG_FAULTS` is how many faults of each kind are tried; `FOLLOWUP_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import fault_table
import pytest
import trustme
from cut_network import Apart, Front, by_network, door_of, far_away, own_server
from databases import SEALER, emptied
from fault_parts import PATIENCE, DaemonProcess
from sqlalchemy import Engine, text
from test_killed_in_mid_send import ZONES, eventually
from test_kills import (
    Chance,
    Executioner,
    all_rows,
    enroll_more,
    kill_and_kill_again,
    kill_clinic,
    late,
    let_it_settle,
    lost,
    through_the_night,
    unknown_texts,
)
from world import NUMBER, World, numbered, person

from followup.care.delivery import ON_THE_WIRE, UNSENT, Status
from followup.care.message import Text
from followup.care.people import ChannelName, ConsentTo
from followup.errors import StorageError
from followup.sandbox import Delay
from followup.sandbox.twilio_server import Event
from followup.settle import rescue
from followup.storage import Storage
from followup.storage.heartbeat import HeartbeatOwner
from followup.storage.outbox_rows import Claim, Entry
from followup.storage.switches import Switch

FAULTS = int(os.environ.get("FOLLOWUP_PG_FAULTS", "5"))

NOTICED = 6
"""Seconds: within so long a silent network is an error (issue 3, point 7)."""

AT_ONCE = 8
"""Patients enrolled for each fault."""


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    seed = fault_table.seed()
    print(f"{request.node.name}: seed {seed}, {FAULTS} faults")  # noqa: T201  so that a failure can be repeated
    return random.Random(seed)  # noqa: S311  faults, not secrets


@pytest.fixture
def server(request: pytest.FixtureRequest) -> str:
    return emptied(request.getfixturevalue("_postgresql"))


@pytest.fixture
def distant(server: str, tmp_path: Path) -> Iterator[tuple[Apart, Front, str]]:
    """The server on another machine: its cable, its front and its URL there."""
    with _far_away(server, tmp_path) as (apart, front, authority):
        yield apart, front, by_network(server, front, sslmode="verify-full", sslrootcert=str(authority))


@contextmanager
def _far_away(url: str, folder: Path) -> Iterator[tuple[Apart, Front, Path]]:
    far = far_away(url, folder)
    try:
        entered = far.__enter__()
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "")
        # Only another network can fall silent without closing anything; who may not make one has none to cut.
        pytest.skip(f"a cable to cut needs `ip` and the right to make a name space: {error} {said}")
    try:
        yield entered
    finally:
        far.__exit__(None, None, None)


# Noticing


def test_a_network_that_falls_silent_is_an_error_within_six_seconds(distant: tuple[Apart, Front, str]) -> None:
    """While an answer is waited for, when a kept connection is used again, and when a new one is made."""
    apart, _, url = distant
    with closing(Storage(url, SEALER)) as storage, closing(Storage(url, SEALER)) as fresh:
        silent_while(apart, lambda: _ask(storage, "SELECT pg_sleep(30)"), cut_after=0.5)
        assert _ask(storage, "SELECT 1") == 1
        silent_while(apart, lambda: _ask(storage, "SELECT 1"))
        assert _ask(storage, "SELECT 1") == 1
        silent_while(apart, lambda: _ask(fresh, "SELECT 1"))
        assert _ask(fresh, "SELECT 1") == 1


def silent_while(apart: Apart, ask: Callable[[], object], cut_after: float = 0) -> None:
    cut_at: list[float] = []

    def cut() -> None:
        apart.cut()
        cut_at.append(time.monotonic())

    timer = threading.Timer(cut_after, cut)
    timer.start()
    if not cut_after:
        timer.join()
    try:
        with pytest.raises(StorageError):
            ask()
        assert time.monotonic() - cut_at[0] < NOTICED
    finally:
        timer.join()
        apart.mend()


def _ask(storage: Storage, question: str) -> object:
    with storage.reading() as tx:
        return tx.connection.scalar(text(question))


def test_a_server_that_cannot_prove_its_name_is_told_nothing(
    distant: tuple[Apart, Front, str], tmp_path: Path
) -> None:
    _, front, url = distant
    heard: list[bytes] = []
    front.hears = heard.append
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    with closing(Storage(url.replace("authority.pem", "stranger.pem"), SEALER)) as misled:
        with pytest.raises(StorageError):
            _ask(misled, "SELECT 1")
        assert heard == []
    with closing(Storage(url, SEALER)) as storage:
        assert _ask(storage, "SELECT 1") == 1
    assert heard


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca"])
def test_a_url_that_asks_for_less_than_proof_is_refused(mode: str) -> None:
    for where in ("db.example.org/x?", "/x?host=db.example.org&", "/x?host=127.0.0.1,db.example.org&"):
        with pytest.raises(StorageError, match="verify-full"):
            Storage(f"postgresql+psycopg://ann@{where}sslmode={mode}", SEALER)
    for where in ("127.0.0.1/x?", "[::1]/x?", "localhost/x?", "/x?host=/run/postgresql&", "/x?"):
        Storage(f"postgresql+psycopg://ann@{where}sslmode={mode}", SEALER).close()


def test_a_client_that_holds_a_row_and_falls_silent_lets_go_of_it(server: str) -> None:
    """What the server itself ends: asked of the server, as it stands for our connections."""
    with closing(Storage(server, SEALER)) as storage:
        assert _ask(storage, "SHOW idle_in_transaction_session_timeout") == "1min"
        assert _ask(storage, "SHOW statement_timeout") == "30s"
        assert _ask(storage, "SHOW lock_timeout") == "10s"
    with (
        closing(Storage(f"{server}&options=-c%20search_path%3Dpublic", SEALER)) as storage,
        storage.reading() as tx,
    ):
        assert tx.connection.scalar(text("SHOW search_path")) == "public"
        assert tx.connection.scalar(text("SHOW lock_timeout")) == "10s"


# Who may send


def test_what_was_claimed_before_the_owner_fell_silent_is_not_sent_when_it_wakes(
    make_world: Callable[..., World], server: str
) -> None:
    """The machine sleeps with a text claimed and its line open; it wakes as another owner, and that text waits."""
    world = make_world(server)
    slept = threading.Event()

    def elapsed() -> float:
        if threading.current_thread().name.startswith("slot"):
            slept.set()
        return time.monotonic() + 61 * slept.is_set()

    with closing(_Released(HeartbeatOwner(world.app.storage.engine, beat_every=3600, elapsed=elapsed))) as kept:
        assert kept.owner.acquire()
        first = kept.owner.name
        patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id
        dispatcher = replace(world.dispatcher, owner=kept.owner)
        dispatcher.tick()
        assert world.twilio.accepted() == 0
        assert kept.owner.name != first
        assert world.row(patient, "welcome").status is Status.RETRY_WAIT
        world.clock.advance(timedelta(minutes=3))
        dispatcher.tick()
    assert world.twilio.accepted() == 1


@dataclass(frozen=True)
class _Released:
    owner: HeartbeatOwner

    def close(self) -> None:
        self.owner.release()


def test_who_begins_to_send_while_the_dead_are_looked_for_is_not_taken_for_one(
    make_world: Callable[..., World], server: str
) -> None:
    """Between the question who has messages in hand and the answer who lives, another claims its first."""
    world = make_world(server)
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id

    def claim() -> None:
        with world.app.storage.transaction() as tx:
            entry = world.row(patient, "welcome")
            assert tx.sending.claim(
                [Claim(entry, NUMBER, Text("Hello."), "v1", 1, None, {}, entry.valid_until)],
                "another",
                world.clock.utc(),
            )

    with closing(_Released(_Interrupted(world.app.storage.engine, claim))) as kept:
        assert rescue(world.app.storage, world.clinic, kept.owner, world.clock.utc()) == 0
    assert world.row(patient, "welcome").status is Status.SENDING


class _Interrupted(HeartbeatOwner):
    """Something happens just before it answers who lives."""

    def __init__(self, engine: Engine, happens: Callable[[], None]) -> None:
        super().__init__(engine)
        self._happens = happens

    def living(self, names: Collection[str]) -> set[str]:
        self._happens()
        return super().living(names)


# A commit whose answer is lost


def test_a_claim_whose_commit_went_unanswered_is_doubt_and_is_not_sent_by_another(
    make_world: Callable[..., World], server: str
) -> None:
    """The server has committed the claim, the sender will never know: nothing goes, and evidence is looked for."""
    with closing(Front(socket.create_server(("127.0.0.1", 0)), door_of(server))) as front:
        world = make_world(by_network(server, front))
        patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id
        claiming = threading.Event()

        def hears(piece: bytes) -> None:
            if b"INSERT INTO attempts" in piece:
                claiming.set()
            if b"COMMIT" in piece and claiming.is_set():
                front.dropping.set()

        front.hears = hears
        with pytest.raises(StorageError):
            world.dispatcher.tick()
        front.hears = bytes
        front.dropping.clear()
        assert world.row(patient, "welcome").status is Status.SENDING
        world.dispatcher.drain(ChannelName.SMS, world.dispatcher.tick())
        row = world.row(patient, "welcome")
        assert (row.status, row.attempt) == (Status.IN_DOUBT, 1)
        assert world.twilio.accepted() == 0
        fault_table.tried("PostgreSQL, unanswered commit", tried=1, planned=1, in_doubt=1)


# Workers that are killed, and workers at once


@pytest.mark.parametrize("at_once", [1, 2])
def test_workers_killed_in_the_middle_of_a_drain(
    make_world: Callable[..., World], server: str, dice: random.Random, at_once: int
) -> None:
    world, patients = make_world(server), list[int]()
    enroll_more(world, patients)
    with kill_clinic(world) as (nursery, executioner):
        kill_and_kill_again(world, nursery, executioner, Chance(dice, FAULTS, at_once), patients)
        let_it_settle(world, nursery, executioner)
    _count(world, patients, f"PostgreSQL, kill -9, {at_once} at once", executioner.killed)


def test_two_workers_at_once_send_each_message_once(
    make_world: Callable[..., World], server: str, dice: random.Random
) -> None:
    world, patients = make_world(server), list[int]()
    with kill_clinic(world) as (nursery, executioner):
        for _ in range(FAULTS):
            enroll_more(world, patients)
            for channel in dice.sample([ChannelName.SMS, ChannelName.EMAIL], 2):
                nursery.run(world.clock.utc(), channel, 2)
                assert nursery.wait() == [0, 0]
            world.clock.advance(timedelta(minutes=45))
            if late(world):
                through_the_night(world, nursery)
        let_it_settle(world, nursery, executioner)
    assert isinstance(executioner, Executioner)
    _count(world, patients, "PostgreSQL, 2 at once", FAULTS)
    assert not [_trail(world, row) for row in all_rows(world, patients) if row.doubts]


def _trail(world: World, row: Entry) -> list[tuple[object, ...]]:
    with world.app.storage.reading() as tx:
        return [(move.action, move.target, move.reason) for move in tx.audit.moves_of(row.id)]


def _count(world: World, patients: list[int], row: str, tried: int) -> None:
    """Adds to the table; nothing lost, nothing doubled, nothing left on the wire."""
    rows = all_rows(world, patients)
    now = world.clock.utc()
    fault_table.tried(
        row,
        tried=tried,
        **fault_table.became(world, rows, lost(world, rows)),
    )
    assert lost(world, rows) == []
    assert world.twilio.duplicates() == {}
    assert unknown_texts(world, rows) == []
    assert not [r for r in rows if r.status in ON_THE_WIRE or (r.status in UNSENT and r.valid_until <= now)]


# Faults under a daemon that goes on


@dataclass
class Striking:
    """Does harm when the provider has heard so many more texts, with its answer held back, or a moment later."""

    world: World
    harm: Callable[[], None]
    after: int = 0
    later: float | None = None
    struck: threading.Event = field(default_factory=threading.Event)
    _armed: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def watch(self) -> None:
        self.world.twilio.on_event(self._see)

    def hold(self) -> None:
        """Until it is armed the provider answers nobody: nothing is missed."""
        self._armed.clear()

    def arm(self, after: int, later: float | None) -> None:
        self.struck.clear()
        self.after, self.later = after, later
        self._armed.set()

    def _see(self, event: Event) -> None:
        if event.method != "POST" or event.point not in {"after reading", "after accepting"}:
            return
        self._armed.wait(PATIENCE)
        with self._turn:
            self.after -= 1
            if self.after == 0 and self.later is None:
                self._strike()
            elif self.after == 0:
                threading.Timer(self.later or 0, self._strike).start()

    def _strike(self) -> None:
        self.harm()
        self.struck.set()


def real_time(make_world: Callable[..., World], url: str) -> World:
    """A clinic at the real time, where it is early afternoon."""
    now = datetime.now(UTC)  # noqa: TID251  the daemon in the other process reads the real clock
    zone = next(zone for zone in ZONES if 12 <= now.astimezone(ZoneInfo(zone)).hour < 18)
    world = make_world(url, start=now, zone=zone)
    config = world.folder / "config.toml"
    said = config.read_text().replace("# tick_seconds = 15", "tick_seconds = 5")
    config.write_text(said.replace("# in_flight = 64", "in_flight = 3"))
    world.twilio.always(Delay(0.05))
    return world


def keep_time(world: World) -> None:
    world.clock.move_to(max(world.clock.utc(), datetime.now(UTC)))  # noqa: TID251  as above


def welcomed(world: World, patients: list[int]) -> None:
    """So many more patients, each with one text due now."""
    keep_time(world)
    zone = world.app.clinic.practice.zone
    today = world.clock.utc().astimezone(zone).date()
    for n in range(len(patients), len(patients) + AT_ONCE):
        who = person(numbered(n), f"+1214557{n:04d}", None, zone=zone.key, agreed=[ConsentTo.SMS])
        born = date(1930, 1, 1) + timedelta(days=n)
        named = {"name": numbered(n), "record_number": f"N-{n}", "birth_date": born}
        patients.append(world.enroll(on=today, discharged_at=None, patient=who, **named).patient_id)


def harmed_again_and_again(
    world: World, config: Path, striking: Striking, mend: Callable[[], None], dice: random.Random
) -> list[int]:
    """One daemon, and fault after fault under it: each strikes only because work went on after the last."""
    patients: list[int] = []
    striking.watch()
    log = world.folder / "daemon.log"
    with DaemonProcess(config, log) as daemon:
        for _ in range(FAULTS):
            striking.hold()
            welcomed(world, patients)
            striking.arm(dice.randint(1, AT_ONCE), dice.choice([None, dice.random() / 5]))
            assert striking.struck.wait(PATIENCE), log.read_text()
            striking.struck.wait(dice.random())
            mend()
        welcomed(world, patients)
        eventually(lambda: _all_tried(world, patients), "every welcome tried")
        daemon.terminate()
        assert daemon.ended() == 0
    return patients


def _all_tried(world: World, patients: list[int]) -> bool:
    """By the daemon alone, and nothing is in its hand."""
    rows = [world.row(patient, "welcome") for patient in patients]
    return not [row for row in rows if row.status in {Status.PLANNED, Status.SENDING}]


def settled(world: World) -> None:
    """Two hours go by in which nothing fails any more."""
    world.twilio.clear()
    keep_time(world)
    for _ in range(14):
        world.clock.advance(timedelta(minutes=10))
        world.tick()


def test_a_server_that_stops_at_once_again_and_again(
    make_world: Callable[..., World], dice: random.Random
) -> None:
    with own_server() as server:
        with closing(Storage(server.url, SEALER)) as storage:
            storage.migrate()
        world = real_time(make_world, server.url)
        striking = Striking(world, server.stop_at_once)
        patients = harmed_again_and_again(world, world.folder / "config.toml", striking, server.start, dice)
        settled(world)
        _count(world, patients, "PostgreSQL, immediate stop", FAULTS)
        world.app.close()  # before its server


def test_a_network_that_is_cut_again_and_again(
    make_world: Callable[..., World], server: str, distant: tuple[Apart, Front, str], dice: random.Random
) -> None:
    """Each cut lasts until the daemon has noticed it, and a little longer."""
    apart, _, url = distant
    world = real_time(make_world, server)
    with world.app.storage.transaction() as tx:
        tx.switches.set(
            Switch.LIVE, "", world.clock.utc(), "ann"
        )  # a database elsewhere makes it no demonstration
    config = world.folder / "config.toml"
    config.write_text(config.read_text().replace(server, url))
    log, waiting = world.folder / "daemon.log", threading.Event()
    noticed = 0

    def mend() -> None:
        nonlocal noticed
        eventually(lambda: log.read_text().count('"level": "error"') > noticed, "the cut noticed")
        waiting.wait(dice.random() * 2)
        apart.mend()
        noticed = log.read_text().count('"level": "error"')

    patients = harmed_again_and_again(world, config, Striking(world, apart.cut), mend, dice)
    settled(world)
    _count(world, patients, "PostgreSQL, network cut", FAULTS)
