"""A local mail server that keeps what it is given, and breaks off where it is told to.

Written by hand although aiosmtpd exists: aiosmtpd cannot hang up in the middle of DATA, nor between keeping a mail
and answering for it, without replacing its own DATA routine; and the demo then needs nothing installed.
"""

from __future__ import annotations

import email
import email.policy
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Literal

from followup.sandbox.bounce_mail import bounce_mail
from followup.sandbox.certificate import context_of
from followup.sandbox.faults import FaultPlan
from followup.sandbox.loopback import LoopbackServer
from followup.sandbox.smtp_faults import SmtpFault
from followup.sandbox.smtp_session import House, Session, SmtpEvent
from followup.sandbox.wall_clock import Now, world_time
from followup.sandbox.wire import Wire


@dataclass(frozen=True)
class Mail:
    """One mail that was kept: its envelope, its bytes as they came (CRLF, dots unstuffed), when (UTC), how.

    `envelope_id` is the ENVID that was given with it (RFC 3461), `notify` when its sender wants to be told.
    """

    envelope_from: str
    envelope_to: tuple[str, ...]
    raw: bytes
    received: datetime
    over_tls: bool
    user: str | None
    envelope_id: str = ""
    notify: str = ""

    @cached_property
    def message(self) -> EmailMessage:
        """The mail, parsed; its lines end as Python's do, so that a text compares with what was written."""
        return email.message_from_bytes(self.raw.replace(b"\r\n", b"\n"), policy=email.policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"] or "")


class SmtpSandbox(LoopbackServer):
    """A mail server on 127.0.0.1; start it with `with`.

    `tls="starttls"` offers it, `tls="tls"` starts with it; both need `certificate`: an `ssl.SSLContext`, or the
    path of a PEM file with key and chain. `login` demands AUTH. `greylist` answers 451 to a recipient's first try
    and until that long after it.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tls: Literal["starttls", "tls"] | None = None,
        certificate: ssl.SSLContext | Path | str | None = None,
        login: tuple[str, str] | None = None,
        greylist: timedelta | None = None,
        now: Now = world_time,
    ) -> None:
        if tls is not None and certificate is None:
            raise ValueError("TLS needs a certificate")
        self.greylist = greylist
        self._now = now
        self._tls = tls
        self._context = context_of(certificate) if certificate is not None else None
        self._login = login
        self._lock = threading.Lock()
        self._mails: list[Mail] = []
        self._first_tries: dict[str, datetime] = {}
        self._plan: FaultPlan[SmtpFault] = FaultPlan()
        self._listeners: list[Callable[[SmtpEvent], None]] = []
        super().__init__(port)
        self.connections = 0
        """How many there ever were: a client that keeps its connection makes few."""

    @property
    def mails(self) -> list[Mail]:
        """Every mail kept, in order."""
        with self._lock:
            return list(self._mails)

    def accepted(self, to: str | None = None) -> int:
        """How many mails were kept, to one address or in all."""
        return sum(to is None or to in mail.envelope_to for mail in self.mails)

    def duplicates(self) -> dict[str, int]:
        """Message-IDs kept more than once, and how often."""
        counts = Counter(mail.message_id for mail in self.mails)
        return {message_id: count for message_id, count in counts.items() if count > 1}

    def bounce(self, mail: Mail, status: str = "5.1.1", action: str = "") -> bytes:
        """What comes back, in its own mail, about one that was kept; see `bounce_mail`."""
        return bounce_mail(mail, status, action)

    def next(self, *faults: SmtpFault, to: str | None = None) -> None:
        """Queue faults; `to` limits them to one recipient and needs a point from RCPT on."""
        for fault in faults:
            self._plan.add(_place(fault, to), to, fault)

    def always(self, fault: SmtpFault, to: str | None = None) -> None:
        """Let a fault strike whenever no queued one does, until `clear`."""
        self._plan.stand(_place(fault, to), to, fault)

    def clear(self) -> None:
        """Forget faults and first tries; mails stay."""
        self._plan.clear()
        with self._lock:
            self._first_tries.clear()

    def on_event(self, listener: Callable[[SmtpEvent], None]) -> None:
        """Call a listener at each point of each dialogue, in the thread of the connection, before it goes on."""
        self._listeners.append(listener)

    def _serve(self, wire: Wire) -> None:
        with self._lock:
            self.connections += 1
        if self._tls == "tls" and self._context is not None:
            wire.start_tls(self._context)
        house = House(
            starttls=self._context if self._tls == "starttls" else None,
            login=self._login,
            fault=self._plan.take,
            greylisted=self._greylisted,
            keep=self._keep,
            tell=self._tell,
            pause=self._stopping.wait,
        )
        Session(wire, house).run()

    def _greylisted(self, recipient: str) -> bool:
        if self.greylist is None:
            return False
        now = self._now()
        with self._lock:
            first = self._first_tries.setdefault(recipient, now)
            return first is now or now < first + self.greylist

    def _keep(self, session: Session, raw: bytes) -> None:
        mail = Mail(
            session.sender or "",
            tuple(session.recipients),
            raw,
            self._now(),
            session.over_tls,
            session.user,
            session.envelope_id,
            session.notify,
        )
        with self._lock:
            self._mails.append(mail)

    def _tell(self, event: SmtpEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _place(fault: SmtpFault, to: str | None) -> str:
    if to is not None and fault.at not in {"RCPT", "DATA", "body", "dot", "accepted"}:
        raise ValueError("before RCPT, nobody knows the recipient")
    return fault.at
