"""A clinic that goes live while a claim waits: what is let go is not held again by what the claim knew before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from databases import emptied
from sqlalchemy import text
from world import NUMBER, World, numbered, person

from followup.care.delivery import Status
from followup.going_live import go_live


def test_a_claim_that_waited_while_the_clinic_went_live_holds_nothing_back(
    make_world: Callable[..., World], request: pytest.FixtureRequest
) -> None:
    """On PostgreSQL: an SQLite file has one writer at a time."""
    url = emptied(request.getfixturevalue("_postgresql"))
    world = make_world(url, trial_list=[NUMBER], segments_per_second=5)
    world.enroll()
    for number in range(5):
        who = person(numbered(number), f"+1214555{number:04d}", None)
        world.enroll(name=numbered(number), record_number=f"R-{number}", patient=who)
    world.clock.advance(timedelta(minutes=31))
    world.tick()  # now there is a bucket that can be held
    world.clock.move_to(datetime(2026, 11, 2, 16, 0, tzinfo=UTC))  # something is due to everybody
    world.app.timekeeper.look()
    assert not world.dispatcher.idle()
    with world.app.storage.engine.connect() as holder, holder.begin():
        assert holder.execute(text("SELECT name FROM paces FOR UPDATE")).all()
        claiming = threading.Thread(target=world.dispatcher.tick)
        claiming.start()
        time.sleep(1)  # it has asked what may be claimed at all, and waits for the bucket
        with world.app.storage.transaction() as tx:
            assert go_live(tx, world.app.clinic, world.clock.utc(), "ann").waited
    claiming.join()
    with world.app.storage.reading() as tx:
        rows = tx.outbox.of_patients(tx.register.all_ids())
    held = [row for entries in rows.values() for row in entries if row.trial and row.status is Status.PLANNED]
    assert held == []
