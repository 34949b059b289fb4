"""The stand-ins as a process of their own, driven from this one over their own door."""

from __future__ import annotations

import imaplib
import json
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from twilio.base.exceptions import TwilioRestException

CLINIC, PATIENT = "+15005550006", "+13125550101"
Process = tuple[subprocess.Popen[str], dict[str, Any]]


@pytest.fixture
def process() -> Iterator[Process]:
    with subprocess.Popen(
        [sys.executable, "-m", "followup.sandbox"], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        yield running, json.loads(running.stdout.readline())
        running.kill()


@pytest.fixture
def door(process: Process) -> Callable[..., Any]:
    control = process[1]["control"]

    def ask(name: str, **asked: Any) -> Any:
        body = json.dumps(asked).encode() if asked or name == "clear" else None
        with urlopen(Request(control + name, body), timeout=10) as answer:  # noqa: S310  a loopback address
            return json.load(answer)

    return ask


@pytest.fixture
def remote(process: Process, connect: Callable[..., Any]) -> Any:
    class Address:
        account_sid, auth_token = process[1]["account_sid"], process[1]["auth_token"]
        base_url = process[1]["base_url"]

    return connect(Address)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop(process: Process, number: signal.Signals) -> None:
    process[0].send_signal(number)
    assert process[0].wait(timeout=20) == 0


def test_a_port_that_is_taken_is_said_in_one_line(process: Process) -> None:
    command = [sys.executable, "-m", "followup.sandbox", "--smtp-port", str(process[1]["smtp_port"])]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 2
    assert second.stderr == "followup.sandbox: Address already in use\n"


def test_messages_and_mails_given_to_the_process_can_be_asked_for(
    process: Process, door: Callable[..., Any], remote: Any
) -> None:
    for _ in range(2):
        remote.messages.create(to=PATIENT, from_=CLINIC, body="Hello", validity_period=600)
    with smtplib.SMTP("127.0.0.1", process[1]["smtp_port"], timeout=10) as line:
        line.sendmail("a@clinic.example", ["b@mail.example"], "Subject: A note\r\n\r\nYou may rest.\r\n")
    assert door("state") == {
        "accepted": 2,
        "duplicates": [{"to": PATIENT, "body": "Hello", "count": 2}],
        "received": 0,
        "mails": 1,
        "duplicate_mails": {},
    }
    assert [(one["to"], one["validity"]) for one in door("messages")] == [(PATIENT, 600)] * 2
    assert [(one["envelope_to"], one["subject"]) for one in door("mails")] == [(["b@mail.example"], "A note")]


def test_a_patient_can_write_through_the_door(door: Callable[..., Any], remote: Any) -> None:
    assert door("receive", **{"from": PATIENT, "body": "8"})["status"] == "received"
    assert [one.body for one in remote.messages.list(to=CLINIC)] == ["8"]
    assert [one["body"] for one in door("inbound")] == ["8"]


def test_faults_and_fates_can_be_set_and_cleared_through_the_door(door: Callable[..., Any], remote: Any) -> None:
    door("fault", faults=[{"kind": "Status", "status": 503, "accepted": True}], to=PATIENT)
    door("fault", faults=[{"kind": "Refuse", "code": 21610}], always=True)
    codes = []
    for _ in range(2):
        with pytest.raises(TwilioRestException) as refused:
            remote.messages.create(to=PATIENT, from_=CLINIC, body="Hello")
        codes.append(refused.value.code)
    assert codes == [20503, 21610]
    door("clear")
    door("fate", number=PATIENT, status="queued")
    assert remote.messages.create(to=PATIENT, from_=CLINIC, body="Hello").status == "queued"
    assert door("state")["accepted"] == 2


def test_mail_faults_can_be_set_through_the_door(process: Process, door: Callable[..., Any]) -> None:
    door("mail-fault", faults=[{"kind": "SmtpReply", "at": "MAIL", "code": 450}])
    with smtplib.SMTP("127.0.0.1", process[1]["smtp_port"], timeout=10) as line:
        line.ehlo()
        assert line.mail("a@clinic.example")[0] == 450
        assert line.mail("a@clinic.example")[0] == 250


def test_a_mail_can_come_in_and_one_can_bounce_through_the_door(
    process: Process, door: Callable[..., Any]
) -> None:
    with smtplib.SMTP("127.0.0.1", process[1]["smtp_port"], timeout=10) as line:
        line.sendmail("a@clinic.example", ["b@mail.example"], "Message-ID: <1@clinic.example>\r\n\r\nHi\r\n")
    assert door("mail-in", raw="Subject: Re: a note\n\nIt is an 8.\n") == {"uid": 1}
    assert door("bounce", message_id="<1@clinic.example>") == {"uid": 2}
    with imaplib.IMAP4("127.0.0.1", process[1]["imap_port"], timeout=10) as line:
        line.login(process[1]["imap_username"], process[1]["imap_password"])
        line.select(readonly=True)
        found = [line.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1] for uid in ("1", "2")]
    assert found[0] == b"Subject: Re: a note\r\n\r\nIt is an 8.\r\n"
    assert b"Action: failed" in found[1]


@pytest.mark.parametrize(
    ("name", "asked", "status", "told"),
    [
        ("fault", {"faults": [{"kind": "Earthquake"}]}, 400, "kind is one of"),
        ("fault", {"faults": [{"kind": "Refuse", "number": 1}]}, 400, "Refuse has no number"),
        ("fault", {"faults": [{"kind": "Refuse"}]}, 400, "code"),
        ("fault", {"to": PATIENT}, 400, "faults is missing"),
        ("receive", {"body": "8"}, 400, "from is missing"),
        ("fate", {"number": PATIENT, "status": "lost"}, 400, "one of"),
        ("mail-in", {"text": "8"}, 400, "raw is missing"),
        ("bounce", {"message_id": "<2@clinic.example>"}, 404, "unknown: mail"),
        ("nothing", {"a": 1}, 404, "unknown"),
        ("nothing", {}, 404, "unknown"),
    ],
)
def test_a_wrong_request_at_the_door_is_told_why(
    door: Callable[..., Any], name: str, asked: dict[str, Any], status: int, told: str
) -> None:
    with pytest.raises(HTTPError) as refused:
        door(name, **asked)
    with refused.value as answer:
        assert answer.code == status
        assert told in json.load(answer)["error"]
