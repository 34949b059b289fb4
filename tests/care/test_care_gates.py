"""Every gate at the moment of sending, and whole lives of patients sent through them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from care_strategies import CHICAGO, properties
from care_worlds import (
    EMAIL,
    PHONE,
    SMS,
    Dice,
    World,
    a_patient,
    a_practice,
    a_procedure,
    dice,
    find,
    local,
    nows,
    replanned,
    row_of,
    telling_worlds,
    worlds,
)
from hypothesis import given

from followup.care.combine import Facts, patient_timeline
from followup.care.delivery import SET_ASIDE, UNSENT, Status
from followup.care.gates import Go, Later, Surroundings, may_send
from followup.care.local_time import local_day
from followup.care.message import LEAST_ROOM, Held, Recorded
from followup.care.people import Patient
from followup.care.plan import Anchor
from followup.care.questions import questions
from followup.care.reason import Reason
from followup.care.restrictions import in_force, limits
from followup.care.rows import perhaps_said

FRIDAY = date(2026, 10, 30)
PATIENT = a_patient(a_procedure(1, FRIDAY))


def a_row(step: str, patient: Patient = PATIENT) -> Recorded:
    return row_of(find(patient_timeline(Facts(patient), a_practice()), step))


def verdict(step: str, now: datetime, patient: Patient = PATIENT, **around: object) -> Go | Later | Held:
    surroundings = replace(Surroundings(now, listening=True), **around)  # type: ignore[arg-type]  # its own fields
    return may_send(a_row(step), patient, a_practice(), surroundings)


def surroundings(now: datetime, dice: Dice) -> Surroundings:
    return Surroundings(
        now,
        dice.number(0, 3) > 0,
        dice.rarely(),
        dice.one_of(None, now + timedelta(hours=dice.number(-100, 200))),
        tuple(now - timedelta(hours=dice.number(0, 300)) for _ in range(dice.number(0, 7))),
    )


def _check_go(row: Recorded, go: Go, world: World, around: Surroundings) -> None:
    patient, practice, now = world.facts.patient, world.practice, around.now
    contact, procedure = patient.contact(row.key.contact), patient.procedure(row.key.procedure)
    step = practice.plans[procedure.plan].step(row.key.step)
    assert practice.window.contains(now, contact.zone)
    assert max(row.not_before, row.due_at) <= now
    assert now + LEAST_ROOM <= go.until <= row.valid_until
    assert row.key.channel is PHONE or go.until <= practice.window.closes(now, contact.zone)
    assert contact.may_use(row.key.channel)
    assert procedure.standing
    assert not patient.died
    assert not patient.on_hold
    assert step.anchor is Anchor.ENROLLMENT or not patient.in_hospital
    if step.waits_for_answer:
        assert practice.staffed.defer(now) == now
        assert around.listening or row.key.channel is PHONE
    if step.ends:
        laid = limits(patient.procedures, practice.plans)
        assert in_force(laid, step.ends, local_day(now, contact.zone)) is None
    if step.unless_alert:
        assert not around.alert_open
        assert not around.question_until or around.question_until <= now
    if row.key.channel is SMS:
        days = [local_day(m, contact.zone) for m in around.texts]
        today = local_day(now, contact.zone)
        assert days.count(today) < practice.caps.per_day
        assert sum(today - d < timedelta(days=7) for d in days) < practice.caps.per_7_days


@given(worlds, nows, dice)
@properties(40)
def test_what_may_go_breaks_no_promise_and_what_waits_waits_for_a_moment_that_comes(
    world: World, now: datetime, dice: Dice
) -> None:
    for reminder in patient_timeline(world.facts, world.practice):
        row = row_of(replace(reminder, held=None))
        moment = dice.one_of(now, row.due_at, row.due_at + timedelta(hours=9))
        around = surroundings(moment, dice)
        found = may_send(row, world.facts.patient, world.practice, around)
        asked = 0
        while isinstance(found, Later):
            assert found.due_at > around.now
            assert found.due_at + LEAST_ROOM <= row.valid_until
            around = replace(around, now=found.due_at)
            found = may_send(row, world.facts.patient, world.practice, around)
            asked += 1
            assert asked < 12
        if isinstance(found, Go):
            _check_go(row, found, world, around)
        else:
            assert Reason(found.reason).status in SET_ASIDE | {Status.EXPIRED}


@given(telling_worlds, dice)
@properties(30)
def test_whole_lives_keep_every_promise(world: World, dice: Dice) -> None:
    """Planned, sent, answered, undelivered and changed at random, as dispatcher and staff would."""
    start = min(p.enrolled_at for p in world.facts.patient.procedures)
    life = _Life(replace(world, facts=replanned(world.facts, world.practice, start)), dice)
    moment = start
    for _ in range(25):
        moment = life.next_moment(moment)
        life.tick(moment)
    for row in life.world.facts.recorded:
        assert (row.reason is None) == (row.status in {Status.PLANNED, Status.SENT, Status.UNDELIVERED})


class _Life:
    """A dispatcher in a few lines: it sends what is due, and somebody may answer, or lose it, or change a fact."""

    def __init__(self, world: World, dice: Dice) -> None:
        self.world = world
        self.dice = dice

    def next_moment(self, now: datetime) -> datetime:
        ahead = [r.due_at for r in self.world.facts.recorded if r.status in UNSENT and r.due_at > now]
        soon = min(ahead, default=now + timedelta(days=1))
        return soon + timedelta(hours=self.dice.one_of(0, 0, 0, 1, 7, 25))

    def tick(self, now: datetime) -> None:
        for key in [r.key for r in self.world.facts.recorded if r.status in UNSENT and r.due_at <= now]:
            row = next(r for r in self.world.facts.recorded if r.key == key)
            if row.status in UNSENT and row.due_at <= now:
                self._dispatch(row, now)
        self._happens(now)
        self._write(*self.world.facts.recorded, now=now)

    def _dispatch(self, row: Recorded, now: datetime) -> None:
        facts = self.world.facts
        around = self._around(row, now)
        found = may_send(row, facts.patient, self.world.practice, around)
        match found:
            case Go():
                _check_go(row, found, self.world, around)
                self._check_life(row, now)
                status = self.dice.one_of(Status.SENT, Status.SENT, Status.UNDELIVERED)
                self._write(replace(row, status=status, sent_at=now, attempt=1), now=None)
            case Later(due_at=due_at):
                self._write(replace(row, due_at=due_at), now=None)
            case Held(reason=reason, by=by):
                ended = replace(row, status=Reason(reason).status, reason=reason, held_by=by)
                self._write(ended, now=None)

    def _around(self, row: Recorded, now: datetime) -> Surroundings:
        facts = self.world.facts
        own = {row.key.step, self._nudged_step(row)}
        asked = [
            q.closes_at for q in questions(facts.recorded) if q.procedure != row.key.procedure or q.step not in own
        ]
        texts = [
            r.sent_at
            for r in facts.recorded
            if r.sent_at and r.key.channel is SMS and self._number(r) == self._number(row)
        ]
        nudged = [
            r
            for r in facts.recorded
            if (r.key.procedure, r.key.step, r.key.contact)
            == (row.key.procedure, self._nudged_step(row), row.key.contact)
        ]
        best = max(nudged, key=perhaps_said, default=None)
        return Surroundings(
            now, listening=True, alert_open=facts.alert_open, question_until=max(asked, default=None),
            texts=texts, nudged=best,
        )  # fmt: skip

    def _nudged_step(self, row: Recorded) -> str | None:
        plan = self.world.practice.plans[self.world.facts.patient.procedure(row.key.procedure).plan]
        return plan.step(row.key.step).nudges

    def _number(self, row: Recorded) -> str | None:
        return self.world.facts.patient.contact(row.key.contact).number

    def _check_life(self, row: Recorded, now: datetime) -> None:
        """What only a whole life can show."""
        rows = self.world.facts.recorded
        before = [r for r in rows if r.key == row.key and perhaps_said(r)]
        assert not before
        if row.asks:
            others = [q for q in questions(rows) if (q.procedure, q.step) != (row.key.procedure, row.key.step)]
            assert all(q.closes_at <= now for q in others)
        if step := self._nudged_step(row):
            asked = [
                r
                for r in rows
                if (r.key.procedure, r.key.step, r.key.contact) == (row.key.procedure, step, row.key.contact)
                and perhaps_said(r)
            ]
            assert asked
            assert not any(r.answered for r in asked)
            assert all(r.sent_at and r.sent_at + timedelta(hours=24) <= now for r in asked)

    def _happens(self, now: datetime) -> None:
        facts = self.world.facts
        patient = facts.patient
        event = self.dice.one_of(*[""] * 12, "answer", "hold", "cancel", "alert", "date", "home")
        first = patient.procedures[0]
        if event == "answer":
            rows = [
                replace(r, answered=True, question_closed_at=now) if r.asks and perhaps_said(r) else r
                for r in facts.recorded
            ]
            facts = replace(facts, recorded=tuple(rows))
        elif event == "hold":
            facts = replace(facts, patient=replace(patient, on_hold=not patient.on_hold))
        elif event == "alert":
            facts = replace(facts, alert_open=not facts.alert_open)
        elif event:
            changes = {
                "cancel": {"cancelled_at": None if first.cancelled_at else now},
                "date": {"on": first.on + timedelta(days=3)},
                "home": {"discharged_at": None if first.discharged_at else now, "in_hospital": False},
            }
            changed = replace(first, **changes[event])  # type: ignore[arg-type]  # a procedure's own fields
            facts = replace(facts, patient=replace(patient, procedures=(changed, *patient.procedures[1:])))
        self.world = replace(self.world, facts=facts)

    def _write(self, *rows: Recorded, now: datetime | None) -> None:
        by_key = {r.key: r for r in self.world.facts.recorded} | {r.key: r for r in rows}
        facts = replace(self.world.facts, recorded=tuple(by_key.values()))
        if now is not None:
            facts = replanned(facts, self.world.practice, now)
        self.world = replace(self.world, facts=facts)


MONDAY = local(date(2026, 11, 2), 10)


def test_a_text_whose_time_has_come_goes_and_must_leave_before_the_evening() -> None:
    due = local(date(2026, 10, 31), 10)
    assert verdict("day-1", due) == Go(local(date(2026, 10, 31), 20))


def test_before_its_time_it_waits_and_at_night_until_morning() -> None:
    assert verdict("day-1", local(FRIDAY, 18)) == Later(local(date(2026, 10, 31), 10), Reason.NOT_SENT_YET)
    night = local(date(2026, 10, 31), 23)
    assert verdict("day-1", night) == Later(local(date(2026, 11, 1), 12), Reason.NOT_SENT_YET)


def test_a_minute_before_the_window_closes_is_too_late_for_today() -> None:
    closing = local(date(2026, 10, 31), 19, 59)
    assert verdict("day-1", closing) == Later(local(date(2026, 11, 1), 12), Reason.NOT_SENT_YET)


def test_two_days_of_rest_are_not_advised_on_the_third() -> None:
    assert verdict("day-1", local(date(2026, 11, 2), 9)) == Held(Reason.TOO_LATE)
    assert verdict("day-1", local(date(2026, 11, 1), 19, 59)) == Held(Reason.TOO_LATE)


def test_a_question_nobody_would_hear_is_not_asked_by_text_but_may_be_on_the_phone() -> None:
    assert verdict("pain-check", MONDAY, listening=False) == Held(Reason.NOBODY_LISTENS)
    call = replace(a_row("pain-check"), key=a_row("pain-check").key._replace(channel=PHONE))
    around = Surroundings(MONDAY, listening=False)
    assert may_send(call, PATIENT, a_practice(), around) == Go(call.valid_until)


def test_a_nudge_too_goes_only_where_an_answer_would_be_read_and_somebody_is_there() -> None:
    assert verdict("pain-check-nudge", TUESDAY, nudged=ASKED, listening=False) == Held(Reason.NOBODY_LISTENS)
    evening = local(date(2026, 11, 3), 18)
    late = replace(ASKED, sent_at=local(date(2026, 11, 2), 14))
    found = verdict("pain-check-nudge", evening, nudged=late)
    assert found == Later(local(date(2026, 11, 4), 10), Reason.NO_STAFFED_HOUR)


def test_a_question_late_in_the_afternoon_waits_for_the_next_staffed_day() -> None:
    late = local(date(2026, 11, 2), 16)
    assert verdict("pain-check", late) == Later(local(date(2026, 11, 3), 10), Reason.NO_STAFFED_HOUR)


def test_where_nobody_is_ever_there_a_question_ends_and_does_not_crash() -> None:
    practice = a_practice()
    nobody = replace(practice, staffed=replace(practice.staffed, hours={}))
    around = Surroundings(MONDAY, listening=True)
    assert may_send(a_row("pain-check"), PATIENT, nobody, around) == Held(Reason.NO_STAFFED_HOUR)


def test_normal_activity_waits_for_the_day_after_the_open_question() -> None:
    tuesday = local(date(2026, 11, 3), 10)
    found = verdict("activity", tuesday, question_until=local(date(2026, 11, 4), 10))
    assert found == Later(local(date(2026, 11, 5), 10), Reason.QUESTION_OPEN)
    assert verdict("activity", tuesday, alert_open=True) == Held(Reason.ALERT_OPEN)


def test_the_third_text_of_a_day_waits_for_tomorrow_and_the_seventh_of_a_week_for_its_day() -> None:
    now = local(date(2026, 11, 3), 15)
    assert verdict("activity", now, texts=[now] * 2) == Later(local(date(2026, 11, 4), 10), Reason.CAP)
    week = [now - timedelta(days=n) for n in range(6)]
    assert verdict("activity", now, texts=week) == Later(local(date(2026, 11, 5), 10), Reason.CAP)


TUESDAY = local(date(2026, 11, 3), 10)
ASKED = replace(a_row("pain-check"), status=Status.SENT, sent_at=MONDAY, attempt=1)


def test_a_nudge_goes_a_day_after_its_question() -> None:
    assert isinstance(verdict("pain-check-nudge", TUESDAY, nudged=ASKED), Go)


def test_a_nudge_never_goes_with_its_question_after_an_outage() -> None:
    late = verdict("pain-check-nudge", TUESDAY, nudged=a_row("pain-check"))
    assert late == Later(local(date(2026, 11, 4), 10), Reason.NOT_SENT_YET)
    just_asked = replace(ASKED, sent_at=TUESDAY)
    assert verdict("pain-check-nudge", TUESDAY, nudged=just_asked) == late


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (replace(ASKED, answered=True, question_closed_at=TUESDAY), Reason.ANSWERED),
        (replace(ASKED, question_closed_at=TUESDAY), Reason.QUESTION_CLOSED),
        (replace(ASKED, status=Status.EXPIRED, reason=Reason.TOO_LATE), Reason.NOT_ASKED),
        (replace(ASKED, status=Status.FAILED, reason=Reason.REFUSED), Reason.NOT_ASKED),
        (None, Reason.NOT_ASKED),
    ],
    ids=["answered", "given up", "expired", "refused", "none"],
)
def test_a_nudge_of_a_question_that_waits_for_nothing_is_held(question: Recorded | None, reason: Reason) -> None:
    assert verdict("pain-check-nudge", TUESDAY, nudged=question) == Held(reason)


def test_facts_that_changed_since_planning_stop_it_at_the_door() -> None:
    second = a_procedure(2, date(2026, 11, 13))
    now = local(date(2026, 11, 13), 10)
    first = PATIENT.procedures[0]
    assert verdict("two-weeks", now, a_patient(first, second)) == Held(Reason.LATER_PROCEDURE, 2)
    assert verdict("two-weeks", now, replace(PATIENT, died=True)) == Held(Reason.DIED)
    assert verdict("six-weeks", local(date(2026, 12, 11), 10), a_patient(replace(first, on=SECOND))) == Held(
        Reason.STILL_RESTRICTED, 1
    )


SECOND = date(2026, 11, 20)


def test_a_step_or_plan_that_is_gone_sends_nothing() -> None:
    stray = replace(a_row("day-1"), key=a_row("day-1").key._replace(step="forgotten"))
    around = Surroundings(MONDAY, listening=True)
    assert may_send(stray, PATIENT, a_practice(), around) == Held(Reason.NO_LONGER_PLANNED)
    gone = replace(a_practice(), plans={})
    assert may_send(a_row("day-1"), PATIENT, gone, around) == Held(Reason.NO_LONGER_PLANNED)


def test_a_mail_keeps_the_window_too() -> None:
    mail = replace(a_row("six-weeks"), key=a_row("six-weeks").key._replace(channel=EMAIL))
    around = Surroundings(local(date(2026, 12, 11), 21), listening=False)
    found = may_send(mail, PATIENT, a_practice(), around)
    assert found == Later(local(date(2026, 12, 12), 9), Reason.NOT_SENT_YET)
    assert local_day(mail.due_at, CHICAGO) == date(2026, 12, 11)
