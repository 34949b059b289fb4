"""What may go wrong on the way in: loops, floods, a stop while a text goes, an answer in doubt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fault_table import tried
from world import NUMBER, SENDER, World

from followup.care.delivery import Status
from followup.care.message import Kind
from followup.care.people import ChannelName
from followup.care.task import TaskKind
from followup.sandbox import Close, Event
from followup.storage.outbox_rows import Entry

RED_FLAG = "I cant feel my legs"


def answers(world: World) -> int:
    """How many of our texts to that phone were answers."""
    with world.app.storage.reading() as tx:
        rows = tx.outbox.between(world.clock.utc() - timedelta(days=2), world.clock.utc() + timedelta(seconds=1))
    return sum(row.kind in (Kind.ANSWER, Kind.RED_FLAG) and bool(row.attempt) for row in rows)


@pytest.mark.parametrize(
    ("words", "most", "kind"), [("ok?", 1, TaskKind.UNREADABLE), (RED_FLAG, 6, TaskKind.RED_FLAG)]
)
def test_two_machines_cannot_answer_one_another_for_ever(
    either_world: World, words: str, most: int, kind: TaskKind
) -> None:
    """Many texts within an hour from one number: the limits hold, and every one counts in its task."""
    world = either_world
    world.enroll()
    world.tick()
    for _ in range(50):
        for _ in range(4):
            world.twilio.receive(NUMBER, words, SENDER)
        world.tick()
        world.clock.advance(timedelta(seconds=60))
    assert answers(world) <= most
    (task,) = world.tasks(kind)
    assert task.times == 200
    tried("texts in a loop", planned=200, accepted=answers(world))


def test_a_stop_that_comes_while_a_text_goes_lets_nothing_after_it(world: World) -> None:
    patient = world.enroll().patient_id

    def stop(event: Event) -> None:
        if event.point == "after accepting" and not world.twilio.inbound:
            world.twilio.receive(NUMBER, "STOP", SENDER)

    world.twilio.on_event(stop)
    world.run_until(world.clock.utc() + timedelta(days=6))
    texts = [row for row in world.rows(patient) if row.channel is ChannelName.SMS and row.attempt]
    assert len(texts) == 1
    assert world.tasks(TaskKind.OPT_OUT)


def test_an_answer_in_doubt_goes_again_at_once_if_it_is_a_red_flags_and_waits_for_evidence_if_not(
    world: World,
) -> None:
    world.enroll()
    world.tick()
    for words in ("what is this about?", RED_FLAG):
        world.twilio.next(Close("after reading"), to=NUMBER)
        world.receive(words)
    doubts = [row for row in _answers(world) if row.doubts]
    assert len(doubts) == 2
    world.tick()
    world.tick()
    ended = {row.kind: row.status for row in _answers(world)}
    assert ended[Kind.RED_FLAG] in (Status.ACCEPTED, Status.SENT, Status.DELIVERED)
    assert ended[Kind.ANSWER] is Status.IN_DOUBT


def _answers(world: World) -> list[Entry]:
    with world.app.storage.reading() as tx:
        rows = tx.outbox.between(world.clock.utc() - timedelta(days=2), world.clock.utc() + timedelta(days=1))
    return [row for row in rows if row.kind in (Kind.ANSWER, Kind.RED_FLAG)]
