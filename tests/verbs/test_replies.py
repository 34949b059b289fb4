"""What follows from what a patient writes: stored first, read once, and a person told of all that needs one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from world import NUMBER, World, person

from followup.care.delivery import Status
from followup.care.message import Kind
from followup.care.people import ChannelName, ConsentTo, Role
from followup.care.task import TaskKind
from followup.change import lift_hold
from followup.storage.inbox import Reply

DAUGHTER = "+12145550111"
STRANGER = "+12145550177"
RED_FLAG = "I cant feel my legs"


def asked(world: World, **changes: object) -> int:
    """A patient whose pain check has just gone: Monday 2026-11-02, 10:00 in Chicago."""
    patient = world.enroll(**changes).patient_id
    world.run_until(world.clock.utc() + timedelta(days=2, hours=21, minutes=30))
    assert world.row(patient, "pain-check").status is Status.DELIVERED
    return patient


def kinds(world: World) -> set[TaskKind]:
    return {task.kind for task in world.tasks()}


def replies(world: World, patient: int) -> list[Reply]:
    with world.app.storage.reading() as tx:
        return tx.inbox.of_patient(patient)


def answers(world: World, number: str = NUMBER) -> list[str]:
    """The texts that were sent as answers, in order; reminders left out."""
    with world.app.storage.reading() as tx:
        rows = tx.outbox.between(world.clock.utc() - timedelta(days=30), world.clock.utc() + timedelta(seconds=1))
        kinds = (Kind.ANSWER, Kind.RED_FLAG)
        said = [tx.outbox.words(e.id) for e in rows if e.kind in kinds and e.attempt]
    texts = [words.plain for words in said if words]
    return [text for text in world.texts(number) if text in texts]


def test_a_low_score_closes_the_question_and_asks_nobody_for_anything(either_world: World) -> None:
    world = either_world
    patient = asked(world)
    world.receive("2")
    row = world.row(patient, "pain-check")
    assert row.answered
    assert row.question_closed_at == world.clock.utc()
    (reply,) = replies(world, patient)
    assert (reply.reading, reply.score, reply.message_id) == ("score", 2, row.id)
    assert not kinds(world)
    assert len(answers(world)) == 1
    assert "Thank you." in answers(world)[0]


def test_a_high_score_is_an_urgent_task_and_gets_the_same_words_as_a_low_one(world: World) -> None:
    asked(world)
    world.receive("8")
    (task,) = world.tasks()
    assert task.kind is TaskKind.HIGH_PAIN
    assert task.detail["score"] == 8
    assert "Thank you." in answers(world)[0]


def test_of_two_answers_the_worse_counts_whoever_gave_it(world: World) -> None:
    daughter = person("Ada Miller", DAUGHTER, None, role=Role.CAREGIVER)
    patient = asked(world, caregivers=(daughter,))
    world.receive("2")
    world.receive("9", DAUGHTER)
    assert kinds(world) == {TaskKind.HIGH_PAIN}
    assert [reply.score for reply in replies(world, patient)] == [2, 9]


def test_a_red_flag_is_answered_at_night_and_pages_and_ends_the_question(either_world: World) -> None:
    world = either_world
    patient = asked(world)
    world.clock.advance(timedelta(hours=16))  # Tuesday, 02:00 in Chicago
    world.receive(RED_FLAG)
    (task,) = world.tasks(TaskKind.RED_FLAG)
    assert task.patient_id == patient
    assert task.page_at is not None
    assert "Call 911 now" in answers(world)[0]
    assert world.row(patient, "pain-check").answered, "nobody is asked about pain after a red flag"


def test_a_red_flag_outranks_hold_trial_pause_and_the_ordinary_limit(world: World) -> None:
    from followup.change import hold  # noqa: PLC0415  used here alone
    from followup.pausing import pause  # noqa: PLC0415  same

    patient = asked(world)
    for _ in range(3):
        world.receive("what is this about?")
    assert len(answers(world)) == 1, "an ordinary answer goes once an hour"
    with world.hand(patient) as (hand, who):
        hold(hand, who)
        pause(hand.tx, None, hand.now, "ann")
    world.receive(RED_FLAG)
    assert "Call 911 now" in answers(world)[-1]


def test_a_red_flags_answer_goes_once_in_ten_minutes_and_six_times_a_day_and_every_one_is_told(
    world: World,
) -> None:
    asked(world)
    for _ in range(10):
        world.receive(RED_FLAG)
        world.receive(RED_FLAG)
        world.clock.advance(timedelta(minutes=11))
    assert len(answers(world)) == 6
    (task,) = world.tasks(TaskKind.RED_FLAG)
    assert task.times == 20


def test_ordinary_answers_are_three_a_day(world: World) -> None:
    asked(world)
    for _ in range(8):
        world.receive("what is this about?")
        world.clock.advance(timedelta(hours=2))
    assert len(answers(world)) == 3


def test_a_stranger_with_a_red_flag_is_answered_and_a_person_is_paged(either_world: World) -> None:
    world = either_world
    world.receive("chest pain", STRANGER)
    (task,) = world.tasks(TaskKind.RED_FLAG)
    assert task.patient_id is None
    assert task.detail["address"] == STRANGER
    assert "Call 911 now" in world.texts(STRANGER)[0]


def test_a_stranger_with_other_words_is_read_by_a_person_and_not_answered(world: World) -> None:
    world.receive("is this the dentist?", STRANGER)
    assert kinds(world) == {TaskKind.UNREADABLE}
    assert world.texts(STRANGER) == []


def test_a_short_code_is_never_answered(world: World) -> None:
    world.receive("Your code is 8812. Need help?", "22395")
    assert world.texts("22395") == []


def test_stop_ends_texts_for_everybody_who_shares_the_number_and_is_not_answered(either_world: World) -> None:
    world = either_world
    ruth = asked(world)
    henry = world.enroll(
        name="Henry Miller", record_number="A-2", patient=person("Henry Miller", NUMBER, "h@example.org")
    ).patient_id
    before = len(world.texts())
    world.receive("STOP")
    for patient in (ruth, henry):
        rows = [e for e in world.rows(patient) if e.channel is ChannelName.SMS and e.kind is Kind.REMINDER]
        waiting = {e.status for e in rows if not e.attempt}
        assert Status.PLANNED not in waiting
        assert any(e.status is Status.PLANNED and e.channel is ChannelName.EMAIL for e in world.rows(patient))
    assert len(world.texts()) == before
    assert {t.patient_id for t in world.tasks(TaskKind.OPT_OUT)} == {ruth, henry}


def test_nothing_but_a_red_flags_answer_goes_to_a_number_that_has_stopped(world: World) -> None:
    asked(world)
    world.receive("stop")
    before = world.texts()
    for words in ("help", "8", "call me", "what?", "thanks"):
        world.receive(words)
        world.clock.advance(timedelta(hours=2))
    assert world.texts() == before
    world.twilio.receive(NUMBER, "START")  # the carrier layer would refuse the answer as long as it stands
    world.clock.advance(timedelta(hours=1))
    world.receive(RED_FLAG)
    assert "Call 911 now" in world.texts()[-1]


def test_stop_with_a_red_flag_stops_alerts_and_is_told_of_911_once(world: World) -> None:
    patient = asked(world)
    world.receive("please no more texts. chest pain. stop")
    assert kinds(world) >= {TaskKind.RED_FLAG, TaskKind.OPT_OUT}
    assert "You have stopped our messages." in answers(world)[-1]
    assert any(e.reason == "opted_out" for e in world.rows(patient))


def test_start_leaves_the_stop_standing_until_staff_record_a_consent(world: World) -> None:
    patient = asked(world)
    world.receive("STOP")
    world.receive("START")
    assert TaskKind.OPT_IN in kinds(world)
    with world.app.storage.reading() as tx:
        assert tx.agreements.stopped(ChannelName.SMS, NUMBER)
    assert all(e.status is not Status.PLANNED for e in world.rows(patient) if e.channel is ChannelName.SMS)


def test_a_stop_survives_another_enrollment_and_a_new_patient_with_the_number(world: World) -> None:
    asked(world)
    world.receive("STOP")
    again = world.enroll(
        name="Henry Miller", record_number="A-2", patient=person("Henry Miller", NUMBER, "h@example.org")
    ).patient_id
    planned = [e.channel for e in world.rows(again) if e.status is Status.PLANNED]
    assert ChannelName.EMAIL in planned
    assert ChannelName.SMS not in planned


def test_help_is_answered_and_is_a_task_since_it_may_be_a_cry_for_help(world: World) -> None:
    asked(world)
    world.receive("HELP")
    assert kinds(world) == {TaskKind.HELP}
    assert "For help call" in answers(world)[-1]


def test_a_death_holds_everything_for_everybody_and_gets_no_automatic_word(world: World) -> None:
    daughter = person("Ada Miller", DAUGHTER, None, role=Role.CAREGIVER)
    patient = asked(world, caregivers=(daughter,))
    world.receive("mom passed away last night", DAUGHTER)
    assert kinds(world) == {TaskKind.DEATH}
    assert world.patient(patient).on_hold
    assert answers(world, DAUGHTER) == []
    assert all(e.status is not Status.PLANNED for e in world.rows(patient))
    with world.hand(patient) as (hand, who):
        lift_hold(hand, who)
    assert any(e.status is Status.PLANNED for e in world.rows(patient)), "a mistake can be put right"


def test_in_hospital_holds_and_asks_a_person(world: World) -> None:
    patient = asked(world)
    world.receive("I am in the hospital")
    assert TaskKind.IN_HOSPITAL in kinds(world)
    assert world.patient(patient).on_hold


def test_a_wrong_number_is_written_to_no_more(world: World) -> None:
    patient = asked(world)
    world.receive("wrong number")
    assert kinds(world) == {TaskKind.BAD_ADDRESS}
    assert answers(world) == []
    assert all(e.status is not Status.PLANNED for e in world.rows(patient) if e.channel is ChannelName.SMS)


def test_an_answer_long_after_the_question_closed_is_read_by_a_person(world: World) -> None:
    patient = asked(world)
    world.run_until(world.clock.utc() + timedelta(days=4))
    world.receive("3")
    assert kinds(world) == {TaskKind.NO_ANSWER, TaskKind.UNREADABLE}
    assert [(r.score, r.message_id) for r in replies(world, patient)] == [(3, None)]


def test_a_high_score_long_after_is_as_urgent_as_one_in_time(world: World) -> None:
    asked(world)
    world.run_until(world.clock.utc() + timedelta(days=4))
    world.receive("9")
    assert TaskKind.HIGH_PAIN in kinds(world)


def test_what_was_read_late_gets_no_answer_and_goes_to_the_top_with_both_times(world: World) -> None:
    patient = asked(world)
    world.twilio.receive(NUMBER, "2")
    world.clock.advance(timedelta(minutes=61))
    world.listen()
    world.dispatcher.tick()
    assert answers(world) == []
    (task,) = world.tasks()
    assert task.kind is TaskKind.LATE_REPLY
    assert task.due_at < world.clock.utc()
    assert task.detail["written"] != task.detail["read"]
    assert world.row(patient, "pain-check").answered


def test_a_red_flag_read_late_is_answered_and_paged_all_the_same(world: World) -> None:
    asked(world)
    world.twilio.receive(NUMBER, RED_FLAG)
    world.clock.advance(timedelta(hours=9))
    world.listen()
    world.dispatcher.tick()
    assert "Call 911 now" in answers(world)[-1]
    assert kinds(world) >= {TaskKind.RED_FLAG, TaskKind.LATE_REPLY}


@pytest.mark.parametrize(("words", "media"), [("", 0), ("", 2), ("look", 1)], ids=["empty", "photo", "both"])
def test_a_photo_or_nothing_at_all_is_looked_at_by_a_person(world: World, words: str, media: int) -> None:
    asked(world)
    world.receive(words, num_media=media)
    assert kinds(world) == {TaskKind.UNREADABLE}
    assert len(answers(world)) == (1 if media else 0)


def test_thanks_need_nothing(world: World) -> None:
    asked(world)
    world.receive("thanks")
    assert not kinds(world)
    assert answers(world) == []


def test_where_a_couple_shares_a_phone_the_one_who_was_asked_has_answered(world: World) -> None:
    ruth = asked(world)
    henry = world.enroll(
        name="Henry Miller", record_number="A-2", patient=person("Henry Miller", NUMBER, None)
    ).patient_id
    world.receive("8")
    assert [(t.kind, t.patient_id) for t in world.tasks()] == [(TaskKind.HIGH_PAIN, ruth)]
    assert replies(world, henry) == []


def test_where_both_were_asked_nobody_guesses_and_an_alarm_counts_for_each(world: World) -> None:
    both = [
        world.enroll(name=name, record_number=name[:1], patient=person(name, NUMBER, None)).patient_id
        for name in ("Ruth Miller", "Henry Miller")
    ]
    world.run_until(world.clock.utc() + timedelta(days=4, hours=21, minutes=30))
    world.receive("3")
    assert {(t.kind, t.patient_id) for t in world.tasks(TaskKind.UNREADABLE)} == {
        (TaskKind.UNREADABLE, patient) for patient in both
    }
    world.receive(RED_FLAG)
    assert {t.patient_id for t in world.tasks(TaskKind.RED_FLAG)} == set(both)
    assert len([text for text in answers(world) if "911 now" in text]) == 1


def test_the_same_text_listed_again_and_again_counts_once(either_world: World) -> None:
    world = either_world
    patient = asked(world)
    world.receive("8")
    for _ in range(5):
        world.listen()
        world.clock.advance(timedelta(minutes=1))
    assert len(replies(world, patient)) == 1
    assert world.tasks()[0].times == 1


def test_a_poll_that_fails_loses_nothing(world: World) -> None:
    from followup.sandbox import Status as Answered  # noqa: PLC0415  another Status than ours

    patient = asked(world)
    world.twilio.next(Answered(503), on="read")
    world.receive("8")
    assert replies(world, patient) == []
    world.listen()
    assert [r.score for r in replies(world, patient)] == [8]


def test_nothing_is_asked_where_answers_have_not_been_read_for_a_quarter_of_an_hour(world: World) -> None:
    from followup.sandbox import Status as Answered  # noqa: PLC0415  another Status than ours

    patient = world.enroll().patient_id
    world.run_until(world.clock.utc() + timedelta(days=2, hours=20))
    world.twilio.always(Answered(503), on="read")
    world.run_until(world.clock.utc() + timedelta(hours=2), timedelta(minutes=20))
    assert world.row(patient, "pain-check").reason == "nobody_listens"
    assert TaskKind.CALL in kinds(world)


def test_no_consent_no_text_but_an_answer_to_who_has_just_written(world: World) -> None:
    world.enroll(patient=person(agreed=[ConsentTo.EMAIL]))
    world.receive("can you call me please")
    assert kinds(world) == {TaskKind.CALL_ME}
    assert len(answers(world)) == 1


def test_pain_is_judged_against_the_patients_own_baseline(world: World) -> None:
    asked(world, baseline_pain=3)
    world.receive("5")
    assert kinds(world) == {TaskKind.HIGH_PAIN}
