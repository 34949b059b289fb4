"""The facts against the rows: the difference, nothing else, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from care_strategies import properties
from care_worlds import (
    PHONE,
    SMS,
    Dice,
    World,
    a_contact,
    a_patient,
    a_practice,
    a_procedure,
    any_procedure,
    dice,
    find,
    local,
    nows,
    replanned,
    row_of,
    worlds,
)
from hypothesis import given

from followup.care.combine import Facts, patient_timeline
from followup.care.delivery import SET_ASIDE, Status
from followup.care.message import Recorded
from followup.care.people import Bar, ChannelName, Patient, Role
from followup.care.reason import Reason
from followup.care.reconcile import reconcile

FRIDAY = date(2026, 10, 30)
ENROLLED = local(FRIDAY, 9)


def after(patient: Patient, now: datetime = ENROLLED, *rows: Recorded, alert: bool = False) -> Facts:
    return replanned(Facts(patient, rows, alert), a_practice(), now)


def change(facts: Facts, patient: Patient, now: datetime = ENROLLED) -> Facts:
    return replanned(replace(facts, patient=patient), a_practice(), now)


def row(facts: Facts, step: str, procedure: int = 1) -> Recorded:
    own = [r for r in facts.recorded if (r.key.step, r.key.procedure) == (step, procedure)]
    return min(own, key=lambda r: r.key)


def told(facts: Facts) -> set[object]:
    return {
        (r.key, r.status, r.not_before, r.due_at, r.valid_until) for r in facts.recorded if r.key.procedure == 1
    }


@given(worlds, nows)
@properties(30)
def test_planning_twice_adds_nothing_and_reconciling_twice_changes_nothing(world: World, now: datetime) -> None:
    once = replanned(world.facts, world.practice, now)
    assert not reconcile(patient_timeline(once, world.practice), once.recorded, now)


@given(worlds, worlds, nows)
@properties(30)
def test_whatever_changes_is_settled_by_one_replan(world: World, other: World, now: datetime) -> None:
    once = replanned(world.facts, world.practice, now)
    changed = replanned(replace(other.facts, recorded=once.recorded), world.practice, now)
    assert not reconcile(patient_timeline(changed, world.practice), changed.recorded, now)


@given(worlds, dice)
@properties(30)
def test_a_procedure_enrolled_and_cancelled_again_leaves_the_others_as_they_were(world: World, dice: Dice) -> None:
    patient, now = world.facts.patient, min(p.enrolled_at for p in world.facts.patient.procedures)
    before = replanned(world.facts, world.practice, now)
    mistaken = any_procedure(dice, 9)
    stands = replace(mistaken, cancelled_at=None)
    with_it = replace(before, patient=replace(patient, procedures=(*patient.procedures, stands)))
    cancelled = replace(mistaken, cancelled_at=now)
    undone = replace(
        replanned(with_it, world.practice, now),
        patient=replace(patient, procedures=(*patient.procedures, cancelled)),
    )
    found = {
        r.key: (r.status, r.reason, r.held_by, r.due_at) for r in replanned(undone, world.practice, now).recorded
    }
    for r in before.recorded:
        if r.status == Status.PLANNED:
            assert found[r.key] == (r.status, r.reason, r.held_by, r.due_at)
        else:
            assert found[r.key][0] in SET_ASIDE


@given(worlds, nows)
@properties(30)
def test_lifting_a_hold_brings_back_all_that_is_still_true(world: World, now: datetime) -> None:
    before = replanned(world.facts, world.practice, now)
    held = replanned(replace(before, patient=replace(before.patient, on_hold=True)), world.practice, now)
    assert not [r for r in held.recorded if r.status == Status.PLANNED]
    lifted = replanned(replace(held, patient=before.patient), world.practice, now)
    planned = {r.key for r in before.recorded if r.status == Status.PLANNED}
    assert planned == {r.key for r in lifted.recorded if r.status == Status.PLANNED}


def test_a_second_session_sets_the_firsts_texts_aside_and_cancelling_it_brings_them_back() -> None:
    first = after(a_patient(a_procedure(1, FRIDAY)))
    second = a_procedure(2, date(2026, 11, 20))
    both = change(first, a_patient(a_procedure(1, FRIDAY), second))
    assert (row(both, "six-weeks").status, row(both, "six-weeks").held_by) == (Status.SUPERSEDED, 2)
    assert row(both, "six-weeks").reason == Reason.LATER_PROCEDURE
    assert row(both, "six-weeks", 2).due_at == local(date(2027, 1, 1), 10)
    cancelled = replace(second, cancelled_at=ENROLLED)
    assert told(change(both, a_patient(a_procedure(1, FRIDAY), cancelled))) == told(first)


def test_a_death_cancels_everything_and_recalls_what_is_on_the_wire() -> None:
    planned = after(a_patient(a_procedure(1, FRIDAY)))
    welcome = replace(row(planned, "welcome"), status=Status.IN_DOUBT, attempt=1, sent_at=ENROLLED)
    rows = tuple(welcome if r.key == welcome.key else r for r in planned.recorded)
    died = replace(a_patient(a_procedure(1, FRIDAY)), died=True)
    changes = reconcile(patient_timeline(Facts(died, rows), a_practice()), rows, ENROLLED)
    assert [e.row.key for e in changes.recall] == [welcome.key]
    assert {e.status for e in changes.end} == {Status.CANCELLED}
    assert not changes.add
    assert not changes.move


def test_a_date_moved_moves_the_rows_and_touches_nothing_that_was_sent() -> None:
    planned = after(a_patient(a_procedure(1, FRIDAY, home=None)))
    welcome = replace(row(planned, "welcome"), status=Status.DELIVERED, attempt=1, sent_at=ENROLLED)
    rows = tuple(welcome if r.key == welcome.key else r for r in planned.recorded)
    moved = a_patient(replace(a_procedure(1, FRIDAY, home=None), on=date(2026, 11, 6)))
    found = change(replace(planned, recorded=rows), moved)
    assert row(found, "welcome") == welcome
    assert row(found, "six-weeks").due_at == local(date(2026, 12, 18), 10)


def test_a_homecoming_recorded_late_releases_what_is_still_true() -> None:
    planned = after(a_patient(a_procedure(1, FRIDAY, home=None)))
    assert {r.key.step for r in planned.recorded}.isdisjoint({"going-home", "day-1"})
    home = change(planned, a_patient(a_procedure(1, FRIDAY)), local(date(2026, 10, 31), 8))
    assert row(home, "going-home").reason == Reason.NO_ROOM
    assert row(home, "day-1").status == Status.PLANNED


def test_a_homecoming_taken_back_cancels_its_texts_and_says_why() -> None:
    home = after(a_patient(a_procedure(1, FRIDAY)))
    undone = change(home, a_patient(a_procedure(1, FRIDAY, home=None)))
    assert (row(undone, "day-1").status, row(undone, "day-1").reason) == (Status.CANCELLED, Reason.NOT_HOME)
    again = change(undone, a_patient(a_procedure(1, FRIDAY)))
    assert row(again, "day-1").status == Status.PLANNED


def test_a_patient_who_can_no_longer_be_reached_has_one_row_a_text_that_says_so() -> None:
    by_mail = a_patient(a_procedure(1, FRIDAY), contacts=(a_contact(1, Role.PATIENT, SMS, PHONE),))
    planned = after(by_mail)
    contact = replace(by_mail.contacts[0], bars=dict.fromkeys(ChannelName, Bar.OPTED_OUT))
    unreachable = replace(by_mail, contacts=(contact,))
    found = change(change(planned, unreachable), unreachable)
    assert {r.key for r in found.recorded} == {r.key for r in planned.recorded}
    assert {r.reason for r in found.recorded} == {Reason.OPTED_OUT}


def test_a_retry_keeps_its_own_time_but_never_goes_before_a_bound_that_has_moved() -> None:
    planned = after(a_patient(a_procedure(1, FRIDAY, home=None)))
    check = replace(row(planned, "pain-check"), status=Status.RETRY_WAIT, attempt=1)
    waiting = replace(check, due_at=check.due_at + timedelta(minutes=7))
    rows = tuple(waiting if r.key == check.key else r for r in planned.recorded)
    facts = replace(planned, recorded=rows)
    assert row(change(facts, facts.patient), "pain-check") == waiting
    home_on_monday = replace(a_procedure(1, FRIDAY), discharged_at=local(date(2026, 11, 1), 18))
    kept = row(change(facts, a_patient(home_on_monday)), "pain-check")
    assert kept.not_before == local(date(2026, 11, 2), 0)
    assert kept.due_at == waiting.due_at
    home_later = replace(a_procedure(1, FRIDAY), discharged_at=local(date(2026, 11, 2), 18))
    moved = row(change(facts, a_patient(home_later)), "pain-check")
    assert moved.not_before == local(date(2026, 11, 3), 0)
    assert moved.due_at == local(date(2026, 11, 3), 10)


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED, Status.UNRESOLVED, Status.DELIVERED])
def test_what_has_ended_is_never_touched(status: Status) -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    ended = replace(row(after(patient), "activity"), status=status, attempt=1)
    cancelled = a_patient(replace(a_procedure(1, FRIDAY), cancelled_at=ENROLLED))
    for facts in (patient, cancelled):
        changes = reconcile(patient_timeline(Facts(facts, (ended,)), a_practice()), (ended,), ENROLLED)
        touched = {c.row.key for c in (*changes.move, *changes.end, *changes.reopen, *changes.recall)}
        assert ended.key not in touched


def test_what_kept_a_message_from_going_stays_its_reason_once_its_time_is_over() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    held = replace(row(after(patient), "day-1"), status=Status.SUPPRESSED, reason=Reason.ON_HOLD)
    gone = replace(patient, died=True)
    timeline = patient_timeline(Facts(gone, (held,)), a_practice())
    in_time = reconcile(timeline, (held,), held.valid_until - timedelta(hours=1))
    too_late = reconcile(timeline, (held,), held.valid_until)
    assert [e.held.reason for e in in_time.end if e.row.key == held.key] == [Reason.DIED]
    assert [e for e in too_late.end if e.row.key == held.key] == []


def test_an_undelivered_text_goes_by_mail_only_while_it_is_still_true() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    day_1 = replace(row(after(patient), "day-1"), status=Status.UNDELIVERED, attempt=1, sent_at=ENROLLED)
    in_time = after(patient, day_1.valid_until - timedelta(minutes=5), day_1)
    too_late = after(patient, day_1.valid_until - timedelta(minutes=1), day_1)
    assert [r.status for r in in_time.recorded if r.key.step == "day-1"] == [Status.UNDELIVERED, Status.PLANNED]
    late = [r for r in too_late.recorded if r.key.step == "day-1" and r.key != day_1.key]
    assert [(r.status, r.reason) for r in late] == [(Status.SUPPRESSED, Reason.NO_ROOM)]


def test_a_step_the_plan_no_longer_has_is_cancelled() -> None:
    patient = a_patient(a_procedure(1, FRIDAY))
    stray = row_of(find(patient_timeline(Facts(patient), a_practice()), "four-weeks"))
    stray = replace(stray, key=stray.key._replace(step="forgotten", channel=PHONE))
    changes = reconcile(patient_timeline(Facts(patient, (stray,)), a_practice()), (stray,), ENROLLED)
    assert [(e.row.key.step, e.held.reason) for e in changes.end] == [("forgotten", Reason.NO_LONGER_PLANNED)]
