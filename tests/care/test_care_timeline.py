"""Steps placed in time: never early, never late, never at night, and the same whenever they are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from care_strategies import CHICAGO, properties
from care_worlds import (
    EMAIL,
    OFFICE,
    PHONE,
    SMS,
    SUNDAYS,
    World,
    a_contact,
    a_patient,
    a_practice,
    a_procedure,
    find,
    local,
    row_of,
    worlds,
)
from hypothesis import given

from followup.care.combine import Facts, patient_timeline
from followup.care.delivery import Status
from followup.care.local_time import SendWindow, StaffedHours, local_day
from followup.care.message import LEAST_ROOM, Recorded
from followup.care.people import Patient, Procedure, Role
from followup.care.plan import Anchor
from followup.care.practice import QUESTION_OPEN_FOR
from followup.care.reason import Reason
from followup.care.timeline import Reminder

FRIDAY = date(2026, 10, 30)
SECOND = date(2026, 11, 20)


def planned(patient: Patient, staffed: StaffedHours = OFFICE, *rows: Recorded) -> tuple[Reminder, ...]:
    return patient_timeline(Facts(patient, rows), a_practice(staffed))


def day_of(reminder: Reminder) -> date:
    return local_day(reminder.due_at, CHICAGO)


def why(reminder: Reminder) -> str | None:
    return reminder.held.reason if reminder.held else None


@given(worlds)
@properties(30)
def test_what_goes_is_never_early_never_late_and_never_at_night(world: World) -> None:
    patient, practice = world.facts.patient, world.practice
    for reminder in patient_timeline(world.facts, practice):
        if reminder.goes:
            zone = patient.contact(reminder.key.contact).zone
            assert reminder.not_before <= reminder.due_at
            assert reminder.due_at + LEAST_ROOM <= reminder.valid_until
            assert practice.window.contains(reminder.due_at, zone)
            assert practice.window.contains(reminder.due_at + LEAST_ROOM - timedelta(seconds=1), zone)
            assert reminder.due_at >= patient.procedure(reminder.key.procedure).enrolled_at


@given(worlds)
@properties(30)
def test_what_goes_may_go(world: World) -> None:
    patient, practice = world.facts.patient, world.practice
    for reminder in patient_timeline(world.facts, practice):
        if reminder.goes:
            contact = patient.contact(reminder.key.contact)
            procedure = patient.procedure(reminder.key.procedure)
            assert contact.may_use(reminder.key.channel)
            assert contact.role is Role.PATIENT or reminder.key.channel is not PHONE
            assert not patient.died
            assert not patient.on_hold
            assert procedure.standing
            assert not (patient.in_hospital and reminder.step.anchor is not Anchor.ENROLLMENT)
            assert not (reminder.step.unless_alert and world.facts.alert_open)
            assert not (procedure.discharged_at is None and reminder.step.anchor is Anchor.DISCHARGE)


@given(worlds)
@properties(30)
def test_a_question_is_asked_when_somebody_is_there_and_of_the_patient_if_they_can_be_asked(world: World) -> None:
    patient, practice = world.facts.patient, world.practice
    the_patient = patient.contact(1)
    for reminder in patient_timeline(world.facts, practice):
        if reminder.goes and reminder.step.waits_for_answer:
            assert practice.staffed.defer(reminder.due_at) == reminder.due_at
            assert reminder.key.contact == 1 or len(the_patient.bars) == 3


@given(worlds)
@properties(30)
def test_the_order_in_which_facts_are_given_does_not_matter(world: World) -> None:
    patient = world.facts.patient
    turned = replace(patient, contacts=patient.contacts[::-1], procedures=patient.procedures[::-1])
    assert patient_timeline(world.facts, world.practice) == patient_timeline(
        replace(world.facts, patient=turned), world.practice
    )


@given(worlds)
@properties(30)
def test_every_step_that_could_be_said_to_a_contact_either_goes_or_says_why_not(world: World) -> None:
    patient, practice = world.facts.patient, world.practice
    shown = {(r.key.procedure, r.key.step) for r in patient_timeline(world.facts, practice) if not r.spare}
    waits_for_home = {
        (r.key.procedure, r.key.step)
        for r in patient_timeline(world.facts, practice)
        if r.held and r.held.reason in {Reason.NOT_HOME, Reason.NOT_ASKED, Reason.IN_HOSPITAL, Reason.ON_HOLD}
    }
    for procedure in patient.procedures:
        plan = practice.plans.get(procedure.plan)
        for step in plan.steps if plan and not patient.died and procedure.standing else ():
            only_calls = set(step.channels) == {PHONE} and len(patient.contact(1).bars) == 3
            own = {(procedure.id, step.key), (procedure.id, step.nudges or step.key)}
            assert own & (shown | waits_for_home) or only_calls


@given(worlds)
@properties(30)
def test_a_nudge_follows_its_question_by_a_later_channel_while_it_is_open(world: World) -> None:
    timeline = patient_timeline(world.facts, world.practice)
    order = [SMS, EMAIL, PHONE]
    for nudge in timeline:
        if nudge.goes and nudge.step.nudges:
            asked = [
                r
                for r in timeline
                if r.goes
                and (r.key.procedure, r.key.step, r.key.contact)
                == (nudge.key.procedure, nudge.step.nudges, nudge.key.contact)
            ]
            assert any(
                q.due_at + timedelta(hours=24) <= nudge.due_at < q.due_at + QUESTION_OPEN_FOR
                and order.index(q.key.channel) < order.index(nudge.key.channel)
                for q in asked
            )


def test_a_clinic_staffed_on_sunday_asks_on_sunday_at_noon() -> None:
    timeline = planned(a_patient(a_procedure(1, FRIDAY)), SUNDAYS)
    assert find(timeline, "pain-check").due_at == datetime(2026, 11, 1, 18, tzinfo=UTC)
    assert find(timeline, "pain-check-nudge").due_at == datetime(2026, 11, 2, 18, tzinfo=UTC)


def test_a_clinic_staffed_on_weekdays_asks_on_monday_at_ten() -> None:
    timeline = planned(a_patient(a_procedure(1, FRIDAY)))
    assert find(timeline, "pain-check").due_at == datetime(2026, 11, 2, 16, tzinfo=UTC)


def test_the_shipped_timeline_of_a_patient_who_went_home_on_the_day() -> None:
    timeline = planned(a_patient(a_procedure(1, FRIDAY)))
    due = {r.key.step: r.due_at.astimezone(CHICAGO).strftime("%m-%d %H:%M") for r in timeline if r.goes}
    assert due == {
        "welcome": "10-30 09:00",
        "going-home": "10-30 16:30",
        "day-1": "10-31 10:00",
        "pain-check": "11-02 10:00",
        "pain-check-nudge": "11-03 10:00",
        "activity": "11-03 10:00",
        "two-weeks": "11-13 10:00",
        "four-weeks": "11-27 10:00",
        "six-weeks": "12-11 10:00",
    }


def test_normal_activity_is_told_on_the_day_after_the_question() -> None:
    holidays = replace(OFFICE, holidays=frozenset({date(2026, 11, 2)}))
    timeline = planned(a_patient(a_procedure(1, FRIDAY)), holidays)
    assert day_of(find(timeline, "pain-check")) == date(2026, 11, 3)
    assert day_of(find(timeline, "activity")) == date(2026, 11, 4)


def test_a_question_weeks_later_does_not_hold_back_the_activity_text() -> None:
    plan = a_practice().plans["kyphoplasty"]
    late = replace(
        plan.step("pain-check"), key="late-check", day=30, valid_until=plan.step("four-weeks").valid_until
    )
    practice = a_practice()
    plans = {"kyphoplasty": replace(plan, steps=(late, *plan.steps))}
    timeline = patient_timeline(Facts(a_patient(a_procedure(1, FRIDAY))), replace(practice, plans=plans))
    assert day_of(find(timeline, "activity")) == date(2026, 11, 3)


def test_six_weeks_are_over_on_day_42_and_not_a_day_earlier() -> None:
    assert day_of(find(planned(a_patient(a_procedure(1, FRIDAY))), "six-weeks")) == date(2026, 12, 11)


def test_a_plan_that_would_end_a_limit_early_is_held_to_the_limit() -> None:
    practice = a_practice()
    plan = practice.plans["kyphoplasty"]
    hasty = replace(plan.step("six-weeks"), day=40, not_before=())
    plans = {"kyphoplasty": replace(plan, steps=(hasty,))}
    timeline = patient_timeline(Facts(a_patient(a_procedure(1, FRIDAY))), replace(practice, plans=plans))
    assert find(timeline, "six-weeks").due_at == local(date(2026, 12, 11), 10)


def test_a_leap_day_counts_as_one_day() -> None:
    timeline = planned(a_patient(a_procedure(1, date(2028, 2, 27))))
    assert find(timeline, "pain-check").due_at == local(date(2028, 2, 29), 10)


def test_nobody_went_home_as_far_as_we_know_so_no_home_care_text_goes() -> None:
    timeline = planned(a_patient(a_procedure(1, FRIDAY, home=None)))
    assert not [r for r in timeline if r.step.anchor is Anchor.DISCHARGE and not r.spare]
    assert find(timeline, "pain-check").goes


def test_a_homecoming_withdrawn_says_so_of_the_texts_that_waited_for_it() -> None:
    timeline = planned(a_patient(a_procedure(1, FRIDAY, home=None)))
    assert {why(r) for r in timeline if r.key.step == "day-1"} == {Reason.NOT_HOME}


def test_a_homecoming_before_the_procedure_moved_to_a_later_day_proves_nothing() -> None:
    moved = replace(a_procedure(1, FRIDAY), on=date(2026, 11, 6))
    timeline = planned(a_patient(moved))
    assert not [r for r in timeline if r.step.anchor is Anchor.DISCHARGE and r.goes]


def test_a_night_in_hospital_skips_the_text_for_the_evening_at_home() -> None:
    overnight = replace(a_procedure(1, FRIDAY), discharged_at=local(date(2026, 10, 31), 11))
    timeline = planned(a_patient(overnight))
    assert why(find(timeline, "going-home")) == Reason.NO_ROOM
    assert day_of(find(timeline, "day-1")) == date(2026, 11, 1)
    assert day_of(find(timeline, "pain-check")) == date(2026, 11, 2)


def test_a_long_stay_moves_the_question_to_the_day_after_homecoming() -> None:
    long_stay = replace(a_procedure(1, FRIDAY), discharged_at=local(date(2026, 11, 4), 11))
    timeline = planned(a_patient(long_stay))
    assert day_of(find(timeline, "pain-check")) == date(2026, 11, 5)
    assert why(find(timeline, "day-1")) == Reason.NO_ROOM


def test_a_readmitted_patient_gets_nothing_but_the_welcome() -> None:
    timeline = planned(a_patient(replace(a_procedure(1, FRIDAY), in_hospital=True)))
    assert {r.key.step for r in timeline if r.goes} == {"welcome"}


def test_a_late_enrollment_starts_with_the_first_text_that_is_still_true() -> None:
    late = replace(a_procedure(1, FRIDAY), enrolled_at=local(date(2026, 11, 5), 22))
    timeline = planned(a_patient(late))
    assert {r.key.step for r in timeline if not r.goes and not r.spare} == {
        "going-home",
        "day-1",
        "pain-check",
        "pain-check-nudge",
    }
    assert find(timeline, "activity").due_at == local(date(2026, 11, 6), 9)


def test_a_landline_patient_is_called() -> None:
    patient = a_patient(a_procedure(1, FRIDAY), contacts=(a_contact(1, Role.PATIENT, SMS, EMAIL),))
    timeline = planned(patient)
    assert {r.key.channel for r in timeline if r.goes} == {PHONE}
    assert why(find(timeline, "welcome")) == Reason.NO_CONSENT


def test_a_caregiver_is_told_but_not_asked_and_never_called() -> None:
    people = (a_contact(1), a_contact(2, Role.CAREGIVER, SMS, EMAIL), a_contact(3, Role.CAREGIVER))
    timeline = planned(a_patient(a_procedure(1, FRIDAY), contacts=people))
    assert {r.key.contact for r in timeline if r.goes and not r.step.waits_for_answer} == {1, 3}
    assert {r.key.contact for r in timeline if r.goes and r.step.waits_for_answer} == {1}


def test_a_nudge_waits_for_a_staffed_hour_like_its_question() -> None:
    saturdays = StaffedHours({**OFFICE.hours, 5: ((time(12), time(16)),)}, CHICAGO)
    timeline = planned(a_patient(a_procedure(1, date(2026, 11, 4))), saturdays)
    assert find(timeline, "pain-check").due_at == local(date(2026, 11, 6), 10)
    assert find(timeline, "pain-check-nudge").due_at == local(date(2026, 11, 7), 12)


def test_a_caregiver_is_asked_where_the_patient_cannot_be() -> None:
    people = (a_contact(2, Role.CAREGIVER), a_contact(1, Role.PATIENT, SMS, EMAIL, PHONE))
    timeline = planned(a_patient(a_procedure(1, FRIDAY), contacts=people))
    assert {r.key.contact for r in timeline if r.goes and r.step.waits_for_answer} == {2}


def asked(timeline: tuple[Reminder, ...], at: datetime, **what: object) -> Recorded:
    """The pain check as a row that was sent."""
    row = replace(row_of(find(timeline, "pain-check")), status=Status.SENT, sent_at=at, attempt=1)
    return replace(row, **what)  # type: ignore[arg-type]  # the fields are Recorded's own


def test_a_question_that_did_not_arrive_goes_by_the_next_channel_and_its_nudge_by_the_one_after() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    monday = local(date(2026, 11, 2), 10)
    timeline = planned(patient, OFFICE, asked(planned(patient), monday, status=Status.UNDELIVERED))
    assert find(timeline, "pain-check").key.channel is EMAIL
    assert find(timeline, "pain-check-nudge").key.channel is PHONE


def test_a_question_answered_on_the_phone_the_network_called_dead_is_not_asked_again() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    monday = local(date(2026, 11, 2), 10)
    row = asked(planned(patient), monday, status=Status.UNDELIVERED, answered=True, question_closed_at=monday)
    timeline = planned(patient, OFFICE, row)
    assert find(timeline, "pain-check").key.channel is SMS
    assert why(find(timeline, "pain-check-nudge")) == Reason.ANSWERED


def test_an_answer_stops_the_nudge_and_brings_the_activity_text_to_the_next_day() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    before = planned(patient)
    tuesday, hours = local(date(2026, 11, 3), 10), timedelta(hours=1)
    waiting = planned(patient, OFFICE, asked(before, tuesday))
    answered = planned(patient, OFFICE, asked(before, tuesday, answered=True, question_closed_at=tuesday + hours))
    assert day_of(find(waiting, "activity")) == date(2026, 11, 6)
    assert why(find(answered, "pain-check-nudge")) == Reason.ANSWERED
    assert day_of(find(answered, "activity")) == date(2026, 11, 4)


def test_a_question_that_certainly_never_went_is_not_nudged_and_holds_nothing_up() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    tried = local(date(2026, 11, 4), 16)
    row = asked(planned(patient), tried, status=Status.EXPIRED, reason=Reason.TOO_LATE)
    timeline = planned(patient, OFFICE, row)
    assert why(find(timeline, "pain-check-nudge")) == Reason.NOT_ASKED
    assert day_of(find(timeline, "activity")) == date(2026, 11, 3)


def test_a_nudge_that_a_weekend_would_carry_past_the_end_of_its_question_is_left_to_the_call() -> None:
    patient = a_patient(a_procedure(1, date(2026, 11, 4)))
    timeline = planned(patient)
    assert day_of(find(timeline, "pain-check")) == date(2026, 11, 6)
    assert why(find(timeline, "pain-check-nudge")) == Reason.QUESTION_CLOSED


def test_a_text_stopped_between_two_attempts_that_failed_goes_by_the_same_channel_when_it_may_again() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    activity = row_of(find(planned(patient), "activity"))
    stopped = replace(activity, status=Status.SUPPRESSED, reason=Reason.ON_HOLD, attempt=1)
    again = find(planned(patient, OFFICE, stopped), "activity")
    assert again.key == activity.key
    assert again.goes


def test_activity_waits_for_the_day_after_an_alert_was_closed() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    looked_at = local(date(2026, 11, 4), 15)
    facts = Facts(patient, alert_closed_at=looked_at)
    activity = find(patient_timeline(facts, a_practice()), "activity")
    assert activity.due_at == local(date(2026, 11, 5), 10)


def test_of_two_channels_of_one_text_the_one_that_failed_is_not_made_up_for_by_a_call() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    rows = [
        replace(row_of(r, n), status=Status.FAILED if r.key.channel is SMS else Status.SENT, attempt=1)
        for n, r in enumerate(planned(patient))
        if r.goes and r.key.step == "two-weeks"
    ]
    going = [r.key.channel for r in planned(patient, OFFICE, *rows) if r.goes and r.key.step == "two-weeks"]
    assert going == [EMAIL]


def test_when_both_channels_of_one_text_failed_somebody_calls() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    rows = [
        replace(row_of(r, n), status=Status.FAILED, attempt=1)
        for n, r in enumerate(planned(patient))
        if r.goes and r.key.step == "two-weeks"
    ]
    going = [r.key.channel for r in planned(patient, OFFICE, *rows) if r.goes and r.key.step == "two-weeks"]
    assert going == [PHONE]


def test_a_text_told_on_the_phone_is_not_mailed_as_well() -> None:
    told = a_patient(a_procedure(1, FRIDAY), contacts=(a_contact(1, Role.PATIENT, SMS, EMAIL),))
    row = replace(row_of(find(planned(told), "two-weeks")), status=Status.DELIVERED, attempt=1)
    consents = replace(told, contacts=(a_contact(1, Role.PATIENT, SMS),))
    going = [r.key.channel for r in planned(consents, OFFICE, row) if r.goes and r.key.step == "two-weeks"]
    assert going == [PHONE]


def test_a_moved_contact_is_written_to_by_their_new_clock() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    honolulu = ZoneInfo("Pacific/Honolulu")
    moved = replace(patient, contacts=(replace(patient.contacts[0], zone=honolulu),))
    assert find(planned(moved), "day-1").due_at == local(date(2026, 10, 31), 10, zone=honolulu)
    assert day_of(find(planned(moved), "pain-check")) == date(2026, 11, 2)


def test_nobody_is_ever_there_while_the_contact_may_be_written_to() -> None:
    nights = StaffedHours({day: ((time(21), time(23)),) for day in range(7)}, CHICAGO)
    timeline = planned(a_patient(a_procedure(1, FRIDAY)), nights)
    assert why(find(timeline, "pain-check")) == Reason.NO_STAFFED_HOUR
    assert why(find(timeline, "pain-check-nudge")) == Reason.NOT_ASKED


def test_a_window_too_short_to_send_in_is_never_used() -> None:
    blink = SendWindow({day: (time(9), time(9, 1)) for day in range(7)})
    timeline = patient_timeline(Facts(a_patient(a_procedure(1, FRIDAY))), replace(a_practice(), window=blink))
    assert not [r for r in timeline if r.goes]


def test_a_procedure_of_a_plan_nobody_has_any_more_says_nothing() -> None:
    forgotten = Procedure(1, "forgotten", FRIDAY, local(FRIDAY, 9))
    assert planned(a_patient(forgotten)) == ()
