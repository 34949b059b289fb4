"""A local mailbox that is read by IMAP, and breaks off where it is told to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from followup.sandbox.certificate import context_of
from followup.sandbox.faults import FaultPlan
from followup.sandbox.imap_faults import ImapFault
from followup.sandbox.imap_session import House, Session, Stored
from followup.sandbox.loopback import LoopbackServer
from followup.sandbox.wall_clock import Now, world_time
from followup.sandbox.wire import Wire

SANDBOX_LOGIN = ("mailbox", "sandbox-mailbox-password")


class ImapSandbox(LoopbackServer):
    """A mailbox with one folder on 127.0.0.1; start it with `with`.

    `tls="starttls"` offers it and lets nobody in without, `tls="tls"` starts with it; both need `certificate`, as
    `SmtpSandbox` does. `mechanisms` are those of AUTHENTICATE; LOGIN is always taken.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tls: Literal["starttls", "tls"] | None = None,
        certificate: ssl.SSLContext | Path | str | None = None,
        login: tuple[str, str] = SANDBOX_LOGIN,
        mechanisms: Sequence[str] = ("PLAIN",),
        now: Now = world_time,
    ) -> None:
        if tls is not None and certificate is None:
            raise ValueError("TLS needs a certificate")
        self.login, self.folder = login, "INBOX"
        self._now, self._tls, self._mechanisms = now, tls, tuple(mechanisms)
        self._context = context_of(certificate) if certificate is not None else None
        self._lock = threading.Lock()
        self._mails: list[Stored] = []
        self._numbering, self._next = 1, 1
        self._plan: FaultPlan[ImapFault] = FaultPlan()
        self.commands: list[str] = []
        """What was asked, in order, without what logs in."""
        super().__init__(port)

    @property
    def mails(self) -> list[Stored]:
        """Every mail in the folder, in order."""
        with self._lock:
            return list(self._mails)

    def deliver(self, raw: bytes, received: datetime | None = None) -> int:
        """Put a mail into the folder; its lines end as on the wire, however they came. Its number."""
        content = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        with self._lock:
            self._mails.append(Stored(self._next, content, received or self._now()))
            self._next += 1
            return self._next - 1

    def remove(self, uid: int) -> None:
        """Somebody deletes a mail."""
        with self._lock:
            self._mails = [one for one in self._mails if one.uid != uid]

    def renumber(self) -> None:
        """Number all mails anew from 1 on, in reverse, under another UIDVALIDITY, as a rebuilt server does."""
        with self._lock:
            self._numbering += 1
            kept = reversed(self._mails)
            self._mails = [Stored(uid, one.raw, one.received, one.seen) for uid, one in enumerate(kept, start=1)]
            self._next = len(self._mails) + 1

    def next(self, *faults: ImapFault) -> None:
        """Queue faults for coming commands, or connections."""
        for fault in faults:
            self._plan.add(fault.at, None, fault)

    def always(self, fault: ImapFault) -> None:
        """Let a fault strike whenever no queued one does, until `clear`."""
        self._plan.stand(fault.at, None, fault)

    def clear(self) -> None:
        """Forget faults; mails stay."""
        self._plan.clear()

    def _serve(self, wire: Wire) -> None:
        if self._tls == "tls" and self._context is not None:
            wire.start_tls(self._context)
        house = House(
            starttls=self._context if self._tls == "starttls" else None,
            login=self.login,
            folder=self.folder,
            mechanisms=self._mechanisms,
            numbering=lambda: self._numbering,
            mails=lambda: self.mails,
            fault=self._plan.take,
            heard=self.commands.append,
        )
        Session(wire, house).run()
