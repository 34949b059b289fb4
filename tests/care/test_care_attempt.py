"""The verdict on one attempt to send."""

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
from followup.care.delivery import Mover, Status, allowed
from followup.care.message import LEAST_ROOM
from followup.care.reason import Reason
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)
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
