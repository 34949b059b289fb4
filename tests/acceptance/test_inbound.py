"""Answers reach a clinic however they come: in bursts, twice, out of order, while the daemon is restarted."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import count

from world import NUMBER, SENDER, World, numbered, person

from followup import inbound
from followup.care.task import TaskKind
from followup.sandbox import Close, Sms
from followup.sandbox import Status as Answered

RED_FLAG = "I cant feel my legs"


def patients(world: World, how_many: int) -> dict[str, int]:
    """By number."""
    found = {}
    for place in range(how_many):
        number = f"+1214556{place:04}"
        who = person(numbered(place), number, f"p{place}@example.org")
        enrolled = world.enroll(name=numbered(place), record_number=f"R-{place}", patient=who)
        found[number] = enrolled.patient_id
    return found


def stored(world: World) -> int:
    with world.app.storage.reading() as tx:
        assert tx.inbox.unhandled(1) == []
        return sum(len(tx.inbox.of_patient(patient)) for patient in tx.register.all_ids())


def test_a_burst_from_everybody_is_handled_once_each_and_red_flags_first(either_world: World) -> None:
    world = either_world
    known = patients(world, 40)
    for number in known:
        for words in ("5", "5", "what is this about?"):
            world.twilio.receive(number, words, SENDER)
    flagged = list(known)[33]
    world.twilio.receive(flagged, RED_FLAG, SENDER)
    world.listen()
    assert stored(world) == 121
    (task,) = world.tasks(TaskKind.RED_FLAG)
    assert task.patient_id == known[flagged]
    numbers = [t.number for t in world.tasks()]
    assert task.number == min(numbers), "what came in last was handled first"


def test_texts_listed_twice_and_in_any_order_count_once_and_in_the_order_in_which_they_were_written(
    world: World,
) -> None:
    patient = world.enroll().patient_id
    chance = random.Random(7)  # noqa: S311  an order, not a secret
    arrivals: list[Sms] = []
    for score in (3, 4, 5):
        arrivals.append(world.twilio.receive(NUMBER, str(score), SENDER))
        world.clock.advance(timedelta(seconds=40))
    inboxes = world.app.inboxes
    found = [one for inbox in inboxes.values() for one in inbox.arrived(world.clock.utc() - timedelta(hours=1))]
    for _ in range(5):
        chance.shuffle(found)
        world.app.listener.take_in(found)  # type: ignore[arg-type]  # texts alone came in
    world.listen()
    with world.app.storage.reading() as tx:
        assert [reply.words for reply in tx.inbox.of_patient(patient)] == ["3", "4", "5"]
    assert len(arrivals) == 3


def test_what_was_stored_before_the_daemon_died_is_handled_by_the_next(either_world: World) -> None:
    world = either_world
    patient = world.enroll().patient_id
    world.twilio.receive(NUMBER, RED_FLAG, SENDER)
    listener = world.app.listener
    found = [one for i in world.app.inboxes.values() for one in i.arrived(world.clock.utc() - timedelta(hours=1))]
    listener.take_in(found)  # type: ignore[arg-type]  # texts alone came in
    assert world.tasks() == [], "it died between the two transactions"
    listener.handle()
    listener.handle()
    (task,) = world.tasks(TaskKind.RED_FLAG)
    assert (task.patient_id, task.times) == (patient, 1)


def test_a_poll_cut_anywhere_loses_nothing_and_doubles_nothing(world: World) -> None:
    patient = world.enroll().patient_id
    for score in range(8):
        world.twilio.next(Close("before reading"), Close("after reading"), Answered(429), Answered(503), on="read")
        world.twilio.receive(NUMBER, str(score), SENDER)
        for _ in range(5):
            world.listen()
            world.clock.advance(timedelta(seconds=20))
    with world.app.storage.reading() as tx:
        assert [r.score for r in tx.inbox.of_patient(patient)] == list(range(8))


def test_an_outage_of_a_day_is_made_up_for_and_late_red_flags_are_answered(world: World) -> None:
    world.enroll()
    world.tick()
    world.twilio.receive(NUMBER, "fever", SENDER)
    world.twilio.receive(NUMBER, RED_FLAG, SENDER)
    world.clock.advance(timedelta(hours=26))
    world.tick()
    assert {TaskKind.RED_FLAG, TaskKind.WARNING_SIGN, TaskKind.LATE_REPLY} <= {t.kind for t in world.tasks()}
    assert any("Call 911 now" in text for text in world.texts())


def test_many_thousands_at_once_cost_no_more_each_than_a_few(world: World) -> None:
    """The statements that one reply costs do not grow with how many there are: no work is quadratic."""
    world.enroll()
    costs = [_statements(world, batch) for batch in (100, 800)]
    assert costs[1] / 800 < 1.5 * costs[0] / 100


def _statements(world: World, how_many: int) -> int:
    from sqlalchemy import event  # noqa: PLC0415  counts, and nothing is changed

    for place in range(how_many):
        world.twilio.receive(NUMBER, "what is this about?" if place % 2 else "5", SENDER)
    counted = count()
    engine = world.app.storage.engine

    def told(*_: object) -> None:
        next(counted)

    event.listen(engine, "before_cursor_execute", told)
    came, handled = inbound.poll(world.app.listener, world.app.inboxes)
    event.remove(engine, "before_cursor_execute", told)
    assert (came, handled) == (how_many, how_many)
    return next(counted)
