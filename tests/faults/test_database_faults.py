"""The database is held, full, write-protected, damaged or of another version: nothing goes that is not recorded.

The daemon is a process; the sandbox counts what it was given. `followup status` says why nothing goes, and after
the cause is mended work goes on, by itself where it can.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest
from databases import outsider
from fault_parts import on_the_wire
from fault_table import tried
from world import World, numbered, person

import followup
from followup.care.delivery import Status
from followup.care.people import ConsentTo
from followup.storage import schema
from followup.storage.guard import LEAST_FREE
from followup.storage.switches import Switch

PATIENCE = 60
LOCKED_SECONDS = int(os.environ.get("FOLLOWUP_LOCKED_SECONDS", "60"))
"""Longer than a writer waits for another, which is 10 s."""

MIB = 1024 * 1024
ROOM = LEAST_FREE + 12 * MIB
"""The small disk: a little more than the floor."""

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Auckland",
    "Asia/Tokyo",
    "Asia/Dhaka",
)
"""Wherever the sun stands, it is between noon and six in one of them."""

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
"""Another program that holds the database until its standard input ends."""

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
"""
"""What a later program's migration may be."""


@dataclass
class Program:
    """`followup` on a clinic's configuration, as systemd and staff call it; `source` is another version of it."""

    config: Path
    source: Path | None = None
    name: str = "daemon"
    _running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(self._command("run"), stderr=log, env=self._environment, cwd=self._at)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> Path:
        return self.config.with_name(f"{self.name}.log")

    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        assert self._running is not None
        self._running.kill()
        self._running.wait(PATIENCE)

    def stop(self) -> int:
        """Told to; returns its exit code."""
        assert self._running is not None
        self._running.terminate()
        return self.ended()

    def ended(self) -> int:
        assert self._running is not None
        return self._running.wait(PATIENCE)

    def may_write(self, size: int) -> None:
        """So many bytes of a file at the most, from now on."""
        assert self._running is not None
        _, most = resource.prlimit(self._running.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._running.pid, resource.RLIMIT_FSIZE, (size, most))

    def does(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command beside the daemon."""
        return subprocess.run(
            self._command(*words),
            env=self._environment,
            cwd=self._at,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """What `followup status` tells; its exit code agrees with its colour."""
        told = self.does("status", "--json")
        assert told.stdout, told.stderr
        said: dict[str, Any] = json.loads(told.stdout)
        assert told.returncode == (0 if said["green"] else 1)
        return said

    def hindrances(self) -> list[str]:
        return [one["code"] for one in self.status()["database"]]

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "followup", "--config", str(self.config), *words]

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | ({"PYTHONPATH": str(self.source)} if self.source else {})

    @property
    def _at(self) -> Path:
        return self.config.parent


Open = Callable[..., World]


@pytest.fixture
def open_clinic(make_world: Callable[..., World]) -> Open:
    """A clinic at the real time, where it is early afternoon, whose daemon ticks as often as it can."""

    def opened(url: str) -> World:
        now = datetime.now(UTC)  # noqa: TID251  the daemon in the other process reads the real clock
        zone = next(zone for zone in ZONES if 12 <= now.astimezone(ZoneInfo(zone)).hour < 18)
        world = make_world(url, start=now, zone=zone)
        config = world.folder / "config.toml"
        config.write_text(config.read_text().replace("# tick_seconds = 15", "tick_seconds = 5"))
        return world

    return opened


@pytest.fixture
def clinic(open_clinic: Open, sqlite_url: str) -> World:
    return open_clinic(sqlite_url)


def program(world: World, source: Path | None = None, name: str = "daemon") -> Program:
    return Program(world.folder / "config.toml", source, name)


def file_of(world: World) -> Path:
    return Path(world.app.storage.engine.url.database or "")


def welcomed(world: World, number: int = 1) -> int:
    """A patient whose only message due now is the welcome text."""
    zone = world.app.clinic.practice.zone
    return world.enroll(
        on=world.clock.utc().astimezone(zone).date(),
        discharged_at=None,
        name=numbered(number),
        record_number=f"R-{number}",
        birth_date=date(1940, 1, number),
        patient=person(numbered(number), f"+1214555010{number}", None, agreed=(ConsentTo.SMS,), zone=zone.key),
    ).patient_id


def eventually(is_so: Callable[[], object], what: str) -> None:
    waiting = threading.Event()
    for _ in range(PATIENCE * 10):
        if is_so():
            return
        waiting.wait(0.1)
    pytest.fail(f"it never happened: {what}")


def rounds_pass(world: World, count: int = 2) -> None:
    """So many ticks: time enough for a daemon to do what it should not."""
    for _ in range(count):
        before = ticked(world)
        eventually(lambda: ticked(world) != before, "another round")  # noqa: B023  called within the turn


def ticked(world: World) -> datetime | None:
    with world.app.storage.reading() as tx:
        setting = tx.switches.get(Switch.TICKED)
    return setting.at if setting else None


def arrived(world: World, patient: int) -> bool:
    return world.row(patient, "welcome").status in {Status.ACCEPTED, Status.SENT, Status.DELIVERED}


def assert_each_got_one(world: World, fault: str, *patients: int) -> None:
    """No text went twice, and of every text that went a row says so; the printed table gains its row."""
    accepted, copies = world.twilio.accepted(), sum(world.twilio.duplicates().values())
    lost = sum(not arrived(world, patient) for patient in patients)
    counts = {"planned": len(patients), "accepted": accepted, "lost": lost, "doubled": copies}
    tried(f"database {fault}", tried=1, **counts)
    assert lost == 0
    assert [world.row(patient, "welcome").attempt for patient in patients] == [1] * len(patients)
    assert world.twilio.accepted() == len(patients)
    assert world.twilio.duplicates() == {}


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program holds the database."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.stdin.close()
            holder.wait(PATIENCE)


# Held by another program


def test_while_another_program_holds_the_database_nothing_is_begun_and_what_was_sent_is_written_down_later(
    clinic: World,
) -> None:
    first = welcomed(clinic)
    with on_the_wire(clinic) as (taken, answer), program(clinic) as daemon:
        assert taken.wait(PATIENCE)
        second = welcomed_while_paused(clinic)
        with held(file_of(clinic)):
            answer.set()
            assert daemon.hindrances() == ["locked"]
            threading.Event().wait(LOCKED_SECONDS)
            assert clinic.row(first, "welcome").status is Status.SENDING
            assert clinic.twilio.accepted() == 1
            assert "skipped" in daemon.said()
        eventually(lambda: arrived(clinic, first), "the outcome is written down")
        unpause(clinic)
        eventually(lambda: arrived(clinic, second), "the next text goes")
        eventually(lambda: daemon.status()["green"], "all is well again")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "held", first, second)
    assert clinic.row(first, "welcome").doubts == 0


def welcomed_while_paused(world: World, number: int = 2) -> int:
    """Due now, and for the moment kept from going."""
    with world.app.storage.transaction() as tx:
        tx.switches.set(Switch.PAUSED, "", world.clock.utc(), "ann")
    return welcomed(world, number)


def unpause(world: World) -> None:
    with outsider(str(world.app.storage.engine.url)) as execute:
        execute("DELETE FROM switches WHERE name = 'paused'")


def test_a_daemon_that_finds_the_database_held_waits_and_then_begins(clinic: World) -> None:
    patient = welcomed(clinic)
    with held(file_of(clinic)):
        daemon = program(clinic).__enter__()
        eventually(lambda: "waiting for the database" in daemon.said(), "it says that it waits")
        assert clinic.twilio.accepted() == 0
    with daemon_of(daemon):
        eventually(lambda: arrived(clinic, patient), "the text goes")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "held", patient)


@contextmanager
def daemon_of(daemon: Program) -> Iterator[None]:
    try:
        yield
    finally:
        daemon.kill()


# A disk of its own: full, or write-protected


@pytest.fixture
def small_disk(tmp_path: Path, sqlite_url: str) -> Iterator[Path]:
    """A disk with little more room than the floor, and a database on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "tmpfs", str(disk))
    try:
        shutil.copy(sqlite_url.removeprefix("sqlite:///"), disk / "followup.db")
        (disk / "followup.db").chmod(0o600)
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)


def mount(*words: str) -> None:
    # A disk of a few megabytes is the only honest way to be full; without the right to mount one there is none.
    if shutil.which("mount") is None:
        pytest.skip("no small disk: there is no mount here")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk: this user may not mount one ({done.stderr.strip()[:80]})")


def fill(disk: Path, leave: int = 0) -> Path:
    """Another program's file, which takes all room but what is left."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free - leave
    with ballast.open("wb") as file:
        while free > 0:
            try:
                free -= file.write(bytes(min(MIB, free)))
            except OSError:
                break
    return ballast


def test_below_the_floor_of_free_space_nothing_is_claimed_until_there_is_room_again(
    open_clinic: Open, small_disk: Path
) -> None:
    clinic = open_clinic(f"sqlite:///{small_disk}/followup.db")
    ballast = fill(small_disk, leave=LEAST_FREE // 2)
    patient = welcomed(clinic)
    with program(clinic) as daemon:
        rounds_pass(clinic)
        assert clinic.twilio.accepted() == 0
        assert clinic.row(patient, "welcome").status is Status.PLANNED
        assert daemon.hindrances() == ["no_space"]
        ballast.unlink()
        eventually(lambda: arrived(clinic, patient), "there is room, and the text goes")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "full", patient)


def test_a_disk_that_fills_up_while_a_text_is_on_its_way_loses_no_outcome(
    open_clinic: Open, small_disk: Path
) -> None:
    clinic = open_clinic(f"sqlite:///{small_disk}/followup.db")
    patient = welcomed(clinic)
    with on_the_wire(clinic) as (taken, answer), program(clinic) as daemon:
        assert taken.wait(PATIENCE)
        with no_room(file_of(clinic)):
            answer.set()
            eventually(lambda: "FullStorageError" in daemon.said(), "it says that the disk is full")
            assert clinic.row(patient, "welcome").status is Status.SENDING
            assert "no_space" in daemon.hindrances()
        eventually(lambda: arrived(clinic, patient), "the outcome is written down")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "full", patient)


@contextmanager
def no_room(path: Path) -> Iterator[None]:
    """Not a page is left, not even in the log that SQLite writes ahead: a reader keeps it from beginning anew."""
    with closing(sqlite3.connect(path)) as reader, closing(sqlite3.connect(path, isolation_level=None)) as writer:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM switches").fetchall()
        ballast = fill(path.parent)
        with pytest.raises(sqlite3.OperationalError, match="full"):
            write_for_ever(writer)
        yield
    ballast.unlink()


def write_for_ever(connection: sqlite3.Connection) -> None:
    while True:
        connection.execute("UPDATE alembic_version SET version_num = version_num")


def test_on_a_write_protected_disk_nothing_is_sent_and_after_it_is_writable_everything_is(
    open_clinic: Open, small_disk: Path
) -> None:
    clinic = open_clinic(f"sqlite:///{small_disk}/followup.db")
    patient = welcomed(clinic)
    clinic.app.storage.close()
    clinic.app.owner.release()
    mount("-o", "remount,ro", str(small_disk))
    with program(clinic) as daemon:
        assert daemon.ended() == 6
        assert "Traceback" not in daemon.said()
        assert daemon.hindrances() == ["read_only"]
    assert clinic.twilio.accepted() == 0
    mount("-o", "remount,rw", str(small_disk))
    with program(clinic) as daemon:
        eventually(lambda: arrived(clinic, patient), "the text goes")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "write-protected", patient)


# A disk that fails


def test_a_daemon_whose_disk_fails_ends_to_be_started_again_and_the_next_one_settles_what_was_on_its_way(
    clinic: World,
) -> None:
    """Beyond the size that a process may give a file, every write of it fails as on a broken disk."""
    patient = welcomed(clinic)
    with on_the_wire(clinic) as (taken, answer), program(clinic) as daemon:
        assert taken.wait(PATIENCE)
        daemon.may_write(4096)
        answer.set()
        assert daemon.ended() == 75
    assert clinic.row(patient, "welcome").status is Status.SENDING
    with program(clinic, name="second") as daemon:
        eventually(lambda: clinic.row(patient, "welcome").doubts == 1, "it is in doubt")
        rounds_pass(clinic)
        assert daemon.stop() == 0
    assert clinic.row(patient, "welcome").attempt == 1
    assert clinic.twilio.accepted() == 1
    tried("database broken", tried=1, planned=1, accepted=1, in_doubt=1)


# Damaged


def test_a_damaged_file_is_not_sent_from_and_never_mended_and_a_restored_one_goes_on(clinic: World) -> None:
    path = file_of(clinic)
    with program(clinic) as daemon:
        eventually(lambda: ticked(clinic) is not None, "a round")
    patient = welcomed(clinic)
    clinic.app.storage.close()
    backup = path.with_suffix(".backup")
    damage(path, backup)
    before = path.read_bytes()
    with program(clinic, name="second") as daemon:
        assert daemon.ended() == 6
        (said,) = [line for line in daemon.said().splitlines() if not line.startswith("{")]
        assert "restore a backup" in said
        assert daemon.hindrances() == ["corrupt"]
        assert "Traceback" not in daemon.does("status").stderr
    assert clinic.twilio.accepted() == 0
    assert path.read_bytes() == before
    restore(path, backup)
    with program(clinic, name="third") as daemon:
        eventually(lambda: arrived(clinic, patient), "the text goes")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "damaged", patient)


def damage(path: Path, backup: Path) -> None:
    """Keep a copy; then pages of the outbox are overwritten, as by a dying disk."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'messages'").fetchall()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    shutil.copy(path, backup)
    with path.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)


def restore(path: Path, backup: Path) -> None:
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    backup.replace(path)


# Another version


def test_a_running_daemon_sends_nothing_from_a_database_of_another_version(clinic: World) -> None:
    with program(clinic) as daemon:
        eventually(lambda: ticked(clinic) is not None, "a round")
        with outsider(str(clinic.app.storage.engine.url)) as execute:
            execute("UPDATE alembic_version SET version_num = '9999'")
            patient = welcomed(clinic)
            rounds_pass(clinic)
            assert clinic.twilio.accepted() == 0
            assert clinic.row(patient, "welcome").attempt == 0
            assert daemon.hindrances() == ["other_schema"]
            execute(f"UPDATE alembic_version SET version_num = '{schema.newest()}'")  # noqa: S608  the program's own
        eventually(lambda: arrived(clinic, patient), "the text goes")
        assert daemon.stop() == 0
    assert_each_got_one(clinic, "of another version", patient)


def test_a_later_program_migrates_under_a_running_daemon_which_then_leaves_the_sending_to_it(
    clinic: World, tmp_path: Path
) -> None:
    later = program(clinic, later_program(tmp_path), "later")
    first = welcomed(clinic)
    with ExitStack() as stack:
        taken, answer = stack.enter_context(on_the_wire(clinic))
        daemon = stack.enter_context(program(clinic))
        assert taken.wait(PATIENCE)
        migrating = stack.enter_context(in_background(later, "migrate"))
        eventually(lambda: maintained(clinic), "the migration waits for the text on its way")
        second = welcomed(clinic, 2)
        assert daemon.hindrances() == ["maintenance"]
        rounds_pass(clinic)
        assert clinic.twilio.accepted() == 1
        answer.set()
        assert migrating() == 0
        eventually(lambda: arrived(clinic, first), "its outcome is written down")
        rounds_pass(clinic)
        assert clinic.row(second, "welcome").attempt == 0
        assert "other_schema" in later.hindrances()
        assert daemon.stop() == 0
        stack.enter_context(later)
        eventually(lambda: arrived(clinic, second), "the later program's daemon sends")
        assert later.stop() == 0
    assert_each_got_one(clinic, "migrated", first, second)


def later_program(folder: Path) -> Path:
    """This program with one migration more."""
    source = folder / "later"
    house = Path(followup.__file__).parent
    shutil.copytree(house, source / "followup", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "messages").symlink_to(house.parent / "messages")
    newest = schema.newest()
    following = f"{int(newest) + 1:04}"
    versions = source / "followup" / "storage" / "migrations" / "versions"
    (versions / f"{following}_later.py").write_text(NEXT.format(next=following, newest=newest))
    return source


@contextmanager
def in_background(program: Program, *words: str) -> Iterator[Callable[[], int]]:
    """A command that takes its time; what is yielded waits for its exit code."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(program.does(*words).returncode))
    thread.start()

    def ended() -> int:
        thread.join(PATIENCE * 2)
        return codes[0]

    try:
        yield ended
    finally:
        thread.join(PATIENCE * 2)


def maintained(world: World) -> bool:
    with world.app.storage.reading() as tx:
        return tx.switches.get(Switch.MAINTENANCE) is not None
