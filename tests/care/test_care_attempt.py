"""What can become of a message, and the verdict on one attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from care_strategies import properties
from hypothesis import given
from hypothesis import strategies as st

from followup.care.attempt import (
    JITTER,
    LATEST_RETRY,
    MOST_ATTEMPTS,
    SOONEST_RETRY,
    Attempt,
    Outcome,
    Receipt,
    back_off,
    judge,
)
from followup.care.delivery import MOVES, ON_THE_WIRE, SET_ASIDE, STATUS_SENTENCES, UNSENT, Mover, Status, allowed
from followup.care.message import LEAST_ROOM, POLICIES, Kind
from followup.care.people import Bar
from followup.care.reason import Reason
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)
FINAL = frozenset(
    {Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.EXPIRED, Status.UNRESOLVED} | SET_ASIDE
)


def exits(status: Status) -> set[Status]:
    return {move.target for move in MOVES if move.source is status}


@pytest.mark.parametrize("status", Status)
def test_every_status_is_explained_in_one_sentence(status: Status) -> None:
    assert STATUS_SENTENCES[status].endswith(".")


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_every_status_that_is_not_the_end_has_a_way_out(status: Status) -> None:
    assert exits(status)


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_from_every_status_an_end_can_be_reached(status: Status) -> None:
    reached, new = set(), {status}
    while new:
        reached |= new
        new = {target for source in new for target in exits(source)} - reached
    assert reached & FINAL


@pytest.mark.parametrize("status", sorted(FINAL - SET_ASIDE))
def test_an_end_is_the_end(status: Status) -> None:
    assert not exits(status)


@pytest.mark.parametrize("status", sorted(SET_ASIDE))
def test_what_facts_set_aside_facts_alone_bring_back(status: Status) -> None:
    assert exits(status) == {Status.PLANNED} | SET_ASIDE - {status}
    assert {move.mover for move in MOVES if move.source is status} == {Mover.PLANNER}


def test_nobody_ever_plans_again_what_may_be_on_the_wire() -> None:
    assert not [m for m in MOVES if m.source in ON_THE_WIRE and m.target is Status.PLANNED]
    assert not [m for m in MOVES if m.source is Status.IN_DOUBT and m.target in UNSENT]


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PLANNED}))
def test_every_status_can_come_about(status: Status) -> None:
    assert [move for move in MOVES if move.target is status]


def test_every_move_has_its_sentence_and_exactly_the_moves_in_the_table_are_allowed() -> None:
    table = {(m.mover, m.source, m.target) for m in MOVES}
    assert all(move.sentence and not move.sentence.endswith(".") for move in MOVES)
    assert len(table) == len(MOVES)
    for mover in Mover:
        for source in Status:
            for target in Status:
                assert allowed(mover, source, target) == ((mover, source, target) in table)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_and_leads_where_something_leads(reason: Reason) -> None:
    assert reason.sentence
    assert not reason.sentence.endswith(".")
    assert [move for move in MOVES if move.target is reason.status]
    assert not reason.by_facts or reason.status in SET_ASIDE


@pytest.mark.parametrize("bar", Bar)
def test_why_a_channel_is_barred_is_a_reason_to_hold_a_message(bar: Bar) -> None:
    assert Reason(bar.value).by_facts


def test_only_what_a_patient_gets_unasked_waits_for_the_window() -> None:
    assert POLICIES.keys() == set(Kind)
    assert POLICIES[Kind.REMINDER].windowed
    assert not POLICIES[Kind.ALERT].windowed


attempts = st.builds(
    lambda message, before, age, left: Attempt(
        message, before, NOON - timedelta(seconds=age), NOON + timedelta(seconds=left)
    ),
    st.integers(1, 10**6),
    st.integers(0, MOST_ATTEMPTS),
    st.integers(-3600, 10**6),
    st.integers(-3600, 10**5),
)
errors = st.one_of(
    st.builds(Rejected, st.just("no"), opted_out=st.booleans(), bad_address=st.booleans()),
    st.builds(
        Unavailable,
        st.just("later"),
        retry_after=st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
        charged=st.booleans(),
    ),
    st.builds(SenderBlocked, st.just("blocked")),
    st.builds(Uncertain, st.just("silence")),
    st.builds(DeliveryError, st.just("unheard of")),
)
results = errors | st.builds(Receipt, st.just("SM1"), st.sampled_from(Status))


def judged(attempt: Attempt, result: Receipt | DeliveryError) -> Outcome:
    return judge(attempt, result, NOON)


@given(attempts, results)
@properties(300)
def test_every_verdict_is_a_move_the_dispatcher_may_make(attempt: Attempt, result: DeliveryError) -> None:
    outcome = judged(attempt, result)
    assert allowed(Mover.DISPATCHER, Status.SENDING, outcome.status)
    assert outcome.reason is None or outcome.reason.status is outcome.status
    assert (outcome.due_at is not None) == (outcome.status is Status.RETRY_WAIT)


@given(attempts, errors)
@properties(300)
def test_another_attempt_always_fits_before_the_end_and_waits_as_long_as_asked(
    attempt: Attempt, error: DeliveryError
) -> None:
    outcome = judged(attempt, error)
    if outcome.due_at is not None:
        assert outcome.due_at + LEAST_ROOM <= attempt.valid_until
        assert outcome.due_at >= NOON + SOONEST_RETRY * (1 - JITTER)
        if isinstance(error, Unavailable) and error.retry_after:
            assert outcome.due_at >= NOON + error.retry_after


@given(attempts, st.builds(Unavailable, st.just("down"), charged=st.just(value=False)))
@properties(100)
def test_a_fault_of_the_infrastructure_never_uses_up_a_message(attempt: Attempt, error: Unavailable) -> None:
    for fault in (error, SenderBlocked("blocked")):
        outcome = judged(attempt, fault)
        assert not outcome.charged
        assert outcome.status in {Status.RETRY_WAIT, Status.EXPIRED}


@given(attempts)
@properties(50)
def test_a_blocked_sender_pauses_its_channel_however_little_time_this_message_had(attempt: Attempt) -> None:
    assert judged(attempt, SenderBlocked("blocked")).pauses_sender


def test_the_last_attempt_that_is_paid_for_ends_it() -> None:
    left = NOON + timedelta(days=3)
    error = Unavailable("busy", charged=True)
    statuses = [judged(Attempt(1, n, NOON, left), error).status for n in range(MOST_ATTEMPTS)]
    assert statuses == [Status.RETRY_WAIT] * (MOST_ATTEMPTS - 1) + [Status.FAILED]


@pytest.mark.parametrize("said", [Status.ACCEPTED, Status.SENT])
def test_what_the_provider_took_has_its_id(said: Status) -> None:
    outcome = judged(Attempt(1, 0, NOON, NOON + timedelta(days=1)), Receipt("SM1", said))
    assert (outcome.status, outcome.provider_id, outcome.reason) == (said, "SM1", None)


def test_a_number_that_told_the_carrier_to_stop_is_suppressed_not_failed() -> None:
    attempt = Attempt(1, 0, NOON, NOON + timedelta(days=1))
    outcome = judged(attempt, Rejected("stopped", opted_out=True))
    assert (outcome.status, outcome.reason, outcome.opted_out) == (Status.SUPPRESSED, Reason.OPTED_OUT, True)
    assert judged(attempt, Rejected("no such number", bad_address=True)).status is Status.FAILED


@given(attempts)
@properties(200)
def test_waits_grow_with_the_age_of_a_message_between_their_bounds_and_are_the_same_again(
    attempt: Attempt,
) -> None:
    wait = back_off(attempt, NOON)
    assert SOONEST_RETRY * (1 - JITTER) <= wait <= LATEST_RETRY * (1 + JITTER)
    assert wait == back_off(attempt, NOON)


def test_near_its_end_a_message_is_tried_once_more_rather_than_given_up() -> None:
    begun = NOON - timedelta(hours=3)
    near = Attempt(1, 0, begun, NOON + timedelta(minutes=10))
    assert judge(near, Unavailable("gone"), NOON).due_at == NOON + SOONEST_RETRY
    over = Attempt(1, 0, begun, NOON + timedelta(minutes=2))
    assert judge(over, Unavailable("gone"), NOON).status is Status.EXPIRED
