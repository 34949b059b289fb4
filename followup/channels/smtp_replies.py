"""What a mail server's replies mean to us: RFC 5321 reply codes and RFC 3463 enhanced codes, as data.

Before the final dot nothing is in doubt: every failure is certain. The server's own sentences are not used: they
repeat addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?:\s|$)")
_CLOSING = 421
_NOT_LET_IN = frozenset({530, 534, 535, 538})
"""Authentication required, too weak, refused, or only with encryption (RFC 4954)."""
_TOO_BIG = 552
_NO_MAILBOX = frozenset({550, 551, 553})
_OUR_ADDRESS = frozenset({"5.1.7", "5.1.8"})
"""The sender's address, not the recipient's (RFC 3463 §3.2)."""
_DISABLED = "5.2.1"

OUR_FAULT = "the mail server does not take mail from this sender"
NOT_LET_IN = "the mail server does not let this sender in"
CLOSING = "the mail server is closing"
LATER = "the mail server asks to come back later"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply without its words: `code` is -1 where none could be read."""

    code: int
    enhanced: str = ""

    @classmethod
    def of(cls, answer: tuple[int, bytes]) -> Reply:
        code, text = answer
        found = _ENHANCED.match(text)
        # An enhanced code of another class contradicts its reply, and is not believed.
        agrees = found is not None and int(found[1]) == code // 100
        return cls(code, found[0].decode().strip() if found and agrees else "")

    @property
    def kind(self) -> int:
        """The first digit, which decides."""
        return self.code // 100

    @property
    def shown(self) -> str:
        """`550 5.1.1`."""
        return f"{self.code} {self.enhanced}".strip()


def refusal_of_us(reply: Reply) -> DeliveryError:
    """To anything said before a recipient is named: greeting, EHLO, AUTH, MAIL. It concerns every mail."""
    if reply.kind != 5:  # noqa: PLR2004  permanent
        return _not_now(reply, of_sender=True)
    if reply.code == _TOO_BIG:
        return Rejected("the mail is too big for the mail server", reply.shown)
    return SenderBlocked(NOT_LET_IN if reply.code in _NOT_LET_IN else OUR_FAULT, reply.shown)


def refusal_of_mail(reply: Reply) -> DeliveryError:
    """To RCPT or DATA: it concerns this recipient, unless it speaks of us."""
    if reply.kind != 5:  # noqa: PLR2004  permanent
        return _not_now(reply, of_sender=reply.code == _CLOSING)
    if reply.code in _NOT_LET_IN or reply.enhanced in _OUR_ADDRESS:
        return refusal_of_us(reply)
    return Rejected("the mail server refused it", reply.shown, bad_address=_is_bad_address(reply))


def verdict_on_dot(reply: Reply) -> DeliveryError | None:
    """To the end of the mail: None if it was taken. Only an unreadable answer leaves doubt."""
    match reply.kind:
        case 2:
            return None
        case 4:
            # Charged: the mail itself may be why.
            is_closing = reply.code == _CLOSING
            return Unavailable(CLOSING if is_closing else LATER, reply.shown, charged=True, of_sender=is_closing)
        case 5:
            return refusal_of_mail(reply)
        case _:
            return Uncertain("the answer to the mail cannot be read")


def _not_now(reply: Reply, *, of_sender: bool) -> Unavailable:
    """A 4xx to a recipient is often a greylist's, and speaks of nobody else's mail."""
    if reply.kind == 4:  # noqa: PLR2004  transient
        return Unavailable(CLOSING if reply.code == _CLOSING else LATER, reply.shown, of_sender=of_sender)
    shown = "" if reply.code < 0 else reply.shown
    return Unavailable("the mail server does not keep to the protocol", shown, of_sender=True)


def _is_bad_address(reply: Reply) -> bool:
    """The enhanced code decides where there is one; 5.0.x says nothing."""
    subject = reply.enhanced.split(".")[1] if reply.enhanced else "0"
    if subject == "0":
        return reply.code in _NO_MAILBOX
    return subject == "1" or reply.enhanced == _DISABLED
