"""What is claimed is asked about once more on the wire, by facts at most a tenth of a second old."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from world import World, numbered, person

from followup.care.delivery import Status
from followup.care.message import Message, Text
from followup.care.people import ChannelName, ConsentTo
from followup.change import hold
from followup.channels.slots import Slots
from followup.dispatch import Tally
from followup.errors import StorageError
from followup.last_word import AHEAD, LastWord, Untils
from followup.sandbox.twilio_server import Event
from followup.storage.heartbeat import elapsed

UNTIL = datetime(2026, 10, 30, 20, 0, tzinfo=UTC)


def a_message(number: int) -> Message:
    return Message(number, 1, ChannelName.SMS, "+12145550101", Text("Words."), f"m{number}")


@dataclass
class Facts:
    """What is true, and how it was looked at."""

    true: set[int]
    looks: list[list[int]] = field(default_factory=list)

    def look(self, asked: Sequence[Message]) -> Untils:
        self.looks.append([message.id for message in asked])
        return {message.id: UNTIL for message in asked if message.id in self.true}


def test_what_goes_as_soon_as_it_was_claimed_has_been_asked_about_in_its_claim() -> None:
    facts = Facts(set())
    last_word = LastWord(facts.look, timedelta(hours=1))
    last_word.expect([a_message(1)], {1: UNTIL}, elapsed())
    assert last_word.until(a_message(1)) == UNTIL
    assert facts.looks == []


def test_what_has_waited_is_asked_about_anew_and_those_next_in_line_with_it() -> None:
    facts = Facts({1, 3})
    last_word = LastWord(facts.look, timedelta(hours=1))
    messages = [a_message(number) for number in range(1, 2 * AHEAD)]
    last_word.expect(messages, {message.id: UNTIL for message in messages}, elapsed() - 2 * 3600)
    assert [last_word.until(message) for message in messages[:3]] == [UNTIL, None, UNTIL]
    assert facts.looks == [list(range(1, AHEAD + 2))]


def test_an_answer_is_used_once() -> None:
    facts = Facts({1})
    last_word = LastWord(facts.look, timedelta(hours=1))
    last_word.expect([a_message(1)], {1: UNTIL}, elapsed())
    assert last_word.until(a_message(1)) == UNTIL
    facts.true.clear()
    assert last_word.until(a_message(1)) is None


def test_where_nothing_holds_each_is_asked_about_by_itself_at_its_own_moment() -> None:
    facts = Facts({1, 2})
    last_word = LastWord(facts.look, timedelta(0))
    messages = [a_message(1), a_message(2)]
    last_word.expect(messages, {1: UNTIL, 2: UNTIL}, elapsed())
    assert last_word.until(messages[0]) == UNTIL
    facts.true.clear()
    assert last_word.until(messages[1]) is None


def test_a_fault_is_raised_where_it_was_asked_and_the_next_may_ask_again() -> None:
    def fails(_: Sequence[Message]) -> Untils:
        raise StorageError("away")

    last_word = LastWord(fails, timedelta(0))
    for number in range(2):
        with pytest.raises(StorageError):
            last_word.until(a_message(number))


def test_many_threads_that_ask_at_once_share_a_look() -> None:
    facts = Facts(set(range(64)))
    begun = threading.Event()

    def slowly(asked: Sequence[Message]) -> Untils:
        begun.wait(5)
        time.sleep(0.01)
        return facts.look(asked)

    last_word = LastWord(slowly, timedelta(hours=1))
    messages = [a_message(number) for number in range(64)]
    last_word.expect(messages, {}, elapsed() - 2 * 3600)
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(last_word.until, message) for message in messages]
        begun.set()
        assert all(one.result() == UNTIL for one in asked)
    assert len(facts.looks) < 16


def test_a_hold_that_is_put_on_while_others_are_sent_stops_those_still_waiting(world: World) -> None:
    patients = []
    for number in range(4):
        who = person(numbered(number), f"+1214556{number:04d}", None, agreed=[ConsentTo.SMS])
        named = {"name": numbered(number), "record_number": f"L-{number}"}
        patients.append(world.enroll(patient=who, discharged_at=None, in_hospital=True, **named).patient_id)
    held = threading.Event()

    def hold_all(event: Event) -> None:
        if event.point == "after accepting" and not held.is_set():
            held.set()
            for patient in patients:
                with world.hand(patient) as (hand, who):
                    hold(hand, who)
            time.sleep(0.15)

    world.twilio.on_event(hold_all)
    alone = replace(world.dispatcher, slots={ChannelName.SMS: one_at_a_time(world)})
    alone.drain(ChannelName.SMS, Tally())
    alone.slots[ChannelName.SMS].close()
    assert world.twilio.accepted() == 1
    statuses = [row.status for patient in patients for row in world.rows(patient) if row.step == "welcome"]
    assert statuses.count(Status.ACCEPTED) == 1


def one_at_a_time(world: World) -> Slots:
    return Slots(world.app.channels[ChannelName.SMS], 1)
