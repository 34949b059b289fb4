"""What all tests share: both databases, a clock that is told the time, a clinic whose providers are sandboxes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from databases import SEALER, emptied, own_database, postgresql_server
from world import World, open_world

from followup.storage import Storage

pytest_plugins = ["canaries"]

BOTH = ("sqlite", "postgresql")


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are processors: half of a test's time is waiting for another process or a second."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[str]:
    """A PostgreSQL database of this worker's own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with postgresql_server() as server, own_database(server, f"followup_{worker}_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema and nothing else: each test gets a copy."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    with closing(Storage(f"sqlite:///{path}", SEALER)) as storage:
        storage.migrate()
    return path


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of the newest schema: every test that asks for it runs on both kinds."""
    if request.param == "postgresql":
        return emptied(request.getfixturevalue("_postgresql"))
    path = tmp_path / "followup.db"
    shutil.copy(request.getfixturevalue("_sqlite"), path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite: Path) -> str:
    """As `database_url`, for what the kind of database has no part in."""
    path = tmp_path / "followup.db"
    shutil.copy(_sqlite, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def storage(database_url: str) -> Iterator[Storage]:
    """The storage alone, on both databases."""
    with closing(Storage(database_url, SEALER)) as opened:
        yield opened


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Opens clinics on a database and closes them again; see `world.open_world`."""
    with ExitStack() as stack:
        yield lambda url, **settings: stack.enter_context(open_world(tmp_path, url, **settings))


@pytest.fixture
def world(make_world: Callable[..., World], sqlite_url: str) -> World:
    """A clinic on SQLite, its providers on loopback, its clock at 2026-10-30 14:00 in Chicago."""
    return make_world(sqlite_url)


@pytest.fixture
def either_world(make_world: Callable[..., World], database_url: str) -> World:
    """As `world`, on both databases."""
    return make_world(database_url)
