"""A sender keeps to its pace, whoever drains; answers and pages go first, and what cannot fit is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

from world import SENDER, World, numbered, person

from followup.app import build_app
from followup.care.pace import Bucket
from followup.care.people import ChannelName, ConsentTo
from followup.dispatch import Tally
from followup.forecast import shortfalls
from followup.messages import segments
from followup.storage.breakers import Sender

NEAR_CLOSING = datetime(2026, 10, 31, 0, 55, tzinfo=UTC)
"""Friday, 19:55 in Chicago: the window closes in five minutes."""


def enroll_many(world: World, count: int) -> None:
    """So many patients, each with a welcome that is due now."""
    for number in range(count):
        who = person(numbered(number), number_of(number), None, agreed=[ConsentTo.SMS])
        world.enroll(
            name=numbered(number), record_number=f"P-{number}", patient=who, discharged_at=None, in_hospital=True
        )


def number_of(number: int) -> str:
    return f"+1214556{number:04d}"


def segments_sent(world: World) -> int:
    return sum(segments(sms.body).count for sms in world.twilio.messages)


def test_a_wave_spreads_at_the_sender_s_pace(make_world: Callable[..., World], database_url: str) -> None:
    world = make_world(database_url, segments_per_second=2)
    enroll_many(world, 12)
    sent = []
    for _ in range(10):
        world.dispatcher.drain(ChannelName.SMS, Tally())
        sent.append(segments_sent(world))
        world.clock.advance(timedelta(seconds=1))
    for second, count in enumerate(sent):
        assert count <= 2 * (second + 1) + 2, sent
    assert sent[0] > 0
    assert len(world.twilio.messages) == 12


def test_until_more_may_go_the_drain_says_how_long(make_world: Callable[..., World], sqlite_url: str) -> None:
    world = make_world(sqlite_url, segments_per_second=1)
    enroll_many(world, 3)
    waits = []
    for _ in range(20):
        again = world.dispatcher.drain(ChannelName.SMS, Tally())
        if again is None:
            break
        waits.append(again)
        world.clock.advance(again)
    assert len(world.twilio.messages) == 3
    assert timedelta(seconds=1) <= sum(waits, timedelta()) <= timedelta(seconds=8)


def test_an_answer_waits_for_nobody_s_turn(make_world: Callable[..., World], database_url: str) -> None:
    world = make_world(database_url, segments_per_second=1)
    enroll_many(world, 8)
    world.dispatcher.drain(ChannelName.SMS, Tally())
    before = len(world.twilio.messages)
    world.twilio.receive(number_of(0), "HELP", SENDER)
    world.listen()
    world.dispatcher.drain(ChannelName.SMS, Tally())
    assert [sms.to for sms in world.twilio.messages[before:]] == [number_of(0)]
    assert "STOP" in world.twilio.messages[-1].body


def test_an_answer_does_not_wait_for_a_bucket_that_other_answers_have_emptied(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url, segments_per_second=1)
    enroll_many(world, 2)
    account = world.app.senders.accounts[ChannelName.SMS]
    with world.app.storage.transaction() as tx:
        tx.paces.write(Sender(ChannelName.SMS, account), Bucket(-5000.0, world.clock.utc()))
    assert world.dispatcher.drain(ChannelName.SMS, Tally()) == timedelta(seconds=1)
    assert world.twilio.accepted() == 0
    world.twilio.receive(number_of(0), "HELP", SENDER)
    world.listen()
    world.dispatcher.drain(ChannelName.SMS, Tally())
    assert world.twilio.accepted() == 1


def test_daemons_of_one_database_share_one_pace(make_world: Callable[..., World], database_url: str) -> None:
    world = make_world(database_url, segments_per_second=2)
    enroll_many(world, 10)
    world.dispatcher.drain(ChannelName.SMS, Tally())
    first = segments_sent(world)
    world.app.owner.release()
    with closing(build_app(world.folder / "config.toml", world.clock)) as other:
        other.dispatcher.drain(ChannelName.SMS, Tally())
    assert segments_sent(world) == first > 0


def test_a_wave_that_does_not_fit_into_its_hours_is_told_before_it_is_late(
    make_world: Callable[..., World], database_url: str
) -> None:
    world = make_world(database_url, start=NEAR_CLOSING, segments_per_second=1)
    enroll_many(world, 20)
    with world.app.storage.reading() as tx:
        paces = {ChannelName.SMS: 1.0}
        assert shortfalls(tx, world.clinic.practice, paces, world.clock.utc()) == {}
        found = shortfalls(tx, world.clinic.practice, {ChannelName.SMS: 0.1}, world.clock.utc())
        assert shortfalls(tx, world.clinic.practice, {}, world.clock.utc()) == {}
    short = found[ChannelName.SMS]
    assert short.until == NEAR_CLOSING + timedelta(minutes=5)
    assert short.tokens == 20 * 2 - 30
