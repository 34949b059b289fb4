"""One SMTP dialogue, RFC 5321 with PIPELINING, 8BITMIME, SIZE, SMTPUTF8, STARTTLS and AUTH PLAIN or LOGIN."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from followup.sandbox.smtp_faults import Point, SmtpClose, SmtpDelay, SmtpFault, SmtpHide, SmtpReply, SmtpReset
from followup.sandbox.wire import HungUp, TooLong, Wire

_LINE_LIMIT = 4096
_SIZE_LIMIT = 10 * 1024 * 1024
_GOODBYE = 421
_PATH = re.compile(r"(?:FROM|TO):\s*<(?P<address>[^>\s]*)>(?P<options>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Event:
    """A point of a dialogue: a `Point` of `smtp_faults`, or "answered" after the reply to the dot."""

    point: str
    to: str | None = None


class FaultFor(Protocol):
    """Asks the plan for the fault that strikes at a point."""

    def __call__(self, place: str, to: str | None = None) -> SmtpFault | None: ...


@dataclass(frozen=True, slots=True)
class House:
    """What a dialogue asks of its server."""

    starttls: ssl.SSLContext | None
    login: tuple[str, str] | None
    fault: FaultFor
    greylisted: Callable[[str], bool]
    keep: Callable[[Session, bytes], None]
    tell: Callable[[Event], None]
    pause: Callable[[float], object]


class Refusal(Exception):  # noqa: N818  it is the answer to one command, not an error
    """The command is answered with this instead of success."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(code)
        self.code, self.enhanced, self.text = code, enhanced, text


class Session:
    """The server's half of one connection; several mails may follow each other on it."""

    def __init__(self, wire: Wire, house: House) -> None:
        self._wire, self._house = wire, house
        self.user: str | None = None
        self.sender: str | None = None
        self.recipients: list[str] = []
        self._greeted = False
        self._hidden: set[str] = set()
        self._verbs: dict[str, Callable[[str], None]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": lambda _: self._say(250, "2.0.0", "OK"),
            "VRFY": lambda _: self._say(252, "2.0.0", "Try and see"),
        }

    @property
    def over_tls(self) -> bool:
        return self._wire.is_tls

    def run(self) -> None:
        """Talk until QUIT, 421 or a hang-up."""
        try:
            self._answer("connect", lambda: self._say(220, "", "sandbox ESMTP"))
            while (line := self._line()).upper() != "QUIT":
                self._command(line)
        except TooLong:
            self._say(500, "5.5.2", "Line too long")
        else:
            self._say(221, "2.0.0", "Bye")

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        verb = self._verbs.get(name.upper())
        if verb is None:
            self._say(500, "5.5.1", "Unknown command")
        else:
            self._answer(name.upper(), lambda: verb(rest))

    def _answer(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Refusal as refusal:
            self._say(refusal.code, refusal.enhanced, refusal.text)
            if refusal.code == _GOODBYE:
                raise HungUp from None

    # Commands

    def _ehlo(self, _: str) -> None:
        self._helo_state()
        fault = self._house.fault("EHLO")
        del fault
