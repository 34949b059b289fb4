"""A mail holds what it should, can be read by every mail program, and cannot be bent by what stands in it."""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
from dataclasses import replace
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import cast

import pytest
from channel_parts import ADDRESS, NOW, a_mail, a_mail_server, outcome
from hypothesis import given
from hypothesis import strategies as st

from followup.care.message import Message, Text
from followup.channels import mail
from followup.channels.mail import MailServer
from followup.errors import Rejected

SERVER = a_mail_server(25)
HEADER_FIELDS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("List-Unsubscribe", "MIME-Version", "Content-Type"),
}

# What a clinic writes: any letters, marks and signs of any language, without control characters.
lines = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)
anything = st.text(max_size=300)
addresses = st.from_regex(r"\A[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,30}(\.[a-z]{2,10}){1,3}\Z")


def built(message: Message, server: MailServer = SERVER) -> bytes:
    return mail.build(message, server, NOW)


def read(raw: bytes) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(raw, policy=email.policy.default))


def part(message: EmailMessage, index: int) -> str:
    content = list(message.iter_parts())[index].get_content()
    return re.sub("\r\n|\r", "\n", content).rstrip("\n")


def test_a_mail_says_who_writes_to_whom_when_and_that_nobody_should_answer_by_machine() -> None:
    server = a_mail_server(25, reply_to="nurse@clinic.example", sender_name="Clínica, «Sur»")
    message = read(built(a_mail(subject="Día 2"), server))
    assert set(message.keys()) == HEADER_FIELDS
    assert message["From"].addresses[0].display_name == "Clínica, «Sur»"
    assert message["From"].addresses[0].addr_spec == "clinic@clinic.example"
    assert message["To"].addresses[0].addr_spec == ADDRESS
    assert message["Subject"] == "Día 2"
    assert parsedate_to_datetime(message["Date"]) == NOW
    assert message["Message-ID"] == "<r1.a1@clinic.example>"
    assert message["Reply-To"] == "nurse@clinic.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] == "<mailto:stop@clinic.example?subject=unsubscribe>"


def test_a_mail_can_be_read_as_plain_text_and_as_a_page() -> None:
    message = read(built(a_mail(words="Wie geht's? Ünïcode 日本語 🙂")))
    assert message.get_content_type() == "multipart/alternative"
    assert part(message, 0) == "Wie geht's? Ünïcode 日本語 🙂"
    assert part(message, 1) == "<p>Wie geht's? Ünïcode 日本語 🙂</p>"
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_without_a_page_is_plain_text() -> None:
    message = a_mail()
    plain = replace(message, text=Text("Only words", "A word"))
    assert read(built(plain)).get_content_type() == "text/plain"


def test_the_message_id_is_the_same_on_every_attempt_however_long_it_is() -> None:
    long = replace(a_mail(), mail_id="a" * 200)
    again = replace(long, attempt=2)
    ids = {read(built(message))["Message-ID"] for message in (long, again)}
    assert ids == {f"<{'a' * 200}@clinic.example>"}


@given(words=anything, subject=lines, name=lines)
def test_any_words_subject_and_sender_make_a_mail_that_every_server_takes(
    words: str, subject: str, name: str
) -> None:
    raw = built(a_mail(words=words, subject=subject), a_mail_server(25, sender_name=name))
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", raw)
    assert {key for key, _ in email.message_from_bytes(raw).items()} <= HEADER_FIELDS


@given(words=anything)
def test_words_arrive_as_they_were_written(words: str) -> None:
    written = re.sub("\r\n|\r", "\n", words).rstrip("\n")
    assert part(read(built(a_mail(words=words))), 0) == written


@given(address=addresses)
def test_the_address_in_the_mail_and_on_the_envelope_is_the_one_that_was_given(address: str) -> None:
    assert smtplib.quoteaddr(address) == f"<{address}>"
    raw = built(a_mail(address))
    assert read(raw)["To"].addresses[0].addr_spec in {address, _quoted(address)}


def _quoted(address: str) -> str:
    """A local part with odd dots must stand in quotes within the mail."""
    local, _, domain = address.rpartition("@")
    return f'"{local}"@{domain}'


@pytest.mark.parametrize(
    "address",
    [
        *("", "nobody", "@example.org", "a@", "a@b@c", "a b@example.org", "a@exa mple.org", "<a@example.org>"),
        *("a@example.org\r\nBcc: x@y.z", "a@example.org\nRCPT TO:<x@y.z>", "a@example.org\r", "\ta@example.org"),
        *("a@example.org,b@example.org", "a;b@example.org", 'a"b@example.org', "a\\b@example.org"),
        *("a@example.org\u2028", "a\u2029@example.org", "a\u0085@example.org", "a\x00@example.org"),
        *("a\u202e@example.org", "a\u200b@example.org", "a(b)@example.org"),
        *("a\ud800@example.org", "a" * 65 + "@example.org", "a@" + "b" * 256, "a@[127.0.0.1]", "a:b@example.org"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_one_plain_address_is_rejected(address: str) -> None:
    result = outcome(lambda: built(a_mail(address)))
    assert isinstance(result, Rejected)
    assert result.bad_address


@pytest.mark.parametrize(
    "subject", ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\u2028b", "a\x00b", "a\x1bb", "a\ud800b"]
)
def test_a_subject_that_could_become_another_line_is_rejected(subject: str) -> None:
    result = outcome(lambda: built(a_mail(subject=subject)))
    assert isinstance(result, Rejected)
    assert not result.bad_address


@pytest.mark.parametrize("mail_id", ["", "a b", "a@b", "a>\r\nBcc: x", "é", ".a", "a..b", "a" * 201])
def test_an_id_that_would_break_the_message_id_is_rejected(mail_id: str) -> None:
    assert isinstance(outcome(lambda: built(replace(a_mail(), mail_id=mail_id))), Rejected)


def test_words_that_no_mail_can_hold_reject_that_mail_alone() -> None:
    assert isinstance(outcome(lambda: built(a_mail(words="\ud800"))), Rejected)


@given(address=anything, subject=anything, words=anything, mail_id=anything)
def test_whatever_is_given_becomes_a_mail_or_is_rejected(
    address: str, subject: str, words: str, mail_id: str
) -> None:
    message = replace(a_mail(address, words, subject=subject), mail_id=mail_id)
    assert isinstance(outcome(lambda: built(message)), bytes | Rejected)
