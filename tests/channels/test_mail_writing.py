"""The product's own bytes of a mail say the same as an EmailMessage of the same content, to two parsers."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import cast

import fast_mail_parser
import pytest
from channel_parts import NOW, a_mail, a_mail_server, outcome
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from followup.care.message import Message, Text
from followup.channels import mail
from followup.channels.mail import MailServer
from followup.errors import Rejected

# Letters, marks and signs of any language, words that fold and words too long to, and what has a meaning in mail.
_words = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=120)
_odd = st.sampled_from(
    [
        "=?utf-8?q?a?=",
        "a  b",
        " a",
        "a ",
        "ß" * 90,
        "w" * 200,
        "«Día» 2: ¿cómo está?",
        "日本語の件名",
        "a, b; <c>",
        '"q"',
        "",
    ]
)
_lines = st.lists(_words | _odd | st.just("."), max_size=4).map(" ".join)
_bodies = st.lists(
    _words
    | _odd
    | st.sampled_from([".", "..", "--=_x", "From me", "\t", "x" * 1200, "trailing  ", "\x00\x07\x0c"]),
    max_size=6,
).flatmap(lambda lines: st.sampled_from(["\n", "\r\n", "\r", "\n\n"]).map(lambda end: end.join(lines)))
_local = st.text("abcxyzABC019!#$%&'*+-/=?^_`{|}~.", min_size=1, max_size=64)
_foreign = st.text("añüд漢é", min_size=1, max_size=20)
_domain = st.sampled_from(
    ["example.org", "mail.clinic-1.example.org", "x" * 60 + ".example.org", "bücher.example"]
)
# Odd dots stand in quotes, which the standard library's own parser cannot always read: `test_mail.py` has those.
_addresses = st.builds("{}@{}".format, _local.filter(lambda local: ".." not in f".{local}.") | _foreign, _domain)
_ids = st.text("abcdef0123456789", min_size=1, max_size=200)
_moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  Hypothesis wants naive bounds


@st.composite
def _mails(draw: st.DrawFn) -> tuple[Message, MailServer, datetime]:
    text = Text(draw(_bodies), draw(_lines), draw(st.just("") | _bodies))
    message = replace(a_mail(draw(_addresses)), text=text, mail_id=draw(_ids), answers=draw(st.booleans()))
    reply_to = draw(st.none() | _addresses.filter(str.isascii))
    server = a_mail_server(25, sender_name=draw(_lines), reply_to=reply_to)
    return message, server, draw(_moments)


def reference(message: Message, server: MailServer, now: datetime) -> bytes:
    """The same content by the standard library's own way."""
    made = EmailMessage(SMTP.clone(utf8=not message.to.isascii()))
    made["From"] = _address(server.sender_address, server.sender_name)
    made["To"] = _address(message.to)
    made["Subject"] = message.text.subject
    made["Date"] = format_datetime(now)
    made["Message-ID"] = mail.message_id(message, server)
    if server.reply_to:
        made["Reply-To"] = _address(server.reply_to)
    made["Auto-Submitted"] = "auto-replied" if message.answers else "auto-generated"
    made["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    made["List-Unsubscribe"] = f"<mailto:{server.unsubscribe_address}?subject=unsubscribe>"
    made.set_content(message.text.plain, cte="quoted-printable")
    if message.text.html:
        made.add_alternative(message.text.html, subtype="html", cte="quoted-printable")
    return made.as_bytes()


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _by_standard_library(raw: bytes) -> list[object]:
    """Every field and part as the standard library reads them; a boundary may be any."""
    found = cast("EmailMessage", email.message_from_bytes(raw, policy=email.policy.default))
    seen: list[object] = []
    for part in found.walk():
        fields = {name: _said(part, name, value) for name, value in part.raw_items() if name != "Content-Type"}
        content = None if part.is_multipart() else part.get_payload(decode=True)
        seen.append((part.get_content_type(), part.get_content_charset(), fields, content, part.defects))
    return seen


def _said(part: EmailMessage, name: str, raw: str) -> str:
    """A field as it is meant; as it stands where the standard library cannot read what it has written itself."""
    try:
        return str(part.policy.header_fetch_parse(name, raw))
    except (AttributeError, IndexError, TypeError):
        return raw


def _by_second_parser(raw: bytes) -> list[object]:
    found = fast_mail_parser.parse_email(raw)
    fields = {name: value for name, value in found.headers.items() if name != "Content-Type"}
    return [fields, found.subject, found.text_plain, found.text_html, [str(each) for each in found.warnings]]


@settings(deadline=None)  # the standard library takes its time over odd words
@given(_mails())
def test_two_parsers_read_in_our_bytes_what_they_read_in_an_email_message(
    given_: tuple[Message, MailServer, datetime],
) -> None:
    ours, theirs = mail.build(*given_), reference(*given_)
    # The standard library ends a header between two words that are too long to fold: there is nothing to compare.
    assume("List-Unsubscribe" in email.message_from_bytes(theirs))
    assert _by_standard_library(ours) == _by_standard_library(theirs)
    assert _by_second_parser(ours) == _by_second_parser(theirs)


@settings(deadline=None)
@given(_mails())
def test_every_line_is_short_ended_as_mail_lines_are_and_ascii_unless_the_address_is_not(
    given_: tuple[Message, MailServer, datetime],
) -> None:
    raw = mail.build(*given_)
    assert raw.isascii() or not given_[0].to.isascii()
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert max(len(line) for line in head.split(b"\r\n")) <= 998
    assert max(len(line) for line in body.split(b"\r\n")) <= 78


@pytest.mark.parametrize("broken", ["a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\u2028b", "a\x00b", "a\x85b"])
def test_no_line_break_of_a_value_reaches_the_mail(broken: str) -> None:
    server = a_mail_server(25)
    for message in (
        replace(a_mail(), to=f"{broken}@example.org"),
        replace(a_mail(), text=Text("Words.", broken)),
        replace(a_mail(), mail_id=broken),
    ):
        assert isinstance(outcome(lambda message=message: mail.build(message, server, NOW)), Rejected)


def test_the_boundary_of_a_mail_is_its_own_and_the_same_on_every_attempt() -> None:
    server = a_mail_server(25)
    first, again = (mail.build(replace(a_mail(), attempt=n), server, NOW) for n in (1, 2))
    other = mail.build(replace(a_mail(), mail_id="other"), server, NOW + timedelta(0))
    marks = [cast("str", email.message_from_bytes(raw).get_boundary()) for raw in (first, again, other)]
    assert marks[0] == marks[1] != marks[2]
    assert all(mark.startswith("=_") for mark in marks)


def test_words_too_long_to_fold_do_not_end_the_header() -> None:
    raw = mail.build(a_mail(), a_mail_server(25, sender_name=f"a  {'w' * 200} {'w' * 200}"), NOW)
    assert email.message_from_bytes(raw)["List-Unsubscribe"]
    assert "w" * 200 in email.message_from_bytes(raw)["From"]
