"""Nothing that somebody is called bends the mail that is written to them."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st
from message_parts import clinic, speaking

from followup.care.message import Message
from followup.care.people import ChannelName
from followup.channels import mail
from followup.channels.mail import MailServer
from followup.messages import MessageLibrary, find_messages_folder

NOW = datetime(2026, 11, 1, 18, 0, tzinfo=UTC)
LIBRARY = MessageLibrary.load(find_messages_folder(), clinic())
HEADER = "Ruth\r\nBcc: all@example.org\r\n\r\n<script>"


def written(name: str) -> bytes:
    """The mail of the first day, to somebody of this name, whoever let it in."""
    text = LIBRARY.render(speaking("day-1", channel=ChannelName.EMAIL, name=name))
    message = Message(1, 1, ChannelName.EMAIL, "ruth@example.org", text, "r1.a1")
    sender = "care@clinic.example"
    server = MailServer("127.0.0.1", 25, "plain", None, None, sender, "Lakeside IR", None, sender)
    return mail.build(message, server, NOW)


@given(st.text(max_size=60))
@example(HEADER)
@example("Ruth\u2028Subject: hello")
@example("Ruth\x0bSubject: hello")
def test_no_name_adds_or_changes_a_line_of_the_mails_head(name: str) -> None:
    """Not even one that was never checked at the door."""
    plain = email.message_from_bytes(written("Ruth"), policy=email.policy.default)
    found = email.message_from_bytes(written(name), policy=email.policy.default)
    head = [(key, str(value)) for key, value in found.items() if key != "Content-Type"]
    assert head == [(key, str(value)) for key, value in plain.items() if key != "Content-Type"]
