"""A clinic made by `followup init`, and the sandbox it speaks to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from acceptance_clinic import Clinic, Sandbox, found, sandbox_process, where_it_is_afternoon


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_process() as running:
        yield running


@pytest.fixture(scope="session")
def _founded(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ZoneInfo]:
    """What `followup init` made, for each test to copy; and the zone of its clocks."""
    folder, zone = tmp_path_factory.mktemp("founded"), where_it_is_afternoon()
    found(folder, sandbox, zone)
    return folder, zone


@pytest.fixture
def clinic(_founded: tuple[Path, ZoneInfo], sandbox: Sandbox, tmp_path: Path) -> Clinic:
    """A clinic on the SQLite file that `followup init` made."""
    template, zone = _founded
    folder = tmp_path / "clinic"
    shutil.copytree(template, folder)
    sandbox.ask("clear")
    return Clinic(folder, sandbox, zone, f"sqlite:///{folder}/followup.db")


@pytest.fixture
def either_clinic(clinic: Clinic, database_url: str) -> Clinic:
    """As `clinic`, on both databases."""
    clinic.configure('# url = "sqlite:///followup.db"', f'url = "{database_url}"')
    clinic.database_url = database_url
    return clinic


@pytest.fixture(scope="module")
def shared_clinic(
    _founded: tuple[Path, ZoneInfo], sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Clinic:
    """A clinic for tests in which nothing may change."""
    template, zone = _founded
    folder = tmp_path_factory.mktemp("shared") / "clinic"
    shutil.copytree(template, folder)
    return Clinic(folder, sandbox, zone, f"sqlite:///{folder}/followup.db")
