"""A message walks from queued to its end by the clock it was given."""

from __future__ import annotations

from typing import Any

import pytest

from followup.sandbox import Pace, TwilioSandbox

CLINIC, PATIENT = "+15005550006", "+13125550101"


def walk(client: Any, clock: Any, *pauses: float, **more: Any) -> list[str]:
    """The statuses seen after each of these pauses, in seconds."""
    made = client.messages.create(to=PATIENT, from_=CLINIC, body="Hello", **more)
    seen = [made.status]
    for pause in pauses:
        clock.forward(seconds=pause)
        seen.append(client.messages(made.sid).fetch().status)
    return seen


def test_a_message_is_queued_sending_sent_and_delivered(client: Any, clock: Any) -> None:
    assert walk(client, clock, 0.5, 0.5, 2) == ["queued", "sending", "sent", "delivered"]


def test_a_clock_that_jumps_weeks_shows_the_same_end_and_the_right_dates(client: Any, clock: Any) -> None:
    assert walk(client, clock, 6 * 7 * 86400) == ["queued", "delivered"]
    (message,) = client.messages.list()
    assert (message.date_sent - message.date_created).total_seconds() == 1
    assert (message.date_updated - message.date_created).total_seconds() == 3


def test_the_pace_can_be_set(client: Any, twilio: TwilioSandbox, clock: Any) -> None:
    twilio.settings.pace = Pace(sending=0, sent=0, delivered=3600)
    assert walk(client, clock, 3599, 1) == ["sent", "sent", "delivered"]


@pytest.mark.parametrize(
    ("status", "code", "seen"),
    [
        ("undelivered", 30003, ["queued", "sent", "undelivered"]),
        ("failed", 30007, ["queued", "failed", "failed"]),
        ("sent", None, ["queued", "sent", "sent"]),
        ("sending", None, ["queued", "sending", "sending"]),
    ],
)
def test_a_number_can_have_its_own_fate(
    client: Any, twilio: TwilioSandbox, clock: Any, status: Any, code: int | None, seen: list[str]
) -> None:
    twilio.fate(PATIENT, status, code)
    assert walk(client, clock, 1, 2) == seen
    assert client.messages.list()[0].error_code == code


def test_a_fate_reaches_a_message_under_way_but_not_one_that_has_arrived(
    client: Any, twilio: TwilioSandbox, clock: Any
) -> None:
    walk(client, clock, 3)
    walk(client, clock, 1)
    twilio.fate(PATIENT, "undelivered", 30005)
    clock.forward(seconds=10)
    assert [one.status for one in client.messages.list()] == ["undelivered", "delivered"]


def test_a_message_held_in_the_queue_expires_with_its_validity(
    client: Any, twilio: TwilioSandbox, clock: Any
) -> None:
    twilio.fate(PATIENT, "queued")
    assert walk(client, clock, 599, 1, validity_period=600) == ["queued", "queued", "undelivered"]
    (expired,) = client.messages.list()
    assert (expired.error_code, expired.date_sent) == (30036, None)


def test_forgotten_fates_no_longer_strike(client: Any, twilio: TwilioSandbox, clock: Any) -> None:
    twilio.fate(PATIENT, "undelivered", 30005)
    twilio.clear()
    assert walk(client, clock, 3) == ["queued", "delivered"]


def test_an_unknown_fate_is_refused(twilio: TwilioSandbox) -> None:
    with pytest.raises(ValueError, match="one of"):
        twilio.fate(PATIENT, "lost")  # type: ignore[arg-type]  # the mistake under test
