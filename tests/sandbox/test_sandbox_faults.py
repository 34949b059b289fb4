"""Each fault, as a client with a bare connection sees it, and whether the message counts all the same."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from urllib.parse import urlencode

import pytest

from followup.sandbox import (
    BlackHole,
    Close,
    Delay,
    Event,
    Fault,
    Garbage,
    Redirect,
    Refuse,
    Reset,
    Status,
    Trickle,
    TwilioSandbox,
)
from followup.sandbox.faults import GarbageKind, Moment

CLINIC, PATIENT, OTHER = "+15005550006", "+13125550101", "+13125550102"
Post = Callable[..., HTTPResponse]


@pytest.fixture
def connection(twilio: TwilioSandbox) -> Iterator[HTTPConnection]:
    line = HTTPConnection("127.0.0.1", twilio.port, timeout=10)
    yield line
    line.close()


@pytest.fixture
def post(twilio: TwilioSandbox, connection: HTTPConnection) -> Post:
    password = base64.b64encode(f"{twilio.account_sid}:{twilio.auth_token}".encode()).decode()

    def post(to: str = PATIENT) -> HTTPResponse:
        connection.request(
            "POST",
            f"/2010-04-01/Accounts/{twilio.account_sid}/Messages.json",
            urlencode({"To": to, "From": CLINIC, "Body": "Hello"}),
            {"Authorization": f"Basic {password}", "Content-Type": "application/x-www-form-urlencoded"},
        )
        return connection.getresponse()

    return post


def test_a_refusal_has_the_code_and_counts_nothing(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Refuse(21610))
    answer = post()
    assert (answer.status, json.load(answer)["code"]) == (400, 21610)
    assert twilio.accepted() == 0


@pytest.mark.parametrize(("accepted", "count"), [(False, 0), (True, 1)])
def test_a_503_may_hide_that_the_message_was_taken(
    twilio: TwilioSandbox, post: Post, *, accepted: bool, count: int
) -> None:
    twilio.next(Status(503, accepted=accepted))
    answer = post()
    assert (answer.status, json.load(answer)["status"]) == (503, 503)
    assert twilio.accepted() == count


def test_a_429_says_how_long_to_wait(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Status(429, retry_after=2))
    answer = post()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert json.load(answer)["code"] == 20429


def test_a_redirect_points_elsewhere(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Redirect("http://127.0.0.1:9/"))
    answer = post()
    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")
    assert twilio.accepted() == 0


@pytest.mark.parametrize(
    ("kind", "status", "body"), [("empty object", 201, b"{}"), ("list", 201, b"[]"), ("empty", 201, b"")]
)
def test_an_answer_may_be_well_formed_and_say_nothing(
    twilio: TwilioSandbox, post: Post, kind: GarbageKind, status: int, body: bytes
) -> None:
    twilio.next(Garbage(kind))
    answer = post()
    assert (answer.status, answer.read()) == (status, body)
    assert twilio.accepted() == 1


def test_an_answer_may_be_a_web_page(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Garbage("html"))
    answer = post()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.read().startswith(b"<html>")


def test_an_answer_may_be_cut_json_in_a_whole_reply(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Garbage("truncated"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(post().read())


def test_an_answer_may_lack_its_sid_be_huge_or_name_somebody_else(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Garbage("no sid"), Garbage("oversized"), Garbage("wrong to"))
    assert json.load(post())["sid"] is None
    assert len(post().read()) > 64 * 1024
    assert json.load(post())["to"] != PATIENT
    assert twilio.accepted(PATIENT) == 3


def test_garbage_can_also_come_without_the_message_being_taken(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Garbage("no sid", accepted=False))
    assert json.load(post()) == {"sid": None}
    assert twilio.accepted() == 0


@pytest.mark.parametrize("cut", [Close, Reset])
@pytest.mark.parametrize(
    ("moment", "count"), [("before reading", 0), ("after reading", 0), ("after accepting", 1)]
)
def test_the_line_may_break_before_an_answer(
    twilio: TwilioSandbox, post: Post, cut: type[Close | Reset], moment: Moment, count: int
) -> None:
    twilio.next(cut(moment))
    with pytest.raises(ConnectionError):
        post()
    assert twilio.accepted() == count


def test_an_answer_cut_inside_its_headers_looks_like_an_empty_201(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Close("mid headers"))
    answer = post()
    assert (answer.status, answer.read()) == (201, b"")
    assert twilio.accepted() == 1


def test_the_line_may_break_in_the_middle_of_an_answer(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Close("mid reply"))
    with pytest.raises(IncompleteRead):
        post().read()
    assert twilio.accepted() == 1


def test_a_reset_is_a_reset_and_not_a_polite_end(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Reset("after accepting"))
    with pytest.raises(ConnectionResetError):
        post()


@pytest.mark.parametrize(("accepted", "count"), [(False, 0), (True, 1)])
def test_a_black_hole_never_answers(
    twilio: TwilioSandbox, connection: HTTPConnection, post: Post, *, accepted: bool, count: int
) -> None:
    connection.timeout = 1
    twilio.next(BlackHole(accepted=accepted))
    with pytest.raises(TimeoutError):
        post()
    assert twilio.accepted() == count


def test_a_slow_answer_is_late_but_right(twilio: TwilioSandbox, connection: HTTPConnection, post: Post) -> None:
    twilio.next(Delay(0.05), Delay(0.05, accepted=False), Delay(3600))
    assert json.load(post())["to"] == PATIENT
    assert json.load(post())["to"] == PATIENT
    connection.close()
    connection.timeout = 1
    with pytest.raises(TimeoutError):
        post()
    assert twilio.accepted() == 3


def test_a_trickle_keeps_every_single_read_alive(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Trickle(pause=0.0001))
    answer = post()
    assert json.load(answer)["to"] == PATIENT


def test_a_kept_connection_serves_one_request_after_another(twilio: TwilioSandbox, post: Post) -> None:
    opened: list[Event] = []
    twilio.on_event(lambda event: opened.append(event) if event.point == "connected" else None)
    for _ in range(3):
        post().read()
    assert (twilio.accepted(), len(opened)) == (3, 1)


def test_queued_faults_strike_in_order_each_once_and_only_their_number(twilio: TwilioSandbox, post: Post) -> None:
    twilio.next(Status(500), to=OTHER)
    twilio.next(Status(502), Status(503))
    statuses = []
    for number in (PATIENT, OTHER, PATIENT, OTHER):
        answer = post(number)
        answer.read()
        statuses.append(answer.status)
    assert statuses == [502, 500, 503, 201]


def test_a_standing_fault_strikes_until_cleared_and_queued_ones_come_first(
    twilio: TwilioSandbox, post: Post
) -> None:
    twilio.always(Status(500))
    twilio.next(Status(503))
    statuses = []
    for clear in (False, False, True, False):
        answer = post()
        answer.read()
        statuses.append(answer.status)
        if clear:
            twilio.clear()
    assert statuses == [503, 500, 500, 201]


def test_a_fault_on_reading_leaves_sending_alone(
    twilio: TwilioSandbox, connection: HTTPConnection, post: Post
) -> None:
    twilio.always(Status(500), on="read")
    assert post().read()
    connection.request("GET", f"/2010-04-01/Accounts/{twilio.account_sid}/Messages.json")
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, twilio.accepted()) == (500, 1)


def test_before_reading_nobody_can_name_the_recipient(twilio: TwilioSandbox) -> None:
    with pytest.raises(ValueError, match="recipient"):
        twilio.next(Close("before reading"), to=PATIENT)


@pytest.mark.parametrize("kind", [Close, Reset, Garbage])
def test_a_fault_that_does_not_exist_is_refused(kind: Callable[[str], Fault]) -> None:
    with pytest.raises(ValueError, match="one of"):
        kind("sometime")


def test_a_listener_is_told_every_point_of_a_request_in_order(twilio: TwilioSandbox, post: Post) -> None:
    told: list[Event] = []
    twilio.on_event(told.append)
    post().read()
    post().read()
    first = [(event.point, event.method, event.to) for event in told[:6]]
    assert first == [
        ("connected", "", None),
        ("before reading", "POST", None),
        ("after reading", "POST", PATIENT),
        ("after accepting", "POST", PATIENT),
        ("before reply", "POST", PATIENT),
        ("after reply", "POST", PATIENT),
    ]


def test_a_request_that_is_no_http_is_answered_400_and_hung_up_on(twilio: TwilioSandbox) -> None:
    with socket.create_connection(("127.0.0.1", twilio.port), timeout=10) as line:
        line.sendall(b"nonsense\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_provider_can_go_down_and_come_back_on_the_same_port() -> None:
    with TwilioSandbox() as first:
        port = first.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    with TwilioSandbox(port=port) as second, socket.create_connection(("127.0.0.1", port), timeout=10):
        assert second.base_url.endswith(f":{port}")


def test_stopping_frees_a_client_that_waits_in_a_black_hole() -> None:
    twilio = TwilioSandbox()
    twilio.start()
    twilio.always(BlackHole(), on="read")
    line = HTTPConnection("127.0.0.1", twilio.port, timeout=10)
    line.request("GET", "/2010-04-01/Accounts.json")
    twilio.stop()
    with pytest.raises(ConnectionError):
        line.getresponse()
    line.close()


def test_a_kept_connection_may_be_dropped_while_it_waits_for_the_next_message(
    twilio: TwilioSandbox, post: Post
) -> None:
    post().read()
    twilio.next(Close("before reading"))
    with pytest.raises(ConnectionError):
        post()
    assert twilio.accepted() == 1
