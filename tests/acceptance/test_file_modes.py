"""What the program writes is for its owner alone, whatever the shell's umask is; and it looks before it sends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

import pytest
from acceptance_clinic import FOLLOWUP, PATIENCE, Clinic, Sandbox, found, where_it_is_afternoon

OWN_TEXTS = "messages"
"""The clinic's texts are no secret: others may open their folders, and read who approved what."""


@pytest.fixture
def careless(sandbox: Sandbox, tmp_path: Path) -> Iterator[Clinic]:
    """A clinic founded and used from a shell that would give all that it writes to everybody."""
    folder, zone, before = tmp_path / "careless", where_it_is_afternoon(), os.umask(0)
    try:
        folder.mkdir(mode=0o700)
        sandbox.ask("clear")
        found(folder, sandbox, zone)
        yield Clinic(folder, sandbox, zone, f"sqlite:///{folder}/followup.db")
    finally:
        os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    """Every file and folder that others may touch, or may write to where it may be read, with its mode."""
    shown = {}
    for path in folder.rglob("*"):
        mode, where = path.stat().st_mode, path.relative_to(folder)
        text = where.parts[0] == OWN_TEXTS and (path.is_dir() or path.name == "approvals.toml")
        if mode & (0o022 if text else 0o077):
            shown[str(where)] = stat.filemode(mode)
    return shown


def wait_until(happened: Callable[[], object], what: str) -> None:
    for _ in range(PATIENCE * 5):
        if happened():
            return
        sleep(0.2)
    raise AssertionError(f"never: {what}")


def test_whatever_is_written_from_a_careless_shell_is_for_its_owner_alone(careless: Clinic) -> None:
    """Founded, somebody enrolled, texts approved, the daemon at work, and stopped."""
    folder = careless.folder
    assert open_to_others(folder) == {}
    careless.enroll()
    careless.says("plan", "approve", "kyphoplasty", "--language", "en", "--by", "Ann Lee", typed="y\n" * 99)
    assert open_to_others(folder) == {}
    process = subprocess.Popen(
        [*FOLLOWUP, "run"], cwd=folder, env=careless.environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: careless.outsider("SELECT 1 FROM switches WHERE name = 'ticked'"), "the first tick")
        assert {"followup.db-wal", "followup.db-shm", "followup.db.sender"} <= {p.name for p in folder.iterdir()}
        assert open_to_others(folder) == {}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait(PATIENCE)
    assert open_to_others(folder) == {}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644], ids=oct)
@pytest.mark.parametrize("name", ["followup.db", "followup.db.sender", "followup.db.backup"])
def test_the_daemon_does_not_start_on_a_database_that_others_can_read(
    clinic: Clinic, name: str, mode: int
) -> None:
    path = clinic.folder / name
    path.touch()
    path.chmod(mode)
    said = clinic.refuses(6, "run")
    whole = clinic.folder / "followup.db*"
    assert said == f"others on this machine can read the database; run: chmod 600 {whole}"
    assert clinic.texts() == []


@pytest.mark.parametrize("name", ["followup.db", "followup.db.sender", "followup.db.backup"])
def test_the_doctor_says_which_file_of_the_database_others_can_read(clinic: Clinic, name: str) -> None:
    path = clinic.folder / name
    path.touch()
    path.chmod(0o640)
    doctors = clinic.run("doctor", "--offline")
    assert doctors.code == 5
    assert f"others can read {path}; run: chmod 600" in " ".join(doctors.out.split())


@pytest.mark.parametrize("name", ["keys", "index_key", "twilio_auth_token"])
def test_the_daemon_does_not_start_with_a_secret_that_others_can_read(clinic: Clinic, name: str) -> None:
    path = clinic.folder / "secrets" / name
    path.chmod(0o640)
    said = clinic.refuses(5, "run")
    assert f"secrets/{name}" in said
    assert f"chmod 600 secrets/{name}" in said
    assert len(said.splitlines()) == 1
    doctors = clinic.run("doctor", "--offline")
    assert doctors.code == 5
    assert f"chmod 600 secrets/{name}" in " ".join(doctors.out.split())


def test_a_folder_in_which_others_could_exchange_the_database_is_the_doctors_to_tell(clinic: Clinic) -> None:
    clinic.folder.chmod(0o777)
    doctors = clinic.run("doctor", "--offline")
    clinic.folder.chmod(0o700)
    assert doctors.code == 5
    assert "others can change" in doctors.out


def test_made_private_again_it_starts_as_ever(clinic: Clinic) -> None:
    path = clinic.folder / "followup.db"
    path.chmod(0o644)
    clinic.refuses(6, "run")
    path.chmod(0o600)
    assert "ok    permissions" in clinic.run("doctor", "--offline").out
