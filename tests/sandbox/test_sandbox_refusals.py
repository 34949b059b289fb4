"""What Twilio refuses, the stand-in refuses, with the same code and in the same shape."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from twilio.base.exceptions import TwilioRestException

from followup.sandbox import TwilioSandbox

CLINIC, PATIENT = "+15005550006", "+13125550101"
GOOD = {"to": PATIENT, "from_": CLINIC, "body": "Hello"}


def refusal(client: Any, **changes: Any) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**{**GOOD, **changes})
    return refused.value


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"to": "312555"}, 21211),
        ({"to": "+1312555010"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "not a number"}, 21212),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"to": CLINIC}, 21266),
        ({"validity_period": 0}, 90007),
        ({"validity_period": 36001}, 90007),
        ({"validity_period": "soon"}, 90007),
        ({"from_": "", "messaging_service_sid": "MG1"}, 21705),
    ],
)
def test_a_wrong_message_is_refused_with_twilios_code(
    client: Any, twilio: TwilioSandbox, changes: dict[str, Any], code: int
) -> None:
    refused = refusal(client, **changes)
    assert (refused.status, refused.code) == (400, code)
    assert twilio.accepted() == 0


def test_the_longest_text_and_the_longest_validity_pass(client: Any) -> None:
    client.messages.create(**{**GOOD, "body": "x" * 1600}, validity_period=36000)


def test_a_wrong_password_is_answered_401(twilio: TwilioSandbox, connect: Any) -> None:
    refused = refusal(connect(twilio, token="wrong"))
    assert (refused.status, refused.code) == (401, 20003)


def test_somebody_elses_account_is_not_found(client: Any) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.api.accounts("AC" + "f" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


def test_an_error_answer_has_twilios_four_fields(twilio: TwilioSandbox) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{twilio.base_url}/2010-04-01/Accounts.json"))  # noqa: S310  a loopback address
    with refused.value as answer:
        assert json.load(answer) == {
            "code": 20003,
            "message": "Authenticate",
            "more_info": "https://www.twilio.com/docs/errors/20003",
            "status": 401,
        }


@pytest.mark.parametrize("word", ["STOP", " stop ", "Unsubscribe", "CANCEL", "optout"])
def test_after_a_stop_word_the_carrier_lets_nothing_through_until_start(
    client: Any, twilio: TwilioSandbox, word: str
) -> None:
    twilio.receive(PATIENT, word)
    assert refusal(client).code == 21610
    twilio.receive(PATIENT, "start")
    client.messages.create(**GOOD)
    assert twilio.accepted(PATIENT) == 1


def test_a_sentence_that_holds_a_stop_word_stops_nothing(client: Any, twilio: TwilioSandbox) -> None:
    twilio.receive(PATIENT, "When can I stop the tablets?")
    client.messages.create(**GOOD)
    assert twilio.accepted() == 1
