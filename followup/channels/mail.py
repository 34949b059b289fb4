"""A message as the bytes of a mail: RFC 5322, plain text and HTML, ASCII only unless the address itself is not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from followup.care.message import Message
from followup.channels import mail_writing as writing
from followup.channels.wire import is_loopback
from followup.errors import ConfigError, Fault, Rejected

Security = Literal["starttls", "tls", "plain"]
"""`starttls` and `tls` (from the first byte) are verified; `plain` is for this machine only."""

# Quoting, comments and routes are legal in addresses and known for smuggling; no clinic's patient needs them.
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"\\@]{1,64}@[^\s<>()\[\],;:\"\\@]{1,255}")
_MAIL_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LONGEST_MAIL_ID = 200
_UNWRITABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's control characters, surrogates, line and paragraph separators."""
_INVISIBLE = "Cf"
"""Marks of direction and joining: needed in some languages' words, and only a disguise in an address."""


_BOUNCE_MARK, _ENVELOPE_MARK = "+b-", "b-"
_LONGEST_LOCAL_PART = 64
"""Octets before the @ (RFC 5321 §4.5.3.1.1)."""
_BOUNCED_ID = re.compile(r"[A-Za-z0-9._-]{1,60}")
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,200})@([^<>@\s]{1,255})>")


@dataclass(frozen=True, slots=True)
class OurMails:
    """How a mail of ours is known again: by the Message-ID, and by the address to which its bounces go.

    That address holds the mail's id after a + (RFC 5233), since a report may leave out everything else.
    """

    sender_address: str

    @property
    def domain(self) -> str:
        return self.sender_address.rpartition("@")[2]

    def bounce_address(self, mail_id: str) -> str:
        """The envelope's sender of one mail; the plain address where the id does not fit into one."""
        local, _, domain = self.sender_address.rpartition("@")
        marked = f"{local}{_BOUNCE_MARK}{mail_id}"
        fits = _BOUNCED_ID.fullmatch(mail_id) and len(marked) <= _LONGEST_LOCAL_PART
        return f"{marked}@{domain}" if fits else self.sender_address

    def bounced(self, addresses: str) -> str | None:
        """The id of the mail whose bounces go to one of these addresses; None if there is none."""
        local, _, domain = self.sender_address.rpartition("@")
        marked, domain = re.escape(local + _BOUNCE_MARK), re.escape(domain)
        pattern = rf"(?<![^\s<,;:\"]){marked}({_BOUNCED_ID.pattern})@{domain}(?![\w.-])"
        found = re.search(pattern, addresses, re.IGNORECASE)
        return found[1] if found else None

    def envelope_id(self, mail_id: str) -> str:
        """By which reports may name a mail as well (RFC 3461 §4.4)."""
        return f"{_ENVELOPE_MARK}{mail_id}"

    def noted(self, envelope_id: str) -> str | None:
        """The id of the mail that an envelope's id names; None if it is not one of ours."""
        mail_id = envelope_id.removeprefix(_ENVELOPE_MARK)
        return mail_id if mail_id != envelope_id and _MAIL_ID.fullmatch(mail_id) else None

    def named(self, message_ids: str) -> tuple[str, ...]:
        """The left parts of our own among these Message-IDs, each once."""
        found = _MESSAGE_ID.findall(message_ids)
        return tuple(dict.fromkeys(left for left, domain in found if domain.lower() == self.domain.lower()))


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server that takes our mail, and whom it is from.

    `unsubscribe_address` receives the mail that a reader's "unsubscribe" sends. `ca_file` (PEM) replaces the
    machine's own certificate authorities. `bounces`: a mailbox is read, and reports about a mail go to an address
    that names it. Raises ConfigError with every fault at once.
    """

    host: str
    port: int
    security: Security
    username: str | None
    password: str | None = field(repr=False)
    sender_address: str
    sender_name: str
    reply_to: str | None
    unsubscribe_address: str
    ca_file: Path | None = None
    bounces: bool = False

    def __post_init__(self) -> None:
        checks = (
            (bool(self.host) and is_writable(self.host), "host", "it is no host name"),
            (0 < self.port < 2**16, "port", "it is no port"),
            (
                self.security in {"starttls", "tls"} or (self.security == "plain" and is_loopback(self.host)),
                "security",
                "starttls or tls is needed, or plain for a mail server on this machine",
            ),
            (
                (self.username is None) == (self.password is None),
                "password",
                "username and password go together",
            ),
            (is_address(self.sender_address, ascii_only=True), "sender_address", "it is no mail address"),
            (is_writable(self.sender_name), "sender_name", "it holds a character that cannot be written"),
            (not self.reply_to or is_address(self.reply_to, ascii_only=True), "reply_to", "it is no mail address"),
            (
                is_address(self.unsubscribe_address, ascii_only=True),
                "unsubscribe_address",
                "it is no mail address",
            ),
        )
        if faults := [Fault(where, what) for right, where, what in checks if not right]:
            raise ConfigError(faults)

    @property
    def domain(self) -> str:
        """The sender's domain: it names us to the server, and it makes our Message-IDs our own."""
        return self.sender_address.rpartition("@")[2]

    @property
    def ours(self) -> OurMails:
        return OurMails(self.sender_address)


def is_writable(text: str) -> bool:
    """Whether a text can stand in a header field: no control characters, no separators of lines."""
    return not any(unicodedata.category(character) in _UNWRITABLE for character in text)


def is_address(text: str, *, ascii_only: bool = False) -> bool:
    """Whether a text is one plain mail address, which holds nothing but itself."""
    if not _ADDRESS.fullmatch(text) or not is_writable(text):
        return False
    return text.isascii() or not (ascii_only or any(unicodedata.category(c) == _INVISIBLE for c in text))


def message_id(message: Message, server: MailServer) -> str:
    """The Message-ID, the same on every attempt."""
    return f"<{message.mail_id}@{server.domain}>"


def build(message: Message, server: MailServer, now: datetime) -> bytes:
    """The mail, CRLF line ends, lines of at most 998 bytes, the last one ended.

    Raises Rejected if it cannot be written: a line break in an address or subject is never passed on.
    """
    if not is_address(message.to):
        raise Rejected("the address cannot be written in a mail", bad_address=True)
    if not is_writable(message.text.subject):
        raise Rejected("the subject cannot be written in a mail")
    if not _MAIL_ID.fullmatch(message.mail_id) or len(message.mail_id) > _LONGEST_MAIL_ID:
        raise Rejected("the mail's own id cannot be written in a mail")
    try:
        return _written(message, server, now)
    except Exception as error:  # noqa: BLE001  one mail that cannot be made must not stop the others
        raise Rejected(f"the mail cannot be made: {type(error).__name__}") from None


def _written(message: Message, server: MailServer, now: datetime) -> bytes:
    utf8 = not message.to.isascii()
    return b"".join(
        [
            writing.address_field("From", server.sender_address, server.sender_name, utf8=utf8),
            writing.address_field("To", message.to, utf8=utf8),
            writing.field("Subject", message.text.subject, utf8=utf8),
            writing.field("Date", writing.moment(now)),
            writing.field("Message-ID", message_id(message, server)),
            writing.address_field("Reply-To", server.reply_to, utf8=utf8) if server.reply_to else b"",
            # RFC 3834: no vacation notice answers a mail that says this; the Exchange header says it to Outlook.
            writing.field("Auto-Submitted", "auto-replied" if message.answers else "auto-generated"),
            writing.field("X-Auto-Response-Suppress", "OOF, AutoReply"),
            writing.field("List-Unsubscribe", f"<mailto:{server.unsubscribe_address}?subject=unsubscribe>"),
            writing.body(message.text.plain, message.text.html, message.mail_id),
        ]
    )
