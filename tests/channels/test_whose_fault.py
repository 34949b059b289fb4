"""What a fault on the wire says of the sender: the account, the host and the way to it."""

from __future__ import annotations

from typing import Any

import pytest
from channel_parts import a_mail, a_text, an_hour, mailing, outcome, texting

from followup.care.breaker import Verdict, verdict_on_sender
from followup.sandbox import faults
from followup.sandbox.faults import Close, Garbage, Redirect, Refuse
from followup.sandbox.smtp_faults import SmtpClose, SmtpReply
from followup.sandbox.smtp_server import SmtpSandbox
from followup.sandbox.twilio_server import TwilioSandbox


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (None, Verdict.WORKS),
        (Refuse(21211), Verdict.WORKS),
        (Refuse(21610), Verdict.WORKS),
        (Refuse(20429), Verdict.NOTHING),
        (Refuse(20003), Verdict.BLOCKED),
        (Redirect("http://127.0.0.1:1/"), Verdict.BLOCKED),
        (faults.Status(500), Verdict.FAULT),
        (faults.Status(503), Verdict.FAULT),
        (Close("after accepting"), Verdict.FAULT),
        (Garbage("html"), Verdict.FAULT),
    ],
)
def test_what_an_answer_to_a_text_says_of_the_account(fault: Any, verdict: Verdict) -> None:
    with TwilioSandbox() as provider, texting(provider.base_url) as sms:
        if fault is not None:
            provider.next(fault)
        assert verdict_on_sender(outcome(lambda: sms.send(a_text(), an_hour))) is verdict


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (None, Verdict.WORKS),
        (SmtpReply("RCPT", 550, "5.1.1"), Verdict.WORKS),
        (SmtpReply("RCPT", 451, "4.7.1"), Verdict.NOTHING),
        (SmtpReply("RCPT", 421), Verdict.FAULT),
        (SmtpReply("MAIL", 451, "4.3.0"), Verdict.FAULT),
        (SmtpReply("MAIL", 550, "5.7.1"), Verdict.BLOCKED),
        (SmtpReply("connect", 421), Verdict.FAULT),
        (SmtpReply("DATA", 451, "4.3.0"), Verdict.NOTHING),
        (SmtpReply("dot", 451, "4.3.0"), Verdict.NOTHING),
        (SmtpReply("dot", 421), Verdict.FAULT),
        (SmtpReply("dot", 554, "5.6.0"), Verdict.WORKS),
        (SmtpClose("EHLO"), Verdict.FAULT),
        (SmtpClose("MAIL"), Verdict.FAULT),
        (SmtpClose("accepted"), Verdict.FAULT),
    ],
)
def test_what_a_reply_to_a_mail_says_of_the_server(fault: Any, verdict: Verdict) -> None:
    with SmtpSandbox() as post, mailing(post.port) as email:
        if fault is not None:
            post.next(fault)
        assert verdict_on_sender(outcome(lambda: email.send(a_mail(), an_hour))) is verdict


def test_a_provider_that_cannot_be_reached_speaks_against_the_sender(closed_port: int) -> None:
    with texting(f"http://127.0.0.1:{closed_port}") as sms, mailing(closed_port) as email:
        results = [
            outcome(lambda: sms.send(a_text(), an_hour)),
            outcome(lambda: email.send(a_mail(), an_hour)),
        ]
    assert [verdict_on_sender(result) for result in results] == [Verdict.FAULT, Verdict.FAULT]


def test_an_address_that_we_refuse_ourselves_says_nothing_of_the_server() -> None:
    with SmtpSandbox() as post, mailing(post.port) as email:
        result = outcome(lambda: email.send(a_mail("somebody@example.org\r\nDATA"), an_hour))
        assert verdict_on_sender(result) is Verdict.NOTHING
        assert post.accepted() == 0
