"""Every answer Twilio can give to a text, and what it means for the patient, the text and the sender."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

import pytest
from channel_parts import NUMBER, a_text, an_account, an_hour, answering, outcome, texting

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.channels.twilio_codes import STATUSES
from followup.channels.twilio_sms import TwilioSms
from followup.errors import ConfigError, Rejected, SenderBlocked, Unavailable, Uncertain
from followup.sandbox import faults
from followup.sandbox.faults import Close, Garbage, GarbageKind, Moment, Redirect, Refuse, Reset
from followup.sandbox.sms import Pace
from followup.sandbox.twilio_server import SANDBOX_ACCOUNT, TwilioSandbox


def send(sms: TwilioSms) -> Any:
    return outcome(lambda: sms.send(a_text(), an_hour))


@pytest.mark.parametrize("code", [21211, 21612, 21614, 21635, 30005, 30006])
def test_a_number_that_cannot_take_texts_is_a_bad_address(
    sms: TwilioSms, twilio: TwilioSandbox, code: int
) -> None:
    twilio.next(Refuse(code))
    result = send(sms)
    assert isinstance(result, Rejected)
    assert (result.code, result.bad_address, result.opted_out) == (str(code), True, False)


def test_a_number_that_stopped_us_has_opted_out(sms: TwilioSms, twilio: TwilioSandbox) -> None:
    twilio.next(Refuse(21610))
    result = send(sms)
    assert isinstance(result, Rejected)
    assert (result.code, result.bad_address, result.opted_out) == ("21610", False, True)


@pytest.mark.parametrize("code", [21408, 21602, 21619, 21617, 30003, 30004, 30007, 30008, 30038])
def test_a_refused_text_says_nothing_of_the_number_or_the_sender(
    sms: TwilioSms, twilio: TwilioSandbox, code: int
) -> None:
    twilio.next(Refuse(code))
    result = send(sms)
    assert isinstance(result, Rejected)
    assert (result.code, result.bad_address, result.opted_out) == (str(code), False, False)


@pytest.mark.parametrize("code", [20001, 21604, 30036, 35118, 63003, 90007, 99999])
def test_a_code_that_nobody_knows_ends_the_attempt(sms: TwilioSms, twilio: TwilioSandbox, code: int) -> None:
    twilio.next(Refuse(code))
    result = send(sms)
    assert isinstance(result, Rejected)
    assert (result.code, result.bad_address, result.opted_out) == (str(code), False, False)


@pytest.mark.parametrize("code", [20429, 21611, 30001, 30022])
def test_a_full_queue_or_a_rate_limit_means_later_and_costs_no_attempt(
    sms: TwilioSms, twilio: TwilioSandbox, code: int
) -> None:
    twilio.next(Refuse(code))
    result = send(sms)
    assert isinstance(result, Unavailable)
    assert (result.code, result.charged, result.retry_after) == (str(code), False, None)


@pytest.mark.parametrize(
    "code",
    [
        *(20003, 20005, 20403, 20404, 21212, 21603, 21606, 21608, 21703, 21704, 21705),
        *(30002, 30010, 30024, 30032, 30034, 30037, 30450, 30454, 63038),
    ],
)
def test_a_fault_of_account_or_sender_blocks_the_sender(sms: TwilioSms, twilio: TwilioSandbox, code: int) -> None:
    twilio.next(Refuse(code))
    result = send(sms)
    assert isinstance(result, SenderBlocked)
    assert result.code == str(code)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_closed_door_blocks_the_sender(sms: TwilioSms, twilio: TwilioSandbox, status: int) -> None:
    twilio.next(faults.Status(status))
    assert isinstance(send(sms), SenderBlocked)


def test_429_is_tried_again_after_the_time_it_asks_for(sms: TwilioSms, twilio: TwilioSandbox) -> None:
    twilio.next(faults.Status(429, retry_after=7))
    result = send(sms)
    assert isinstance(result, Unavailable)
    assert (result.retry_after, result.charged) == (timedelta(seconds=7), False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_failure_of_the_provider_is_doubt_whether_it_took_the_text_or_not(
    sms: TwilioSms, twilio: TwilioSandbox, status: int, *, accepted: bool
) -> None:
    twilio.next(faults.Status(status, accepted=accepted))
    result = send(sms)
    assert isinstance(result, Uncertain)
    assert result.code == str(status)
    assert twilio.accepted() == accepted


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_doubt_and_never_followed(sms: TwilioSms, twilio: TwilioSandbox, status: int) -> None:
    with TwilioSandbox() as other:
        twilio.next(Redirect(f"{other.base_url}/2010-04-01/Accounts/{SANDBOX_ACCOUNT}/Messages.json", status))
        result = send(sms)
        assert isinstance(result, Uncertain)
        assert result.code == str(status)
        assert other.accepted() == twilio.accepted() == 0


@pytest.mark.parametrize("kind", get_args(GarbageKind))
def test_an_answer_that_does_not_name_the_text_is_doubt(
    sms: TwilioSms, twilio: TwilioSandbox, kind: GarbageKind
) -> None:
    twilio.next(Garbage(kind))
    assert isinstance(send(sms), Uncertain)
    assert isinstance(send(sms), Receipt)


@pytest.mark.parametrize("how", [Close, Reset])
@pytest.mark.parametrize("moment", get_args(Moment))
def test_a_line_that_breaks_after_we_spoke_is_doubt_at_any_moment(
    sms: TwilioSms, twilio: TwilioSandbox, how: Callable[[Moment], Close], moment: Moment
) -> None:
    send(sms)
    twilio.next(how(moment))
    assert isinstance(send(sms), Uncertain)
    assert isinstance(send(sms), Receipt)


def test_redacted_answers_hide_the_last_digits_and_are_known_all_the_same(
    sms: TwilioSms, twilio: TwilioSandbox
) -> None:
    twilio.settings.redacted = True
    assert isinstance(send(sms), Receipt)


def http(status: str, body: bytes, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def created(**changes: object) -> bytes:
    resource = {"sid": "SM" + "a" * 32, "to": NUMBER, "status": "queued", **changes}
    return http("201 Created", json.dumps(resource).encode())


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "405 No", "407 Proxy", "408 Time-out", "413 Big", "451 Law"]
)
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>canary</html>", b"[]", b"[" * 60_000, b'{"code": 400}', b'{"code": "21211"}', b'{"code": true}'],
    ids=["empty", "page", "list", "deep", "short code", "text code", "true"],
)
def test_a_refusal_that_is_not_twilios_is_doubt(bare: Any, status: str, body: bytes) -> None:
    server = bare(answering(http(status, body)))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        assert isinstance(send(sms), Uncertain)


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No"])
def test_a_closed_door_needs_no_explanation(bare: Any, status: str) -> None:
    server = bare(answering(http(status, b"<html>canary</html>")))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        assert isinstance(send(sms), SenderBlocked)


@pytest.mark.parametrize(
    ("fields", "wait"),
    [
        (["Retry-After: 120"], timedelta(seconds=120)),
        (["Retry-After: 0"], timedelta(0)),
        (["Retry-After: 999999999"], timedelta(days=1)),
        (["Retry-After: 99999999999999999999"], None),
        (["Retry-After: -5"], None),
        (["Retry-After: soon"], None),
        (
            ["Retry-After: Mon, 02 Nov 2026 16:05:00 GMT", "Date: Mon, 02 Nov 2026 16:00:00 GMT"],
            timedelta(minutes=5),
        ),
        (["Retry-After: Mon, 02 Nov 2026 15:00:00 GMT", "Date: Mon, 02 Nov 2026 16:00:00 GMT"], None),
        (["Retry-After: Tue, 02 Nov 2027 15:00:00 GMT", "Date: Mon, 02 Nov 2026 16:00:00 GMT"], timedelta(days=1)),
        (["Retry-After: Mon, 02 Nov 2026 16:05:00 GMT"], None),
        (["Retry-After: Mon, 02 Nov 2026 16:05:00 -0000", "Date: Mon, 02 Nov 2026 16:00:00 GMT"], None),
    ],
)
def test_the_time_to_wait_is_read_in_seconds_or_as_a_date(
    bare: Any, fields: list[str], wait: timedelta | None
) -> None:
    server = bare(answering(http("429 Slow", b"{}", *fields)))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        result = send(sms)
    assert isinstance(result, Unavailable)
    assert result.retry_after == wait


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b""),
        http("204 No Content", b""),
        http("103 Early Hints", b""),
        created(sid="SM" + "A" * 32),
        created(sid="SM" + "a" * 31),
        created(sid="SM" + "a" * 32 + "\n"),
        created(sid="MG" + "a" * 32),
        created(sid=["SM"]),
        created(to="+15005550011"),
        created(to=""),
        created(to=None),
        created(to="+1500555XXXX"),
        created(date_created=5),
        http("201 Created", b"\xff\xfe"),
        http("201 Created", b"1"),
        http("201 Created", b"null"),
        http("201 Created", b"[" * 60_000),
        b"HTTP/1.1 201 Created\r\n\r\n" + created().partition(b"\r\n\r\n")[2],
        b"HTTP/1.1 2x1 Created\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"\r\n" * 1000,
        b"HTTP/1.1 201 Created\r\n" + b"X-Field: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 201 Created\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
)
def test_an_answer_that_is_no_message_of_ours_is_doubt(bare: Any, answer: bytes) -> None:
    server = bare(answering(answer))
    expected = Receipt if b"+1500555XXXX" in answer else Uncertain
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        result = send(sms)
    assert isinstance(result, expected)


def test_what_twilio_calls_a_message_is_one_of_our_statuses(sms: TwilioSms, twilio: TwilioSandbox) -> None:
    assert set(STATUSES.values()) == {Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.UNDELIVERED}
    twilio.settings.pace = Pace(0, 0, 0, 0)
    assert sms.receipt(send(sms).provider_id).status is Status.DELIVERED


@pytest.mark.parametrize(
    ("fate", "code", "status"),
    [
        ("queued", None, Status.ACCEPTED),
        ("sending", None, Status.ACCEPTED),
        ("sent", None, Status.SENT),
        ("delivered", None, Status.DELIVERED),
        ("undelivered", 30003, Status.UNDELIVERED),
        ("failed", 30008, Status.UNDELIVERED),
        ("undelivered", 30005, Status.UNDELIVERED),
        ("undelivered", 30006, Status.UNDELIVERED),
    ],
)
def test_the_receipt_says_what_became_of_the_text(
    sms: TwilioSms, twilio: TwilioSandbox, fate: Any, code: int | None, status: Status
) -> None:
    twilio.settings.pace = Pace(0, 0, 0, 0)
    twilio.fate(NUMBER, fate, code)
    sent = send(sms)
    receipt = sms.receipt(sent.provider_id)
    assert receipt == Receipt(sent.provider_id, status, str(code or ""), bad_address=code in {30005, 30006})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.Status(401), SenderBlocked),
        (faults.Status(403), SenderBlocked),
        (faults.Status(404), Unavailable),
        (faults.Status(429, retry_after=3), Unavailable),
        (faults.Status(500), Unavailable),
        (faults.Status(400), Unavailable),
        (Refuse(20404), Unavailable),
        (Refuse(99999), Unavailable),
        (Redirect("http://127.0.0.1:1/"), Unavailable),
        (Garbage("html"), Unavailable),
        (Garbage("list"), Unavailable),
        (Garbage("no sid"), Unavailable),
        (Garbage("truncated"), Unavailable),
        (Close("after reading"), Unavailable),
        (Close("mid reply"), Unavailable),
        (Reset("mid headers"), Unavailable),
    ],
)
def test_a_receipt_that_cannot_be_had_now_is_asked_for_again(
    sms: TwilioSms, twilio: TwilioSandbox, fault: Any, kind: type[Exception]
) -> None:
    sent = send(sms)
    twilio.next(fault, on="read")
    assert isinstance(outcome(lambda: sms.receipt(sent.provider_id)), kind)
    assert sms.receipt(sent.provider_id).provider_id == sent.provider_id


@pytest.mark.parametrize("wrong", ["", "../Calls", "SM" + "a" * 31, "<r1@clinic.example>"])
def test_an_id_that_is_not_twilios_is_not_asked_about(sms: TwilioSms, twilio: TwilioSandbox, wrong: str) -> None:
    seen = []
    twilio.on_event(lambda event: seen.append(event.point))
    assert isinstance(outcome(lambda: sms.receipt(wrong)), Unavailable)
    assert seen == []


def test_a_status_that_is_new_to_us_is_asked_about_again(bare: Any) -> None:
    sid = "SM" + "a" * 32
    server = bare(answering(created(sid=sid, status="teleported")))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        assert isinstance(outcome(lambda: sms.receipt(sid)), Unavailable)


@pytest.mark.parametrize("code", [20003, 20404])
def test_the_check_finds_wrong_credentials(sms: TwilioSms, twilio: TwilioSandbox, code: int) -> None:
    sms.check()
    twilio.next(Refuse(code), on="read")
    assert isinstance(outcome(sms.check), SenderBlocked)


def test_the_check_finds_a_suspended_account(bare: Any) -> None:
    body = json.dumps({"sid": SANDBOX_ACCOUNT, "status": "suspended"}).encode()
    server = bare(answering(http("200 OK", body)))
    with texting(f"http://127.0.0.1:{server.port}") as sms:
        assert isinstance(outcome(sms.check), SenderBlocked)


def test_a_standard_api_key_proves_itself_without_seeing_the_account(bare: Any) -> None:
    server = bare(answering(http("200 OK", b'{"messages": [], "uri": "/"}')))
    with texting(f"http://127.0.0.1:{server.port}", api_key="SK" + "1" * 32) as sms:
        sms.check()
    assert server.heard.startswith(f"GET /2010-04-01/Accounts/{SANDBOX_ACCOUNT}/Messages.json?".encode())


@pytest.mark.parametrize(
    "base_url",
    [
        *(
            "http://api.twilio.com",
            "https://twilio.com.evil.example",
            "https://eviltwilio.com",
            "https://127.0.0.1",
        ),
        *(
            "http://169.254.169.254",
            "http://10.0.0.1:8080",
            "http://0.0.0.0",
            "http://[::2]",
            "http://localhost.example",
        ),
        *("file:///etc/passwd", "ftp://api.twilio.com", "", "api.twilio.com", "https://", "http://127.0.0.1:port"),
        *(
            "https://user@api.twilio.com",
            "https://api.twilio.com/path",
            "https://api.twilio.com?q",
            "http://2130706433",
        ),
        *(
            "https://api.twilio.com#x",
            "https://api.twilio.com@evil.example",
            "http://127.0.0.1:99999",
            "http://①27.0.0.1",
        ),
        *("https://api.twilio.com\\@evil.example", "https://evil.example/.twilio.com", "https://.twilio.com"),
    ],
)
def test_no_other_host_than_twilio_or_this_machine_is_ever_written_to(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        an_account(base_url)


@pytest.mark.parametrize(
    ("base_url", "here"),
    [
        ("https://api.twilio.com", False),
        ("https://api.twilio.com:443/", False),
        ("https://api.dublin.ie1.twilio.com", False),
        ("http://127.0.0.1:9", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:9", True),
        ("http://localhost:9", True),
    ],
)
def test_twilio_and_this_machine_are_allowed(base_url: str, *, here: bool) -> None:
    with texting(base_url) as sms:
        assert sms.on_loopback is here


def test_all_faults_of_an_account_are_told_at_once_and_no_secret_with_them() -> None:
    with pytest.raises(ConfigError) as caught:
        an_account("http://example.org", sender_number="", messaging_service="MG1")
    assert [fault.where for fault in caught.value.faults] == ["messaging_service", "base_url"]
    assert "sandbox" not in repr(an_account("http://127.0.0.1:9"))
