"""One SMTP dialogue, RFC 5321 with PIPELINING, 8BITMIME, SIZE, SMTPUTF8, DSN, STARTTLS and AUTH PLAIN or LOGIN."""

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
class SmtpEvent:
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
    tell: Callable[[SmtpEvent], None]
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
        self.envelope_id = self.notify = ""
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
            self._answer(self._welcome)
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
            self._answer(lambda: verb(rest))

    def _answer(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Refusal as refusal:
            self._say(refusal.code, refusal.enhanced, refusal.text)
            if refusal.code == _GOODBYE:
                raise HungUp from None

    # Commands

    def _welcome(self) -> None:
        self._at("connect")
        self._say(220, "", "sandbox ESMTP")

    def _ehlo(self, _: str) -> None:
        self._at("EHLO")
        self._greet()
        offers = ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", f"SIZE {_SIZE_LIMIT}"]
        if self._offers_starttls():
            offers.append("STARTTLS")
        if self._offers_auth():
            offers.append("AUTH PLAIN LOGIN")
        lines = ["sandbox", *(offer for offer in offers if offer.split()[0] not in self._hidden)]
        self._send("".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n")

    def _helo(self, _: str) -> None:
        self._at("EHLO")
        self._greet()
        self._say(250, "", "sandbox")

    def _starttls(self, _: str) -> None:
        self._at("STARTTLS")
        context = self._house.starttls
        if context is None or not self._offers_starttls():
            raise Refusal(502, "5.5.1", "Not offered")
        self._say(220, "2.0.0", "Go ahead")
        self._wire.start_tls(context)
        self._greeted = False
        self._reset()

    def _auth(self, rest: str) -> None:
        self._at("AUTH")
        if self._house.login is None or not self._offers_auth():
            raise Refusal(503, "5.5.1", "Not offered")
        if self._credentials(rest) != self._house.login:
            raise Refusal(535, "5.7.8", "Authentication credentials invalid")
        self.user = self._house.login[0]
        self._say(235, "2.7.0", "Welcome")

    def _mail(self, rest: str) -> None:
        self._at("MAIL")
        if not self._greeted:
            raise Refusal(503, "5.5.1", "Say EHLO first")
        if self._house.login is not None and self.user is None:
            raise Refusal(530, "5.7.0", "Authentication required")
        path = _path(rest)
        if (size := re.search(r"SIZE=(\d+)", path["options"], re.IGNORECASE)) and int(size[1]) > _SIZE_LIMIT:
            raise Refusal(552, "5.3.4", "Too big")
        self._reset()
        self.sender = path["address"]
        self.envelope_id = _xtext(_option(path["options"], "ENVID"))
        self._say(250, "2.1.0", "OK")

    def _rcpt(self, rest: str) -> None:
        if self.sender is None:
            raise Refusal(503, "5.5.1", "Say MAIL first")
        path = _path(rest)
        address = path["address"]
        self._at("RCPT", address)
        if self._house.greylisted(address):
            raise Refusal(451, "4.7.1", "Greylisted, try again later")
        self.recipients.append(address)
        self.notify = _option(path["options"], "NOTIFY")
        self._say(250, "2.1.5", "OK")

    def _data(self, _: str) -> None:
        if not self.recipients:
            raise Refusal(503, "5.5.1", "Say RCPT first")
        self._at("DATA", *self.recipients)
        self._say(354, "", "End with a dot")
        try:
            raw = self._read_mail()
        except TooLong:
            raise Refusal(_GOODBYE, "4.3.4", "Too big") from None
        recipients = tuple(self.recipients)
        try:
            self._at("dot", *recipients)
            self._house.keep(self, raw)
        finally:
            self._reset()
        self._at("accepted", *recipients)
        self._say(250, "2.0.0", "Kept")
        self._house.tell(SmtpEvent("answered", recipients[0]))

    def _rset(self, _: str) -> None:
        self._reset()
        self._say(250, "2.0.0", "OK")

    # Parts of commands

    def _read_mail(self) -> bytes:
        """The mail up to its dot; "body" strikes when its first line is here, the rest perhaps on its way."""
        lines: list[bytes] = []
        size = 0
        while (line := self._wire.until(b"\r\n", _SIZE_LIMIT)) != b".\r\n":
            lines.append(line.removeprefix(b"."))
            size += len(line)
            if size > _SIZE_LIMIT:
                raise TooLong
            if len(lines) == 1:
                self._at("body", *self.recipients)
        return b"".join(lines)

    def _credentials(self, rest: str) -> tuple[str, str]:
        mechanism, _, first = rest.partition(" ")
        try:
            match mechanism.upper():
                case "PLAIN":
                    _, user, password = _decoded(first or self._ask("")).split("\0")
                    return user, password
                case "LOGIN":
                    user = _decoded(first or self._ask("Username:"))
                    return user, _decoded(self._ask("Password:"))
        except ValueError:
            raise Refusal(501, "5.5.2", "Cannot decode") from None
        raise Refusal(504, "5.5.4", "Unknown mechanism")

    def _ask(self, question: str) -> str:
        self._say(334, "", base64.b64encode(question.encode()).decode())
        return self._line()

    def _offers_starttls(self) -> bool:
        return self._house.starttls is not None and not self.over_tls and "STARTTLS" not in self._hidden

    def _offers_auth(self) -> bool:
        # Where STARTTLS is stripped, AUTH is still there: a careless client then tells its password in clear.
        return self._house.login is not None and not self._offers_starttls()

    def _greet(self) -> None:
        self._reset()
        self._greeted = True

    def _reset(self) -> None:
        self.sender = None
        self.recipients = []
        self.envelope_id = self.notify = ""

    def _at(self, point: Point, *recipients: str) -> None:
        """Say that the dialogue has come here, and let the fault strike that waits here."""
        self._house.tell(SmtpEvent(point, recipients[0] if recipients else None))
        for recipient in recipients or (None,):
            self._strike(self._house.fault(point, recipient))

    def _strike(self, fault: SmtpFault | None) -> None:
        match fault:
            case SmtpReply(_, code, enhanced, text):
                raise Refusal(code, enhanced, text)
            case SmtpClose():
                raise HungUp
            case SmtpReset():
                self._wire.reset()
                raise HungUp
            case SmtpDelay(_, seconds):
                self._house.pause(seconds)
            case SmtpHide(extension):
                self._hidden.add(extension.upper())

    # Lines

    def _line(self) -> str:
        return self._wire.until(b"\r\n", _LINE_LIMIT).decode("utf-8", "replace").rstrip("\r\n")

    def _say(self, code: int, enhanced: str, text: str) -> None:
        self._send(f"{code} {enhanced} {text}\r\n" if enhanced else f"{code} {text}\r\n")

    def _send(self, text: str) -> None:
        self._wire.send(text.encode())


def _path(rest: str) -> re.Match[str]:
    path = _PATH.match(rest.strip())
    if path is None:
        raise Refusal(501, "5.5.4", "Wrong address")
    return path


def _option(options: str, name: str) -> str:
    found = re.search(rf"(?:^|\s){name}=(\S+)", options, re.IGNORECASE)
    return found[1] if found else ""


def _xtext(coded: str) -> str:
    """RFC 3461 §4: what `+` and two digits stand for."""
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), coded)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error:
        raise ValueError("not base64") from None
