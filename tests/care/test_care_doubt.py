"""How doubt is ended: by evidence, once more where a miss is worse than a double, else by a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from care_strategies import properties
from hypothesis import assume, given
from hypothesis import strategies as st

from followup.care.attempt import Listed, Receipt
from followup.care.delivery import Status
from followup.care.doubt import (
    CLOCKS_APART,
    LEAST_LOOKS,
    LOOKS_APART,
    SETTLING,
    Adopt,
    Again,
    Doubt,
    GiveUp,
    LookAgain,
    Looked,
    first_look,
    matching,
    settle_doubt,
)
from followup.care.message import LEAST_ROOM, Kind
from followup.care.people import ChannelName

NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)
WORDS = "Lakeside IR: Keep resting today."


def a_doubt(**changes: object) -> Doubt:
    """A critical text that went at noon and whose answer never came, unless `changes` say otherwise."""
    told: dict[str, object] = {
        "channel": ChannelName.SMS,
        "kind": Kind.REMINDER,
        "critical": True,
        "doubted_at": NOON,
        "doubts": 1,
        "looks": 0,
        "looked_at": None,
        "valid_until": NOON + timedelta(days=1),
        "tries": ((NOON, WORDS),),
    }
    return Doubt(**(told | changes))  # type: ignore[arg-type]  # a test may say anything


def listed(sid: str = "SM1", body: str = WORDS, made_at: datetime = NOON) -> Listed:
    return Listed("+12145550123", body, made_at, Receipt(sid, Status.ACCEPTED))


doubts = st.builds(
    lambda channel, kind, critical, number, looks, left: a_doubt(
        channel=channel,
        kind=kind,
        critical=critical,
        doubts=number,
        looks=looks,
        looked_at=NOON if looks else None,
        valid_until=NOON + timedelta(minutes=left),
    ),
    st.sampled_from([ChannelName.SMS, ChannelName.EMAIL]),
    st.sampled_from(Kind),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 5),
    st.integers(-60, 3000),
)
moments = st.integers(0, 4000).map(lambda minutes: NOON + timedelta(minutes=minutes))
looks = st.none() | st.builds(Looked, st.lists(st.builds(listed), max_size=2).map(tuple), st.booleans())


@given(doubts, looks, moments)
@properties(300)
def test_nothing_is_sent_again_without_room_nor_a_second_time(
    doubt: Doubt, looked: Looked | None, now: datetime
) -> None:
    verdict = settle_doubt(doubt, looked, now)
    if isinstance(verdict, Again):
        assert doubt.doubts == 1
        assert max(now, verdict.due_at) + LEAST_ROOM <= doubt.valid_until
        assert not (looked and looked.found)


@given(doubts, looks, moments)
@properties(300)
def test_a_reminder_by_text_is_sent_again_only_if_critical_settled_and_looked_for_twice(
    doubt: Doubt, looked: Looked | None, now: datetime
) -> None:
    assume(doubt.channel is ChannelName.SMS and doubt.kind is Kind.REMINDER)
    if isinstance(settle_doubt(doubt, looked, now), Again):
        assert doubt.critical
        assert looked is not None
        assert now - doubt.doubted_at >= SETTLING
        assert doubt.looks + 1 >= LEAST_LOOKS


@given(doubts, st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=200, max_size=200))
@properties(100)
def test_every_doubt_ends_whether_anybody_can_be_asked_or_not(doubt: Doubt, steps: list[tuple[int, bool]]) -> None:
    """A list that never shows it, or is silent, leads to an end soon after the message's own end, or before."""
    now = NOON
    for minutes, heard in steps:
        verdict = settle_doubt(doubt, Looked() if heard else None, now)
        if not isinstance(verdict, LookAgain):
            return
        assert verdict.at > now
        now = verdict.at + timedelta(minutes=minutes)
        doubt = a_doubt(
            critical=doubt.critical,
            doubts=doubt.doubts,
            looks=verdict.looks,
            looked_at=verdict.looked_at,
            valid_until=doubt.valid_until,
        )
    pytest.fail("it never ended")


def test_what_the_list_shows_is_adopted_at_once() -> None:
    verdict = settle_doubt(a_doubt(), Looked((listed(),)), NOON + timedelta(minutes=1))
    assert verdict == Adopt(listed())


def test_twice_in_the_list_is_adopted_and_said() -> None:
    twice = Looked((listed(), listed("SM2")))
    assert settle_doubt(a_doubt(), twice, NOON) == Adopt(listed(), doubled=True)


def test_a_couple_of_one_phone_both_in_doubt_is_no_double() -> None:
    twice = Looked((listed(), listed("SM2")), in_doubt=2)
    assert settle_doubt(a_doubt(), twice, NOON) == Adopt(listed())


def test_while_another_text_to_that_phone_is_on_its_way_nothing_is_adopted() -> None:
    verdict = settle_doubt(a_doubt(), Looked((listed(),), on_its_way=True), NOON)
    assert isinstance(verdict, LookAgain)


@pytest.mark.parametrize(
    ("critical", "end"), [(True, Again(NOON + SETTLING)), (False, GiveUp())], ids=["critical", "not"]
)
def test_nowhere_to_be_found_after_an_hour_and_two_looks(critical: bool, end: object) -> None:  # noqa: FBT001  a case
    doubt = a_doubt(critical=critical, looks=1, looked_at=NOON + timedelta(minutes=30))
    assert settle_doubt(doubt, Looked(), NOON + SETTLING) == end


def test_two_looks_in_a_row_count_as_one() -> None:
    doubt = a_doubt(looks=1, looked_at=NOON + SETTLING - timedelta(minutes=1))
    verdict = settle_doubt(doubt, Looked(), NOON + SETTLING)
    assert verdict == LookAgain(NOON + SETTLING + LOOKS_APART, 1, doubt.looked_at)


def test_where_nobody_can_be_asked_a_person_gets_it_when_its_time_is_over() -> None:
    doubt = a_doubt()
    assert isinstance(settle_doubt(doubt, None, NOON + timedelta(hours=23)), LookAgain)
    assert settle_doubt(doubt, None, doubt.valid_until) == GiveUp()


def test_a_mail_is_repeated_after_a_minute_and_the_second_doubt_is_a_persons() -> None:
    mail = a_doubt(channel=ChannelName.EMAIL, critical=False)
    assert settle_doubt(mail, None, NOON) == Again(NOON + timedelta(minutes=1))
    assert settle_doubt(a_doubt(channel=ChannelName.EMAIL, doubts=2), None, NOON) == GiveUp()


def test_a_page_to_staff_is_repeated_at_once() -> None:
    page = a_doubt(kind=Kind.ALERT)
    assert first_look(ChannelName.SMS, Kind.ALERT, NOON) == NOON
    assert settle_doubt(page, None, NOON) == Again(NOON)


@pytest.mark.parametrize(
    "other",
    [
        listed(body=WORDS + " "),
        listed(body=WORDS.upper()),
        listed(made_at=NOON - CLOCKS_APART - timedelta(seconds=1)),
        listed(sid="SM-known"),
    ],
    ids=["a letter more", "other letters", "made before", "another message's"],
)
def test_only_the_exact_words_at_the_time_and_no_others_id_are_evidence(other: Listed) -> None:
    assert matching(a_doubt(), [other], {"SM-known"}) == ()


def test_of_two_the_nearest_to_the_attempt_comes_first() -> None:
    late = listed("SM0", made_at=NOON + timedelta(minutes=30))
    assert matching(a_doubt(), [late, listed()], set()) == (listed(), late)
