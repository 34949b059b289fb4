"""What can go wrong at the mail server, as data; each fault names the point of the dialogue where it strikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from followup.sandbox.faults import from_json, one_of

Point = Literal["connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "body", "dot", "accepted"]
"""A command; or "body", in the middle of the mail; "dot", at its end; "accepted", kept but not yet answered."""


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """Answer with this code instead; nothing is accepted. 421 also hangs up, as RFC 5321 demands."""

    at: Point
    code: int
    enhanced: str = ""
    text: str = "Refused by the sandbox"

    def __post_init__(self) -> None:
        _is_point(self.at)
        if self.at in {"body", "accepted"}:
            raise ValueError("no answer is due there")


@dataclass(frozen=True, slots=True)
class SmtpClose:
    """Hang up there without an answer; at "accepted" the mail counts, at "body" and "dot" it does not."""

    at: Point

    def __post_init__(self) -> None:
        _is_point(self.at)


@dataclass(frozen=True, slots=True)
class SmtpReset:
    """As `SmtpClose`, with RST instead of FIN."""

    at: Point

    def __post_init__(self) -> None:
        _is_point(self.at)


@dataclass(frozen=True, slots=True)
class SmtpDelay:
    """Wait so many seconds of real time there, then go on rightly; at "accepted" the mail counts before."""

    at: Point
    seconds: float

    def __post_init__(self) -> None:
        _is_point(self.at)


@dataclass(frozen=True, slots=True)
class SmtpHide:
    """Leave an extension out of the answer to EHLO and refuse its command: STARTTLS stripped on the way."""

    extension: str
    at: Point = "EHLO"


SmtpFault = SmtpReply | SmtpClose | SmtpReset | SmtpDelay | SmtpHide

_KINDS: dict[str, type[SmtpFault]] = {kind.__name__: kind for kind in get_args(SmtpFault)}


def smtp_fault_from_json(described: Mapping[str, object]) -> SmtpFault:
    """`{"kind": "SmtpReply", "at": "RCPT", "code": 450}` as a fault.

    Raises ValueError or TypeError if it is none.
    """
    return from_json(described, _KINDS)


def _is_point(at: str) -> None:
    one_of(at, get_args(Point))
