"""The fault matrix, the texts' half: what Twilio answers, what its list and receipts say, what is told meanwhile.

Each goes through the whole house: dispatcher, settling, receipts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from matrix_parts import enroll, given_up, in_doubt, number_of, wait, watched
from world import World

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.care.people import ChannelName, ConsentTo
from followup.care.task import TaskKind
from followup.sandbox import (
    BlackHole,
    Close,
    Delay,
    Fault,
    Garbage,
    Redirect,
    Refuse,
    Reset,
    Trickle,
    TwilioSandbox,
)
from followup.sandbox.faults import Status as HttpStatus
from followup.sandbox.twilio_server import Event

DAY_1 = datetime(2026, 10, 31, 15, tzinfo=UTC)
"""10:00 in Chicago."""


@pytest.fixture
def house(world: World) -> Iterator[World]:
    with watched(world, "texts") as counted:
        yield counted


@pytest.fixture
def either_house(either_world: World) -> Iterator[World]:
    with watched(either_world, "texts, both databases") as counted:
        yield counted


# What the provider answers


@pytest.mark.parametrize("asked", [None, 90, 7200], ids=["without a time", "90 seconds", "two hours"])
def test_a_provider_that_is_too_busy_is_left_alone_as_long_as_it_asks_and_nobody_is_charged(
    house: World, asked: int | None
) -> None:
    house.twilio.next(HttpStatus(429, retry_after=asked), to=number_of(0))
    patient = enroll(house)
    house.tick()
    row = house.row(patient, "welcome")
    assert (row.status, row.charged, row.code) == (Status.RETRY_WAIT, 0, "20429")
    assert row.due_at - house.clock.utc() >= timedelta(seconds=asked or 48)
    house.run_until(row.due_at + timedelta(minutes=5))
    row = house.row(patient, "welcome")
    assert (row.status, row.attempt, house.twilio.accepted()) == (Status.DELIVERED, 2, 1)


@pytest.mark.parametrize(
    "fault",
    [
        *(HttpStatus(code, accepted=taken) for code in (500, 502, 503, 504) for taken in (False, True)),
        *(Reset(moment) for moment in ("after reading", "after accepting", "mid headers", "mid reply")),
        *(Garbage(kind) for kind in ("list", "empty", "oversized", "wrong to", "no sid", "truncated")),
        *(Garbage(kind, accepted=False) for kind in ("empty", "list", "html")),
    ],
    ids=repr,
)
def test_an_answer_that_says_neither_yes_nor_no_is_doubt_which_the_list_ends(house: World, fault: Fault) -> None:
    house.twilio.next(fault, to=number_of(0))
    patient = enroll(house)
    house.tick()
    assert house.row(patient, "welcome").status is Status.IN_DOUBT
    taken = house.twilio.accepted()
    wait(house, 90)
    assert house.twilio.accepted() == taken
    assert house.row(patient, "welcome").status is (Status.DELIVERED if taken else Status.UNRESOLVED)
    assert len(house.tasks(TaskKind.UNRESOLVED)) == 1 - taken


def test_providers_that_never_finish_an_answer_are_given_up_and_their_texts_are_in_doubt(house: World) -> None:
    """All at once, since each takes the whole deadline."""
    faults = (BlackHole(), BlackHole(accepted=True), Trickle(0.5), Delay(60), Delay(60, accepted=False))
    for place, fault in enumerate(faults):
        house.twilio.next(fault, to=number_of(place))
    patients = [enroll(house, place) for place in range(len(faults))]
    house.tick()
    assert {house.row(patient, "welcome").status for patient in patients} == {Status.IN_DOUBT}
    assert [sender.channel for sender in given_up(house)] == [ChannelName.SMS]
    wait(house, 90)
    ends = [house.row(patient, "welcome").status for patient in patients]
    found, not_found = Status.DELIVERED, Status.UNRESOLVED
    assert ends == [not_found, found, found, found, not_found]
    assert house.twilio.duplicates() == {}


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_an_answer_that_points_elsewhere_is_not_followed_and_stops_the_sender(house: World, code: int) -> None:
    heard: list[Event] = []
    with TwilioSandbox() as elsewhere:
        elsewhere.on_event(heard.append)
        house.twilio.next(Redirect(f"{elsewhere.base_url}/2010-04-01/", code), to=number_of(0))
        first = enroll(house)
        house.tick()
        later = enroll(house, 1)
        house.tick()
        assert house.row(first, "welcome").status is Status.IN_DOUBT
        assert [(sender.channel, sender.code) for sender in given_up(house)] == [(ChannelName.SMS, str(code))]
        assert house.row(later, "welcome").attempt == 0
        wait(house, 90)
    assert heard == []
    assert house.row(first, "welcome").status is Status.UNRESOLVED
    assert house.row(later, "welcome").status is Status.DELIVERED


@pytest.mark.parametrize(
    "fault", [HttpStatus(401), HttpStatus(403), HttpStatus(404), Refuse(30002), Refuse(30034)], ids=repr
)
def test_a_refused_account_is_a_task_at_once_and_costs_no_patient_an_attempt(house: World, fault: Fault) -> None:
    house.twilio.always(fault)
    patients = [enroll(house, place) for place in range(3)]
    house.tick()
    assert [sender.channel for sender in given_up(house)] == [ChannelName.SMS]
    assert len(house.tasks(TaskKind.SENDER_PAUSED)) == 1
    assert sum(house.row(patient, "welcome").charged for patient in patients) == 0
    house.twilio.clear()
    wait(house, 60, 1)
    assert {house.row(patient, "welcome").status for patient in patients} == {Status.DELIVERED}
    assert (house.twilio.accepted(), house.tasks()) == (3, [])


@pytest.mark.parametrize(("code", "kind"), [(21614, TaskKind.BAD_ADDRESS), (21408, TaskKind.UNDELIVERED)])
def test_a_number_that_the_provider_refuses_ends_alone_with_a_task(
    house: World, code: int, kind: TaskKind
) -> None:
    house.twilio.always(Refuse(code), to=number_of(0))
    refused, other = enroll(house), enroll(house, 1)
    wait(house, 5)
    assert house.row(refused, "welcome").status is Status.FAILED
    assert [task.patient_id for task in house.tasks(kind)] == [refused]
    assert house.row(other, "welcome").status is Status.DELIVERED
    assert given_up(house) == []


def test_a_provider_that_cannot_be_reached_has_nothing_and_costs_nothing(house: World) -> None:
    house.twilio.stop()
    patients = [enroll(house, place) for place in range(6)]
    house.tick()
    assert {house.row(patient, "welcome").status for patient in patients} == {Status.RETRY_WAIT}
    assert [sender.channel for sender in given_up(house)] == [ChannelName.SMS]
    assert sum(house.row(patient, "welcome").charged for patient in patients) == 0
    with TwilioSandbox(port=house.twilio.port, now=house.clock.elsewhere) as back:
        wait(house, 60, 1)
        assert (back.accepted(), back.duplicates()) == (6, {})
    assert {house.row(patient, "welcome").status for patient in patients} == {Status.DELIVERED}


# What receipts and the list say


@pytest.mark.parametrize("code", [30003, 30004, 30005, 30006, 30007, 30008])
def test_a_text_that_the_carrier_did_not_deliver_goes_by_mail_with_a_task(house: World, code: int) -> None:
    patient = enroll(house, 0, (ConsentTo.SMS, ConsentTo.EMAIL), discharged_at=house.clock.utc())
    house.run_until(DAY_1 - timedelta(hours=1), timedelta(hours=12))
    house.twilio.fate(number_of(0), "undelivered", code)
    house.run_until(DAY_1 + timedelta(hours=2))
    assert house.row(patient, "day-1").status is Status.UNDELIVERED
    assert house.row(patient, "day-1", "email").status is Status.SENT
    bad = code in {30005, 30006}
    assert [task.patient_id for task in house.tasks(TaskKind.BAD_ADDRESS if bad else TaskKind.UNDELIVERED)] == [
        patient
    ]


def test_a_receipt_that_says_less_than_the_last_one_changes_nothing(house: World) -> None:
    """The provider shows an older state again, and again, before it shows the end."""
    patient = enroll(house)
    for fate, known in [
        ("sending", Status.ACCEPTED),
        ("sent", Status.SENT),
        ("queued", Status.SENT),
        ("sending", Status.SENT),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("undelivered", Status.DELIVERED),
    ]:
        house.twilio.fate(number_of(0), fate)  # type: ignore[arg-type]  # one of its fates
        wait(house, 60)
        assert house.row(patient, "welcome").status is known
    assert house.tasks() == []


@pytest.mark.parametrize("first", [Status.DELIVERED, Status.UNDELIVERED])
def test_receipts_in_any_order_and_twice_leave_the_first_end(either_house: World, first: Status) -> None:
    patient = enroll(either_house)
    either_house.twilio.fate(number_of(0), "queued")
    either_house.tick()
    for status in (first, Status.ACCEPTED, Status.SENT, Status.UNDELIVERED, Status.DELIVERED, first):
        with either_house.app.storage.transaction() as tx:
            entry = tx.outbox.get(either_house.row(patient, "welcome").id)
            assert entry is not None
            tx.tracking.receive(entry, Receipt(entry.provider_id or "", status), None, either_house.clock.utc())
        assert either_house.row(patient, "welcome").status is first


@pytest.mark.parametrize("minutes", [0, 10, 45, 120, 360])
def test_a_list_that_lags_settles_late_or_leaves_it_to_a_person_and_never_sends_twice(
    house: World, minutes: int
) -> None:
    house.twilio.settings.ledger_lag = timedelta(minutes=minutes)
    house.twilio.next(Close("after accepting"), to=number_of(0))
    patient = enroll(house)
    house.tick()
    assert house.row(patient, "welcome").status is Status.IN_DOUBT
    wait(house, 420, 10)
    found = minutes < 60
    assert house.row(patient, "welcome").status is (Status.DELIVERED if found else Status.UNRESOLVED)
    assert len(house.tasks(TaskKind.UNRESOLVED)) == (0 if found else 1)
    assert house.twilio.accepted() == 1


def test_a_list_that_leaves_out_what_was_taken_doubles_the_critical_text_alone(either_house: World) -> None:
    either_house.twilio.settings.ledger_lag = timedelta(days=30)
    patient = in_doubt(either_house)
    wait(either_house, 150, 10)
    assert either_house.row(patient, "welcome").status is Status.UNRESOLVED
    assert either_house.row(patient, "going-home").status is Status.DELIVERED
    assert list(either_house.twilio.duplicates().values()) == [2]
    assert either_house.twilio.accepted() == 3
    assert len(either_house.tasks(TaskKind.UNRESOLVED)) == 1


@pytest.mark.parametrize("fault", [HttpStatus(500), HttpStatus(403), Garbage("html"), Garbage("list"), "redacted"])
def test_while_nobody_can_be_asked_it_stays_in_doubt_until_its_end_and_is_then_a_persons(
    house: World, fault: Fault | str
) -> None:
    """Not even a critical text goes twice: that nothing was seen proves nothing."""
    if isinstance(fault, str):
        house.twilio.settings.redacted = True
    else:
        house.twilio.always(fault, on="read")
    patient = in_doubt(house)
    wait(house, 240, 30)
    assert {house.row(patient, step).status for step in ("welcome", "going-home")} == {Status.IN_DOUBT}
    house.run_until(DAY_1 + timedelta(hours=12), timedelta(hours=4))
    assert {house.row(patient, step).status for step in ("welcome", "going-home")} == {Status.UNRESOLVED}
    assert [task.patient_id for task in house.tasks(TaskKind.UNRESOLVED)] == [patient]
    assert house.twilio.duplicates() == {}
