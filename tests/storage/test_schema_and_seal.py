"""The schema goes up, down and up; what identifies a person cannot be read without the key."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import INDEX_KEY, KEYS, SEALER, outsider
from sqlalchemy.exc import StatementError
from world import EMAIL, NAME, NUMBER, World

from followup.care.people import ChannelName, Role
from followup.care.task import NewTask, TaskKind
from followup.errors import BusyError, StorageError
from followup.storage import Sealer, Storage, schema
from followup.storage.register import NewContact
from followup.storage.seal import Place
from followup.storage.switches import Switch
from followup.storage.tables import metadata

NOW = datetime(2026, 10, 30, 19, 0, tzinfo=UTC)
RUTH = NewContact(Role.PATIENT, NAME, "en", "America/Chicago", NUMBER, EMAIL)


@contextmanager
def taken_down(storage: Storage) -> Iterator[None]:
    """The schema taken away; it is put back for the next test on the same server."""
    with storage.transaction() as tx:
        schema.downgrade(tx.connection)
    try:
        yield
    finally:
        storage.migrate()


def test_the_schema_comes_up_again_after_it_was_taken_down_and_equals_the_tables(storage: Storage) -> None:
    with taken_down(storage), storage.reading() as tx:
        assert schema.present(tx.connection) is None
    assert storage.migrate() == (schema.newest(), schema.newest())
    with storage.reading() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), metadata) == []


def test_what_was_committed_is_on_the_disk_and_not_only_on_its_way(sqlite_url: str) -> None:
    """Each commit waits for the disk (2 is FULL): a claim survives a power cut."""
    with closing(Storage(sqlite_url, SEALER)) as storage, storage.reading() as tx:
        found = [
            tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")
        ]
    assert found == [2, "wal"]


def test_an_empty_database_is_refused_in_one_line(storage: Storage) -> None:
    with taken_down(storage), pytest.raises(StorageError, match="followup migrate") as refused:
        storage.require_schema()
    assert len(str(refused.value).splitlines()) == 1


def test_another_version_is_refused_and_an_unknown_one_is_not_migrated(
    storage: Storage, database_url: str
) -> None:
    with outsider(database_url) as execute:
        execute("UPDATE alembic_version SET version_num = '9999'")
        try:
            with pytest.raises(StorageError, match="version 9999"):
                storage.require_schema()
            with pytest.raises(StorageError, match="does not know"):
                storage.migrate()
        finally:
            execute(f"UPDATE alembic_version SET version_num = '{schema.newest()}'")  # noqa: S608  the program's own


def test_a_missing_file_is_told_and_not_made(tmp_path: Path) -> None:
    with closing(Storage(f"sqlite:///{tmp_path}/none.db", SEALER)) as storage, pytest.raises(StorageError):
        storage.require_schema()
    assert not (tmp_path / "none.db").exists()


def test_a_moment_without_a_zone_cannot_be_stored(storage: Storage) -> None:
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
    with storage.transaction() as tx, pytest.raises(StatementError, match="time zone"):
        tx.register.set_patient(patient, held_at=NOW.replace(tzinfo=None))


def test_a_moment_comes_back_as_it_was(storage: Storage) -> None:
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), "A-1", NOW)
        tx.register.add_procedure(patient, "kyphoplasty", date(2026, 10, 30), NOW, discharged_at=NOW)
        assert tx.register.patient(patient).procedures[0].discharged_at == NOW


def test_values_swapped_between_two_patients_do_not_open(storage: Storage, database_url: str) -> None:
    with storage.transaction() as tx:
        one = tx.register.add_patient(NAME, date(1944, 5, 6), "A-1", NOW)
        two = tx.register.add_patient("Otto Other", date(1950, 1, 1), "A-2", NOW)
    with outsider(database_url) as execute:
        execute(f"UPDATE patients SET name = (SELECT name FROM patients WHERE id = {two}) WHERE id = {one}")  # noqa: S608  a test's own values
    with storage.reading() as tx, pytest.raises(StorageError, match="tampered") as refused:
        tx.directory.identities([one])
    assert "Other" not in str(refused.value)


@pytest.mark.parametrize("spoilt", [b"", b"\x02k1", b"\x02k1" + bytes(5), b"\xffk1", b"\x02k1" + bytes(40)])
def test_a_value_cut_short_or_overwritten_is_an_error_of_the_storage(spoilt: bytes) -> None:
    with pytest.raises(StorageError):
        SEALER.open(Place("patients", "name", 1), spoilt)


def test_a_new_key_seals_new_values_and_the_old_one_still_opens_old_ones(database_url: str) -> None:
    with closing(Storage(database_url, SEALER)) as storage, storage.transaction() as tx:
        old = tx.register.add_patient(NAME, date(1944, 5, 6), "A-1", NOW)
    rotated = Sealer("k2", KEYS | {"k2": bytes(range(32))}, INDEX_KEY)
    with closing(Storage(database_url, rotated)) as storage, storage.transaction() as tx:
        assert tx.directory.identities([old])[old].name == NAME
        new = tx.register.add_patient("Otto Other", date(1950, 1, 1), "A-2", NOW)
    with closing(Storage(database_url, SEALER)) as storage, storage.reading() as tx:
        with pytest.raises(StorageError, match=r"'k2'.* is not configured"):
            tx.directory.identities([new])
        assert tx.directory.find("A-1") == [old]


def test_the_wrong_key_opens_nothing(database_url: str) -> None:
    with closing(Storage(database_url, SEALER)) as storage, storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), "A-1", NOW)
    wrong = Sealer("k1", {"k1": bytes(32)}, INDEX_KEY)
    with closing(Storage(database_url, wrong)) as storage, storage.reading() as tx, pytest.raises(StorageError):
        tx.directory.identities([patient])


def test_couples_share_a_phone_and_both_are_found_by_it(storage: Storage) -> None:
    with storage.transaction() as tx:
        couple = [tx.register.add_patient(name, date(1944, 5, 6), None, NOW) for name in ("Ruth", "Henry")]
        for patient in couple:
            tx.register.add_contact(patient, RUTH, NOW)
        assert tx.directory.find(NUMBER[-4:]) == couple
        assert tx.directory.find(NUMBER) == couple
        assert tx.directory.find("1944-05-06") == couple
        assert tx.directory.find("9999") == []


def test_nothing_of_a_person_or_a_text_stands_readable_in_the_database(either_world: World) -> None:
    """Six days of a patient's messages, an answer, tasks and an undone change: none of it is in the bytes."""
    world = either_world
    world.enroll()
    world.run_until(datetime(2026, 11, 5, tzinfo=UTC))
    secrets = [
        NAME,
        "Ruth",
        "Miller",
        NUMBER,
        NUMBER[1:],
        NUMBER[-7:],
        EMAIL,
        "1944-05-06",
        "A-1001",
        "heavy lifting",
    ]
    found = everything(world)
    assert b"pain-check" in found
    assert [word for word in secrets if word.encode() in found] == []


def everything(world: World) -> bytes:
    """Every byte of the SQLite files, or of every PostgreSQL table."""
    url = world.app.config.database_url
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    with outsider(url) as execute:
        rows = [row for table in metadata.sorted_tables for row in execute(f'SELECT * FROM "{table.name}"')]  # noqa: S608  our own tables
    return b" ".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "followup.db"
    with closing(Storage(f"sqlite:///{path}", SEALER)) as storage:
        storage.migrate()
        with storage.transaction() as tx:
            tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {"followup.db", "followup.db-wal", "followup.db-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_while_another_program_holds_the_database_a_change_waits_and_then_says_so(
    storage: Storage, database_url: str
) -> None:
    """BusyError, nothing changed; the same call succeeds once the other is done."""
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
    with outsider(database_url) as execute:
        execute("BEGIN IMMEDIATE" if "sqlite" in database_url else "BEGIN")
        execute(f"UPDATE patients SET held_at = NULL WHERE id = {patient}")  # noqa: S608  a test's own value
        with pytest.raises(BusyError), storage.transaction() as tx:
            tx.register.set_patient(patient, held_at=NOW)
        execute("ROLLBACK")
    with storage.transaction() as tx:
        assert not tx.register.patient(patient).on_hold
        tx.register.set_patient(patient, held_at=NOW)


def test_a_rehearsal_keeps_nothing(storage: Storage) -> None:
    with storage.rehearsal() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
        assert tx.register.all_ids() == [patient]
    with storage.reading() as tx:
        assert tx.register.all_ids() == []


def test_two_programs_that_open_the_same_task_or_stop_at_one_moment_make_one(storage: Storage) -> None:
    """Eight threads at once: no unique constraint is hit, and every one of them learns the task's number."""
    numbers: list[int] = []
    faults: list[Exception] = []
    ready = threading.Barrier(8)

    def work() -> None:
        try:
            ready.wait(30)
            with storage.transaction() as tx:
                numbers.append(tx.tasks.open(NewTask(TaskKind.SENDER_PAUSED, NOW, detail={"code": "20003"}), NOW))
                tx.switches.set(Switch.TICKED, "", NOW, "followup")
                tx.agreements.suppress(ChannelName.SMS, NUMBER, "carrier", NOW)
        except Exception as fault:  # noqa: BLE001  shown below
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(numbers) == 8
    assert len(set(numbers)) == 1
    with storage.reading() as tx:
        (task,) = tx.tasks.open_tasks()
        assert task.times == 8
