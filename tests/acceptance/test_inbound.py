"""Answers reach a clinic however they come: in bursts, twice, out of order, while the daemon is restarted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

from sqlalchemy import event
from world import NUMBER, SENDER, START, World, numbered, person

from followup import inbound
from followup.care.arrival import Arrival
from followup.care.people import ChannelName
from followup.care.task import TaskKind
from followup.sandbox import Close, Sms
from followup.sandbox import Status as Answered
from followup.storage import Storage

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


def test_hundreds_at_once_from_one_patient_cost_no_more_each_than_a_few(world: World) -> None:
    """The statements that one reply costs do not grow with how many there are: no work is quadratic."""
    world.enroll()
    costs = []
    for how_many in (50, 400):
        for place in range(how_many):
            world.twilio.receive(NUMBER, "what is this about?" if place % 2 else "5", SENDER)
        with _statements(world.app.storage) as counted:
            assert inbound.poll(world.app.listener, world.app.inboxes) == (how_many, how_many)
        costs.append(next(counted) / how_many)
    assert costs[1] < 1.5 * costs[0]


def strangers(how_many: int, mark: int) -> list[Arrival]:
    return [
        Arrival(ChannelName.SMS, f"SM{mark:08x}{place:024x}", f"+1214557{place:04}", "hello?", START)
        for place in range(how_many)
    ]


def test_ten_thousand_at_once_are_stored_in_few_statements(world: World) -> None:
    with _statements(world.app.storage) as counted:
        assert world.app.listener.take_in(strangers(10_000, 1)) == 10_000
    assert next(counted) <= 10_000 / 100


def test_a_reply_of_thousands_costs_no_more_than_one_of_hundreds(world: World) -> None:
    costs = []
    for how_many in (100, 1_000):
        world.app.listener.take_in(strangers(how_many, how_many))
        with _statements(world.app.storage) as counted:
            assert world.app.listener.handle().replies == how_many
        costs.append(next(counted) / how_many)
    assert costs[1] < 1.2 * costs[0]
    (task,) = world.tasks(TaskKind.UNREADABLE)
    assert task.times == 1_100


@contextmanager
def _statements(storage: Storage) -> Iterator[Iterator[int]]:
    """How many statements the database gets meanwhile: the next number of what is yielded."""
    counted, engine = count(), storage.engine

    def told(*_: object) -> None:
        next(counted)

    event.listen(engine, "before_cursor_execute", told)
    yield counted
    event.remove(engine, "before_cursor_execute", told)
