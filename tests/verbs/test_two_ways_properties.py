"""Whatever patients write, whenever, and however it is listed: what must hold of it holds."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from databases import SEALER
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from world import NUMBER, SENDER, World, open_world, person

from followup.care.delivery import Status
from followup.care.message import Kind
from followup.care.people import ChannelName, Role
from followup.care.practice import QUESTION_OPEN_FOR
from followup.care.task import TaskKind
from followup.storage import Storage
from followup.storage.invariants import breaches
from followup.storage.tables import audit

DAUGHTER, STRANGER = "+12145550111", "+12145550177"

WORDS = [
    "8", "2", "better", "worse", "same", "STOP", "START", "help", "call me", "thanks", "", "chest pain",
    "I cant feel my legs", "fever", "wrong number", "mom passed away", "she is in the hospital", "what is this?",
    "kill myself", "STOP chest pain", "ya no me manden mensajes", "no puedo mover las piernas",
]  # fmt: skip

EVENTS = st.one_of(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([NUMBER, DAUGHTER, STRANGER]), st.integers(0, 180)),
    st.tuples(st.just(None), st.just(""), st.integers(1, 60 * 30)),
)
"""Somebody writes, and it is heard after so many minutes; or time goes by."""

RANK = {Status.ACCEPTED: 1, Status.SENT: 2, Status.DELIVERED: 3, Status.UNDELIVERED: 3}
"""How far the provider has come with a message."""


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events=st.lists(EVENTS, min_size=3, max_size=14), shared=st.booleans())
def test_everything_that_comes_in_ends_handled_and_nothing_goes_where_it_must_not(
    events: list[tuple[str | None, str, int]],
    shared: bool,  # noqa: FBT001  Hypothesis gives it
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/followup.db"
        storage = Storage(url, SEALER)
        storage.migrate()
        storage.close()
        with open_world(Path(folder), url, start=datetime.fromisoformat("2026-10-30T19:00+00:00")) as world:
            world.enroll(caregivers=(person("Ada Miller", DAUGHTER, None, role=Role.CAREGIVER),))
            if shared:
                other = person("Henry Miller", NUMBER, "henry@example.org")
                world.enroll(name="Henry Miller", record_number="B-2", patient=other)
            for words, number, minutes in events:
                _happens(world, words, number, minutes)
            world.run_until(world.clock.utc() + timedelta(hours=1), timedelta(minutes=30))
            _everything_holds(world)


def _happens(world: World, words: str | None, number: str, minutes: int) -> None:
    if words is None:
        world.run_until(world.clock.utc() + timedelta(minutes=minutes), timedelta(hours=6))
        return
    world.twilio.receive(number, words, SENDER)
    world.clock.advance(timedelta(minutes=minutes))
    world.tick()
    world.listen()


def _everything_holds(world: World) -> None:
    now = world.clock.utc()
    with world.app.storage.reading() as tx:
        assert tx.inbox.unhandled(1) == []
        found = breaches(tx, world.clinic.practice, now)
        entries = tx.outbox.between(now - timedelta(days=60), now + timedelta(days=90))
        tasks = [task for patient in tx.register.all_ids() for task in tx.tasks.of_patient(patient)]
    _no_rank_ever_fell(world)
    # Nothing but seals, which this world has no round for.
    assert {name: what for name, what in found.items() if what and not name.startswith("I12")} == {}
    for entry in entries:
        if entry.asks and entry.sent_at and entry.sent_at < now - QUESTION_OPEN_FOR - timedelta(hours=1):
            silent = any(t.kind is TaskKind.NO_ANSWER for t in tasks)
            assert entry.question_closed_at is not None or entry.status is Status.UNDELIVERED
            assert entry.answered or silent or entry.question_closed_at is None
        if entry.kind is Kind.REMINDER and entry.attempt and entry.channel is ChannelName.SMS:
            assert world.clinic.practice.window.contains(entry.sent_at or now, world.clinic.practice.zone)


def _no_rank_ever_fell(world: World) -> None:
    """By the trail: what the provider had done with a message was never undone by what it said later."""
    with world.app.storage.reading() as tx:
        lines = tx.connection.execute(
            select(audit.c.source, audit.c.target).where(audit.c.source.is_not(None), audit.c.target.is_not(None))
        ).all()
    assert lines
    for source, target in lines:
        if source in RANK and target in RANK:
            assert RANK[Status(target)] >= RANK[Status(source)]
