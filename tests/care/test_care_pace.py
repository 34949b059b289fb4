"""A sender keeps to its pace, and a wave that does not fit is known beforehand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from followup.care.pace import BURST, LATEST, Bucket, Coming, refilled, shortfall, wait

NOW = datetime(2026, 10, 30, 14, 0, tzinfo=UTC)
LARGEST = 6

_paces = st.floats(0.1, 200)
_gaps = st.lists(st.tuples(st.floats(0, 30), st.integers(1, LARGEST)), max_size=60)


@given(_paces, _gaps)
def test_in_no_stretch_of_time_goes_more_than_the_pace_allows(
    per_second: float, gaps: list[tuple[float, int]]
) -> None:
    bucket, now, sent = None, NOW, []
    for gap, segments in gaps:
        now += timedelta(seconds=gap)
        bucket = refilled(bucket, per_second, now)
        if bucket.tokens > 0:
            bucket = bucket.spent(segments)
            sent.append((now, segments))
    full = max(1.0, per_second * BURST.total_seconds())
    for first, (begin, _) in enumerate(sent):
        for end, _ in sent[first:]:
            within = sum(count for moment, count in sent if begin <= moment <= end)
            allowed = full + per_second * (end - begin).total_seconds() + LARGEST
            assert within <= allowed + 1e-6


@given(_paces, st.floats(-5000, 0))
def test_after_the_wait_something_may_go_or_it_is_looked_again_within_a_second(
    per_second: float, tokens: float
) -> None:
    bucket = Bucket(tokens, NOW)
    waits = wait(bucket, per_second)
    later = refilled(bucket, per_second, NOW + waits + timedelta(milliseconds=1))
    assert later.tokens > 0 or waits == LATEST
    assert timedelta() < waits <= LATEST == timedelta(seconds=1)


@given(_paces, st.floats(-50, 50), st.floats(0, 10_000))
def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(
    per_second: float, tokens: float, back: float
) -> None:
    found = refilled(Bucket(tokens, NOW), per_second, NOW - timedelta(seconds=back))
    assert found.tokens <= tokens
    assert found.at <= NOW


_waves = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(1, 50)), max_size=6)


@given(_waves, st.integers(1, 5))
def test_what_is_left_is_what_a_sender_that_goes_second_by_second_would_leave(
    drawn: list[tuple[int, int, int]], per_second: int
) -> None:
    waves = [
        Coming(NOW + timedelta(seconds=due), NOW + timedelta(seconds=due + lasts), float(tokens))
        for due, lasts, tokens in drawn
    ]
    left = {number: wave.tokens for number, wave in enumerate(waves)}
    order = sorted(left, key=lambda number: (waves[number].due_at, waves[number].until))
    for tick in range(2_000 * per_second):  # each tick lets one token go
        moment = NOW + timedelta(seconds=tick / per_second)
        for number in order:
            if left[number] > 0 and waves[number].due_at <= moment < waves[number].until:
                left[number] -= 1
                break
    found = shortfall(waves, float(per_second), NOW)
    expected = sum(left.values())
    # A wave that ends within a tick loses part of one token more or less.
    assert abs((found.tokens if found else 0) - expected) <= len(waves)
    assert found is None or found.tokens > 0


def test_a_wave_of_fifty_thousand_fits_into_eleven_hours_at_two_a_second_and_not_at_one() -> None:
    wave = Coming(NOW, NOW + timedelta(hours=11), 50_000.0)
    assert shortfall([wave], 2.0, NOW) is None
    found = shortfall([wave], 1.0, NOW)
    assert found is not None
    assert ceil(found.tokens) == 50_000 - 11 * 3600
