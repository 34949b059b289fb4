"""One IMAP dialogue (RFC 3501): log in, open the one folder, search by day, fetch."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol

from followup.sandbox.imap_faults import ImapCut, ImapFault, ImapNo, ImapSay, ImapSilent
from followup.sandbox.wire import HungUp, TooLong, Wire

_LINE_LIMIT = 65_536
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\(([^()]*)\)|([^\s()"]+)')
_ITEM = re.compile(
    r"BODY(?P<peek>\.PEEK)?\[(?P<part>|HEADER|TEXT)\](?:<(?P<start>\d+)\.(?P<count>\d+)>)?|[A-Z0-9.]+"
)
_LITERAL = re.compile(r"\{(\d{1,5})(\+?)\}$")


@dataclass
class Stored:
    """A mail that lies in the folder: its number, its bytes, when it came (UTC), and whether it counts as read."""

    uid: int
    raw: bytes = field(repr=False)
    received: datetime
    seen: bool = False

    def part(self, name: str) -> bytes:
        """The whole mail, or what stands before or behind its first empty line."""
        head, blank, text = self.raw.partition(b"\r\n\r\n")
        return {"": self.raw, "HEADER": head + blank, "TEXT": text}[name]


class FaultFor(Protocol):
    """Asks the plan for the fault that strikes at a command."""

    def __call__(self, place: str) -> ImapFault | None: ...


@dataclass(frozen=True, slots=True)
class House:
    """What a dialogue asks of its server."""

    starttls: ssl.SSLContext | None
    login: tuple[str, str]
    folder: str
    mechanisms: tuple[str, ...]
    numbering: Callable[[], int]
    mails: Callable[[], list[Stored]]
    fault: FaultFor
    heard: Callable[[str], None]


class _No(Exception):  # noqa: N818  it is the answer to one command, not an error
    """The command is answered with NO or BAD."""

    def __init__(self, text: str, kind: str = "NO") -> None:
        super().__init__(text)
        self.answer = f"{kind} {text}"


class Session:
    """The server's half of one connection."""

    def __init__(self, wire: Wire, house: House) -> None:
        self._wire, self._house = wire, house
        self._let_in = False
        self._open = False
        self._read_only = True
        self._left: int | None = None
        self._verbs: dict[str, Callable[[str], str]] = {
            "CAPABILITY": lambda _: self._tell(f"CAPABILITY {self._offers()}"),
            "NOOP": lambda _: "",
            "STARTTLS": self._starttls,
            "LOGIN": self._login,
            "AUTHENTICATE": self._authenticate,
            "SELECT": lambda rest: self._select(rest, read_only=False),
            "EXAMINE": lambda rest: self._select(rest, read_only=True),
            "UID SEARCH": self._search,
            "UID FETCH": self._fetch,
        }

    def run(self) -> None:
        """Talk until LOGOUT or a hang-up."""
        cut = self._house.fault("bytes")
        self._left = cut.after if isinstance(cut, ImapCut) else None
        try:
            self._strike("connect", "*")
            self._send(b"* OK [CAPABILITY " + self._offers().encode() + b"] sandbox\r\n")
            while self._command(*self._line()):
                pass
        except TooLong:
            self._send(b"* BAD Line too long\r\n")

    def _command(self, tag: str, name: str, rest: str) -> bool:
        self._house.heard(f"{name} {rest}" if name not in {"LOGIN", "AUTHENTICATE"} else name)
        if name == "LOGOUT":
            self._send(f"* BYE\r\n{tag} OK LOGOUT\r\n".encode())
            return False
        try:
            if self._strike(name, tag):
                return True
            done = self._verbs.get(name, _unknown)(rest)
            self._send(f"{tag} OK {done}{name} done\r\n".encode())
        except _No as no:
            self._send(f"{tag} {no.answer}\r\n".encode())
        else:
            self._after(name)
        return True

    def _after(self, name: str) -> None:
        if name == "STARTTLS" and self._house.starttls is not None:
            self._wire.start_tls(self._house.starttls)

    # Commands

    def _offers(self) -> str:
        offers = ["IMAP4rev1", "LITERAL+"]
        if self._house.starttls is not None and not self._wire.is_tls:
            return " ".join([*offers, "STARTTLS", "LOGINDISABLED"])
        return " ".join([*offers, *(f"AUTH={name}" for name in self._house.mechanisms)])

    def _starttls(self, _: str) -> str:
        if self._house.starttls is None or self._wire.is_tls:
            raise _No("Not offered", "BAD")
        return ""

    def _login(self, rest: str) -> str:
        words = _words(rest)
        self._check(tuple(words) if len(words) == 2 else ("", ""))  # noqa: PLR2004  a name and a password
        return ""

    def _authenticate(self, rest: str) -> str:
        if rest.upper() not in self._house.mechanisms:
            raise _No("Unknown mechanism")
        self._send(b"+ \r\n")
        coded = self._wire.until(b"\r\n", _LINE_LIMIT).strip()
        try:
            _, user, password = base64.b64decode(coded, validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            raise _No("Cannot decode", "BAD") from None
        self._check((user, password))
        return ""

    def _check(self, told: tuple[str, ...]) -> None:
        if self._house.starttls is not None and not self._wire.is_tls:
            raise _No("[PRIVACYREQUIRED] Encrypt first")
        if told != self._house.login:
            raise _No("[AUTHENTICATIONFAILED] Wrong name or password")
        self._let_in = True

    def _select(self, rest: str, *, read_only: bool) -> str:
        if not self._let_in:
            raise _No("Log in first", "BAD")
        if _words(rest) != [self._house.folder]:
            raise _No("[NONEXISTENT] No such folder")
        self._open, self._read_only = True, read_only
        self._tell("FLAGS (\\Seen)")
        self._tell(f"{len(self._house.mails())} EXISTS")
        self._tell("0 RECENT")
        self._tell(f"OK [UIDVALIDITY {self._house.numbering()}] numbered")
        return "[READ-ONLY] " if read_only else "[READ-WRITE] "

    def _search(self, rest: str) -> str:
        self._need_open()
        wanted = re.fullmatch(r"ALL|SINCE \"?(\d{1,2})-([A-Za-z]{3})-(\d{4})\"?", rest.strip(), re.IGNORECASE)
        if wanted is None:
            raise _No("Only ALL and SINCE", "BAD")
        first = date.min
        if wanted[1]:
            first = date(int(wanted[3]), _MONTHS.index(wanted[2].title()) + 1, int(wanted[1]))
        return self._tell(
            " ".join(["SEARCH", *(str(one.uid) for one in self._house.mails() if one.received.date() >= first)])
        )

    def _fetch(self, rest: str) -> str:
        self._need_open()
        which, _, items = rest.partition(" ")
        for number, mail in enumerate(self._house.mails(), start=1):
            if _is_named(mail.uid, which):
                self._send(f"* {number} FETCH (".encode() + b" ".join(self._items(mail, items)) + b")\r\n")
        return ""

    def _items(self, mail: Stored, wanted: str) -> Iterator[bytes]:
        yield f"UID {mail.uid}".encode()
        for item in _ITEM.finditer(wanted.upper()):
            match item[0]:
                case "UID":
                    continue
                case "FLAGS":
                    yield b"FLAGS (\\Seen)" if mail.seen else b"FLAGS ()"
                case "INTERNALDATE":
                    yield f'INTERNALDATE "{_dated(mail.received)}"'.encode()
                case "RFC822.SIZE":
                    yield f"RFC822.SIZE {len(mail.raw)}".encode()
                case _ if item["part"] is not None:
                    yield self._body(mail, item)
                case _:
                    raise _No("Unknown item", "BAD")

    def _body(self, mail: Stored, item: re.Match[str]) -> bytes:
        mail.seen |= not (item["peek"] or self._read_only)
        content = mail.part(item["part"])
        origin = ""
        if item["start"]:
            start = int(item["start"])
            content, origin = content[start : start + int(item["count"])], f"<{start}>"
        return f"BODY[{item['part']}]{origin} {{{len(content)}}}\r\n".encode() + content

    def _need_open(self) -> None:
        if not self._open:
            raise _No("Select first", "BAD")

    # Lines

    def _strike(self, place: str, tag: str) -> bool:
        """Let the fault strike that waits here; True if it was the answer."""
        match self._house.fault(place):
            case ImapNo(_, code):
                raise _No(f"[{code}] Refused by the sandbox" if code else "Refused by the sandbox")
            case ImapSay(_, answer):
                self._send(answer.replace(b"TAG", tag.encode()))
                return True
            case ImapSilent():
                self._wire.wait_until_gone()
                raise HungUp
        return False

    def _line(self) -> tuple[str, str, str]:
        """Tag, command and arguments, its literals put in as quoted strings."""
        line = self._wire.until(b"\r\n", _LINE_LIMIT).decode("utf-8", "replace").rstrip("\r\n")
        while literal := _LITERAL.search(line):
            if not literal[2]:
                self._send(b"+ go on\r\n")
            words = self._wire.exactly(int(literal[1])).decode("utf-8", "replace")
            escaped = words.replace("\\", "\\\\").replace('"', '\\"')
            rest = self._wire.until(b"\r\n", _LINE_LIMIT).decode("utf-8", "replace").rstrip("\r\n")
            line = f'{line[: literal.start()]}"{escaped}"{rest}'
        tag, _, rest = line.partition(" ")
        name, _, rest = rest.partition(" ")
        if name.upper() == "UID":
            second, _, rest = rest.partition(" ")
            name = f"UID {second}"
        return tag, name.upper(), rest

    def _tell(self, text: str) -> str:
        self._send(f"* {text}\r\n".encode())
        return ""

    def _send(self, data: bytes) -> None:
        if self._left is not None:
            if len(data) >= self._left:
                self._wire.send(data[: self._left])
                raise HungUp
            self._left -= len(data)
        self._wire.send(data)


def _unknown(_: str) -> str:
    raise _No("Unknown command", "BAD")


def _words(rest: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, _, plain in _WORD.findall(rest)]


def _is_named(uid: int, which: str) -> bool:
    """Whether a set such as `3,5:7,9:*` names it."""
    for one in which.split(","):
        first, _, last = one.partition(":")
        if int(first) <= uid and (last == "*" or uid <= int(last or first)):
            return True
    return False


def _dated(moment: datetime) -> str:
    told = moment.astimezone(UTC)
    return f"{told.day:2d}-{_MONTHS[told.month - 1]}-{told.year:04d} {told:%H:%M:%S} +0000"
