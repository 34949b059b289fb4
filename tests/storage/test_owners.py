"""Who may send: only the living keep what they claimed, and who fell silent sends under its old name no more."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from databases import SEALER, emptied, outsider
from sqlalchemy import event

from followup.care.message import Kind, Text
from followup.care.people import ChannelName
from followup.errors import StorageError
from followup.storage import Storage
from followup.storage.heartbeat import HeartbeatOwner
from followup.storage.outbox_rows import Claim, NewMessage
from followup.storage.owner import FileOwner, Owner, owner_of

NOW = datetime(2026, 10, 30, 19, 0, tzinfo=UTC)

NEVER = 3600.0
"""Seconds: longer than any test."""

HOLDER = """
import sys
from followup.storage import Sealer, Storage
from followup.storage.heartbeat import HeartbeatOwner
from followup.storage.owner import owner_of
url, *pace = sys.argv[1:]
engine = Storage(url, Sealer("k", {}, b"")).engine
every, fenced, dead = map(float, pace or (0, 0, 0))
kept = HeartbeatOwner(engine, beat_every=every, fenced_after=fenced, dead_after=dead) if pace else owner_of(engine)
print(kept.acquire(), kept.name, flush=True)
for _ in sys.stdin:
    print(kept.acquire(), kept.name, flush=True)
"""


class Holder:
    """Another process that owns the sending."""

    def __init__(self, url: str, *pace: float, folder: Path | None = None) -> None:
        """`pace` as HeartbeatOwner has it; `folder`: its own folder for temporary files, as on another machine."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, url, *map(str, pace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ({"TMPDIR": str(folder)} if folder else {}),
        )
        self.taken, self.name = self._heard()

    def ask(self) -> tuple[str, str]:
        """Whether it may send now, and as whom."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> tuple[str, str]:
        assert self._process.stdout is not None
        taken, name = self._process.stdout.readline().split()
        return taken, name

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def close(self) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class HandClock:
    """A count of seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def eventually(is_so: Callable[[], bool], what: str) -> None:
    waiting = threading.Event()
    for _ in range(600):
        if is_so():
            return
        waiting.wait(0.05)
    pytest.fail(f"it never happened: {what}")


@pytest.fixture
def holder(database_url: str) -> Iterator[Holder]:
    with closing(Holder(database_url)) as process:
        assert process.taken == "True"
        yield process


@pytest.fixture
def server(request: pytest.FixtureRequest) -> str:
    return emptied(request.getfixturevalue("_postgresql"))


@pytest.fixture
def postgresql(server: str) -> Iterator[Storage]:
    """The storage on PostgreSQL alone."""
    with closing(Storage(server, SEALER)) as opened:
        yield opened


@pytest.fixture
def kept() -> Iterator[Callable[[Owner], Owner]]:
    """Owners that leave again when the test is over."""
    made: list[Owner] = []

    def keep(owner: Owner) -> Owner:
        made.append(owner)
        return owner

    yield keep
    for owner in made:
        owner.release()


def rows(url: str) -> set[str]:
    with outsider(url) as execute:
        return {name for (name,) in execute("SELECT name FROM owners")}


def held_files() -> set[Path]:
    """Those that this process holds open: others come and go with other runs of tests on this machine."""
    folder, held = Path(tempfile.gettempdir(), f"followup-owners-{os.getuid()}").resolve(), set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one by which the folder itself was read is closed by now
            held.add(descriptor.readlink())
    return {path for path in held if path.parent == folder}


# Both databases


def test_a_file_has_one_sender_until_that_one_is_killed(storage: Storage, holder: Holder) -> None:
    """On PostgreSQL both may send; on the same machine the death of one shows to the other at once."""
    mine = owner_of(storage.engine)
    several = storage.engine.dialect.name == "postgresql"
    assert mine.acquire() is several
    if several:
        assert mine.living({holder.name, mine.name, "nobody"}) == {holder.name, mine.name}
    holder.kill()
    assert mine.acquire()
    assert mine.acquire()
    assert mine.living({holder.name, mine.name}) == {mine.name}
    mine.release()


def test_who_may_not_send_cannot_tell_who_lives(storage: Storage) -> None:
    """Otherwise a command run by hand would take a living daemon's messages for a dead one's."""
    with pytest.raises(StorageError):
        owner_of(storage.engine).living({"somebody"})


def test_many_threads_ask_one_owner_at_once(storage: Storage) -> None:
    owner = owner_of(storage.engine)
    answers: list[object] = []
    ready = threading.Barrier(16)

    def ask() -> None:
        ready.wait(30)
        try:
            answers.extend(owner.acquire() for _ in range(20))
        except Exception as fault:  # noqa: BLE001  shown below
            answers.append(fault)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 320
    owner.release()


def test_who_has_left_may_come_back(storage: Storage, kept: Callable[[Owner], Owner]) -> None:
    owner = kept(owner_of(storage.engine))
    assert owner.acquire()
    owner.release()
    assert owner.acquire()
    assert owner.living({owner.name}) == {owner.name}


def test_a_paused_owner_of_a_file_keeps_it(sqlite_url: str) -> None:
    """The operating system holds its lock: nobody takes over while it may wake in the middle of a sentence."""
    with closing(Storage(sqlite_url, SEALER)) as storage, closing(Holder(sqlite_url)) as paused:
        paused.signal(signal.SIGSTOP)
        mine = owner_of(storage.engine)
        assert isinstance(mine, FileOwner)
        assert not mine.acquire()
        paused.signal(signal.SIGCONT)
        assert paused.ask() == ("True", paused.name)


# PostgreSQL: the heartbeat


def test_an_owner_whose_connection_is_cut_keeps_its_name_while_it_goes_on_beating(
    postgresql: Storage, server: str, kept: Callable[[Owner], Owner]
) -> None:
    owner = kept(HeartbeatOwner(postgresql.engine, beat_every=0.05))
    assert owner.acquire()
    before = owner.name
    with outsider(server) as execute:
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        cut_at = execute("SELECT clock_timestamp()")[0][0]
        eventually(lambda: execute("SELECT beat_at FROM owners")[0][0] > cut_at, "a beat after the cut")
    assert owner.acquire()
    assert owner.name == before


def test_while_the_heart_beats_nobody_asks_the_database(
    postgresql: Storage, kept: Callable[[Owner], Owner]
) -> None:
    """It is asked before every first byte of every message."""
    owner = kept(HeartbeatOwner(postgresql.engine))
    assert owner.acquire()
    asked: list[str] = []
    me = threading.get_ident()

    def note(*_: object) -> None:
        if threading.get_ident() == me:
            asked.append("a question")

    event.listen(postgresql.engine, "before_cursor_execute", note)
    assert all(owner.acquire() for _ in range(100))
    assert asked == []


def test_an_owner_that_fell_silent_sends_again_only_under_a_new_name(
    postgresql: Storage, kept: Callable[[Owner], Owner]
) -> None:
    """Its last beat is 60 s old by its own clock, which counts the time in which the machine slept."""
    clock = HandClock()
    owner = kept(HeartbeatOwner(postgresql.engine, beat_every=NEVER, elapsed=clock))
    assert owner.acquire()
    before = owner.name
    clock.seconds += 59
    assert owner.acquire()
    assert owner.name == before
    clock.seconds += 1
    with pytest.raises(StorageError):
        owner.living({before})
    assert owner.acquire()
    assert owner.name != before
    assert owner.living({before, owner.name}) == {owner.name}


def test_an_owner_that_fell_silent_and_cannot_reach_the_database_may_not_send(
    postgresql: Storage, server: str, kept: Callable[[Owner], Owner]
) -> None:
    clock = HandClock()
    owner = kept(HeartbeatOwner(postgresql.engine, beat_every=NEVER, elapsed=clock))
    assert owner.acquire()
    with outsider(server) as execute:
        execute("ALTER TABLE owners RENAME TO away")
        try:
            assert owner.acquire()
            clock.seconds += 60
            for _ in range(3):
                with pytest.raises(StorageError):
                    owner.acquire()
        finally:
            execute("ALTER TABLE away RENAME TO owners")
    clock.seconds += 2
    assert owner.acquire()


def test_an_owner_whose_row_the_others_took_away_takes_a_new_name(
    postgresql: Storage, server: str, kept: Callable[[Owner], Owner]
) -> None:
    owner = kept(HeartbeatOwner(postgresql.engine, beat_every=0.05))
    assert owner.acquire()
    before = owner.name
    with outsider(server) as execute:
        execute("DELETE FROM owners")
    eventually(lambda: owner.acquire() and owner.name != before, "a new name")
    assert rows(server) == {owner.name}


def test_a_process_that_was_paused_for_long_is_dead_to_the_others_and_wakes_as_another(
    postgresql: Storage, server: str, kept: Callable[[Owner], Owner]
) -> None:
    mine = kept(HeartbeatOwner(postgresql.engine, beat_every=0.1, fenced_after=30, dead_after=1))
    assert mine.acquire()
    with closing(Holder(server, 0.1, 0.5, 1)) as other:
        assert mine.living({other.name}) == {other.name}
        other.signal(signal.SIGSTOP)
        eventually(lambda: not mine.living({other.name}), "ten minutes, here one second, of silence")
        other.signal(signal.SIGCONT)
        taken, name = other.ask()
        assert taken == "True"
        assert name != other.name
        assert mine.living({other.name, name}) == {name}


def test_a_death_on_another_machine_shows_only_by_its_silence(
    postgresql: Storage, server: str, tmp_path: Path, kept: Callable[[Owner], Owner]
) -> None:
    """Its file is not to be found here, and that proves nothing."""
    patient = kept(HeartbeatOwner(postgresql.engine))
    hasty = kept(HeartbeatOwner(postgresql.engine, beat_every=0.1, fenced_after=30, dead_after=1))
    assert patient.acquire()
    assert hasty.acquire()
    with closing(Holder(server, 0.1, 30, 600, folder=tmp_path)) as other:
        assert hasty.living({other.name}) == {other.name}
        other.kill()
        assert patient.living({other.name}) == {other.name}
        eventually(lambda: not hasty.living({other.name}), "its silence")


def test_who_leaves_takes_row_and_file_along(postgresql: Storage, server: str) -> None:
    before = held_files()
    owner = HeartbeatOwner(postgresql.engine)
    assert owner.acquire()
    made = held_files() - before
    assert rows(server) == {owner.name}
    assert made
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert stat.S_IMODE(next(iter(made)).parent.stat().st_mode) == 0o700
    owner.release()
    assert rows(server) == set()
    assert not [path for path in made if path.exists()]


def test_a_row_of_the_dead_stays_until_nothing_is_in_its_hand(
    postgresql: Storage, server: str, kept: Callable[[Owner], Owner]
) -> None:
    words = Text("Call the office.")
    page = NewMessage(Kind.ALERT, "alert:1", ChannelName.SMS, NOW, NOW + timedelta(hours=1), "+12145550101", words)
    with outsider(server) as execute:
        for name in ("dead with a message in hand", "dead"):
            execute(f"INSERT INTO owners VALUES ('{name}', now() - interval '1 day', now() - interval '601 s')")  # noqa: S608  a test's own values
    with postgresql.transaction() as tx:
        tx.outbox.add_message(page, NOW)
        due = tx.sending.due(NOW, 1, ChannelName.SMS)
        claims = [Claim(entry, "+12145550101", words, "v1", 1, None, {}, entry.valid_until) for entry in due]
        assert tx.sending.claim(claims, "dead with a message in hand", NOW)
    owner = kept(HeartbeatOwner(postgresql.engine, beat_every=0.05))
    assert owner.acquire()
    eventually(lambda: "dead" not in rows(server), "the row of one with nothing in hand taken away")
    assert rows(server) == {"dead with a message in hand", owner.name}
    with postgresql.transaction() as tx:
        in_hand = tx.sending.owners()
        assert tx.sending.doubt(tx.sending.orphans(in_hand - owner.living(in_hand)), NOW)
    eventually(lambda: rows(server) == {owner.name}, "the other row taken away")
