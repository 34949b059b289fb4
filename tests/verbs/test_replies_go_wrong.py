"""What is wrong with one reply, one patient or one phone must not silence another's emergency."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from databases import outsider
from sqlalchemy import select
from world import NUMBER, SENDER, World, person

from followup.care.delivery import Status
from followup.care.message import Kind
from followup.care.people import ChannelName, Role
from followup.care.task import TaskKind
from followup.change import died
from followup.conversation import Draft, compose, say
from followup.errors import RefusedError
from followup.rounds import Rounds
from followup.staff import away
from followup.storage.absences import Absence
from followup.storage.tables import audit
from followup.worklist import Done, done

ANN, BEA = "+12145550123", "+12145550124"
OTTO = "+12145550102"
RED_FLAG = "I cant feel my legs"


@pytest.fixture
def two_on_call(make_world: Callable[..., World], sqlite_url: str) -> World:
    return make_world(sqlite_url, staff=[("Ann", ANN, "ann@example.org"), ("Bea", BEA, "bea@example.org")])


def otto(world: World, number: str = OTTO) -> int:
    return world.enroll(
        name="Otto Other", record_number="B-2", patient=person("Otto Other", number, "otto@example.org")
    ).patient_id


def kinds(world: World, patient: int | None = None) -> set[TaskKind]:
    return {task.kind for task in world.tasks() if patient in {None, task.patient_id}}


def break_zone(world: World, patient: int) -> None:
    """As another program might: this patient's rows cannot be read any more."""
    with outsider(world.app.config.database_url) as execute:
        execute(f"UPDATE contacts SET zone = 'Mars/Olympus' WHERE patient_id = {patient:d}")  # noqa: S608  an id


def test_a_clock_that_runs_ahead_passes_no_text_by(world: World) -> None:
    beat = Rounds(world.app)
    beat.begin()
    patient = world.enroll().patient_id
    beat.listen()
    world.clock.step(timedelta(minutes=30))
    beat.listen()
    world.twilio.receive(NUMBER, RED_FLAG, SENDER)
    beat.listen()
    world.clock.step(timedelta(minutes=-30))
    for _ in range(4):
        world.clock.advance(timedelta(minutes=1))
        beat.watch_clock()
        beat.listen()
    assert TaskKind.RED_FLAG in kinds(world, patient)


def test_a_patient_whose_rows_cannot_be_read_keeps_nobody_else_from_being_heard(world: World) -> None:
    ruth, other = world.enroll().patient_id, otto(world)
    break_zone(world, ruth)
    world.twilio.receive(NUMBER, "chest pain", SENDER)
    world.receive(RED_FLAG, OTTO)
    assert TaskKind.RED_FLAG in kinds(world, other)
    assert None in {task.patient_id for task in world.tasks(TaskKind.RED_FLAG)}, "and theirs is a person's to read"
    assert "Call 911 now" in world.texts(NUMBER)[-1]


def test_a_task_that_cannot_be_opened_keeps_no_page_from_going(two_on_call: World) -> None:
    world = two_on_call
    world.enroll()
    world.receive("what is this?")
    with outsider(world.app.config.database_url) as execute:
        execute("UPDATE tasks SET detail = x'00'")
    world.receive(RED_FLAG)
    Rounds(world.app).tell_staff()
    world.dispatcher.tick()
    assert any("CRITICAL" in text for text in world.texts(ANN))


def test_a_phone_on_call_that_has_stopped_us_is_told_of_and_the_next_is_paged(two_on_call: World) -> None:
    world = two_on_call
    world.enroll()
    world.receive("STOP", ANN)
    world.receive(RED_FLAG)
    world.tell_staff()
    assert not any("CRITICAL" in text for text in world.texts(ANN))
    assert any("CRITICAL" in text for text in world.texts(BEA))
    assert TaskKind.STAFF_PHONE in kinds(world)
    world.receive("START", ANN)
    world.receive("chest pain", "+12145550177")
    world.tell_staff()
    assert any("CRITICAL" in text for text in world.texts(ANN))
    with world.app.storage.reading() as tx:
        written = list(tx.connection.scalars(select(audit.c.action).order_by(audit.c.id)))
    assert [action for action in written if action.startswith("staff")] == [
        "staff phone stopped",
        "staff phone reached again",
    ]


def test_a_stop_stands_though_somebody_who_shares_the_number_cannot_be_planned(world: World) -> None:
    ruth, other = world.enroll().patient_id, otto(world, NUMBER)
    break_zone(world, other)
    world.receive("please stop texting me")
    with world.app.storage.reading() as tx:
        assert tx.agreements.stopped(ChannelName.SMS, NUMBER)
    before = len(world.texts())
    world.run_until(world.clock.utc() + timedelta(days=3))
    assert len(world.texts()) == before
    assert ruth


def test_a_persons_words_are_not_sent_to_somebody_who_has_died_meanwhile(world: World) -> None:
    patient = world.enroll().patient_id
    world.clock.advance(timedelta(hours=8))  # Friday, 22:00 in Chicago
    draft = Draft("Lakeside IR", world.patient(patient), world.contact(patient), "Good morning!")
    with world.app.storage.transaction() as tx:
        made = compose(tx, world.clinic, draft, world.clock.utc())
        say(tx, world.patient(patient), world.contact(patient), made, world.clock.utc(), "ann")
    assert world.clinic.practice.window.contains(
        made.valid_until - timedelta(seconds=1), world.contact(patient).zone
    )
    with world.hand(patient) as (hand, who):
        died(hand, who)
    world.run_until(world.clock.utc() + timedelta(hours=14))
    (row,) = [e for e in world.rows(patient) if e.kind is Kind.STAFF_TEXT]
    assert (row.status, row.reason) == (Status.CANCELLED, "died")


def test_staff_are_told_of_a_task_once_somebody_is_back(two_on_call: World) -> None:
    world, today = two_on_call, date(2026, 10, 30)
    world.enroll()
    with world.app.storage.transaction() as tx:
        for name in ("Ann", "Bea"):
            away(tx, world.app.staff, Absence(name, today, today), world.clock.utc(), "ann")
    world.receive("fever")
    world.tell_staff()
    with world.app.storage.reading() as tx:
        assert tx.tasks.untold()
    world.clock.advance(timedelta(hours=24))
    world.listen()
    world.tell_staff()
    assert any("urgent" in str(mail.message["Subject"]) for mail in world.post.mails)


def test_what_has_joined_a_task_is_not_closed_unread(world: World) -> None:
    world.enroll()
    world.receive("chest pain", "+12145550177")
    (seen,) = world.tasks(TaskKind.RED_FLAG)
    world.receive(RED_FLAG, "+12145550178")
    with world.app.storage.transaction() as tx, pytest.raises(RefusedError, match="has grown"):
        done(tx, world.clinic, seen.number, Done(times=seen.times), world.clock.utc(), "ann")
    assert world.tasks(TaskKind.RED_FLAG)


def test_a_nurse_who_is_also_a_daughter_answers_a_question_and_takes_a_page_only_by_saying_so(
    two_on_call: World,
) -> None:
    world = two_on_call
    mother = world.enroll(caregivers=(person("Ann Lee", ANN, None, role=Role.CAREGIVER),)).patient_id
    world.run_until(world.clock.utc() + timedelta(days=2, hours=21, minutes=30))
    world.receive(RED_FLAG, "+12145550177")
    (task,) = world.tasks(TaskKind.RED_FLAG)
    world.receive(str(task.number), ANN)
    assert world.tasks(TaskKind.RED_FLAG)[0].acknowledged_at is None
    assert world.row(mother, "pain-check").answered
    world.receive(f"ack {task.number}", ANN)
    assert world.tasks(TaskKind.RED_FLAG)[0].acknowledged_by == "Ann"


def test_on_a_shared_phone_a_death_may_be_either_s(world: World) -> None:
    ruth = world.enroll().patient_id
    world.run_until(world.clock.utc() + timedelta(days=2, hours=21, minutes=30))
    other = otto(world, NUMBER)
    world.receive("my husband passed away")
    assert world.patient(ruth).on_hold
    assert world.patient(other).on_hold
    assert all("shared" in task.detail for task in world.tasks(TaskKind.DEATH))


def test_after_an_alarm_on_a_shared_phone_neither_is_asked_again_how_the_pain_is(world: World) -> None:
    patients = [world.enroll().patient_id, otto(world, NUMBER)]
    world.run_until(world.clock.utc() + timedelta(days=3))
    assert any(world.row(patient, "pain-check").asks for patient in patients)
    world.receive(RED_FLAG)
    for task in world.tasks():
        with world.app.storage.transaction() as tx:
            done(tx, world.clinic, task.number, Done(times=task.times), world.clock.utc(), "ann")
    world.run_until(world.clock.utc() + timedelta(days=3))
    for patient in patients:
        nudges = [row for row in world.rows(patient) if row.step == "pain-check-nudge"]
        assert nudges
        assert all(row.sent_at is None for row in nudges)


def test_a_machine_on_a_staff_phone_is_not_answered(two_on_call: World) -> None:
    for _ in range(5):
        two_on_call.receive("I'm driving with Focus turned on. I'll see your message later.", ANN)
    assert two_on_call.texts(ANN) == []


def test_who_was_sent_to_911_is_still_told_of_988(world: World) -> None:
    world.enroll()
    world.receive(RED_FLAG)
    world.clock.advance(timedelta(minutes=3))
    world.receive("i want to kill myself")
    assert "988" in world.texts()[-1]


def test_a_mail_that_is_a_machines_pages_nobody_but_is_read_the_same_day(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url, mailbox=True)
    world.enroll()
    world.mail_in(
        b"From: ruth.miller@example.org\r\nAuto-Submitted: auto-replied\r\n\r\nIn an emergency call 911.\r\n"
    )
    assert kinds(world) == {TaskKind.WARNING_SIGN}
