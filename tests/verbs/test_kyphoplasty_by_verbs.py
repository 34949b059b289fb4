"""The day-by-day promises of the kyphoplasty plan, kept by the verbs under a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from world import PROCEDURE_DAY, World

from followup import change
from followup.care.delivery import Status
from followup.care.reason import Reason
from followup.care.task import TaskKind

CHICAGO = ZoneInfo("America/Chicago")
SECOND_DAY = date(2026, 11, 20)


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=CHICAGO).astimezone(UTC)


def test_with_sunday_staffed_the_day_2_check_waits_for_sunday_noon(
    make_world: Callable[..., World], database_url: str
) -> None:
    """Sunday 1 November, the day the clocks go back: 12:00 in Chicago is 18:00 UTC."""
    world = make_world(database_url, sunday="12:00-16:00")
    enrolled = world.enroll()
    assert world.row(enrolled.patient_id, "pain-check").due_at == datetime(2026, 11, 1, 18, 0, tzinfo=UTC)


def test_without_sunday_the_day_2_check_waits_for_monday(either_world: World) -> None:
    enrolled = either_world.enroll()
    assert either_world.row(enrolled.patient_id, "pain-check").due_at == datetime(2026, 11, 2, 16, 0, tzinfo=UTC)


def test_six_weeks_of_a_plain_case_reach_the_patient_once_and_in_order(either_world: World) -> None:
    world = either_world
    enrolled = world.enroll()
    world.run_until(at(20, 12, month=12), timedelta(hours=12))
    rows = world.rows(enrolled.patient_id)
    assert {row.status for row in rows} == {Status.DELIVERED, Status.SENT}
    six_weeks = world.row(enrolled.patient_id, "six-weeks")
    assert six_weeks.sent_at is not None
    assert six_weeks.sent_at.astimezone(CHICAGO).date() == date(2026, 12, 11)
    assert {row.attempt for row in rows} == {1}
    assert world.post.duplicates() == {}
    assert len(world.texts()) == len([r for r in rows if r.channel == "sms"]) == 8
    told = [words for words in world.texts() if "No heavy lifting before" in words]
    assert told
    assert all("before Dec 11 at least" in words for words in told)


def test_every_text_goes_inside_the_send_window(world: World) -> None:
    world.enroll()
    world.run_until(at(20, 12, month=12), timedelta(hours=12))
    hours = [sms.created.astimezone(CHICAGO) for sms in world.twilio.messages]
    assert all(9 <= moment.hour < 20 for moment in hours)
    assert all(moment.hour >= 12 for moment in hours if moment.isoweekday() == 7)


def test_the_nudge_goes_by_mail_a_day_after_an_unanswered_question(world: World) -> None:
    enrolled = world.enroll()
    world.run_until(at(3, 12))
    nudge = world.row(enrolled.patient_id, "pain-check-nudge", "email")
    assert (nudge.status, nudge.sent_at) == (Status.SENT, at(3, 10))


def test_a_question_without_answer_closes_after_48_hours_with_one_task(either_world: World) -> None:
    world = either_world
    enrolled = world.enroll()
    world.run_until(at(4, 9))
    assert not world.tasks(TaskKind.NO_ANSWER)
    world.run_until(at(4, 12))
    (task,) = world.tasks(TaskKind.NO_ANSWER)
    assert (task.patient_id, task.times) == (enrolled.patient_id, 1)
    question = world.row(enrolled.patient_id, "pain-check")
    assert question.question_closed_at is not None
    assert not question.answered


def test_normal_activity_waits_until_the_question_is_answered_or_closed(world: World) -> None:
    enrolled = world.enroll()
    world.run_until(at(4, 9))
    assert world.row(enrolled.patient_id, "activity").status is Status.PLANNED
    world.run_until(at(5, 11))
    assert world.row(enrolled.patient_id, "activity").sent_at == at(5, 10)


# A second session, three weeks later


@pytest.fixture
def two_sessions(either_world: World) -> tuple[World, int, int, int]:
    """The world on 2026-11-20 with a second session just entered: patient, first and second procedure."""
    first = either_world.enroll()
    either_world.run_until(at(20, 14), timedelta(hours=12))
    now = either_world.clock.utc()
    second = either_world.enroll(on=SECOND_DAY, patient_id=first.patient_id, discharged_at=now)
    return either_world, first.patient_id, first.procedure_id, second.procedure_id


def test_a_second_session_supersedes_what_the_first_has_not_said(
    two_sessions: tuple[World, int, int, int],
) -> None:
    world, patient, first, second = two_sessions
    unsent = [r for r in world.rows(patient) if r.procedure_id == first and r.sent_at is None]
    assert {(r.status, r.reason, r.held_by) for r in unsent if r.step in {"four-weeks", "six-weeks"}} == {
        (Status.SUPERSEDED, Reason.LATER_PROCEDURE, second)
    }
    due = world.row(patient, "six-weeks", procedure=second).due_at
    assert due.astimezone(CHICAGO).date() == date(2027, 1, 1)


def test_no_text_says_that_lifting_is_over_before_the_second_session_allows(
    two_sessions: tuple[World, int, int, int],
) -> None:
    world, patient, _, second = two_sessions
    said_before = len(world.texts())
    world.run_until(datetime(2027, 1, 1, 23, 0, tzinfo=UTC), timedelta(hours=12))
    later = world.texts()[said_before:]
    over = [words for words in later if "minimum has passed" in words]
    assert len(over) == 1
    assert later[-1] == over[0]
    assert all("Dec 11" not in words for words in later)
    sent_at = world.row(patient, "six-weeks", procedure=second).sent_at
    assert sent_at is not None
    assert sent_at.astimezone(CHICAGO).date() == date(2027, 1, 1)


def test_the_date_told_before_becomes_a_correction_for_a_person(two_sessions: tuple[World, int, int, int]) -> None:
    world, patient, _, _ = two_sessions
    (task,) = [t for t in world.tasks(TaskKind.CORRECTION) if t.patient_id == patient]
    assert task.detail["dates"]["heavy_lifting"] == {"told": "2026-12-11", "now": "2027-01-01"}


def test_cancelling_the_second_session_brings_the_first_ones_texts_back(
    two_sessions: tuple[World, int, int, int],
) -> None:
    world, patient, first, second = two_sessions
    with world.hand(patient) as (hand, who):
        change.cancel(hand, who, who.procedure(second))
    back = [r for r in world.rows(patient) if r.procedure_id == first and r.step in {"four-weeks", "six-weeks"}]
    assert {r.status for r in back if r.channel == "sms"} == {Status.PLANNED}
    assert world.row(patient, "six-weeks", procedure=first).due_at == at(11, 10, month=12)
    unsaid = {r.status for r in world.rows(patient) if r.procedure_id == second and r.sent_at is None}
    assert unsaid == {Status.CANCELLED}


def test_enrolling_and_cancelling_another_plan_leaves_the_timeline_as_it_was(either_world: World) -> None:
    world = either_world
    first = world.enroll()
    before = {(r.key, r.status, r.due_at, r.valid_until) for r in world.rows(first.patient_id)}
    other = world.enroll(
        plan="example-port-placement", on=date(2026, 11, 10), patient_id=first.patient_id, discharged_at=None
    )
    with world.hand(first.patient_id) as (hand, who):
        change.cancel(hand, who, who.procedure(other.procedure_id))
    after = {
        (r.key, r.status, r.due_at, r.valid_until)
        for r in world.rows(first.patient_id)
        if r.procedure_id == first.procedure_id
    }
    assert after == before


def test_another_plans_all_clear_waits_for_the_longer_limit(world: World) -> None:
    """The example plan's two weeks end on 24 November, while kyphoplasty forbids lifting until 11 December."""
    first = world.enroll()
    other = world.enroll(
        plan="example-port-placement", on=date(2026, 11, 10), patient_id=first.patient_id, discharged_at=None
    )
    row = world.row(first.patient_id, "two-weeks", procedure=other.procedure_id)
    assert (row.status, row.reason, row.held_by) == (
        Status.SUPERSEDED,
        Reason.STILL_RESTRICTED,
        first.procedure_id,
    )


# Home, hospital, hold, death


def test_home_recorded_late_releases_only_what_is_still_true(either_world: World) -> None:
    world = either_world
    enrolled = world.enroll(discharged_at=None)
    assert not [r for r in world.rows(enrolled.patient_id) if r.step in {"going-home", "day-1"}]
    world.clock.move_to(at(31, 9, 30, month=10))
    with world.hand(enrolled.patient_id) as (hand, who):
        change.home(hand, who, who.procedures[0], at(30, 15, month=10))
    assert world.row(enrolled.patient_id, "going-home", "email").reason is Reason.NO_ROOM
    assert world.row(enrolled.patient_id, "day-1").due_at == at(31, 10, month=10)


def test_after_a_night_in_hospital_the_going_home_text_is_skipped(world: World) -> None:
    enrolled = world.enroll(discharged_at=None, in_hospital=True)
    world.run_until(at(31, 9, month=10))
    with world.hand(enrolled.patient_id) as (hand, who):
        change.home(hand, who, who.procedures[0], at(31, 8, month=10))
    assert world.row(enrolled.patient_id, "going-home", "email").reason is Reason.NO_ROOM
    world.run_until(at(2, 9))
    sent = {r.step for r in world.rows(enrolled.patient_id) if r.sent_at}
    assert "going-home" not in sent
    assert "welcome" in sent


def test_back_in_hospital_nothing_about_care_at_home_goes_until_home_again(world: World) -> None:
    enrolled = world.enroll()
    world.run_until(at(30, 20, month=10))
    with world.hand(enrolled.patient_id) as (hand, who):
        change.in_hospital(hand, who, who.procedures[0], readmitted=True)
    said = len(world.texts())
    world.run_until(at(6, 12), timedelta(hours=12))
    assert len(world.texts()) == said
    with world.hand(enrolled.patient_id) as (hand, who):
        change.home(hand, who, who.procedures[0], at(6, 11))
    assert world.row(enrolled.patient_id, "two-weeks").status is Status.PLANNED


def test_after_a_death_nothing_goes_to_anybody(either_world: World) -> None:
    world = either_world
    enrolled = world.enroll()
    world.run_until(at(30, 15, month=10))
    with world.hand(enrolled.patient_id) as (hand, who):
        change.died(hand, who)
    said, mailed = len(world.texts()), len(world.post.mails)
    world.run_until(at(20, 12, month=12), timedelta(days=2))
    assert (len(world.texts()), len(world.post.mails)) == (said, mailed)
    unsent = {r.status for r in world.rows(enrolled.patient_id) if r.sent_at is None}
    assert unsent <= {Status.CANCELLED, Status.SUPPRESSED}


def test_a_hold_stops_and_its_end_lets_go_what_is_still_valid(world: World) -> None:
    enrolled = world.enroll()
    world.run_until(at(30, 20, month=10))
    with world.hand(enrolled.patient_id) as (hand, who):
        change.hold(hand, who)
    said = len(world.texts())
    world.run_until(at(10, 12), timedelta(hours=12))
    assert len(world.texts()) == said
    with world.hand(enrolled.patient_id) as (hand, who):
        change.lift_hold(hand, who)
    assert world.row(enrolled.patient_id, "two-weeks").status is Status.PLANNED
    assert world.row(enrolled.patient_id, "day-1").status is Status.SUPPRESSED
    world.run_until(at(13, 12), timedelta(hours=12))
    assert world.row(enrolled.patient_id, "two-weeks").sent_at == at(13, 10)


# A date that moves


def test_a_date_moved_by_staff_moves_every_text_with_it(world: World) -> None:
    enrolled = world.enroll(on=date(2026, 11, 10), discharged_at=None)
    with world.hand(enrolled.patient_id) as (hand, who):
        change.move(hand, who, who.procedures[0], date(2026, 11, 12))
    due = world.row(enrolled.patient_id, "six-weeks").due_at
    assert due.astimezone(CHICAGO).date() == date(2026, 12, 24)
    assert PROCEDURE_DAY not in {p.on for p in world.patient(enrolled.patient_id).procedures}
