"""Several messages at once, and every one of them comes back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from channel_parts import a_text

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.care.message import Message
from followup.channels import StillTrue
from followup.channels.slots import FEWEST, Flight, Result, Slots
from followup.channels.twilio_sms import TwilioSms
from followup.errors import Rejected, Unavailable, Uncertain
from followup.sandbox.faults import Close, Delay, Refuse
from followup.sandbox.twilio_server import Event, TwilioSandbox


def all_of(
    slots: Slots, batch: list[Message], still_true: Callable[[Message], timedelta]
) -> list[tuple[Message, Result]]:
    """What becomes of a batch that is sent at once."""
    flight = slots.flight(still_true)
    flight.begin(batch)
    return heard(flight)


def heard(flight: Flight) -> list[tuple[Message, Result]]:
    found = []
    while flight:
        found += flight.heard(7)
    return found


def an_hour(_: Message) -> timedelta:
    return timedelta(hours=1)


@pytest.fixture
def slots(sms: TwilioSms) -> Iterator[Slots]:
    with contextlib.closing(Slots(sms, 8)) as slots:
        yield slots


def test_every_message_of_a_batch_comes_back_once_with_what_became_of_it(
    slots: Slots, twilio: TwilioSandbox
) -> None:
    twilio.next(Refuse(21614), to="+15005550101")
    twilio.next(Close("after accepting"), to="+15005550102")
    batch = [a_text(f"+15005550{100 + n}", id_=n) for n in range(50)]
    results = {message.id: result for message, result in all_of(slots, batch, an_hour)}
    assert sorted(results) == list(range(50))
    assert isinstance(results[1], Rejected)
    assert isinstance(results[2], Uncertain)
    assert all(isinstance(results[n], Receipt) for n in (0, *range(3, 50)))
    assert twilio.accepted() == 49


def test_each_message_is_asked_about_itself(slots: Slots, twilio: TwilioSandbox) -> None:
    batch = [a_text(id_=n, words=str(n)) for n in range(10)]
    all_of(slots, batch, lambda message: timedelta(hours=message.id % 2))
    assert sorted(sms.body for sms in twilio.messages) == ["1", "3", "5", "7", "9"]


def test_no_more_messages_are_under_way_than_there_are_slots(slots: Slots, twilio: TwilioSandbox) -> None:
    lock = threading.Lock()
    under_way, most = 0, 0

    def count(event: Event) -> None:
        nonlocal under_way, most
        with lock:
            under_way += (event.point == "after reading") - (event.point == "before reply")
            most = max(most, under_way)

    twilio.on_event(count)
    all_of(slots, [a_text(id_=n, words=str(n)) for n in range(100)], an_hour)
    assert 0 < most <= 8


def test_a_batch_is_under_way_before_anybody_looks_at_it(slots: Slots, twilio: TwilioSandbox) -> None:
    accepted = threading.Event()
    twilio.on_event(lambda event: accepted.set() if event.point == "after accepting" else None)
    slots.flight(an_hour).begin([a_text()])
    assert accepted.wait(30)


def test_after_closing_a_batch_comes_back_unsent(slots: Slots, twilio: TwilioSandbox) -> None:
    slots.close()
    results = [result for _, result in all_of(slots, [a_text(), a_text(id_=2)], an_hour)]
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    assert twilio.accepted() == 0


def test_when_the_slots_close_what_is_on_the_wire_ends_and_the_rest_was_never_begun(
    sms: TwilioSms, twilio: TwilioSandbox
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(event: Event) -> None:
        if event.point == "after accepting":
            begun.set()
            go_on.wait(30)

    twilio.on_event(hold)
    slots = Slots(sms, 1)
    flight = slots.flight(an_hour)
    flight.begin([a_text(id_=n, words=str(n)) for n in range(5)])
    begun.wait(30)
    closer = threading.Thread(target=slots.close)
    closer.start()
    slots._stopping.wait(30)  # noqa: SLF001  nothing else shows that closing has begun
    go_on.set()
    closer.join()
    ends = {message.id: result for message, result in heard(flight)}
    assert isinstance(ends[0], Receipt)
    assert all(isinstance(ends[n], Unavailable) for n in range(1, 5))
    assert twilio.accepted() == 1


class Faulty:
    """A channel with a fault of its own."""

    on_loopback = True

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        raise KeyError(message.to, still_true())

    def check(self) -> None: ...

    def close(self) -> None: ...


def test_a_fault_in_a_channel_is_doubt_since_something_may_have_been_sent() -> None:
    with contextlib.closing(Slots(Faulty(), 2)) as slots:
        results = [result for _, result in all_of(slots, [a_text()], an_hour)]
    assert [str(result) for result in results] == ["unexpected fault: KeyError"]
    assert isinstance(results[0], Uncertain)


class Slow:
    """A channel to a provider that keeps everybody waiting until all are there."""

    on_loopback = True

    def __init__(self, parties: int) -> None:
        self.together = threading.Barrier(parties)

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        assert still_true() > timedelta()
        self.together.wait(30)
        return Receipt(f"SM{message.id:032x}", Status.ACCEPTED)

    def check(self) -> None: ...

    def close(self) -> None: ...


def test_a_slow_provider_gets_every_slot_at_once() -> None:
    with contextlib.closing(Slots(Slow(32), 32)) as slots:
        results = all_of(slots, [a_text(id_=n) for n in range(64)], an_hour)
    assert len(results) == 64
    assert all(isinstance(result, Receipt) for _, result in results)


def test_a_quick_provider_is_spoken_to_by_a_few() -> None:
    names = set()

    class Quick(Slow):
        def send(self, message: Message, still_true: StillTrue) -> Receipt:
            assert still_true() > timedelta()
            names.add(threading.get_ident())
            return Receipt(f"SM{message.id:032x}", Status.ACCEPTED)

    with contextlib.closing(Slots(Quick(1), 32)) as slots:
        assert len(all_of(slots, [a_text(id_=n) for n in range(64)], an_hour)) == 64
    assert len(names) <= FEWEST


def test_at_first_as_much_may_be_begun_as_has_a_slot(slots: Slots) -> None:
    flight = slots.flight(an_hour)
    assert flight.room == slots.size
    flight.begin([a_text(id_=n, words=str(n)) for n in range(slots.size)])
    assert flight.room == 0
    while flight:
        flight.heard(8)


def test_of_a_quick_provider_as_many_again_may_be_begun_and_never_more(slots: Slots) -> None:
    flight = slots.flight(an_hour)
    for first in range(0, 64, slots.size):
        flight.begin([a_text(id_=n, words=str(n)) for n in range(first, first + slots.size)])
        while flight:
            flight.heard(8)
        assert slots.size < flight.room <= 2 * slots.size


def test_of_a_slow_provider_little_more_may_be_begun_than_has_a_slot(slots: Slots, twilio: TwilioSandbox) -> None:
    twilio.always(Delay(0.5, accepted=True))
    flight = slots.flight(an_hour)
    flight.begin([a_text(id_=n, words=str(n)) for n in range(slots.size)])
    while flight:
        flight.heard(8)
    # Eight in half a second are sixteen a second: one or two within eighty milliseconds.
    assert slots.size < flight.room <= slots.size + 2


def test_results_come_in_groups_no_larger_than_was_asked_for(slots: Slots) -> None:
    flight = slots.flight(an_hour)
    flight.begin([a_text(id_=n, words=str(n)) for n in range(20)])
    sizes = []
    while flight:
        sizes.append(len(flight.heard(6)))
    assert sum(sizes) == 20
    assert max(sizes) <= 6
    assert flight.heard(6) == []


class DeadlyError(BaseException):
    """Ends the thread that meets it."""


def test_what_ends_a_thread_is_heard_and_keeps_nobody_waiting() -> None:
    class Deadly(Slow):
        def send(self, message: Message, still_true: StillTrue) -> Receipt:
            raise DeadlyError(message.id, still_true())

    with contextlib.closing(Slots(Deadly(1), 2)) as slots:
        flight = slots.flight(an_hour)
        flight.begin([a_text()])
        with pytest.raises(DeadlyError):
            flight.heard(1)
        assert not flight
