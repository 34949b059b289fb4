"""After an outage: only what is still true, by day, one a patient and day, the newest first, never all at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from care_strategies import CHICAGO, properties
from care_worlds import (
    EMAIL,
    SMS,
    World,
    a_patient,
    a_practice,
    a_procedure,
    local,
    nows,
    replanned,
    worlds,
)
from hypothesis import given
from hypothesis import strategies as st

from followup.care.backlog import CLOSEST, SPREAD, WIDEST, Overdue, gap, outlasted, places, purpose
from followup.care.combine import Facts, patient_timeline
from followup.care.delivery import UNSENT, Status
from followup.care.local_time import local_day
from followup.care.message import LEAST_ROOM, Recorded, ReminderKey
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.reconcile import reconcile

NONE = timedelta()
lags = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))
PRACTICE = a_practice()
PLAN = PRACTICE.plans["kyphoplasty"]


def held_of(facts: Facts, world: World, now: datetime) -> list[Overdue]:
    """Everything of the patient that is overdue, as `take_stock` holds it back."""
    patient = facts.patient
    return [
        Overdue(
            row,
            world.practice.plans[patient.procedure(row.key.procedure).plan].step(row.key.step),
            patient.contact(row.key.contact).zone,
        )
        for row in facts.recorded
        if row.status in UNSENT and row.due_at <= now and not outlasted(row.valid_until, now)
    ]


def overdue(step: str, due_at: datetime, valid_until: datetime, channel: ChannelName = SMS) -> Overdue:
    key = ReminderKey(1, step, 1, channel)
    number = sum(map(ord, step + channel))
    return Overdue(Recorded(number, key, Status.PLANNED, due_at, due_at, valid_until), PLAN.step(step), CHICAGO)


def placed(held: list[Overdue], now: datetime, lag: timedelta = NONE) -> dict[str, datetime | None]:
    found = places(held, (), now, lag, PRACTICE)
    return {f"{one.row.key.step} {one.row.key.channel}": found[one.row.id] for one in held}


@given(worlds, nows, lags)
@properties(40)
def test_what_goes_goes_by_day_and_in_its_time_and_the_rest_is_named(
    world: World, now: datetime, lag: timedelta
) -> None:
    facts = replanned(world.facts, world.practice, min(p.enrolled_at for p in world.facts.patient.procedures))
    held = held_of(facts, world, now)
    found = places(held, (), now, lag, world.practice)
    assert set(found) == {one.row.id for one in held}
    for one in held:
        moment = found[one.row.id]
        if moment is not None:
            assert now <= moment <= one.row.valid_until - LEAST_ROOM
            assert world.practice.opening(one.step, moment, one.zone) == moment


@given(worlds, nows, lags)
@properties(40)
def test_a_patient_hears_of_one_thing_a_day(world: World, now: datetime, lag: timedelta) -> None:
    facts = replanned(world.facts, world.practice, min(p.enrolled_at for p in world.facts.patient.procedures))
    held = held_of(facts, world, now)
    said = [((0, "another"), now)]
    found = places(held, said, now, lag, world.practice)
    for zone in {one.zone for one in held}:
        days: dict[date, set[object]] = {local_day(now, zone): {(0, "another")}}
        for one in held:
            moment = found[one.row.id]
            if one.zone == zone and moment is not None:
                days.setdefault(local_day(moment, zone), set()).add(purpose(one.row))
        assert all(len(purposes) == 1 for purposes in days.values())


@given(worlds, nows, lags)
@properties(40)
def test_a_turn_once_given_survives_every_replan(world: World, now: datetime, lag: timedelta) -> None:
    facts = replanned(world.facts, world.practice, min(p.enrolled_at for p in world.facts.patient.procedures))
    found = places(held_of(facts, world, now), (), now, lag, world.practice)
    rows = tuple(
        replace(row, due_at=moment, reason=Reason.CATCH_UP) if (moment := found.get(row.id)) else row
        for row in facts.recorded
    )
    changes = reconcile(patient_timeline(replace(facts, recorded=rows), world.practice), rows, now)
    assert not [move for move in changes.move if move.row.reason == Reason.CATCH_UP]


def test_a_bound_that_moves_later_moves_a_turn_with_it() -> None:
    """The facts may ask for later than the turn, never for sooner."""
    friday = date(2026, 10, 30)
    before = Facts(a_patient(a_procedure(1, friday)))
    facts = replanned(before, PRACTICE, local(friday, 9))
    turn = local(friday + timedelta(days=15), 9)
    rows = tuple(
        replace(row, due_at=turn, reason=Reason.CATCH_UP) if row.key.step == "two-weeks" else row
        for row in facts.recorded
    )
    later = Facts(a_patient(a_procedure(1, friday + timedelta(days=7))), rows)
    moves = reconcile(patient_timeline(later, PRACTICE), rows, turn).move
    two_weeks = [m.reminder.due_at for m in moves if m.row.key.step == "two-weeks"]
    assert two_weeks
    assert all(moment > turn for moment in two_weeks)


def test_the_newest_goes_first_and_the_older_on_the_next_free_day() -> None:
    monday = date(2026, 11, 2)
    older = overdue("two-weeks", local(monday, 10), local(monday, 20) + timedelta(days=5))
    newer = overdue("four-weeks", local(monday, 11), local(monday, 20) + timedelta(days=5))
    found = placed([older, newer], local(monday, 12))
    assert found["four-weeks sms"] == local(monday, 12)
    assert found["two-weeks sms"] == local(monday + timedelta(days=1), 10)


def test_what_finds_no_free_day_before_its_end_is_outlasted() -> None:
    monday = date(2026, 11, 2)
    older = overdue("two-weeks", local(monday, 10), local(monday, 20))
    newer = overdue("four-weeks", local(monday, 11), local(monday, 20))
    assert placed([older, newer], local(monday, 12))["two-weeks sms"] is None


def test_one_step_by_text_and_mail_is_one_thing_said() -> None:
    monday = date(2026, 11, 2)
    end = local(monday, 20)
    both = [overdue("two-weeks", local(monday, 10), end, channel) for channel in (SMS, EMAIL)]
    assert set(placed(both, local(monday, 12)).values()) == {local(monday, 12)}


def test_at_night_nothing_goes_and_in_the_morning_each_in_its_turn() -> None:
    monday = date(2026, 11, 2)
    one = overdue("two-weeks", local(monday, 10), local(monday, 20) + timedelta(days=5))
    night = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)  # three o'clock in Chicago
    assert placed([one], night, timedelta(minutes=7)) == {"two-weeks sms": local(date(2026, 11, 3), 9, 7)}


def test_who_has_no_time_to_wait_for_their_turn_goes_at_once() -> None:
    monday = date(2026, 11, 2)
    one = overdue("two-weeks", local(monday, 10), local(monday, 12, 10))
    assert placed([one], local(monday, 12), timedelta(minutes=20)) == {"two-weeks sms": local(monday, 12)}


def test_a_turn_after_the_window_has_closed_keeps_its_place_when_it_opens_again() -> None:
    monday = date(2026, 11, 2)
    one = overdue("two-weeks", local(monday, 10), local(monday, 20) + timedelta(days=5))
    found = placed([one], local(monday, 19, 50), timedelta(minutes=25))
    assert found == {"two-weeks sms": local(monday + timedelta(days=1), 9, 25)}


@given(st.integers(1, 100_000))
@properties(100)
def test_a_backlog_takes_half_an_hour_or_a_second_a_patient(patients: int) -> None:
    between = gap(patients)
    assert CLOSEST <= between <= WIDEST
    assert between * patients <= max(SPREAD, CLOSEST * patients) + timedelta(milliseconds=patients)
