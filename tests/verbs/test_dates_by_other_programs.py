"""Another program writes a procedure's date: small and harmless is taken over, anything else waits for a yes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from databases import outsider
from world import World

from followup import change, worklist
from followup.care.delivery import Status
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.errors import RefusedError
from followup.worklist import Done

BOOKED = date(2026, 11, 10)


@pytest.fixture
def booked(either_world: World) -> tuple[World, int, int]:
    """A procedure booked for 10 November, nothing said yet: world, patient, procedure."""
    enrolled = either_world.enroll(on=BOOKED, discharged_at=None)
    return either_world, enrolled.patient_id, enrolled.procedure_id


def written(world: World, procedure: int, column: str, value: str) -> None:
    with outsider(world.app.config.database_url) as execute:
        execute(f"UPDATE procedures SET {column} = '{value}' WHERE id = {procedure}")  # noqa: S608  a test's own values


def said_nothing(world: World, patient: int) -> bool:
    return all(row.sent_at is None for row in world.rows(patient))


def test_a_few_days_later_before_anything_was_said_is_taken_over(booked: tuple[World, int, int]) -> None:
    world, patient, procedure = booked
    assert said_nothing(world, patient)
    written(world, procedure, "on_date", "2026-11-13")
    world.dispatcher.tick()
    assert world.procedure(patient).on == date(2026, 11, 13)
    assert not world.tasks(TaskKind.DATE_CHANGED)
    assert world.row(patient, "six-weeks").due_at.date() == date(2026, 12, 25)


@pytest.mark.parametrize("found", ["2026-11-09", "2026-11-18"])
def test_earlier_or_more_than_a_week_later_waits_for_a_person(booked: tuple[World, int, int], found: str) -> None:
    world, patient, procedure = booked
    written(world, procedure, "on_date", found)
    world.dispatcher.tick()
    (task,) = world.tasks(TaskKind.DATE_CHANGED)
    assert task.detail == {"procedure": procedure, "planned": "2026-11-10", "found": found}
    assert task.times == 1
    waiting = [r for r in world.rows(patient) if r.step != "welcome"]
    assert {(r.status, r.reason) for r in waiting} == {(Status.SUPPRESSED, Reason.DATE_IN_QUESTION)}


def test_after_something_was_said_even_a_small_move_waits(booked: tuple[World, int, int]) -> None:
    world, patient, procedure = booked
    world.tick()
    assert not said_nothing(world, patient)
    written(world, procedure, "on_date", "2026-11-12")
    said = len(world.texts())
    world.run_until(datetime(2026, 11, 20, tzinfo=UTC), timedelta(hours=12))
    assert len(world.texts()) == said
    (task,) = world.tasks(TaskKind.DATE_CHANGED)
    assert task.times == 1


def test_the_task_of_a_date_cannot_be_closed_before_somebody_says_which_is_right(
    booked: tuple[World, int, int],
) -> None:
    """Closed without a yes, the texts would wait for ever and nobody would see it."""
    world, patient, procedure = booked
    written(world, procedure, "on_date", "2026-11-30")
    world.dispatcher.tick()
    (task,) = world.tasks(TaskKind.DATE_CHANGED)
    with pytest.raises(RefusedError), world.app.storage.transaction() as tx:
        worklist.done(tx, world.clinic, task.number, Done(), world.clock.utc(), "ann")
    with world.hand(patient) as (hand, who):
        change.move(hand, who, who.procedure(procedure), date(2026, 11, 30))
    assert not world.tasks(TaskKind.DATE_CHANGED)
    assert world.row(patient, "activity").status is Status.PLANNED


@pytest.mark.parametrize("right", [BOOKED, date(2026, 11, 30)])
def test_a_persons_yes_to_either_date_lets_the_texts_go(booked: tuple[World, int, int], right: date) -> None:
    world, patient, procedure = booked
    written(world, procedure, "on_date", "2026-11-30")
    world.dispatcher.tick()
    with world.hand(patient) as (hand, who):
        change.move(hand, who, who.procedure(procedure), right)
    assert world.procedure(patient).on == right
    assert world.row(patient, "activity").status is Status.PLANNED


def test_a_cancellation_by_another_program_ends_the_texts_within_a_tick(booked: tuple[World, int, int]) -> None:
    world, patient, procedure = booked
    written(world, procedure, "cancelled_at", "2026-10-30 19:00:00")
    world.dispatcher.tick()
    assert {r.status for r in world.rows(patient)} == {Status.CANCELLED}


def test_a_date_moved_back_by_the_other_program_goes_on_as_planned(booked: tuple[World, int, int]) -> None:
    world, patient, procedure = booked
    written(world, procedure, "on_date", "2026-11-30")
    world.dispatcher.tick()
    written(world, procedure, "on_date", "2026-11-10")
    world.dispatcher.tick()
    assert world.row(patient, "six-weeks").status is Status.PLANNED


def test_one_patient_whose_facts_cannot_be_read_does_not_stop_the_others(either_world: World) -> None:
    """Their zone was spoilt by another program: the next patient is replanned and written to all the same."""
    world = either_world
    spoilt = world.enroll(name="Spoilt Zone", record_number="Z-1", birth_date=date(1950, 1, 1))
    sound = world.enroll(on=BOOKED, discharged_at=None)
    with outsider(world.app.config.database_url) as execute:
        execute(f"UPDATE contacts SET zone = 'Mars/Olympus' WHERE patient_id = {spoilt.patient_id}")  # noqa: S608  a test's own value
    written(world, spoilt.procedure_id, "on_date", "2026-10-31")
    written(world, sound.procedure_id, "on_date", "2026-11-13")
    world.dispatcher.tick()
    assert world.procedure(sound.patient_id).on == date(2026, 11, 13)
    assert world.row(sound.patient_id, "welcome").status is Status.ACCEPTED
    with world.app.storage.reading() as tx:
        assert tx.stale.patients(10) == [spoilt.patient_id]
    assert world.tasks(TaskKind.CANNOT_RENDER)
