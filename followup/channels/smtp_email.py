"""Mail through the clinic's mail server: the dialogue verb by verb, since exceptions do not tell how far it came.

    connect → (STARTTLS) → (AUTH) → still true? → MAIL, RCPT → DATA → body → dot

Up to the dot every failure is certain; a dot without an answer is doubt.
"""

from __future__ import annotations

import base64
import contextlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.care.message import LONGEST_ATTEMPT, Message
from followup.channels import mail, smtp_replies
from followup.channels.mail import MailServer
from followup.channels.smtp_replies import Reply
from followup.channels.wire import Deadline, Kept, Line, encrypt, is_loopback, open_line, tls_for
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

if TYPE_CHECKING:
    from followup.channels import StillTrue

__all__ = ["MailServer", "SmtpEmail"]

MOST_MAILS = 100
"""On one connection; many servers count, and refuse the next."""

_NO_MAIL = "0" * 32
"""The id of no mail, as long as an id is."""
_FAREWELL = timedelta(seconds=1)
_READY = 220
_OK = 250
_GO_ON = 334
_LET_IN = 235
_SEND = 354
_CLOSING = 421

_FAULTS = (OSError, smtplib.SMTPException, ValueError)
"""What smtplib raises of a connection or an answer; a reply's code never comes as an exception here."""


class SmtpEmail:
    """A Channel; safe between threads. `now` gives aware UTC for the mail's Date."""

    def __init__(self, server: MailServer, now: Callable[[], datetime]) -> None:
        self._server, self._now = server, now
        self.on_loopback = is_loopback(server.host)
        self._tls = tls_for(server.security, server.ca_file)
        self._kept: Kept[_Dialogue] = Kept()

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        """Hand one mail to the server; see `Channel.send`."""
        content = mail.build(message, self._server, self._now())
        dialogue = self._ready()
        try:
            _ask(still_true)
            dialogue.hand_over(self._envelope(message), content)
        finally:
            self._put_away(dialogue)
        return Receipt(mail.message_id(message, self._server), Status.SENT)

    def check(self) -> None:
        """Prove address, certificate and credentials; nothing is sent."""
        dialogue = self._opened(Deadline.after(LONGEST_ATTEMPT))
        try:
            dialogue.prove(self._server)
        finally:
            dialogue.close()

    def close(self) -> None:
        self._kept.close()

    def _envelope(self, message: Message) -> _Envelope:
        server = self._server
        if not server.bounces:
            return _Envelope(server.sender_address, message.to)
        sender = server.ours.bounce_address(message.mail_id)
        return _Envelope(sender, message.to, server.ours.envelope_id(message.mail_id))

    def _ready(self) -> _Dialogue:
        deadline = Deadline.after(LONGEST_ATTEMPT)
        if dialogue := self._kept.take():
            dialogue.begin(deadline)
            return dialogue
        return self._opened(deadline)

    def _opened(self, deadline: Deadline) -> _Dialogue:
        server = self._server
        try:
            line = open_line(server.host, server.port, deadline)
        except OSError as error:
            raise Unavailable(f"no connection: {type(error).__name__}", of_sender=True) from None
        dialogue = _Dialogue(line, server.domain)
        try:
            dialogue.introduce(server, self._tls)
        except BaseException:
            dialogue.close()
            raise
        return dialogue

    def _put_away(self, dialogue: _Dialogue) -> None:
        if dialogue.is_reusable and dialogue.mails < MOST_MAILS:
            self._kept.give_back(dialogue)
        else:
            dialogue.close()


@dataclass(frozen=True, slots=True)
class _Envelope:
    """`notified_as` is the id by which failures and delays are reported (RFC 3461), where anybody reads them."""

    sender: str
    to: str
    notified_as: str | None = None


class _Dialogue:
    """One connection, introduced and let in; raises DeliveryError only.

    `is_reusable` is False from the first verb of a mail until the answer to its dot.
    """

    def __init__(self, line: Line, own_name: str) -> None:
        # With a name given, smtplib does not look the machine's own up.
        self._smtp = smtplib.SMTP(local_hostname=own_name)
        self._line = line
        self._take_over()
        self.mails = 0
        self.is_reusable = True

    def begin(self, deadline: Deadline) -> None:
        self._line.begin(deadline)

    def is_silent(self) -> bool:
        return self._line.is_silent()

    def close(self) -> None:
        """Say goodbye without waiting for the answer."""
        if self.is_reusable:
            self._line.begin(Deadline.after(_FAREWELL))
            with contextlib.suppress(*_FAULTS):
                self._smtp.putcmd("QUIT")
        self._smtp.close()
        self._line.close()

    def introduce(self, server: MailServer, tls: ssl.SSLContext | None) -> None:
        """Greeting, encryption, credentials."""
        if server.security == "tls":
            encrypt(self._line, tls, server.host)
            self._take_over()
        self._expect(_READY, self._said(self._smtp.getreply))
        self._expect(_OK, self._said(self._smtp.ehlo))
        if server.security == "starttls":
            self._start_tls(tls, server.host)
            self._expect(_OK, self._said(self._smtp.ehlo))
        if server.username is not None and server.password is not None:
            self._log_in(server.username, server.password)

    def prove(self, server: MailServer) -> None:
        """The server answers to NOOP, and takes an envelope that names the mail, where bounces are read."""
        self._expect(_OK, self._said(self._smtp.noop))
        if server.bounces:
            self._expect(_OK, self._said(lambda: self._smtp.mail(server.ours.bounce_address(_NO_MAIL))))
            self._expect(_OK, self._said(self._smtp.rset))

    def hand_over(self, envelope: _Envelope, content: bytes) -> None:
        """One mail to one recipient, from MAIL to the answer to the dot."""
        reports = envelope.notified_as is not None and self._smtp.has_extn("dsn")
        options = self._options(envelope.to, len(content))
        # Only the header fields come back: the patient's text need not travel twice.
        options += [f"ENVID={_xtext(envelope.notified_as or '')}", "RET=HDRS"] if reports else []
        self.is_reusable = False
        recipient = self._addressed(envelope, options, ["NOTIFY=FAILURE,DELAY"] if reports else [])
        if recipient.kind != 2:  # noqa: PLR2004  250, and 251 or 252: it will see to it
            raise smtp_replies.refusal_of_mail(recipient)
        ready = self._said(lambda: self._smtp.docmd("DATA"))
        if ready.code != _SEND:
            raise smtp_replies.refusal_of_mail(ready)
        self._write(content)
        self._end()

    def _addressed(self, envelope: _Envelope, options: Sequence[str], notify: Sequence[str]) -> Reply:
        """The answer to RCPT; where the server takes both at once (RFC 2920), MAIL and RCPT are one write."""
        self._smtp.command_encoding = "utf-8" if "SMTPUTF8" in options else "ascii"
        sender, to = _verb("MAIL FROM", envelope.sender, options), _verb("RCPT TO", envelope.to, notify)
        first, then = (sender + to, "") if self._smtp.has_extn("pipelining") else (sender, to)
        self._expect(_OK, self._answer_after(first))
        return self._answer_after(then)

    def _answer_after(self, words: str) -> Reply:
        """The next reply, once these words are said, if there are any."""

        def say() -> tuple[int, bytes]:
            if words:
                self._smtp.send(words)
            return self._smtp.getreply()

        return self._said(say)

    def _write(self, content: bytes) -> None:
        """The mail, dots at line starts doubled, without its last line end: it belongs to the dot."""
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        try:
            self._smtp.send(stuffed.removesuffix(b"\r\n"))
        except _FAULTS as error:
            # Charged: the mail itself may be why.
            raise Unavailable(f"broken off within the mail: {_cause(error)}", charged=True) from None

    def _end(self) -> None:
        """The dot, a write of its own: from here on silence is doubt."""
        try:
            self._smtp.send(b"\r\n.\r\n")
            reply = Reply.of(self._smtp.getreply())
        except _FAULTS as error:
            raise Uncertain(f"no answer to the whole mail: {_cause(error)}") from None
        self.mails += 1
        self.is_reusable = reply.kind in {2, 4, 5} and reply.code != _CLOSING
        if verdict := smtp_replies.verdict_on_dot(reply):
            raise verdict

    def _options(self, to: str, size: int) -> list[str]:
        options = [f"SIZE={size}"] if self._smtp.has_extn("size") else []
        if not to.isascii():
            if not self._smtp.has_extn("smtputf8"):
                raise Rejected("the mail server takes no addresses beyond ASCII")
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        return options

    def _start_tls(self, tls: ssl.SSLContext | None, host: str) -> None:
        """Not offered or refused: somebody may be listening, and we never go on in clear."""
        if not self._smtp.has_extn("starttls"):
            raise SenderBlocked("the mail server offers no encryption")
        reply = self._said(lambda: self._smtp.docmd("STARTTLS"))
        if reply.code == _CLOSING:
            raise Unavailable(smtp_replies.CLOSING, reply.shown, of_sender=True)
        if reply.code != _READY:
            raise SenderBlocked("the mail server refuses encryption", reply.shown)
        encrypt(self._line, tls, host)
        self._take_over()
        # RFC 3207: what was learned in clear is forgotten.
        self._smtp.ehlo_resp = self._smtp.helo_resp = None

    def _take_over(self) -> None:
        """Whatever smtplib has read ahead in clear is thrown away with its reader."""
        self._smtp.sock = self._line  # type: ignore[assignment]  # it has all that smtplib asks of a socket
        self._smtp.file = None

    def _log_in(self, username: str, password: str) -> None:
        """AUTH by hand: smtplib tries a refused password again by the next mechanism, and knows only ASCII."""
        offered = self._smtp.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            reply = self._said(lambda: self._smtp.docmd("AUTH", "PLAIN " + _coded(f"\0{username}\0{password}")))
        elif "LOGIN" in offered:
            reply = self._said(lambda: self._smtp.docmd("AUTH", "LOGIN"))
            reply = self._prompted(reply, username)
            reply = self._prompted(reply, password)
        else:
            raise SenderBlocked("the mail server offers no way to log in that we know")
        self._expect(_LET_IN, reply)

    def _prompted(self, reply: Reply, word: str) -> Reply:
        return self._said(lambda: self._smtp.docmd(_coded(word))) if reply.code == _GO_ON else reply

    def _expect(self, code: int, reply: Reply) -> None:
        if reply.code != code:
            # A server that has refused is left alone; only a mail's own refusal leaves the line in order.
            self.is_reusable = False
            raise smtp_replies.refusal_of_us(reply)

    def _said(self, verb: Callable[[], tuple[int, bytes]]) -> Reply:
        """The reply to one verb before the dot; no reply is a certain failure."""
        try:
            return Reply.of(verb())
        except _FAULTS as error:
            self.is_reusable = False
            # A ValueError is our own: smtplib does not take what this mail would have it say.
            lost = isinstance(error, OSError)
            raise Unavailable(f"broken off before the mail: {_cause(error)}", of_sender=lost) from None


def _ask(still_true: StillTrue) -> None:
    try:
        left = still_true()
    except DeliveryError:
        raise
    except Exception as error:  # noqa: BLE001  whatever hindered the last question, nothing was handed over
        raise Unavailable(f"the last question failed: {type(error).__name__}") from None
    if left <= timedelta(0):
        raise Unavailable("no longer true once connected")


def _verb(verb: str, address: str, options: Sequence[str]) -> str:
    """A line of the envelope. No address holds a line break: `mail.build` refuses what is not plainly one."""
    return " ".join([f"{verb}:{smtplib.quoteaddr(address)}", *options]) + "\r\n"


def _xtext(text: str) -> str:
    """As RFC 3461 §4 wants it: `+`, `=` and what is no visible ASCII by their numbers."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def _coded(words: str) -> str:
    return base64.b64encode(words.encode()).decode()


def _cause(error: BaseException) -> str:
    """Beneath smtplib's own error: it hides a time-out behind SMTPServerDisconnected."""
    return type(error.__context__ or error).__name__
