"""One patient, several procedures: nothing twice, nothing allowed that another forbids, one question at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import combinations

from care_strategies import CHICAGO, properties
from care_worlds import (
    EMAIL,
    PHONE,
    SMS,
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
from followup.care.local_time import local_day
from followup.care.message import Recorded
from followup.care.people import Role
from followup.care.plan import Asks, Bound
from followup.care.practice import QUESTION_OPEN_FOR, Caps, Practice
from followup.care.reason import Reason
from followup.care.restrictions import in_force, limits
from followup.care.timeline import Reminder

FRIDAY = date(2026, 10, 30)
SECOND = date(2026, 11, 20)
FIRST_ONE, SECOND_ONE = a_procedure(1, FRIDAY), a_procedure(2, SECOND)


def planned(
    *procedures: object, rows: tuple[Recorded, ...] = (), caps: Caps | None = None
) -> tuple[Reminder, ...]:
    practice = replace(a_practice(), caps=caps or Caps())
    return patient_timeline(Facts(a_patient(*procedures), rows), practice)  # type: ignore[arg-type]  # procedures


def held(reminder: Reminder) -> tuple[str, int | None] | None:
    return (reminder.held.reason, reminder.held.by) if reminder.held else None


def zoned_day(reminder: Reminder, facts: Facts) -> date:
    return local_day(reminder.due_at, facts.patient.contact(reminder.key.contact).zone)


@given(worlds)
@properties(30)
def test_nothing_that_ends_a_limit_goes_while_any_procedure_still_lays_it(world: World) -> None:
    facts, practice = world.facts, world.practice
    laid = limits(facts.patient.procedures, practice.plans)
    for reminder in patient_timeline(facts, practice):
        if reminder.goes and reminder.step.ends:
            assert in_force(laid, reminder.step.ends, zoned_day(reminder, facts)) is None


@given(worlds)
@properties(30)
def test_from_the_day_of_a_later_procedure_of_the_same_plan_only_that_one_speaks(world: World) -> None:
    facts = world.facts
    for reminder in patient_timeline(facts, world.practice):
        if reminder.goes:
            own = facts.patient.procedure(reminder.key.procedure)
            for other in facts.patient.procedures:
                if other.standing and other.plan == own.plan and other.on > own.on:
                    assert zoned_day(reminder, facts) < other.on


@given(worlds)
@properties(30)
def test_two_questions_are_never_open_at_once(world: World) -> None:
    asks = [r for r in patient_timeline(world.facts, world.practice) if r.goes and r.step.opens_question]
    for one, other in combinations(asks, 2):
        if one.key.procedure != other.key.procedure or one.key.step != other.key.step:
            assert abs(one.due_at - other.due_at) >= QUESTION_OPEN_FOR


@given(worlds)
@properties(30)
def test_what_must_not_be_told_while_a_question_is_open_is_not_told_on_the_day_of_one(world: World) -> None:
    facts = world.facts
    timeline = patient_timeline(facts, world.practice)
    for reminder in (r for r in timeline if r.goes and r.step.unless_alert):
        for question in (r for r in timeline if r.goes and r.step.opens_question):
            if question.key.step != reminder.key.step or question.key.procedure != reminder.key.procedure:
                # Days are those of who is told: one evening in Chicago is two dates in UTC.
                zone = facts.patient.contact(reminder.key.contact).zone
                asked, told = (local_day(one.due_at, zone) for one in (question, reminder))
                assert asked > told or reminder.due_at > question.due_at


@given(worlds)
@properties(30)
def test_no_number_gets_more_texts_than_its_caps_in_a_day_or_in_seven(world: World) -> None:
    facts, caps = world.facts, world.practice.caps
    numbers: dict[str | None, Counter[date]] = {}
    zones: dict[str | None, set[str]] = {}
    for reminder in patient_timeline(facts, world.practice):
        if reminder.goes and reminder.key.channel is SMS:
            contact = facts.patient.contact(reminder.key.contact)
            numbers.setdefault(contact.number, Counter())[zoned_day(reminder, facts)] += 1
            zones.setdefault(contact.number, set()).add(contact.zone.key)
    for days in numbers.values():
        assert max(days.values()) <= caps.per_day
        for day in days:
            assert sum(days[day + timedelta(days=n)] for n in range(7)) <= caps.per_7_days


@given(worlds)
@properties(30)
def test_the_same_words_reach_the_same_contact_once_a_day_and_channel(world: World) -> None:
    facts = world.facts
    said: set[object] = set()
    for reminder in patient_timeline(facts, world.practice):
        shared = "/" in reminder.step.message
        plan = facts.patient.procedure(reminder.key.procedure).plan
        words = reminder.step.message if shared else f"{plan}/{reminder.step.message}"
        told = (reminder.key.contact, reminder.key.channel, words, zoned_day(reminder, facts))
        if reminder.goes:
            assert told not in said
            said.add(told)


def test_a_second_session_takes_over_from_its_own_day_on() -> None:
    timeline = planned(FIRST_ONE, SECOND_ONE)
    assert find(timeline, "two-weeks").goes
    for step in ("four-weeks", "six-weeks"):
        assert held(find(timeline, step)) == (Reason.LATER_PROCEDURE, 2)
    assert find(timeline, "six-weeks", procedure=2).due_at == local(date(2027, 1, 1), 12 - 2)


def test_of_two_sessions_on_one_day_the_one_enrolled_later_speaks_and_each_thing_is_said_once() -> None:
    twin = replace(FIRST_ONE, id=2, enrolled_at=FIRST_ONE.enrolled_at + timedelta(minutes=5))
    timeline = planned(FIRST_ONE, twin)
    assert {r.key.procedure for r in timeline if r.goes} == {2}
    assert len([r for r in timeline if r.goes]) == len([r for r in planned(FIRST_ONE) if r.goes])


def test_a_second_session_enrolled_before_the_first_leaves_the_firsts_week_alone() -> None:
    early = replace(SECOND_ONE, enrolled_at=local(date(2026, 10, 20), 9))
    timeline = planned(FIRST_ONE, early)
    assert find(timeline, "pain-check").goes
    assert find(timeline, "activity").goes
    assert held(find(timeline, "six-weeks")) == (Reason.LATER_PROCEDURE, 2)


def test_normal_activity_waits_where_another_plan_still_asks_for_rest() -> None:
    timeline = planned(FIRST_ONE, a_procedure(2, date(2026, 11, 1), "biopsy"))
    assert held(find(timeline, "activity")) == (Reason.STILL_RESTRICTED, 2)


def test_a_limit_of_another_plan_that_begins_later_silences_only_from_then_on() -> None:
    timeline = planned(FIRST_ONE, a_procedure(2, date(2026, 12, 11), "biopsy"))
    assert find(timeline, "activity").goes
    assert held(find(timeline, "six-weeks")) == (Reason.STILL_RESTRICTED, 2)
    assert find(planned(FIRST_ONE, a_procedure(2, date(2026, 12, 12), "biopsy")), "six-weeks").goes


def test_a_biopsy_in_the_six_weeks_does_not_end_the_limit_of_the_kyphoplasty() -> None:
    timeline = planned(FIRST_ONE, a_procedure(2, date(2026, 11, 10), "biopsy"))
    assert held(find(timeline, "lifting", procedure=2)) == (Reason.STILL_RESTRICTED, 1)
    assert find(timeline, "six-weeks").goes


def test_the_question_of_another_plan_waits_its_turn_and_what_follows_it_waits_too() -> None:
    timeline = planned(FIRST_ONE, a_procedure(2, date(2026, 11, 1), "biopsy"))
    assert local_day(find(timeline, "pain-check").due_at, CHICAGO) == date(2026, 11, 2)
    assert local_day(find(timeline, "site-check", procedure=2).due_at, CHICAGO) == date(2026, 11, 4)


def test_a_nudge_moves_with_its_question() -> None:
    first = a_procedure(1, date(2026, 11, 2), "biopsy")
    timeline = planned(first, a_procedure(2, date(2026, 11, 2)))
    question, nudge = find(timeline, "pain-check", 2), find(timeline, "pain-check-nudge", 2)
    assert question.due_at == local(date(2026, 11, 5), 10)
    assert nudge.due_at == local(date(2026, 11, 6), 10)


def test_normal_activity_waits_for_the_answer_to_another_plans_question() -> None:
    timeline = planned(FIRST_ONE, a_procedure(2, date(2026, 10, 25), "biopsy"), rows=())
    question = find(timeline, "site-check", procedure=2)
    assert find(timeline, "activity").due_at > question.due_at


def test_an_open_alert_holds_normal_activity_back() -> None:
    facts = Facts(a_patient(FIRST_ONE), (), alert_open=True)
    timeline = patient_timeline(facts, a_practice())
    assert held(find(timeline, "activity")) == (Reason.ALERT_OPEN, None)
    assert find(timeline, "two-weeks").goes


def test_a_question_by_two_channels_is_one_question() -> None:
    practice = a_practice()
    plan = practice.plans["kyphoplasty"]
    both = replace(plan.step("pain-check"), also=True)
    steps = tuple(both if s.key == both.key else s for s in plan.steps)
    practice = replace(practice, plans={plan.key: replace(plan, steps=steps)})
    timeline = patient_timeline(Facts(a_patient(FIRST_ONE)), practice)
    due = {r.due_at for r in timeline if r.goes and r.key.step == "pain-check"}
    assert due == {local(date(2026, 11, 2), 10)}


def sent(reminder: Reminder, at: datetime) -> Recorded:
    return replace(row_of(reminder), status=Status.SENT, sent_at=at, attempt=1)


def test_a_welcome_already_sent_today_is_not_sent_again_for_the_second_procedure() -> None:
    biopsy = replace(a_procedure(2, FRIDAY, "biopsy"), enrolled_at=local(FRIDAY, 11))
    morning = [r for r in planned(FIRST_ONE) if r.goes and r.key.step == "welcome"]
    rows = tuple(replace(sent(r, local(FRIDAY, 9)), id=n) for n, r in enumerate(morning))
    timeline = planned(FIRST_ONE, biopsy, rows=rows)
    assert held(find(timeline, "welcome", procedure=2)) == (Reason.SAID_ONCE, 1)
    assert all(r.goes for r in timeline if r.key in {row.key for row in rows})


def test_a_text_moved_by_the_caps_to_the_day_of_a_later_session_is_left_to_that_session() -> None:
    practice = replace(a_practice(), caps=Caps(1, 3))
    plan = practice.plans["kyphoplasty"]
    news = replace(plan.step("two-weeks"), key="news", message="news", day=20, also=False, channels=(SMS,))
    first = replace(news, key="first", message="first", critical=True)
    practice = replace(practice, plans={plan.key: replace(plan, steps=(first, news))})
    timeline = patient_timeline(Facts(a_patient(FIRST_ONE, a_procedure(2, date(2026, 11, 20)))), practice)
    assert find(timeline, "first").due_at == local(date(2026, 11, 19), 10)
    assert held(find(timeline, "news")) == (Reason.LATER_PROCEDURE, 2)


def test_what_the_caps_leave_no_room_for_goes_by_mail() -> None:
    practice = a_practice()
    plan = practice.plans["kyphoplasty"]
    one_day = (Bound({}, after=timedelta(hours=10)),)
    base = replace(plan.step("welcome"), valid_until=one_day, also=False)
    steps = tuple(replace(base, key=f"hello-{n}", message=f"hello-{n}") for n in range(3))
    practice = replace(practice, plans={plan.key: replace(plan, steps=steps)})
    going = [r.key.channel for r in patient_timeline(Facts(a_patient(FIRST_ONE)), practice) if r.goes]
    assert sorted(going) == [EMAIL, SMS, SMS]


def crowded() -> Practice:
    """A clinic whose patients get so many texts on one day that a question has to go by mail."""
    practice = a_practice()
    plan = practice.plans["kyphoplasty"]
    day = (Bound({next(iter(plan.step("pain-check").valid_until[0].days)): 3}),)
    filler = replace(plan.step("two-weeks"), day=2, at=plan.step("pain-check").at, also=False, channels=(SMS,),
                     critical=True, valid_until=day)  # fmt: skip
    fillers = tuple(replace(filler, key=f"a-{n}", message=f"a-{n}") for n in range(2))
    question = replace(
        plan.step("pain-check"), valid_until=day, critical=False, not_before=(), asks=Asks.PAIN_SCORE
    )
    nudge = replace(plan.step("pain-check-nudge"), channels=(EMAIL, PHONE))
    steps = (*fillers, replace(question, channels=(SMS, EMAIL)), nudge)
    return replace(practice, plans={plan.key: replace(plan, steps=steps)})


def test_a_question_the_caps_push_to_mail_is_nudged_by_a_call() -> None:
    monday = a_procedure(1, date(2026, 11, 2))
    timeline = patient_timeline(Facts(a_patient(monday)), crowded())
    assert find(timeline, "pain-check").key.channel is EMAIL
    assert find(timeline, "pain-check-nudge").key.channel is PHONE


def test_two_contacts_who_share_a_phone_share_its_caps() -> None:
    wife = replace(a_contact(2, Role.CAREGIVER), number=a_contact(1).number)
    facts = Facts(a_patient(FIRST_ONE, contacts=(a_contact(1), wife)))
    timeline = patient_timeline(facts, replace(a_practice(), caps=Caps(1, 6)))
    days = Counter(local_day(r.due_at, CHICAGO) for r in timeline if r.goes and r.key.channel is SMS)
    assert max(days.values()) == 1
