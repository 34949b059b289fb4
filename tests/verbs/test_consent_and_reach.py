"""Who may be written to, by what, how often, and what happens where nothing may carry a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from world import EMAIL, NUMBER, World, person

from followup import change, worklist
from followup.care.delivery import Status
from followup.care.pain import Thresholds
from followup.care.people import ChannelName, ConsentTo, Role
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.change import NewLine
from followup.consent import Line, opt_in, opt_out
from followup.dispatch import Tally
from followup.errors import InputError, RefusedError
from followup.sandbox import Close, Refuse
from followup.storage.agreements import Consent
from followup.storage.switches import Switch
from followup.worklist import Done, Said

CHICAGO = ZoneInfo("America/Chicago")
AGREED = Consent(ConsentTo.SMS, given=True, method="phone", wording="v1")


def line(world: World, patient: int, channel: ChannelName = ChannelName.SMS) -> Line:
    return Line(patient, world.contact(patient), channel)


def stop(world: World, patient: int) -> None:
    with world.app.storage.transaction() as tx:
        opt_out(tx, world.clinic, line(world, patient), "staff", world.clock.utc(), "ann")


def test_a_stop_on_a_shared_number_stops_both_and_mail_takes_over(either_world: World) -> None:
    world = either_world
    ruth = world.enroll().patient_id
    henry = world.enroll(
        name="Henry Miller", record_number="B-9", birth_date=date(1940, 1, 1), patient=person("Henry Miller")
    ).patient_id
    stop(world, ruth)
    for patient in (ruth, henry):
        texts = [r for r in world.rows(patient) if r.channel == "sms"]
        assert {(r.status, r.reason) for r in texts} == {(Status.SUPPRESSED, Reason.OPTED_OUT)}
        assert world.row(patient, "pain-check", "email").status is Status.PLANNED
    world.run_until(datetime(2026, 11, 3, tzinfo=UTC), timedelta(hours=12))
    assert world.texts() == []


def test_only_a_new_recorded_consent_opens_a_stopped_number_again(world: World) -> None:
    patient = world.enroll().patient_id
    stop(world, patient)
    with world.app.storage.transaction() as tx:
        opt_in(tx, world.clinic, line(world, patient), AGREED, world.clock.utc(), "ann")
    assert world.row(patient, "pain-check").status is Status.PLANNED


def test_a_new_number_needs_its_own_consent(world: World) -> None:
    patient = world.enroll().patient_id
    with world.hand(patient) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine("+12145550177"))
    assert world.row(patient, "pain-check").reason is Reason.NO_CONSENT
    with world.hand(patient) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine("+12145550177", AGREED))
    world.tick()
    assert len(world.texts("+12145550177")) == 1
    assert world.texts() == []


def test_no_text_goes_to_a_number_beyond_two_a_day_and_six_a_week_whoever_shares_it(world: World) -> None:
    """A couple on one phone, both treated the same week, and a daughter who reads the same phone."""
    daughter = person("Dora Miller", NUMBER, None, role=Role.CAREGIVER)
    world.enroll(patient=person(email=None), caregivers=(daughter,))
    world.enroll(
        name="Henry Miller",
        record_number="B-9",
        birth_date=date(1940, 1, 1),
        patient=person("Henry Miller", email=None),
    )
    world.run_until(datetime(2026, 12, 20, tzinfo=UTC), timedelta(hours=12))
    days = [sms.created.astimezone(CHICAGO).date() for sms in world.twilio.messages]
    assert max(Counter(days).values()) == 2
    assert max(sum(first <= day < first + timedelta(days=7) for day in days) for first in days) <= 6


def test_in_exemption_mode_one_a_day_and_three_a_week(make_world: Callable[..., World], sqlite_url: str) -> None:
    world = make_world(sqlite_url, exemption=True)
    patient = world.enroll(patient=person(agreed=[])).patient_id
    world.run_until(datetime(2026, 12, 20, tzinfo=UTC), timedelta(hours=12))
    days = [sms.created.astimezone(CHICAGO).date() for sms in world.twilio.messages]
    assert days
    assert max(Counter(days).values()) == 1
    assert max(sum(first <= day < first + timedelta(days=7) for day in days) for first in days) <= 3
    assert world.row(patient, "six-weeks").sent_at is not None


def test_an_undelivered_text_goes_by_mail_with_a_task(either_world: World) -> None:
    world = either_world
    patient = world.enroll().patient_id
    world.run_until(datetime(2026, 10, 31, 14, tzinfo=UTC))
    world.twilio.fate(NUMBER, "undelivered", 30003)
    world.run_until(datetime(2026, 10, 31, 20, tzinfo=UTC))
    assert world.row(patient, "day-1").status is Status.UNDELIVERED
    assert world.row(patient, "day-1", "email").status is Status.SENT
    assert world.tasks(TaskKind.UNDELIVERED)


def test_a_text_without_any_receipt_after_72_hours_is_given_up_with_a_task(world: World) -> None:
    """Still only accepted after three days: nobody can say that it ever left the provider."""
    world.twilio.fate(NUMBER, "queued")
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS]), discharged_at=None).patient_id
    world.run_until(datetime(2026, 11, 2, 21, tzinfo=UTC), timedelta(hours=6))
    row = world.row(patient, "welcome")
    assert row.status is Status.UNDELIVERED
    assert world.tasks(TaskKind.UNDELIVERED)


def test_a_landline_gets_calls_with_a_script_and_closing_the_task_settles_them(either_world: World) -> None:
    world = either_world
    patient = world.enroll(patient=person(email=None, landline=True)).patient_id
    world.run_until(datetime(2026, 10, 31, 16, tzinfo=UTC))
    (task,) = world.tasks(TaskKind.CALL)
    assert "Lakeside IR" in task.detail["script"]
    day_1 = world.row(patient, "day-1", "phone")
    assert (day_1.status, day_1.reason) == (Status.ACCEPTED, Reason.CALL_TASK)
    with world.app.storage.transaction() as tx:
        worklist.done(tx, world.clinic, task.number, Done("told her"), world.clock.utc(), "ann")
    assert world.row(patient, "day-1", "phone").status is Status.DELIVERED
    with pytest.raises(RefusedError), world.app.storage.transaction() as tx:
        worklist.done(tx, world.clinic, task.number, Done(), world.clock.utc(), "ann")


def test_nobody_reached_by_phone_is_undelivered(world: World) -> None:
    patient = world.enroll(patient=person(email=None, landline=True)).patient_id
    world.run_until(datetime(2026, 10, 30, 20, tzinfo=UTC))
    (task,) = world.tasks(TaskKind.CALL)
    with world.app.storage.transaction() as tx:
        worklist.done(tx, world.clinic, task.number, Done(reached=False), world.clock.utc(), "ann")
    assert world.row(patient, "going-home", "phone").status is Status.UNDELIVERED


@pytest.mark.parametrize(("arrived", "end"), [(True, Status.DELIVERED), (False, Status.UNRESOLVED)])
def test_what_a_person_found_out_about_an_unresolved_text_is_written_down(
    world: World,
    arrived: bool,  # noqa: FBT001  a case
    end: Status,
) -> None:
    world.twilio.next(Close("after reading"), to=NUMBER)
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id
    world.run_until(world.clock.utc() + timedelta(hours=2), timedelta(minutes=5))
    (task,) = world.tasks(TaskKind.UNRESOLVED)
    with world.app.storage.transaction() as tx:
        worklist.done(tx, world.clinic, task.number, Done(reached=arrived), world.clock.utc(), "ann")
    assert world.row(patient, "welcome").status is end


def test_nobody_said_home_is_one_task_a_day_that_closes_itself(world: World) -> None:
    patient = world.enroll(discharged_at=None).patient_id

    def ask() -> int:
        with world.app.storage.transaction() as tx:
            return worklist.nobody_home(tx, world.clinic, world.clock.utc())

    assert ask() == 0
    world.clock.advance(timedelta(days=1))
    assert (ask(), ask()) == (1, 1)
    (task,) = world.tasks(TaskKind.NOBODY_HOME)
    assert (task.detail["patients"], task.times) == ([patient], 1)
    with world.hand(patient) as (hand, who):
        change.home(hand, who, who.procedures[0], world.clock.utc())
    assert ask() == 0
    assert not world.tasks(TaskKind.NOBODY_HOME)


@pytest.mark.parametrize(
    ("score", "kind"),
    [(0, None), (3, None), (4, TaskKind.PAIN_NOTED), (7, TaskKind.HIGH_PAIN), (10, TaskKind.HIGH_PAIN)],
)
def test_an_answer_closes_the_question_and_its_score_is_judged(
    world: World, score: int, kind: TaskKind | None
) -> None:
    patient = world.enroll().patient_id
    world.run_until(datetime(2026, 11, 2, 17, tzinfo=UTC))
    with world.app.storage.transaction() as tx:
        who = tx.register.patient(patient)
        said = worklist.answer(tx, world.clinic, who, score, Thresholds(), Said(world.clock.utc(), "ann"))
    assert said.task is kind
    assert world.row(patient, "pain-check").answered
    assert world.row(patient, "pain-check-nudge", "email").reason is Reason.ANSWERED
    world.run_until(datetime(2026, 11, 5, 17, tzinfo=UTC))
    assert not world.tasks(TaskKind.NO_ANSWER)
    told = world.row(patient, "activity").status in {Status.ACCEPTED, Status.SENT, Status.DELIVERED}
    assert told is (kind is not TaskKind.HIGH_PAIN)


def test_a_score_of_11_is_no_answer(world: World) -> None:
    patient = world.enroll().patient_id
    with pytest.raises(InputError), world.app.storage.transaction() as tx:
        worklist.answer(
            tx, world.clinic, tx.register.patient(patient), 11, Thresholds(), Said(world.clock.utc(), "ann")
        )


# Trial and live


def test_in_trial_only_the_allow_list_is_written_to(make_world: Callable[..., World], sqlite_url: str) -> None:
    world = make_world(sqlite_url, trial_list=[EMAIL])
    patient = world.enroll().patient_id
    world.run_until(datetime(2026, 11, 6, tzinfo=UTC), timedelta(hours=12))
    assert world.texts() == []
    assert {mail.envelope_to for mail in world.post.mails} == {(EMAIL,)}
    assert {r.trial for r in world.rows(patient) if r.channel == "sms"} == {True}
    world.dispatcher.sweep(Tally())
    assert world.row(patient, "welcome").reason is Reason.TRIAL
    assert world.row(patient, "two-weeks").status is Status.PLANNED


def test_in_trial_a_number_changed_to_one_off_the_list_is_held_too(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    """Planned for an allowed number; then the patient gives another: nothing may really go there."""
    world = make_world(sqlite_url, trial_list=[NUMBER, "+12145550178"])
    patient = world.enroll(patient=person(email=None)).patient_id
    assert not world.row(patient, "welcome").trial
    with world.hand(patient) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine("+12145550177", AGREED))
    assert world.row(patient, "welcome").trial
    with world.hand(patient) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine("+12145550178", AGREED))
    assert not world.row(patient, "welcome").trial


def test_in_trial_a_number_that_another_program_changed_is_held_at_the_last_moment(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url, trial_list=[NUMBER])
    patient = world.enroll(patient=person(email=None)).patient_id
    with world.app.storage.transaction() as tx:
        tx.register.set_number(world.contact(patient).id, "+12145550177", landline=False)
    world.tick()
    assert world.twilio.accepted() == 0
    assert world.row(patient, "welcome").trial


def test_going_live_lets_go_what_still_holds_and_ends_the_rest_as_trial(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url, trial_list=[])
    patient = world.enroll().patient_id
    world.clock.advance(timedelta(days=2))
    with world.app.storage.transaction() as tx:
        tx.outbox.end_trial(world.clock.utc())
        tx.switches.set(Switch.LIVE, "", world.clock.utc(), "ann")
    world.dispatcher.sweep(Tally())
    welcome, later = world.row(patient, "welcome"), world.row(patient, "two-weeks")
    assert (welcome.status, welcome.reason) == (Status.EXPIRED, Reason.TRIAL)
    assert (later.status, later.trial) == (Status.PLANNED, False)
    assert not world.tasks(TaskKind.NOT_SENT)


def test_live_a_question_nobody_would_hear_becomes_a_call_task_with_its_script(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url, trial_list=[])
    with world.app.storage.transaction() as tx:
        tx.switches.set(Switch.LIVE, "", world.clock.utc(), "ann")
    patient = world.enroll().patient_id
    world.run_until(datetime(2026, 11, 3, 17, tzinfo=UTC), timedelta(hours=12))
    assert not [words for words in world.texts() if "How is your pain" in words]
    row = world.row(patient, "pain-check")
    assert (row.status, row.reason) == (Status.SUPPRESSED, Reason.NOBODY_LISTENS)
    (task,) = world.tasks(TaskKind.CALL)
    assert "0" in task.detail["script"]


# Undo


def undo(world: World, patient: int) -> None:
    with world.hand(patient) as (hand, _):
        change.undo(hand, patient)


UNDOABLE = {
    "home": lambda hand, who: change.home(hand, who, who.procedures[0], hand.now),
    "stayed": lambda hand, who: change.in_hospital(hand, who, who.procedures[0], readmitted=False),
    "cancelled": lambda hand, who: change.cancel(hand, who, who.procedures[0]),
    "moved": lambda hand, who: change.move(hand, who, who.procedures[0], date(2026, 10, 29)),
    "held": change.hold,
    "died": change.died,
    "another number": lambda hand, who: change.number(hand, who, who.contacts[0], NewLine("+12145550177")),
    "another address": lambda hand, who: change.email(hand, who, who.contacts[0], NewLine("new@example.org")),
    "another language": lambda hand, who: change.language(hand, who, who.contacts[0], "es"),
    "another zone": lambda hand, who: change.zone(hand, who, who.contacts[0], ZoneInfo("America/Denver")),
}


@pytest.mark.parametrize("act", UNDOABLE.values(), ids=UNDOABLE)
def test_undo_puts_the_patient_and_the_timeline_back_as_they_were(
    either_world: World, act: Callable[..., object]
) -> None:
    world = either_world
    patient = world.enroll(discharged_at=None).patient_id

    def picture() -> object:
        going = [r for r in world.rows(patient) if r.status is Status.PLANNED]
        return world.patient(patient), sorted((r.key, r.due_at, r.valid_until) for r in going)

    before = picture()
    with world.hand(patient) as (hand, who):
        act(hand, who)
    assert picture() != before
    undo(world, patient)
    assert picture() == before


def test_undo_of_a_new_caregiver_writes_to_them_no_more(world: World) -> None:
    patient = world.enroll().patient_id
    with world.hand(patient) as (hand, who):
        change.add_caregiver(hand, who, person("Dora", "+12145550155", None, role=Role.CAREGIVER))
    undo(world, patient)
    world.run_until(datetime(2026, 11, 3, tzinfo=UTC), timedelta(hours=12))
    assert world.texts("+12145550155") == []


def test_undo_of_an_enrollment_cancels_the_procedure_and_then_there_is_no_more_to_undo(world: World) -> None:
    patient = world.enroll().patient_id
    undo(world, patient)
    assert {r.status for r in world.rows(patient)} == {Status.CANCELLED}
    with pytest.raises(RefusedError):
        undo(world, patient)


def test_a_bad_number_stays_bad_when_its_change_is_undone(world: World) -> None:
    world.twilio.always(Refuse(21211), to=NUMBER)
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id
    world.tick()
    world.tick()
    assert world.row(patient, "pain-check").reason is Reason.BAD_ADDRESS
    with world.hand(patient) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine("+12145550177", AGREED))
    undo(world, patient)
    assert world.row(patient, "pain-check").reason is Reason.BAD_ADDRESS
