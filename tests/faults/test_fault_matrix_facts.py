"""The fault matrix, facts: what staff, another program or the patient tell around the moment of sending.

Each goes through the whole house: dispatcher, settling, receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from databases import outsider
from matrix_parts import enroll, in_doubt, number_of, wait, watched
from world import World

from followup import change
from followup.care.delivery import Status
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.consent import Line, opt_out
from followup.dispatch import Tally

DAY_1 = datetime(2026, 10, 31, 15, tzinfo=UTC)
"""10:00 in Chicago."""


@pytest.fixture
def house(world: World) -> Iterator[World]:
    with watched(world, "facts meanwhile") as counted:
        yield counted


@pytest.fixture
def either_house(either_world: World) -> Iterator[World]:
    with watched(either_world, "facts meanwhile, both databases") as counted:
        yield counted


def cancelled(world: World, patient: int) -> None:
    with world.hand(patient) as (hand, who):
        change.cancel(hand, who, who.procedures[0])


def moved(world: World, patient: int) -> None:
    """To the day on which the patient went home."""
    with world.hand(patient) as (hand, who):
        change.move(hand, who, who.procedures[0], date(2026, 10, 30))


def stopped(world: World, patient: int) -> None:
    with world.app.storage.transaction() as tx:
        line = Line(patient, world.contact(patient), ChannelName.SMS)
        opt_out(tx, world.clinic, line, "staff", world.clock.utc(), "ann")


@pytest.mark.parametrize("tell", [cancelled, moved, stopped])
def test_what_is_told_in_the_minute_a_text_is_due_is_heeded(
    either_house: World, tell: Callable[[World, int], None]
) -> None:
    """A text that its new date still asks for goes then, and once."""
    world = either_house
    patient = enroll(world, discharged_at=world.clock.utc(), on=date(2026, 10, 29))
    due = world.row(patient, "two-weeks").due_at
    world.run_until(due - timedelta(minutes=1), timedelta(hours=12))
    said = world.twilio.accepted()
    world.clock.move_to(due)
    tell(world, patient)
    world.tick()
    assert (world.twilio.accepted(), world.row(patient, "two-weeks").attempt) == (said, 0)
    world.run_until(due + timedelta(days=1, hours=1), timedelta(hours=12))
    assert world.twilio.accepted() == said + (tell is moved)


def test_a_cancellation_by_another_program_is_heeded_by_the_claim_itself(either_house: World) -> None:
    world = either_house
    patient = enroll(world)
    with outsider(world.app.config.database_url) as execute:
        execute(f"UPDATE procedures SET cancelled_at = '2026-10-30 19:00:00' WHERE patient_id = {patient}")  # noqa: S608  a test's own value
    world.dispatcher.drain(ChannelName.SMS, Tally())
    assert (world.twilio.accepted(), world.row(patient, "welcome").attempt) == (0, 0)


@pytest.mark.parametrize("tell", [cancelled, moved])
@pytest.mark.parametrize("point", ["after reading", "after accepting", "before reply"])
def test_what_is_told_while_a_text_is_on_its_way_leaves_one_text_and_a_task_to_correct_it(
    house: World, tell: Callable[[World, int], None], point: str
) -> None:
    patient = enroll(house, discharged_at=house.clock.utc(), on=date(2026, 10, 29))
    due = house.row(patient, "day-1").due_at
    house.run_until(due - timedelta(minutes=1), timedelta(hours=12))
    said, told = house.twilio.accepted(), []
    house.twilio.on_event(
        lambda event: (
            told.append(tell(house, patient)) if (event.point, event.method, told) == (point, "POST", []) else None
        )
    )
    house.clock.move_to(due)
    house.tick()
    assert len(told) == 1
    assert house.twilio.accepted() == said + 1
    wait(house, 90)
    assert house.row(patient, "day-1").status is Status.DELIVERED
    assert [task.patient_id for task in house.tasks(TaskKind.CORRECTION)] == [patient]
    house.run_until(due + timedelta(days=2), timedelta(hours=12))
    assert house.twilio.duplicates() == {}


def test_a_second_procedure_entered_as_lifting_would_be_allowed_again_keeps_it_unsaid(either_world: World) -> None:
    world = either_world
    patient = enroll(world, discharged_at=world.clock.utc())
    first = world.procedure(patient).id
    due = world.row(patient, "six-weeks").due_at
    world.run_until(due - timedelta(minutes=1), timedelta(hours=12))
    said = world.twilio.accepted()
    world.clock.move_to(due)
    world.enroll(patient_id=patient, on=date(2026, 12, 10), discharged_at=due)
    world.tick()
    row = world.row(patient, "six-weeks", procedure=first)
    assert (row.status, row.reason) == (Status.SUPERSEDED, Reason.LATER_PROCEDURE)
    assert not [words for words in world.texts(number_of(0))[said:] if "minimum has passed" in words]


def test_a_stop_while_a_text_is_on_its_way_is_heeded_from_the_next_one_on(either_house: World) -> None:
    world = either_house
    patient = enroll(world, discharged_at=world.clock.utc())
    told: list[None] = []
    world.twilio.on_event(
        lambda event: (
            told.append(stopped(world, patient))
            if (event.point, event.method, told) == ("after reading", "POST", [])
            else None
        )
    )
    world.tick()
    world.run_until(DAY_1 + timedelta(days=4), timedelta(hours=12))
    assert world.twilio.accepted() == 1
    assert world.row(patient, "welcome").status is Status.DELIVERED
    unsaid = [row for row in world.rows(patient) if row.channel is ChannelName.SMS and not row.attempt]
    assert {(row.status, row.reason) for row in unsaid} == {(Status.SUPPRESSED, Reason.OPTED_OUT)}


def test_a_stop_while_a_critical_text_is_in_doubt_keeps_it_from_going_twice(house: World) -> None:
    house.twilio.settings.ledger_lag = timedelta(days=30)
    patient = in_doubt(house)
    stopped(house, patient)
    wait(house, 150, 10)
    assert house.twilio.duplicates() == {}
    row = house.row(patient, "going-home")
    assert (row.status, row.reason) == (Status.SUPPRESSED, Reason.OPTED_OUT)
    assert house.tasks(TaskKind.TELL_BY_PHONE)
