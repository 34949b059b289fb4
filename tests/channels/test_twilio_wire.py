"""What goes over the line to Twilio, and what becomes of a text when the line breaks at any byte of it."""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import trustme
from channel_parts import NUMBER, WORDS, a_mail, a_text, an_hour, answering, mailing, outcome, texting

from followup.care.attempt import Receipt
from followup.channels.exchange import Exchange
from followup.channels.twilio_sms import TwilioSms
from followup.channels.wire import verified_tls
from followup.errors import Unavailable, Uncertain
from followup.sandbox.faults import BlackHole, Close, Trickle
from followup.sandbox.smtp_faults import SmtpDelay
from followup.sandbox.smtp_server import SmtpSandbox
from followup.sandbox.twilio_server import TwilioSandbox

SID = "SM" + "a" * 32
BODY = json.dumps({"sid": SID, "to": NUMBER, "status": "queued"}).encode()
HEAD = f"HTTP/1.1 201 Created\r\nContent-Length: {len(BODY)}\r\nContent-Type: application/json\r\n\r\n".encode()
ANSWER = HEAD + BODY
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(
        f"{len(BODY[i : i + 30]):x}\r\n".encode() + BODY[i : i + 30] + b"\r\n" for i in range(0, len(BODY), 30)
    )
    + b"0\r\n\r\n"
)


def form_of(heard: bytes) -> dict[str, str]:
    return dict(parse_qsl(heard.partition(b"\r\n\r\n")[2].decode()))


def test_a_text_goes_out_as_written_with_all_rewriting_switched_off(bare: Any) -> None:
    server = bare(answering(ANSWER))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        sms.send(a_text(words="día 2 & «ñ»: 100% + 1 = ?\n5"), an_hour)
    assert form_of(server.heard) == {
        "To": NUMBER,
        "From": "+15005550006",
        "Body": "día 2 & «ñ»: 100% + 1 = ?\n5",
        "ValidityPeriod": "3600",
        "SmartEncoded": "false",
        "ShortenUrls": "false",
    }


def test_a_messaging_service_stands_in_for_a_number(bare: Any) -> None:
    server = bare(answering(ANSWER))
    service = "MG" + "b" * 32
    with texting(f"http://127.0.0.1:{server.port}", sender_number="", messaging_service=service) as sms:
        sms.send(a_text(), an_hour)
    form = form_of(server.heard)
    assert form["MessagingServiceSid"] == service
    assert "From" not in form


@pytest.mark.parametrize(
    ("left", "validity"),
    [
        (timedelta(seconds=60), 60),
        (timedelta(seconds=119.9), 119),
        (timedelta(hours=10), 36000),
        (timedelta(days=3), 36000),
    ],
)
def test_twilio_may_keep_a_text_no_longer_than_it_is_true(
    sms: TwilioSms, twilio: TwilioSandbox, left: timedelta, validity: int
) -> None:
    sms.send(a_text(), lambda: left)
    assert twilio.messages[0].validity == validity


@pytest.mark.parametrize("left", [timedelta(seconds=59.9), timedelta(0), timedelta(hours=-1)])
def test_a_text_with_less_than_a_minute_left_is_not_sent(
    sms: TwilioSms, twilio: TwilioSandbox, left: timedelta
) -> None:
    assert isinstance(outcome(lambda: sms.send(a_text(), lambda: left)), Unavailable)
    assert twilio.accepted() == 0


@pytest.mark.parametrize("whole", [ANSWER, CHUNKED], ids=["by length", "in chunks"])
def test_an_answer_cut_at_any_byte_is_doubt_and_only_the_whole_one_counts(bare: Any, whole: bytes) -> None:
    cuts = iter(range(len(whole) + 1))

    def serve(connection: socket.socket, server: Any) -> None:
        server.read_request(connection)
        connection.sendall(whole[: next(cuts)])

    server = bare(serve)
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        results = [outcome(lambda: sms.send(a_text(), an_hour)) for _ in range(len(whole) + 1)]
    # The very end of a chunked answer says nothing of the message: it is whole already.
    known = len(whole) + 1 - sum(isinstance(result, Receipt) for result in results)
    assert known >= len(whole) - len(b"0\r\n\r\n")
    assert all(isinstance(result, Uncertain) for result in results[:known])
    assert isinstance(results[-1], Receipt)


def test_a_text_that_the_provider_never_wholly_heard_is_still_doubt(bare: Any) -> None:
    """We cannot know how much was heard before the line broke."""

    def serve(connection: socket.socket, server: Any) -> None:
        server.heard += connection.recv(10)

    server = bare(serve)
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        assert isinstance(outcome(lambda: sms.send(a_text(), an_hour)), Uncertain)


def test_a_connection_closed_after_an_answer_is_opened_again_before_the_next_text(bare: Any) -> None:
    hung_up = threading.Event()

    def serve(connection: socket.socket, server: Any) -> None:
        server.read_request(connection)
        connection.sendall(ANSWER)
        connection.shutdown(socket.SHUT_RDWR)
        hung_up.set()

    server = bare(serve)
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        sms.send(a_text(), an_hour)
        hung_up.wait(30)
        sms.send(a_text(id_=2), an_hour)
    assert server.connections == 2


def test_a_line_on_which_somebody_spoke_out_of_turn_is_not_used_again(bare: Any) -> None:
    """Else an answer to the last text could be taken for the answer to this one."""
    server = bare(answering(ANSWER + ANSWER, ANSWER))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        sms.send(a_text(), an_hour)
        sms.send(a_text(id_=2), an_hour)
    assert server.connections == 2


@pytest.mark.timeout(120)
def test_providers_that_are_slow_or_silent_are_given_up() -> None:
    """Each would answer rightly, a minute later or never; all wait out the same twenty seconds side by side."""
    with TwilioSandbox() as twilio, SmtpSandbox() as slow_end, SmtpSandbox() as slow_greeting:
        twilio.next(BlackHole(accepted=True), to="+15005550011")
        twilio.next(Trickle(pause=0.1), to="+15005550012")
        slow_end.always(SmtpDelay("accepted", 60))
        slow_greeting.always(SmtpDelay("connect", 60))
        with (
            texting(twilio.base_url) as sms,
            mailing(slow_end.port) as late,
            mailing(slow_greeting.port) as mute,
            ThreadPoolExecutor(4) as pool,
        ):
            acts = [
                lambda: sms.send(a_text("+15005550011"), an_hour),
                lambda: sms.send(a_text("+15005550012"), an_hour),
                lambda: late.send(a_mail(), an_hour),
                lambda: mute.send(a_mail(), an_hour),
            ]
            results = list(pool.map(outcome, acts))
    assert [type(result) for result in results] == [Uncertain, Uncertain, Uncertain, Unavailable]


def tls_server(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = verified_tls()
    authority.configure_trust(context)
    return context


def ask_account(exchange: Exchange, twilio: TwilioSandbox) -> int:
    return exchange.request("GET", f"/2010-04-01/Accounts/{twilio.account_sid}.json", {}, lambda: None).status


def test_a_provider_with_the_right_certificate_is_spoken_to(authority: trustme.CA) -> None:
    with TwilioSandbox(tls=tls_server(authority, "localhost")) as twilio:
        exchange = Exchange("localhost", twilio.port, trusting(authority))
        points = []
        twilio.on_event(lambda event: points.append(event.point))
        assert [ask_account(exchange, twilio) for _ in range(3)] == [401, 401, 401]
        assert points.count("connected") == 1
        exchange.close()


@pytest.mark.parametrize("fault", ["unknown authority", "wrong name", "old encryption"])
def test_a_provider_that_cannot_prove_itself_hears_nothing(authority: trustme.CA, fault: str) -> None:
    server = tls_server(authority, "elsewhere.example" if fault == "wrong name" else "localhost")
    if fault == "old encryption":
        server.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            server.maximum_version = ssl.TLSVersion.TLSv1_1
    trust = verified_tls() if fault == "unknown authority" else trusting(authority)
    with TwilioSandbox(tls=server) as twilio:
        heard = []
        twilio.on_event(lambda event: heard.append(event.method))
        exchange = Exchange("localhost", twilio.port, trust)
        result = outcome(lambda: ask_account(exchange, twilio))
    assert isinstance(result, Unavailable)
    assert not result.charged
    assert not {"GET", "POST"} & set(heard)


def test_a_provider_that_speaks_in_clear_hears_nothing_in_clear(bare: Any) -> None:
    def serve(connection: socket.socket, server: Any) -> None:
        server.heard += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    server = bare(serve)
    exchange = Exchange("localhost", server.port, verified_tls())
    assert isinstance(outcome(lambda: exchange.request("POST", "/", {}, WORDS.encode)), Unavailable)
    assert b"POST" not in server.heard
    assert WORDS.encode() not in server.heard


def test_a_host_that_does_not_exist_is_unavailable() -> None:
    exchange = Exchange("nowhere.invalid", 443, verified_tls())
    assert isinstance(outcome(lambda: exchange.request("GET", "/", {}, lambda: None)), Unavailable)


def test_neither_number_nor_words_are_logged(
    sms: TwilioSms, twilio: TwilioSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sms.send(a_text(), an_hour)
    twilio.next(Close("after accepting"))
    outcome(lambda: sms.send(a_text(), an_hour))
    assert NUMBER not in caplog.text
    assert WORDS not in caplog.text


def test_nothing_in_the_machines_environment_leads_a_text_elsewhere(
    twilio: TwilioSandbox, closed_port: int
) -> None:
    elsewhere = f"http://127.0.0.1:{closed_port}"
    names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    environment = {
        **os.environ,
        **dict.fromkeys(names, elsewhere),
        "TWILIO_EDGE": "dublin",
        "TWILIO_REGION": "ie1",
    }
    program = (
        f"from channel_parts import *\nwith texting({twilio.base_url!r}) as sms: sms.send(a_text(), an_hour)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert twilio.accepted() == 1


def test_the_sdk_is_not_imported_before_a_text_is_sent() -> None:
    program = "import sys, followup.channels.twilio_sms; sys.exit('twilio' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
