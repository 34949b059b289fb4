"""Staff text with a patient in their own words, and the program waits meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from world import World

from followup.care.delivery import Status
from followup.care.message import Kind
from followup.care.task import TaskKind
from followup.conversation import Draft, StaffText, close, compose, say
from followup.errors import InputError, RefusedError


def draft(world: World, patient: int, words: str = "How are you today?") -> Draft:
    return Draft("Lakeside IR", world.patient(patient), world.contact(patient), words)


def text(world: World, patient: int, words: str = "How are you today?") -> StaffText:
    with world.app.storage.transaction() as tx:
        made = compose(tx, world.clinic, draft(world, patient, words), world.clock.utc())
        say(tx, world.patient(patient), world.contact(patient), made, world.clock.utc(), "ann")
    world.dispatcher.tick()
    return made


def test_a_persons_words_go_at_once_with_the_clinics_name_and_open_a_conversation(world: World) -> None:
    patient = world.enroll().patient_id
    text(world, patient)
    assert world.texts()[-1] == "Lakeside IR: How are you today?"
    assert world.patient(patient).in_conversation


def test_what_the_program_would_say_waits_until_the_conversation_is_closed(either_world: World) -> None:
    world = either_world
    patient = world.enroll().patient_id
    world.run_until(world.clock.utc() + timedelta(hours=5))
    text(world, patient)
    world.run_until(world.clock.utc() + timedelta(hours=16))  # Saturday, 10:00 and a little
    row = world.row(patient, "day-1")
    assert (row.status, row.reason) == (Status.PLANNED, "in_conversation")
    with world.app.storage.transaction() as tx:
        close(tx, world.patient(patient), world.clock.utc(), "ann")
    world.run_until(world.clock.utc() + timedelta(minutes=30))
    assert world.row(patient, "day-1").status is Status.DELIVERED


def test_in_a_conversation_a_patient_gets_no_automatic_answer_and_staff_a_task(world: World) -> None:
    patient = world.enroll().patient_id
    text(world, patient)
    before = len(world.texts())
    world.receive("thank you, the pain is about the same as yesterday, can I shower?")
    assert len(world.texts()) == before
    assert TaskKind.WROTE_BACK in {task.kind for task in world.tasks()}


def test_a_red_flag_in_a_conversation_is_answered_all_the_same(world: World) -> None:
    patient = world.enroll().patient_id
    text(world, patient)
    world.receive("I cant feel my legs")
    assert "Call 911 now" in world.texts()[-1]


def test_what_staff_begin_at_night_waits_for_the_morning_and_an_answer_to_who_just_wrote_does_not(
    world: World,
) -> None:
    patient = world.enroll().patient_id
    world.clock.advance(timedelta(hours=8))  # Friday, 22:00 in Chicago
    made = text(world, patient)
    assert made.due_at > world.clock.utc()
    world.receive("are you there?")
    text(world, patient, "Yes, we are.")
    assert world.texts()[-1] == "Lakeside IR: Yes, we are."


def test_who_has_stopped_us_has_no_text_from_anybody(world: World) -> None:
    patient = world.enroll().patient_id
    made = text(world, patient)
    assert made.cost.count == 1
    world.receive("STOP")
    with pytest.raises(RefusedError, match="opted out"):
        text(world, patient)


def test_a_stop_between_planning_and_sending_is_kept(world: World) -> None:
    patient = world.enroll().patient_id
    world.clock.advance(timedelta(hours=8))
    text(world, patient)
    world.receive("STOP")
    world.run_until(world.clock.utc() + timedelta(hours=14))
    (row,) = [e for e in world.rows(patient) if e.kind is Kind.STAFF_TEXT]
    assert row.reason == "opted_out"


@pytest.mark.parametrize("words", ["", "   ", "x" * 1600])
def test_nothing_and_too_much_are_refused(world: World, words: str) -> None:
    patient = world.enroll().patient_id
    with world.app.storage.reading() as tx, pytest.raises(InputError):
        compose(tx, world.clinic, draft(world, patient, words), world.clock.utc())


def test_a_conversation_that_is_none_cannot_be_closed(world: World) -> None:
    patient = world.enroll().patient_id
    with world.app.storage.transaction() as tx, pytest.raises(RefusedError):
        close(tx, world.patient(patient), world.clock.utc(), "ann")
