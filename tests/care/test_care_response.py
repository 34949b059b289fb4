"""Whatever a reply means: a red flag is never silent, and nobody is told what must not be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from care_strategies import properties
from hypothesis import given
from hypothesis import strategies as st

from followup.care.message import POLICIES, Kind
from followup.care.pain import Course
from followup.care.reply import Meaning, Reading
from followup.care.response import (
    CONFIRMS_A_STOP,
    LIMITS,
    RED_FLAG_ANSWERS,
    Answer,
    Limit,
    Situation,
    respond,
)
from followup.care.task import Level, TaskKind

NOW = datetime(2026, 11, 2, 16, tzinfo=UTC)

readings = st.builds(
    Reading,
    st.frozensets(st.sampled_from(Meaning), min_size=1, max_size=4),
    st.one_of(st.none(), st.integers(0, 10)),
)
situations = st.builds(
    Situation,
    known=st.booleans(),
    asked=st.booleans(),
    late=st.booleans(),
    automatic=st.booleans(),
    media=st.booleans(),
    answerable=st.booleans(),
    stopped=st.booleans(),
    in_conversation=st.booleans(),
    confirms_stops=st.booleans(),
    course=st.builds(Course, st.one_of(st.none(), st.integers(0, 10)), st.one_of(st.none(), st.integers(0, 10))),
)


def says(*meanings: Meaning, score: int | None = None) -> Reading:
    return Reading(frozenset(meanings), score)


@properties(200)
@given(readings, situations)
def test_a_red_flag_is_a_critical_task_and_is_answered_whatever_else_is_true(
    reading: Reading, situation: Situation
) -> None:
    response = respond(reading, situation)
    if Meaning.CRITICAL not in reading.meanings:
        return
    if situation.automatic:
        assert response.tasks == (TaskKind.WARNING_SIGN,), (
            "a machine's words are read the same day, and page nobody"
        )
        return
    assert TaskKind.RED_FLAG in response.tasks
    assert response.answer in (RED_FLAG_ANSWERS if situation.answerable else {None})


@properties(200)
@given(readings, situations)
def test_an_ordinary_answer_goes_only_to_who_may_have_it(reading: Reading, situation: Situation) -> None:
    answer = respond(reading, situation).answer
    if answer is None or answer in RED_FLAG_ANSWERS:
        return
    assert situation.answerable
    assert not any((situation.late, situation.in_conversation, situation.automatic))
    assert not (situation.stopped and answer not in CONFIRMS_A_STOP)
    assert (
        not reading.meanings & {Meaning.DIED, Meaning.IN_HOSPITAL, Meaning.WRONG_NUMBER}
        or answer is Answer.STOPPED
    )
    assert situation.known or answer in {Answer.HELP, Answer.STOPPED}


@properties(200)
@given(readings, situations)
def test_nothing_that_needs_a_person_is_without_a_task(reading: Reading, situation: Situation) -> None:
    response = respond(reading, situation)
    harmless = reading.meanings <= {Meaning.THANKS, Meaning.AUTOMATIC} and not situation.media
    machine = situation.automatic or Meaning.AUTOMATIC in reading.meanings
    answered = situation.asked and reading.meanings & {Meaning.SCORE, Meaning.BETTER, Meaning.SAME, Meaning.WORSE}
    stop = Meaning.OPT_OUT in reading.meanings  # its task is opened for each patient of the number
    assert response.tasks or harmless or machine or answered or stop


@properties(200)
@given(readings, situations)
def test_late_is_always_told_and_a_stop_always_stops(reading: Reading, situation: Situation) -> None:
    response = respond(reading, situation)
    machine = situation.automatic or (
        Meaning.AUTOMATIC in reading.meanings and not reading.meanings & {Meaning.CRITICAL, Meaning.URGENT}
    )
    if machine:
        return
    assert (TaskKind.LATE_REPLY in response.tasks) is situation.late
    assert response.stops is (Meaning.OPT_OUT in reading.meanings)
    assert not (response.stops and response.reopens)


@pytest.mark.parametrize(
    ("reading", "answer"),
    [
        (says(Meaning.CRITICAL), Answer.RED_FLAG),
        (says(Meaning.CRITICAL, Meaning.SUICIDE), Answer.SUICIDE),
        (says(Meaning.CRITICAL, Meaning.OPT_OUT), Answer.RED_FLAG_STOPPED),
        (says(Meaning.URGENT), Answer.CALL_US),
        (says(Meaning.HELP), Answer.HELP),
        (says(Meaning.SCORE, score=8), Answer.RECEIVED),
        (says(Meaning.UNREADABLE), Answer.RECEIVED),
        (says(Meaning.OPT_OUT), None),
        (says(Meaning.THANKS), None),
        (says(Meaning.EMPTY), None),
        (says(Meaning.DIED), None),
    ],
)
def test_what_goes_back(reading: Reading, answer: Answer | None) -> None:
    assert respond(reading, Situation(asked=True)).answer is answer


def test_where_the_carrier_does_not_confirm_a_stop_we_do_once() -> None:
    assert respond(says(Meaning.OPT_OUT), Situation(confirms_stops=True)).answer is Answer.STOPPED


@pytest.mark.parametrize(
    ("score", "course", "kind"),
    [
        (0, Course(), None),
        (3, Course(8, None), None),
        (4, Course(8, None), TaskKind.PAIN_NOTED),
        (7, Course(9, None), TaskKind.HIGH_PAIN),
        (3, Course(8, 1), TaskKind.HIGH_PAIN),
        (3, Course(3, None), TaskKind.PAIN_NOTED),
        (5, Course(3, None), TaskKind.HIGH_PAIN),
        (0, Course(0, None), None),
    ],
)
def test_a_score_is_judged_by_itself_and_against_the_patients_own_course(
    score: int, course: Course, kind: TaskKind | None
) -> None:
    tasks = respond(says(Meaning.SCORE, score=score), Situation(asked=True, course=course)).tasks
    assert tasks == (() if kind is None else (kind,))


@properties(200)
@given(st.lists(st.integers(0, 60 * 48), max_size=40))
def test_no_limit_is_ever_passed(minutes: list[int]) -> None:
    for kind, limit in LIMITS.items():
        given_at: list[datetime] = []
        for minute in sorted(minutes):
            now = NOW + timedelta(minutes=minute)
            if limit.allows(tuple(given_at), now):
                given_at.append(now)
        for most, length in limit.most:
            assert all(sum(at <= other < at + length for other in given_at) <= most for at in given_at), kind


def test_the_limits_are_those_that_were_decided() -> None:
    hour, day = timedelta(hours=1), timedelta(hours=24)
    assert LIMITS[Kind.ANSWER].most == ((1, hour), (3, day))
    assert LIMITS[Kind.RED_FLAG].most == ((1, timedelta(minutes=10)), (6, day))
    assert Limit(((1, hour),), hour).allows((), NOW)


def test_only_a_red_flag_is_critical_and_its_answer_outranks_what_a_person_has_switched_off() -> None:
    assert [kind for kind in TaskKind if kind.level is Level.CRITICAL] == [TaskKind.RED_FLAG]
    assert not POLICIES[Kind.RED_FLAG].stopped
    assert not POLICIES[Kind.RED_FLAG].pausable
    assert POLICIES[Kind.RED_FLAG].repeated_at_once
