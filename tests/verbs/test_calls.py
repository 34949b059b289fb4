"""The call sheet: everybody to phone, once each, the most urgent first, with what may be said now."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from world import NUMBER, World, person

from followup import change, worklist
from followup.calls import NOT_THEIRS, SOMEBODY, Call, Sheet, sheet
from followup.care.delivery import Status
from followup.care.pain import Thresholds
from followup.care.people import Role
from followup.care.reason import Reason
from followup.care.task import Level, TaskKind, new_task
from followup.change import NewLine
from followup.errors import InputError
from followup.worklist import Closed, Done, Scored

ADA, JOHNS, STRANGER = "+12145550111", "+12145550171", "+12145550188"
TO_MONDAY = timedelta(days=2, hours=21, minutes=30)


def made(world: World) -> Sheet:
    with world.app.storage.reading() as tx:
        return sheet(tx, world.clinic, world.app.library, world.clock.utc())


def called(world: World) -> list[int | None]:
    """Whom the sheet names, in its order."""
    return [call.who.patient_id if call.who else None for call in made(world).calls]


def only(world: World) -> Call:
    (call,) = made(world).calls
    return call


def opened(world: World, kind: TaskKind, patient: int | None, message: int | None = None, **detail: object) -> int:
    with world.app.storage.transaction() as tx:
        now = world.clock.utc()
        return tx.tasks.open(new_task(kind, now, world.clinic.practice.staffed, patient, message, **detail), now)


def john(world: World) -> int:
    """Somebody with a landline and nothing else."""
    by_phone = person("John Baker", JOHNS, None, landline=True)
    return world.enroll(name="John Baker", record_number=None, patient=by_phone).patient_id


def closed(world: World, number: int, how: Done) -> Closed:
    with world.app.storage.transaction() as tx:
        return worklist.done(tx, world.clinic, number, how, world.clock.utc(), "ann")


def test_nobody_is_to_be_phoned_where_nothing_is_open(either_world: World) -> None:
    either_world.enroll()
    assert made(either_world) == Sheet(either_world.clock.utc(), (), (), 0)


def test_a_landline_gets_the_script_of_the_step_with_its_number_and_language(either_world: World) -> None:
    world = either_world
    patient = john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    call = only(world)
    assert call.who is not None
    assert call.who.patient_id == patient
    assert [(p.number, p.whose, p.language) for p in call.phones] == [(JOHNS, Role.PATIENT, "en")]
    script = next(s for s in call.scripts if s.step == "pain-check")
    assert "How is your pain now, from 0 to 10?" in script.words
    assert "Ask for John." in script.words
    assert script.asks


def test_what_is_past_its_time_is_named_and_not_read(world: World) -> None:
    john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    held = {s.step: s.not_now for s in only(world).scripts if s.not_now}
    assert held == dict.fromkeys(("day-1", "going-home"), "its time has passed: it would mislead by now")
    assert all(not s.words for s in only(world).scripts if s.not_now)


def test_what_is_not_true_yet_is_not_read_either(world: World) -> None:
    by_mail = person("Ines Soto", None, "ines@example.org")
    patient = world.enroll(name="Ines Soto", record_number=None, patient=by_mail).patient_id
    with world.hand(patient) as (hand, who):
        change.email(hand, who, who.contacts[0], NewLine(None))
    (task,) = world.tasks(TaskKind.TELL_BY_PHONE)
    assert task.patient_id == patient
    (call,) = made(world).without_number
    late = next(s for s in call.scripts if s.step == "six-weeks")
    assert late.not_now.startswith("not before Fri 2026-12-11")
    assert late.words == ""


def test_no_script_lets_somebody_do_more_while_an_alert_is_open(world: World) -> None:
    patient = john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    (task,) = world.tasks(TaskKind.CALL)
    closed(world, task.number, Done(pain=Scored(2, Thresholds())))
    world.run_until(world.clock.utc() + timedelta(days=2))
    assert any(s.step == "activity" and s.words for s in only(world).scripts)
    opened(world, TaskKind.HIGH_PAIN, patient, score=9)
    assert [s.not_now for s in only(world).scripts if s.step == "activity"] == [Reason.ALERT_OPEN.sentence]


@pytest.mark.parametrize("kind", [TaskKind.DEATH, TaskKind.IN_HOSPITAL])
def test_no_script_is_read_before_it_is_known_whether_they_live(world: World, kind: TaskKind) -> None:
    patient = john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    opened(world, kind, patient)
    assert only(world).scripts == ()


def test_whoever_is_recorded_as_died_is_left_out_and_counted(world: World) -> None:
    patient = john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    with world.hand(patient) as (hand, who):
        change.died(hand, who)
    assert (made(world).calls, made(world).died) == ((), 1)


def test_three_tasks_are_one_call_and_the_most_urgent_comes_first(world: World) -> None:
    patient = world.enroll().patient_id
    for kind in (TaskKind.NO_ANSWER, TaskKind.CALL_ME, TaskKind.RED_FLAG):
        opened(world, kind, patient)
    call = only(world)
    assert [task.kind for task in call.tasks] == [TaskKind.RED_FLAG, TaskKind.CALL_ME, TaskKind.NO_ANSWER]
    assert call.level is Level.CRITICAL


def test_the_order_is_by_level_then_by_deadline_then_by_what_it_is(world: World) -> None:
    people = [
        world.enroll(name=f"P {letter}", record_number=letter, patient=person(f"P {letter}", f"+1214555012{n}"))
        for n, letter in enumerate("ABCD")
    ]
    a, b, c, d = (one.patient_id for one in people)
    opened(world, TaskKind.NO_ANSWER, a)
    opened(world, TaskKind.CALL_ME, b)
    opened(world, TaskKind.WARNING_SIGN, c)
    world.clock.move_to(world.clock.utc() + timedelta(minutes=30))
    opened(world, TaskKind.RED_FLAG, d)
    assert called(world) == [d, c, b, a]


@pytest.mark.parametrize(
    "kind",
    [TaskKind.UNREADABLE, TaskKind.PAIN_NOTED, TaskKind.DATE_CHANGED, TaskKind.LATE_REPLY, TaskKind.WROTE_BACK],
)
def test_what_is_read_or_decided_at_the_desk_makes_nobody_call(world: World, kind: TaskKind) -> None:
    opened(world, kind, world.enroll().patient_id)
    assert made(world).calls == ()


def test_who_stopped_texts_is_called_only_if_nothing_else_reaches_them(world: World) -> None:
    by_mail = world.enroll().patient_id
    alone = world.enroll(name="Otto Berg", record_number="B-9", patient=person("Otto Berg", ADA, None)).patient_id
    world.receive("STOP")
    assert by_mail not in called(world)
    world.receive("STOP", ADA)
    assert called(world) == [alone]


def test_somebody_unknown_who_asks_for_help_is_called_at_their_number(world: World) -> None:
    world.receive("call me", STRANGER)
    world.receive("chest pain", STRANGER)
    world.receive("call me", JOHNS)
    calls = made(world).calls
    assert [(c.who, [p.number for p in c.phones], c.level) for c in calls] == [
        (None, [STRANGER], Level.CRITICAL),
        (None, [JOHNS], Level.URGENT),
    ]
    assert {p.whose for c in calls for p in c.phones} == {SOMEBODY}
    assert [task.kind for task in calls[0].tasks] == [TaskKind.RED_FLAG, TaskKind.CALL_ME]
    said = [part["said"] for task in calls[1].tasks for part in task.parts]
    assert said == ["call me"]


def test_each_patient_of_an_outage_is_called_and_told_of_apart(world: World) -> None:
    ruth = world.enroll().patient_id
    otto = world.enroll(name="Otto Berg", record_number="B-9", patient=person("Otto Berg", ADA)).patient_id
    lists = {"patients": [ruth, otto], "missed": {str(ruth): ["day-1 by sms"], str(otto): ["activity by sms"]}}
    number = opened(world, TaskKind.OUTAGE, None, **lists)
    calls = made(world).calls
    assert [task.number for call in calls for task in call.tasks] == [number, number]
    assert [task.detail for call in calls for task in call.tasks] == [
        {"missed": ["day-1 by sms"]},
        {"missed": ["activity by sms"]},
    ]


def test_a_caregiver_is_called_only_where_the_patient_agreed_to_share(world: World) -> None:
    for agreed in (None, ()):
        ada = person("Ada Miller", ADA, None, role=Role.CAREGIVER, agreed=agreed)
        who = world.enroll(
            record_number=f"R{agreed}", birth_date=date(1944, 5, 6 + (agreed is None)), caregivers=(ada,)
        )
        opened(world, TaskKind.CALL_ME, who.patient_id)
    numbers = [[p.number for p in call.phones] for call in made(world).calls]
    assert numbers == [[NUMBER, ADA], [NUMBER]]


def test_a_number_they_wrote_from_is_marked_and_a_bad_one_too(world: World) -> None:
    patient = world.enroll().patient_id
    world.receive("please call me")
    with world.hand(patient) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine(JOHNS))
    with world.app.storage.transaction() as tx:
        tx.register.set_contact(world.contact(patient).id, bad_sms_at=world.clock.utc())
    assert [(p.number, p.whose, p.wrote, p.doubtful) for p in only(world).phones] == [
        (JOHNS, Role.PATIENT, False, True),
        (NUMBER, NOT_THEIRS, True, False),
    ]


def test_whose_number_is_unknown_stands_apart_with_their_address(world: World) -> None:
    by_mail = person("Ines Soto", None, "ines@example.org")
    patient = world.enroll(name="Ines Soto", record_number=None, patient=by_mail).patient_id
    opened(world, TaskKind.NO_ANSWER, patient)
    found = made(world)
    assert found.calls == ()
    (call,) = found.without_number
    assert call.who is not None
    assert (call.who.patient_id, call.email) == (patient, "ines@example.org")


def test_the_sheet_changes_nothing(either_world: World) -> None:
    world = either_world
    patient = john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    before = world.rows(patient), world.tasks()
    made(world)
    assert (world.rows(patient), world.tasks()) == before


# Closing a call


def test_the_score_of_a_call_closes_its_question_and_is_judged(either_world: World) -> None:
    world = either_world
    patient = john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    (task,) = world.tasks(TaskKind.CALL)
    done = closed(world, task.number, Done(pain=Scored(8, Thresholds())))
    row = world.row(patient, "pain-check", "phone")
    assert row.status is Status.DELIVERED
    assert row.answered
    assert done.answered is not None
    assert done.answered.task is TaskKind.HIGH_PAIN
    with world.app.storage.reading() as tx:
        (reply,) = tx.inbox.of_patient(patient)
    assert (reply.score, reply.message_id, reply.by) == (8, row.id, "ann")


def test_who_was_not_reached_gave_no_score(world: World) -> None:
    john(world)
    world.run_until(world.clock.utc() + TO_MONDAY)
    (task,) = world.tasks(TaskKind.CALL)
    with pytest.raises(InputError):
        closed(world, task.number, Done(reached=False, pain=Scored(8, Thresholds())))
    assert world.tasks(TaskKind.CALL) == [task]


def test_a_call_that_asks_for_no_pain_takes_no_score(world: World) -> None:
    john(world)
    world.tick()
    world.clock.move_to(world.clock.utc() + timedelta(hours=1))
    world.tick()
    (task,) = world.tasks(TaskKind.CALL)
    assert task.detail["step"] == "going-home"
    with pytest.raises(InputError):
        closed(world, task.number, Done(pain=Scored(3, Thresholds())))
    with world.app.storage.reading() as tx:
        assert not worklist.asks_pain(tx, world.clinic, task)
