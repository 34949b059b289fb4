"""What keeps messages from being claimed, how a migration waits its turn, how a disk's faults are told apart."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from databases import SEALER, outsider
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from world import World

from followup.clock import SystemClock
from followup.errors import BusyError, StorageError
from followup.storage import Storage, hindrances, maintenance, schema
from followup.storage.faults import (
    FATAL,
    BrokenStorageError,
    CorruptStorageError,
    FullStorageError,
    ReadOnlyStorageError,
    explained,
)
from followup.storage.guard import MAINTENANCE_LASTS, Refusal, begun, ended, refusal
from followup.storage.owner import owner_of
from followup.storage.switches import Switch

NOW = datetime(2026, 10, 30, 19, 0, tzinfo=UTC)
MORE_THAN_ANY_DISK = 2**62


@contextmanager
def of_version(url: str, version: str) -> Iterator[None]:
    """The database says that it is of this version; the test server's next user finds it as it was."""
    with outsider(url) as execute:
        execute(f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608  a test's own value
        try:
            yield
        finally:
            execute(f"UPDATE alembic_version SET version_num = '{schema.newest()}'")  # noqa: S608  same


def asked(storage: Storage, now: datetime = NOW, **limits: int) -> Refusal | None:
    with storage.transaction() as tx:
        return refusal(tx, now, **limits)


def test_a_database_of_this_version_with_room_on_its_disk_may_be_claimed_from(storage: Storage) -> None:
    assert asked(storage) is None


def test_another_programs_database_is_not_claimed_from(storage: Storage, database_url: str) -> None:
    with of_version(database_url, "9999"):
        assert asked(storage) is Refusal.OTHER_SCHEMA
    assert asked(storage) is None


def test_a_disk_that_is_nearly_full_stops_claims_on_sqlite_alone(storage: Storage, database_url: str) -> None:
    ours = database_url.startswith("sqlite")
    assert asked(storage, least_free=MORE_THAN_ANY_DISK) is (Refusal.NO_SPACE if ours else None)


def test_a_migration_stops_claims_and_one_that_was_killed_does_so_for_minutes_only(storage: Storage) -> None:
    with storage.transaction() as tx:
        tx.switches.set(Switch.MAINTENANCE, "9999", NOW, "ann")
    assert asked(storage) is Refusal.MAINTENANCE
    assert asked(storage, NOW + MAINTENANCE_LASTS) is None
    assert asked(storage, NOW - MAINTENANCE_LASTS) is None


def test_every_refusal_has_its_sentence() -> None:
    assert len({refusal.sentence for refusal in Refusal}) == len(Refusal)


def test_an_end_without_a_goodbye_is_noticed_by_the_next_start(storage: Storage) -> None:
    with storage.transaction() as tx:
        assert not begun(tx, "one", NOW)
    with storage.transaction() as tx:
        assert begun(tx, "two", NOW)
        ended(tx, "one")
    with storage.transaction() as tx:
        assert begun(tx, "three", NOW)
        ended(tx, "three")
        assert not begun(tx, "four", NOW)


def test_after_an_unclean_end_a_damaged_file_is_refused(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(Storage(sqlite_url, SEALER)) as storage, storage.transaction() as tx:
        begun(tx, "one", NOW)
    damage(path)
    with closing(Storage(sqlite_url, SEALER)) as storage, pytest.raises(CorruptStorageError) as refused:  # noqa: SIM117
        with storage.transaction() as tx:
            begun(tx, "two", NOW)
    assert len(str(refused.value).splitlines()) == 1
    with closing(Storage(sqlite_url, SEALER)) as storage:
        cause = hindrances.usable(storage)
    assert cause is not None
    assert cause.code == "corrupt"


def damage(path: Path) -> None:
    """Some pages of `messages` and its neighbours overwritten, as a dying disk does; the first page is whole."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        roots = "SELECT rootpage FROM sqlite_master WHERE tbl_name IN ('messages', 'attempts', 'tasks')"
        pages = [page for (page,) in connection.execute(roots) if page]
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", BusyError),
        ("SQLITE_BUSY_SNAPSHOT", BusyError),
        ("SQLITE_FULL", FullStorageError),
        ("SQLITE_IOERR_SHMSIZE", FullStorageError),
        ("SQLITE_READONLY", ReadOnlyStorageError),
        ("SQLITE_READONLY_DIRECTORY", ReadOnlyStorageError),
        ("SQLITE_CORRUPT_INDEX", CorruptStorageError),
        ("SQLITE_NOTADB", CorruptStorageError),
        ("SQLITE_IOERR", BrokenStorageError),
        ("SQLITE_IOERR_FSYNC", BrokenStorageError),
        ("SQLITE_CANTOPEN", StorageError),
    ],
)
def test_each_fault_of_the_disk_is_told_by_its_code_and_not_by_the_drivers_text(
    name: str, kind: type[StorageError]
) -> None:
    found = explained(driver_says(name))
    assert type(found) is kind
    assert "Ruth Miller" not in str(found)
    assert name in str(found) or kind is BusyError


def driver_says(name: str) -> DBAPIError:
    """As the driver raises it."""
    error = sqlite3.OperationalError("near 'Ruth Miller'")
    error.sqlite_errorname = name
    return OperationalError("SELECT 1", None, error)


def test_after_a_disk_fault_a_process_ends_so_that_it_is_started_again() -> None:
    assert [kind.exit_code for kind in FATAL] == [75, 6]
    assert type(explained(DatabaseError("", None, Exception()))).__name__ == "RefusedStatementError"


def test_a_held_database_is_told_after_a_moment_and_a_free_one_has_no_hindrance(
    storage: Storage, database_url: str
) -> None:
    assert hindrances.usable(storage) is None
    assert hindrances.found(storage, NOW) == []
    if database_url.startswith("sqlite"):
        with outsider(database_url) as execute:
            execute("BEGIN IMMEDIATE")
            assert [one.code for one in hindrances.found(storage, NOW)] == ["locked"]
            execute("ROLLBACK")
        assert [one.code for one in hindrances.found(storage, NOW, MORE_THAN_ANY_DISK)] == ["no_space"]


def test_another_version_is_a_hindrance_and_so_is_a_missing_file(
    storage: Storage, database_url: str, tmp_path: Path
) -> None:
    with of_version(database_url, "9999"):
        cause = hindrances.usable(storage)
    assert cause is not None
    assert cause.code == "other_schema"
    with closing(Storage(f"sqlite:///{tmp_path}/none.db", SEALER)) as missing:
        cause = hindrances.usable(missing)
    assert cause is not None
    assert "followup migrate" in cause.said


# A migration from the first version, which has no table of owners.


@pytest.fixture
def old(either_world: World) -> Iterator[World]:
    """A clinic whose patient has a text in a daemon's hand, and whose database is of the first version."""
    world = either_world
    patient = world.enroll().patient_id
    row = world.row(patient, "welcome")
    storage = world.app.storage
    with storage.transaction() as tx:
        tx.connection.exec_driver_sql(
            f"UPDATE messages SET status = 'sending', owner = 'old' WHERE id = {row.id}"  # noqa: S608  a test's own
        )
        schema.downgrade(tx.connection, "0001")
    try:
        yield world
    finally:
        storage.migrate()


def claimed(world: World, ago: timedelta) -> None:
    """The moment of the claim; what the database keeps is UTC."""
    at = SystemClock().utc() - ago
    with world.app.storage.transaction() as tx:
        tx.connection.exec_driver_sql(
            f"UPDATE messages SET sent_at = '{at:%Y-%m-%d %H:%M:%S.%f}' WHERE status = 'sending'"  # noqa: S608  same
        )


def migrated(world: World, told: list[int], patience: float = 0) -> tuple[str | None, str]:
    return maintenance.migrate(world.app.storage, SystemClock(), told.append, "ann", patience)


def maintained(world: World) -> bool:
    with world.app.storage.reading() as tx:
        return tx.switches.get(Switch.MAINTENANCE) is not None


def test_a_migration_does_not_move_the_schema_under_a_text_that_is_being_sent(old: World) -> None:
    claimed(old, timedelta())
    owner = owner_of(old.app.storage.engine)
    assert owner.acquire() if old.app.storage.engine.dialect.name == "sqlite" else True
    told: list[int] = []
    try:
        with pytest.raises(BusyError, match="still being sent"):
            migrated(old, told)
    finally:
        owner.release()
    assert told == [1]
    assert not maintained(old)
    with old.app.storage.reading() as tx:
        assert schema.present(tx.connection) == "0001"


def test_it_goes_on_the_moment_the_last_text_has_come_back(old: World) -> None:
    claimed(old, timedelta())
    owner = owner_of(old.app.storage.engine)
    assert owner.acquire() if old.app.storage.engine.dialect.name == "sqlite" else True
    seen: list[bool] = []

    def come_back(_count: int) -> None:
        seen.append(maintained(old))
        with old.app.storage.transaction() as tx:
            tx.connection.exec_driver_sql("UPDATE messages SET status = 'accepted' WHERE status = 'sending'")

    try:
        versions = maintenance.migrate(old.app.storage, SystemClock(), come_back, "ann")
    finally:
        owner.release()
    assert versions == ("0001", schema.newest())
    assert seen == [True]
    assert not maintained(old)


def test_what_a_dead_daemon_had_in_hand_is_not_waited_for(old: World) -> None:
    on_sqlite = old.app.storage.engine.dialect.name == "sqlite"
    claimed(old, timedelta() if on_sqlite else maintenance.IN_HAND_FOR)
    told: list[int] = []
    assert migrated(old, told) == ("0001", schema.newest())
    assert told == []


def test_a_database_of_this_version_is_left_alone_and_an_empty_one_is_made(
    storage: Storage, tmp_path: Path
) -> None:
    told: list[int] = []
    assert maintenance.migrate(storage, SystemClock(), told.append) == (schema.newest(), schema.newest())
    with closing(Storage(f"sqlite:///{tmp_path}/new.db", SEALER)) as new:
        assert maintenance.migrate(new, SystemClock(), told.append) == (None, schema.newest())
    assert told == []


def test_a_claim_that_has_begun_is_waited_for_before_the_schema_moves(either_world: World) -> None:
    """On PostgreSQL claims run side by side: the lock on the table lets the one that has begun commit first."""
    world = either_world
    patient = world.enroll().patient_id
    storage = world.app.storage
    with storage.transaction() as tx:
        schema.downgrade(tx.connection, "0001")
    row = world_row_id(world, patient)
    begun_claim, ended_claim = threading.Event(), threading.Event()

    def claim() -> None:
        with storage.transaction() as tx:
            tx.connection.exec_driver_sql(f"UPDATE messages SET attempt = attempt WHERE id = {row}")  # noqa: S608  same
            begun_claim.set()
            ended_claim.wait(0.5)

    thread = threading.Thread(target=claim)
    thread.start()
    begun_claim.wait(10)
    try:
        assert migrated(world, [], 30) == ("0001", schema.newest())
    finally:
        ended_claim.set()
        thread.join()
        storage.migrate()


def world_row_id(world: World, patient: int) -> int:
    with world.app.storage.reading() as tx:
        query = f"SELECT min(id) FROM messages WHERE patient_id = {patient}"  # noqa: S608  a test's own
        return int(tx.connection.exec_driver_sql(query).scalar_one())
