"""When a sender pauses, and how it is taken up again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from care_strategies import properties
from hypothesis import given
from hypothesis import strategies as st

from followup.care.attempt import Receipt
from followup.care.breaker import (
    FAULTS_IN_A_ROW,
    FIRST_WAIT,
    LEAST_RESULTS,
    LONGEST_WAIT,
    LOST_AFTER,
    MOST_RESULTS,
    WINDOW,
    Breaker,
    BreakerState,
    Verdict,
    verdict_on_sender,
)
from followup.care.delivery import Status
from followup.care.message import LONGEST_ATTEMPT
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORDINARY = 64

TAKEN = Receipt("SM" + 32 * "0", Status.ACCEPTED)
REFUSED = Rejected("the number takes no texts", "21614", bad_address=True)
NO_LINE = Unavailable("no connection: gaierror", of_sender=True)
SILENCE = Uncertain("no valid answer: TimeoutError")
WRONG_PASSWORD = SenderBlocked("the credentials are refused", "20003")
REDIRECTED = Uncertain("the answer points to another address", "302", blocks_sender=True)
GREYLISTED = Unavailable("the mail server asks to come back later", "451 4.7.1")
SLOW_DOWN = Unavailable("the provider asks to slow down", "20429", retry_after=timedelta(seconds=30))
BROKEN_OFF = Unavailable("broken off within the mail", charged=True)
OUR_OWN_NO = Rejected("the address cannot be written in a mail", bad_address=True)
STOPPED = Unavailable("stopped before it was begun")

SAID = {
    Verdict.WORKS: (TAKEN, REFUSED),
    Verdict.FAULT: (NO_LINE, SILENCE, Uncertain("the provider failed while it had the message", "503")),
    Verdict.BLOCKED: (WRONG_PASSWORD, REDIRECTED),
    Verdict.NOTHING: (GREYLISTED, SLOW_DOWN, BROKEN_OFF, OUR_OWN_NO, STOPPED),
}
Result = Receipt | DeliveryError


def saying(*verdicts: Verdict) -> st.SearchStrategy[Result]:
    return st.sampled_from([result for verdict in verdicts for result in SAID[verdict]])


any_result = saying(*Verdict)
ordinaries = st.integers(1, 100)
gaps = st.one_of(st.just(0.0), st.floats(0, 40), st.floats(0, 1_000)).map(lambda s: timedelta(seconds=s))


@st.composite
def lives(draw: st.DrawFn) -> tuple[Breaker, datetime]:
    """A breaker as a sender's life may have left it, and the moment: some messages never came back."""
    breaker, now = Breaker(draw(ordinaries)), NOON
    out = 0
    for _ in range(draw(st.integers(0, 40))):
        now += draw(gaps)
        room = breaker.room(now)
        most = breaker.ordinary - out if room is None else room
        count = draw(st.integers(0, max(most, 0)))
        breaker, out = breaker.begun(count, now), out + count
        for result in draw(st.lists(any_result, max_size=out)):
            breaker, out = breaker.after(result, now), out - 1
    return breaker, now


def heard(breaker: Breaker, *results: Result, now: datetime = NOON) -> Breaker:
    for result in results:
        breaker = breaker.after(result, now)
    return breaker


def opened() -> Breaker:
    return heard(Breaker(ORDINARY), WRONG_PASSWORD)


def rebuilt(breaker: Breaker) -> Breaker:
    """As another process finds it in the database."""
    return replace(breaker, out=0, in_a_row=0, recent=())


def one_round(breaker: Breaker, now: datetime, result: Result) -> Breaker:
    """All that may be begun is begun, and comes back with this result."""
    count = breaker.room(now) or 0
    breaker = breaker.begun(count, now)
    return heard(breaker, *(count * [result]), now=now)


@pytest.mark.parametrize(("verdict", "result"), [(v, result) for v, results in SAID.items() for result in results])
def test_what_befell_one_message_for_its_own_sake_says_nothing_of_the_sender(
    verdict: Verdict, result: Result
) -> None:
    assert verdict_on_sender(result) is verdict


@pytest.mark.parametrize("state", BreakerState)
def test_every_state_of_a_sender_is_explained(state: BreakerState) -> None:
    assert state.sentence


@properties(300)
@given(ordinaries, st.lists(st.tuples(gaps, saying(Verdict.WORKS, Verdict.NOTHING)), max_size=60))
def test_a_sender_that_works_never_pauses(ordinary: int, results: list[tuple[timedelta, Result]]) -> None:
    breaker, now = Breaker(ordinary), NOON
    for gap, result in results:
        now += gap
        breaker = breaker.begun(1, now).after(result, now)
        assert breaker.room(now) is None


@properties(500)
@given(lives(), saying(Verdict.BLOCKED))
def test_a_fault_of_the_configuration_stops_the_sender_at_once(
    life: tuple[Breaker, datetime], blocked: Result
) -> None:
    breaker, now = life
    after = breaker.after(blocked, now)
    assert after.state is BreakerState.OPEN
    assert breaker.state is BreakerState.OPEN or (after.room(now), after.code) == (0, blocked.code)


@properties(500)
@given(lives(), st.lists(saying(Verdict.FAULT), min_size=FAULTS_IN_A_ROW, max_size=FAULTS_IN_A_ROW), gaps)
def test_five_faults_in_a_row_stop_the_sender_however_far_apart(
    life: tuple[Breaker, datetime], faults: list[Result], gap: timedelta
) -> None:
    breaker, now = life
    for number, fault in enumerate(faults):
        breaker = breaker.after(fault, now + number * gap)
    assert breaker.state is BreakerState.OPEN


@properties(300)
@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_a_sender_stops_when_half_of_its_last_results_were_faults_and_not_before(faults: list[bool]) -> None:
    breaker, in_a_row = Breaker(ORDINARY), 0
    for number, is_fault in enumerate(faults, 1):
        breaker = breaker.after(SILENCE if is_fault else TAKEN, NOON)
        in_a_row = in_a_row + 1 if is_fault else 0
        half = number >= LEAST_RESULTS and 2 * sum(faults[:number]) >= number
        stops = is_fault and (half or in_a_row == FAULTS_IN_A_ROW)
        assert (breaker.state is BreakerState.OPEN) is stops
        if stops:
            return


def test_five_of_ten_within_a_minute_stop_the_sender() -> None:
    before = heard(Breaker(ORDINARY), *4 * (SILENCE, TAKEN), TAKEN)
    assert before.state is BreakerState.CLOSED
    assert before.after(SILENCE, NOON).state is BreakerState.OPEN


def test_faults_of_more_than_a_minute_ago_count_no_longer() -> None:
    before = heard(Breaker(ORDINARY), *4 * (SILENCE, TAKEN), TAKEN)
    assert before.after(SILENCE, NOON + WINDOW).state is BreakerState.OPEN
    assert before.after(SILENCE, NOON + WINDOW + SECOND).state is BreakerState.CLOSED


def test_of_a_busy_sender_the_latest_results_decide() -> None:
    busy = heard(Breaker(ORDINARY), *1000 * (TAKEN,))
    assert len(busy.recent) == MOST_RESULTS
    worse = heard(busy, *17 * (*3 * (SILENCE,), TAKEN))
    assert worse.state is BreakerState.OPEN


@properties(500)
@given(lives(), st.lists(saying(Verdict.NOTHING), max_size=20))
def test_what_says_nothing_of_the_sender_stops_nothing(
    life: tuple[Breaker, datetime], results: list[Result]
) -> None:
    breaker, now = life
    after = heard(breaker, *results, now=now)
    assert (after.state, after.allowance, after.recent) == (breaker.state, breaker.allowance, breaker.recent)


@properties(500)
@given(lives(), st.floats(0, 0.999))
def test_while_a_sender_is_open_nothing_is_begun(life: tuple[Breaker, datetime], share: float) -> None:
    breaker, now = life
    breaker = breaker.after(WRONG_PASSWORD, now)
    since = now if breaker.retry_at is None else breaker.retry_at - breaker.wait
    assert breaker.room(since + share * breaker.wait) == 0
    assert breaker.room(since + breaker.wait) == 1
    assert FIRST_WAIT <= breaker.wait <= LONGEST_WAIT


@properties(500)
@given(lives(), st.lists(any_result, min_size=1, max_size=20))
def test_results_of_messages_begun_before_it_opened_change_nothing(
    life: tuple[Breaker, datetime], late: list[Result]
) -> None:
    breaker, now = life
    breaker = breaker.after(WRONG_PASSWORD, now)
    assert heard(breaker, *late, now=now) == breaker


@properties(500)
@given(lives(), gaps)
def test_an_open_sender_is_tried_by_one_message_at_a_time(life: tuple[Breaker, datetime], gap: timedelta) -> None:
    breaker, now = life
    breaker, now = breaker.after(WRONG_PASSWORD, now), now + LONGEST_WAIT
    assert breaker.room(now) == 1
    assert breaker.begun(1, now).room(now + min(gap, LOST_AFTER - SECOND)) == 0


def test_the_wait_doubles_with_every_failed_try_from_half_a_minute_to_a_quarter_of_an_hour() -> None:
    breaker, waits = opened(), []
    for _ in range(8):
        waits.append(breaker.wait.total_seconds())
        now = breaker.retry_at or NOON
        assert breaker.room(now - SECOND) == 0
        breaker = one_round(breaker, now, SILENCE)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_one_message_then_two_then_four_go_until_the_ordinary_number_is_reached() -> None:
    breaker, now, rounds = opened(), NOON + FIRST_WAIT, []
    while (room := breaker.room(now)) is not None:
        rounds.append(room)
        breaker = one_round(breaker, now, TAKEN)
    assert rounds == [1, 2, 4, 8, 16, 32]
    assert breaker == replace(Breaker(ORDINARY), recent=breaker.recent)


def test_a_round_is_over_when_all_of_it_are_back() -> None:
    breaker = one_round(opened(), NOON + FIRST_WAIT, TAKEN)
    now = NOON + FIRST_WAIT
    breaker = breaker.begun(2, now).after(TAKEN, now)
    assert breaker.room(now) == 0
    assert breaker.after(TAKEN, now).room(now) == 4


def test_a_single_fault_in_the_slow_start_neither_stops_nor_speeds_the_sender() -> None:
    now = NOON + FIRST_WAIT
    breaker = one_round(opened(), now, TAKEN)
    breaker = heard(breaker.begun(2, now), TAKEN, SILENCE, now=now)
    assert (breaker.state, breaker.room(now)) == (BreakerState.HALF_OPEN, 2)


@pytest.mark.parametrize("ordinary", [1, 2, ORDINARY])
def test_a_try_that_said_nothing_of_the_sender_is_followed_by_another(ordinary: int) -> None:
    now = NOON + FIRST_WAIT
    breaker = one_round(heard(Breaker(ordinary), WRONG_PASSWORD), now, STOPPED)
    assert (breaker.state, breaker.room(now)) == (BreakerState.HALF_OPEN, 1)


@properties(500)
@given(lives(), saying(Verdict.WORKS))
def test_a_sender_that_works_again_is_soon_used_as_before(life: tuple[Breaker, datetime], works: Result) -> None:
    breaker, now = life
    now += LONGEST_WAIT
    rounds = 0
    while breaker.room(now) is not None:
        breaker, rounds = one_round(breaker, now, works), rounds + 1
        assert rounds <= breaker.ordinary.bit_length()
    assert (breaker.opened_at, breaker.retry_at, breaker.code) == (None, None, "")


@properties(500)
@given(lives())
def test_never_more_messages_are_out_than_are_usual(life: tuple[Breaker, datetime]) -> None:
    breaker, now = life
    assert (breaker.room(now) or 0) <= max(breaker.ordinary - 1, 1)
    assert breaker.out <= max(breaker.ordinary - 1, 1)


@properties(500)
@given(lives(), st.integers(-400 * 86_400, 400 * 86_400).map(lambda s: timedelta(seconds=s)))
def test_no_crash_and_no_clock_blocks_a_sender_for_longer_than_the_longest_wait(
    life: tuple[Breaker, datetime], jump: timedelta
) -> None:
    breaker, now = life
    found, set_to = rebuilt(breaker), now + jump
    assert found.room(set_to) != 0 or found.room(set_to + LONGEST_WAIT) != 0


@properties(500)
@given(lives(), gaps)
def test_another_process_finds_the_same_room_in_the_database(
    life: tuple[Breaker, datetime], gap: timedelta
) -> None:
    breaker, now = life
    assert rebuilt(breaker).room(now + gap) == breaker.room(now + gap)


def test_a_try_whose_process_died_is_given_up_for_lost_after_the_longest_attempt() -> None:
    now = NOON + FIRST_WAIT
    found = rebuilt(opened().begun(1, now))
    assert LOST_AFTER > LONGEST_ATTEMPT
    assert found.room(now + LONGEST_ATTEMPT) == 0
    assert found.room(now + LOST_AFTER) == 1


@pytest.mark.parametrize(
    ("result", "code"), [(WRONG_PASSWORD, "20003"), (SenderBlocked("no encryption is set up"), "blocked")]
)
def test_an_open_sender_names_the_fault(result: Result, code: str) -> None:
    assert heard(Breaker(ORDINARY), result).code == code


def test_where_nobody_answered_the_code_says_fault() -> None:
    assert heard(Breaker(ORDINARY), *5 * (NO_LINE,)).code == "fault"


def test_it_is_open_since_it_first_failed_until_it_works_again() -> None:
    breaker = one_round(opened(), NOON + FIRST_WAIT, SILENCE)
    assert (breaker.state, breaker.opened_at) == (BreakerState.OPEN, NOON)
