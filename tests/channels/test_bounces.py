"""What a mail server says about a mail it could not hand over finds the mail, in whatever form it is said."""

from __future__ import annotations

import datetime as dt
from datetime import UTC

import pytest
from channel_parts import ADDRESS, a_mail, a_mail_server, an_hour, mailing, outcome
from hypothesis import given
from hypothesis import strategies as st
from mail_corpus import EXCHANGE, GMAIL_BOUNCE, MAIL_ID, PATIENT, POSTFIX, QMAIL, REPORTS, TOKEN

from followup.care.arrival import Arrival, Bounce
from followup.channels.inbound_mail import read_mail
from followup.channels.letter import RawMail
from followup.channels.mail import OurMails
from followup.errors import SenderBlocked
from followup.sandbox.smtp_faults import SmtpHide, SmtpReply
from followup.sandbox.smtp_server import SmtpSandbox

OURS = OurMails("clinic@clinic.example")
RECEIVED = dt.datetime(2026, 11, 2, 16, 5, tzinfo=UTC)


def read(content: bytes) -> Arrival | Bounce | None:
    return read_mail(RawMail(content, RECEIVED), OURS)


def told(content: bytes) -> tuple[str, str, bool, bool]:
    came = read(content)
    assert isinstance(came, Bounce), came
    assert came.received_at == RECEIVED
    return came.mail_id, came.status, came.permanent, came.bad_address


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("Postfix", (MAIL_ID, "5.1.1", True, True)),
        ("Exchange", (MAIL_ID, "5.1.10", True, True)),
        ("Gmail", (MAIL_ID, "4.4.1", False, False)),
        ("qmail", (MAIL_ID, "", True, False)),
    ],
)
def test_each_servers_report_names_the_mail_and_what_became_of_it(
    server: str, expected: tuple[str, str, bool, bool]
) -> None:
    assert told(REPORTS[server]) == expected


@pytest.mark.parametrize(
    ("status", "bad"),
    [
        *(("5.1.1", True), ("5.1.2", True), ("5.1.3", True), ("5.2.1", True), ("5.1.7", False), ("5.1.8", False)),
        *(("5.2.2", False), ("5.7.1", False), ("5.0.0", False), ("5.4.4", False), ("4.4.7", False)),
    ],
)
def test_the_status_tells_whether_anybody_can_be_reached_there(status: str, *, bad: bool) -> None:
    """A server that gives up with a status of class 4 has given up."""
    assert told(POSTFIX.replace(b"Status: 5.1.1", f"Status: {status}".encode())) == (MAIL_ID, status, True, bad)


def test_a_delay_is_no_failure() -> None:
    assert told(POSTFIX.replace(b"Action: failed", b"Action: delayed")) == (MAIL_ID, "5.1.1", False, False)


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "Delivered"])
def test_good_news_is_not_told(action: str) -> None:
    assert read(POSTFIX.replace(b"Action: failed", f"Action: {action}".encode())) is None


def test_of_several_recipients_the_one_that_failed_counts() -> None:
    other = b"Final-Recipient: rfc822; other@home.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n"
    assert told(POSTFIX.replace(b"Final-Recipient:", other + b"Final-Recipient:", 1)) == (
        MAIL_ID,
        "5.1.1",
        True,
        True,
    )


def test_without_a_status_the_servers_own_answer_is_read() -> None:
    assert told(POSTFIX.replace(b"Status: 5.1.1\r\n", b""))[1] == "5.1.1"


@pytest.mark.parametrize("field", ["To", "Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_address_it_came_back_to_is_the_surest_sign(field: str) -> None:
    foreign = POSTFIX.replace(MAIL_ID.encode(), b"ffffffffffffffff")
    head = f"{field}: Somebody <{TOKEN.upper().replace(MAIL_ID.upper(), MAIL_ID)}>\r\n".encode()
    for other in (b"X-Original-To", b"Delivered-To", b"To"):
        foreign = foreign.replace(other + b": clinic+b-", b"X-Other: clinic+b-")
    assert told(head + foreign)[0] == MAIL_ID


def test_without_that_address_the_envelopes_id_or_the_returned_fields_name_the_mail() -> None:
    bare = POSTFIX.replace(b"clinic+b-", b"other+b-")
    assert told(bare)[0] == MAIL_ID
    noted = bare.replace(b"X-Postfix-Queue-ID: 4Q2", b"Original-Envelope-Id: b-0123456789abcdef")
    assert told(noted)[0] == "0123456789abcdef"
    foreign = bare.replace(b"X-Postfix-Queue-ID: 4Q2", b"Original-Envelope-Id: of-another-program")
    assert told(foreign)[0] == MAIL_ID


@pytest.mark.parametrize("report", [POSTFIX, EXCHANGE, GMAIL_BOUNCE])
def test_a_report_about_somebody_elses_mail_is_only_an_automatic_mail(report: bytes) -> None:
    other = report.replace(b"clinic.example", b"other.example")
    came = read(other)
    assert isinstance(came, Arrival)
    assert came.automatic


def test_a_report_in_words_counts_only_with_a_refusal_in_it() -> None:
    vague = QMAIL.replace(b"(#5.1.1)", b"at 5.1.2.3, ask 214-555-0100 or 512 more")
    came = read(vague)
    assert isinstance(came, Arrival)
    assert came.automatic


def test_a_refusal_in_the_returned_copy_is_nobodys() -> None:
    quoted = QMAIL.replace(b"(#5.1.1)", b"").replace(
        b"Return-Path: <clinic+b-", b"550 5.1.1\r\nReturn-Path: <clinic+b-"
    )
    assert isinstance(read(quoted), Arrival)


def test_a_person_who_writes_to_that_address_is_no_mail_server() -> None:
    content = (
        f"Return-Path: <{PATIENT}>\nFrom: {PATIENT}\nTo: {TOKEN}\nSubject: Re: x\n\nI got 550 5.1.1 from you\n"
    )
    came = read(content.encode())
    assert isinstance(came, Arrival)
    assert (came.automatic, came.address) == (False, PATIENT)


# From our own mail to its bounce


@pytest.mark.parametrize("status", ["5.1.1", "4.4.1"])
def test_a_mail_that_was_taken_and_comes_back_is_known_again(post: SmtpSandbox, status: str) -> None:
    message = a_mail()
    with mailing(post.port, bounces=True) as channel:
        channel.send(message, an_hour)
    (kept,) = post.mails
    assert kept.envelope_from == f"clinic+b-{message.mail_id}@clinic.example"
    assert (kept.envelope_id, kept.notify) == (f"b-{message.mail_id}", "FAILURE,DELAY")
    assert kept.message["From"] == "The Clinic <clinic@clinic.example>"
    failed = status == "5.1.1"
    assert told(post.bounce(kept, status)) == (message.mail_id, status, failed, failed)


def test_the_envelopes_id_alone_is_enough(post: SmtpSandbox) -> None:
    with mailing(post.port, bounces=True) as channel:
        channel.send(a_mail(), an_hour)
    came_back = post.bounce(post.mails[0]).replace(b"clinic+b-", b"x").replace(b"Message-ID", b"X-Id")
    assert told(came_back)[0] == a_mail().mail_id


def test_nothing_is_asked_of_a_server_that_does_not_offer_it(post: SmtpSandbox) -> None:
    post.next(SmtpHide("DSN"))
    with mailing(post.port, bounces=True) as channel:
        channel.send(a_mail(), an_hour)
    (kept,) = post.mails
    assert (kept.envelope_id, kept.notify) == ("", "")
    assert told(post.bounce(kept))[0] == a_mail().mail_id


def test_a_server_that_does_not_let_us_name_the_mail_is_found_by_the_check(post: SmtpSandbox) -> None:
    with mailing(post.port, bounces=True) as channel:
        channel.check()
        post.next(SmtpReply("MAIL", 550, "5.7.60"))
        assert isinstance(outcome(channel.check), SenderBlocked)
    assert post.mails == []


def test_without_a_mailbox_the_envelope_is_the_plain_address(post: SmtpSandbox) -> None:
    with mailing(post.port) as channel:
        channel.send(a_mail(ADDRESS), an_hour)
    (kept,) = post.mails
    assert (kept.envelope_from, kept.envelope_id, kept.notify) == ("clinic@clinic.example", "", "")


@given(st.from_regex(r"[0-9a-f]{1,60}", fullmatch=True), st.from_regex(r"[a-z]{1,30}", fullmatch=True))
def test_every_id_that_fits_into_an_address_is_read_back(mail_id: str, local: str) -> None:
    ours = OurMails(f"{local}@clinic.example")
    address = ours.bounce_address(mail_id)
    assert len(address.partition("@")[0]) <= 64
    assert ours.bounced(f"<{address}>") == (None if address == ours.sender_address else mail_id)


@pytest.mark.parametrize("mail_id", ["a+b", "a b", "ä", "x" * 70, ""])
def test_an_id_that_fits_into_no_address_leaves_the_plain_one(mail_id: str) -> None:
    assert a_mail_server(25).ours.bounce_address(mail_id) == "clinic@clinic.example"
