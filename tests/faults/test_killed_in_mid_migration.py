"""kill -9 in the middle of a migration: the database is of the old version or of the new, and nothing is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import fault_table
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import outsider
from world import World

from followup.storage import schema
from followup.storage.tables import metadata

KILLS = int(os.environ.get("FOLLOWUP_MIGRATION_KILLS", "4"))
LATEST = 0.9
"""Seconds: a migration takes about as long, most of it looking for what there is to do."""

MIGRATE = """
import sys
from pathlib import Path
from followup.app import build_app
from followup.storage import maintenance

app = build_app(Path(sys.argv[1]))
print("begun", flush=True)
maintenance.migrate(app.storage, app.clock, print, "ann")
"""


@pytest.fixture
def old(either_world: World) -> Iterator[World]:
    """A clinic with a patient, on the version before the newest."""
    either_world.enroll()
    with either_world.app.storage.transaction() as tx:
        schema.downgrade(tx.connection, "0001")
    yield either_world
    either_world.app.storage.migrate()


def test_a_migration_that_is_killed_and_begun_again_loses_nothing(old: World) -> None:
    dice = random.Random(fault_table.seed())  # noqa: S311  faults, not secrets
    before, found = rows(old), Counter[str]()
    for _ in range(KILLS):
        found[killed(old, dice.random() * LATEST)] += 1
        assert rows(old) == before
    assert set(found) <= {"0001", schema.newest()}
    assert migrating(old).wait(60) == 0
    assert rows(old) == before
    with old.app.storage.reading() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), metadata) == []
    fault_table.tried("killed while migrating", tried=KILLS, planned=len(before))
    old.tick()
    assert old.twilio.accepted() == 1


def rows(world: World) -> list[tuple[object, ...]]:
    with outsider(world.app.config.database_url) as execute:
        return sorted(tuple(row) for row in execute("SELECT id, key, status, revision, due_at FROM messages"))


def migrating(world: World) -> subprocess.Popen[str]:
    """A program that has begun to migrate."""
    command = [sys.executable, "-c", MIGRATE, str(world.app.config.path)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    with running.stdout as said:
        assert said.readline() == "begun\n"
    return running


def killed(world: World, after: float) -> str:
    """The version that is found once a migration was killed so many seconds after its beginning."""
    running = migrating(world)
    threading.Event().wait(after)
    running.kill()
    running.wait(60)
    with world.app.storage.reading() as tx:
        return schema.present(tx.connection) or "none"
