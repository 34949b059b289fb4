"""A mailbox by IMAP (RFC 3501), only looked at: EXAMINE and BODY.PEEK change nothing in it.

    connect → (STARTTLS) → log in → EXAMINE → UID SEARCH SINCE → UID FETCH of what is new

One deadline for all of it. What was fetched before it struck counts; the next conversation goes on from there.
"""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from followup.care.message import LONGEST_ATTEMPT
from followup.channels.imap_answers import NO_IMAP, About, quoted, shown, told_of
from followup.channels.letter import RawMail
from followup.channels.mail import Security
from followup.channels.mailbox import BEGINNING, END, LARGEST_WHOLE, joined
from followup.channels.wire import Deadline, Line, encrypt, is_loopback, open_line, tls_for
from followup.errors import SenderBlocked, Unavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_MOST_AT_ONCE = 200
"""Mails named in one command: servers take lines of 8,000 bytes (RFC 7162 §4)."""
_ZONES = timedelta(days=1)
"""SEARCH compares the calendar date of wherever the server thinks it is."""
_FAREWELL = timedelta(seconds=1)
_NOT_NOW = ("UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT")
"""Response codes of a refusal that will pass (RFC 5530)."""

_FAULTS = (OSError, imaplib.IMAP4.abort)
"""The line is lost; imaplib's other errors are an answer that is none, or a refusal."""

T = TypeVar("T")

NOT_LET_IN = "the mailbox does not let us in"


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where the mailbox is, and how it is opened. `folder` is its name as the server lists it, ASCII."""

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    ca_file: Path | None = None


class ImapMailbox:
    """A Source. `longest` is how long one conversation may take, from the first packet to the last."""

    def __init__(self, server: ImapServer, longest: timedelta = LONGEST_ATTEMPT) -> None:
        self._server, self._longest = server, longest
        self._tls = tls_for(server.security, server.ca_file)
        self.on_loopback = is_loopback(server.host)
        self._numbering = ""
        self._known: set[str] = set()
        self._looked = False

    def check(self) -> None:
        """Prove address, certificate, credentials and folder; no mail is read."""
        with self._opened():
            pass

    def unread(self, since: datetime) -> Iterator[RawMail]:
        """Each mail not told yet that came at or after `since`, or appeared since the last look."""
        with self._opened() as conversation:
            self._begin(conversation.numbering)
            found = conversation.since((since - _ZONES).date())
            self._known &= set(found)
            for about in conversation.about([uid for uid in found if uid not in self._known]):
                if self._looked or about.received >= since:
                    mail = conversation.mail(about)
                    if mail is not None:
                        yield mail
                self._known.add(about.uid)
            self._looked = True

    def _begin(self, numbering: str) -> None:
        """Under another UIDVALIDITY the same number is another mail: everything is read anew."""
        if numbering != self._numbering:
            self._numbering, self._known, self._looked = numbering, set(), False

    @contextlib.contextmanager
    def _opened(self) -> Iterator[_Conversation]:
        deadline = Deadline.after(self._longest)
        try:
            line = open_line(self._server.host, self._server.port, deadline)
        except OSError as error:
            raise Unavailable(f"no connection: {type(error).__name__}", of_sender=True) from None
        try:
            conversation = _Conversation(line, deadline)
            conversation.introduce(self._server, self._tls)
            yield conversation
            conversation.end()
        finally:
            line.close()


class _Client(imaplib.IMAP4):
    """The standard library's client on a line of ours; it never opens one itself."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__()

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        del host, port, timeout
        self.take_over()

    def take_over(self) -> None:
        """Whatever was read ahead in clear is thrown away with its reader."""
        self._reader = self._line.makefile("rb")
        self.untagged_responses.clear()

    def read(self, size: int) -> bytes:
        if size > LARGEST_WHOLE:
            raise OSError("more than was asked for")
        data = self._reader.read(size)
        if len(data) < size:
            raise self.abort("broken off")
        return data

    def readline(self) -> bytes:
        line = self._reader.readline(LARGEST_WHOLE)
        if line and not line.endswith(b"\n"):
            raise self.abort("broken off")
        return line

    def send(self, data: ReadableBuffer) -> None:
        self._line.sendall(bytes(data))

    def shutdown(self) -> None:
        self._line.close()


class _Conversation:
    """One connection, and after `introduce` one open folder; raises DeliveryError only."""

    def __init__(self, line: Line, deadline: Deadline) -> None:
        self._line, self._deadline = line, deadline
        self.numbering = ""

    def introduce(self, server: ImapServer, tls: ssl.SSLContext | None) -> None:
        """Greeting, encryption, credentials, folder."""
        if server.security == "tls":
            encrypt(self._line, tls, server.host)
        self._imap = self._said(lambda: _Client(self._line))
        if self._imap.state != "NONAUTH":
            # Let in before we have said who we are: on a stripped line this is how encryption is avoided.
            raise SenderBlocked("the mailbox does not ask who we are")
        if server.security == "starttls":
            self._start_tls(tls, server.host)
        self._log_in(server.username, server.password)
        self._examine(server.folder)

    def since(self, day: date) -> list[str]:
        """The UIDs of all mails that came in on a day (the server's) or after it."""
        answer = self._asked(lambda: self._imap.uid("SEARCH", "SINCE", shown(day)))
        return [
            uid.decode("ascii", "replace") for part in answer if isinstance(part, bytes) for uid in part.split()
        ]

    def about(self, uids: list[str]) -> Iterator[About]:
        """What the server tells of each; oldest numbers first. Those that are gone are left out."""
        for start in range(0, len(uids), _MOST_AT_ONCE):
            some = ",".join(uids[start : start + _MOST_AT_ONCE])
            yield from filter(None, map(told_of, self._fetched(some, "(UID INTERNALDATE RFC822.SIZE)")))

    def mail(self, about: About) -> RawMail | None:
        """The mail, or both its ends; None if it is gone."""
        if about.size <= LARGEST_WHOLE:
            content = self._part(about.uid, "BODY.PEEK[]")
            return RawMail(content, about.received) if content is not None else None
        beginning = self._part(about.uid, f"BODY.PEEK[]<0.{BEGINNING}>")
        end = self._part(about.uid, f"BODY.PEEK[]<{about.size - END}.{END}>")
        if beginning is None or end is None:
            return None
        return RawMail(joined(beginning, end), about.received, whole=False)

    def end(self) -> None:
        """Say goodbye; whatever comes of it, all was heard."""
        with contextlib.suppress(*_FAULTS, imaplib.IMAP4.error):
            self._line.begin(Deadline.after(_FAREWELL))
            self._imap.logout()

    def _fetched(self, uids: str, what: str) -> list[Any]:
        return self._asked(lambda: self._imap.uid("FETCH", uids, what))

    def _part(self, uid: str, part: str) -> bytes | None:
        answer = self._fetched(uid, f"({part})")
        found = next((piece[1] for piece in answer if isinstance(piece, tuple)), None)
        if found is None and any(b"BODY[" in piece for piece in answer if isinstance(piece, bytes)):
            raise Unavailable(NO_IMAP, of_sender=True)
        return found

    def _start_tls(self, tls: ssl.SSLContext | None, host: str) -> None:
        """Not offered or refused: somebody may be listening, and we never go on in clear."""
        if "STARTTLS" not in self._imap.capabilities:
            raise SenderBlocked("the mailbox's server offers no encryption")
        if self._said(lambda: self._imap.xatom("STARTTLS"))[0] != "OK":
            raise SenderBlocked("the mailbox's server refuses encryption")
        encrypt(self._line, tls, host)
        self._imap.take_over()
        # What was learned in clear is forgotten (RFC 3501 §6.2.1).
        answer = self._asked(self._imap.capability)
        self._imap.capabilities = tuple(b" ".join(answer).decode("ascii", "replace").upper().split())

    def _log_in(self, username: str, password: str) -> None:
        """AUTHENTICATE PLAIN (RFC 4616) takes any letters; LOGIN is for servers without it."""
        if "AUTH=PLAIN" in self._imap.capabilities:
            secret = f"\0{username}\0{password}".encode()
            self._let_in(lambda: self._imap.authenticate("PLAIN", lambda _: secret))
        elif "LOGINDISABLED" in self._imap.capabilities:
            raise SenderBlocked("the mailbox's server offers no way to log in that we know")
        else:
            words: Any = (quoted(username), quoted(password))  # its types deny the bytes that it takes
            self._let_in(lambda: self._imap.xatom("LOGIN", *words))
            self._imap.state = "AUTH"

    def _let_in(self, verb: Callable[[], Any]) -> None:
        """A refusal is no fault of the line; the client raises it, or tells it as NO."""
        try:
            refused = self._heard(verb)[0] != "OK"
        except imaplib.IMAP4.error:
            refused = True
        if refused:
            self._refuse(NOT_LET_IN)

    def _examine(self, folder: str) -> None:
        name: Any = quoted(folder)
        if self._said(lambda: self._imap.select(name, readonly=True))[0] != "OK":
            self._refuse("the mailbox has no such folder, or it may not be read")
        told = self._imap.response("UIDVALIDITY")[1]
        self.numbering = told[0].decode("ascii", "replace") if told and told[0] else ""

    def _refuse(self, why: str) -> NoReturn:
        if any(code in self._imap.untagged_responses for code in _NOT_NOW):
            raise Unavailable("the mailbox's server asks to come back later", of_sender=True)
        raise SenderBlocked(why)

    def _asked(self, verb: Callable[[], tuple[str, list[Any]]]) -> list[Any]:
        """The answer to a question that a server which has let us in does not refuse for good."""
        typ, answer = self._said(verb)
        if typ != "OK":
            raise Unavailable("the mailbox's server does not answer the question", of_sender=True)
        return [piece for piece in answer if piece is not None]

    def _said(self, verb: Callable[[], T]) -> T:
        try:
            return self._heard(verb)
        except imaplib.IMAP4.error:
            raise Unavailable(NO_IMAP, of_sender=True) from None

    def _heard(self, verb: Callable[[], T]) -> T:
        """What comes of one command. The line's measure of bytes begins anew with each, its deadline does not."""
        self._line.begin(self._deadline)
        try:
            return verb()
        except _FAULTS as error:
            raise Unavailable(f"broken off: {type(error).__name__}", of_sender=True) from None
        except (ValueError, LookupError, TypeError):
            # What the client makes of an answer that is none.
            raise Unavailable(NO_IMAP, of_sender=True) from None
