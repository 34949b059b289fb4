"""A local Twilio: the published Messages API over real HTTP, with a clock, fates, faults and a count.

    read → fault? → accept → answer

>>> with TwilioSandbox() as twilio:
...     twilio.next(Close("after accepting"))
...     client.api.base_url = twilio.base_url
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass

from followup.sandbox import control, numbers
from followup.sandbox.distort import accepts, distorted
from followup.sandbox.faults import BlackHole, Close, Delay, Fault, FaultPlan, Moment, Request, Reset, Trickle
from followup.sandbox.http_wire import HttpReply, HttpRequest, head_and_body, read_request
from followup.sandbox.imap_server import ImapSandbox
from followup.sandbox.ledger import Ledger, doubles, new_sid
from followup.sandbox.loopback import HOST, LoopbackServer
from followup.sandbox.sms import Fate, FateStatus, Sms
from followup.sandbox.smtp_server import SmtpSandbox
from followup.sandbox.twilio_api import Settings, TwilioApi
from followup.sandbox.wall_clock import Now, world_time
from followup.sandbox.wire import HungUp, TooLong, Wire

SANDBOX_ACCOUNT = "AC" + "0" * 31 + "1"
SANDBOX_TOKEN = "sandbox"  # noqa: S105  opens nothing but this stand-in


@dataclass(frozen=True, slots=True)
class Event:
    """A point one API request has come to.

    "connected", "before reading", "after reading", "after accepting", "before reply", "after reply"; `to`, the
    recipient of a message, is known from "after reading" on.
    """

    point: str
    method: str = ""
    to: str | None = None


class TwilioSandbox(LoopbackServer):
    """One Twilio account on 127.0.0.1; start it with `with`.

    `now` gives aware UTC and drives every message's walk (`settings.pace`); `own` are the account's numbers,
    empty = any well-formed sender is the account's; `tls` turns the address into https.
    """

    def __init__(
        self,
        account_sid: str = SANDBOX_ACCOUNT,
        auth_token: str = SANDBOX_TOKEN,
        *,
        port: int = 0,
        now: Now = world_time,
        own: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token
        self.settings = Settings()
        self.mail: SmtpSandbox | None = None
        """The mail server that `/_sandbox/` speaks for as well, if any."""
        self.mailbox: ImapSandbox | None = None
        """The mailbox that it puts mails into, if any."""
        self._now, self._own, self._tls = now, tuple(own), tls
        self._ledger = Ledger()
        self._api = TwilioApi((account_sid, auth_token), own, self._ledger, self.settings, now)
        self._plan: FaultPlan[Fault] = FaultPlan()
        self._listeners: list[Callable[[Event], None]] = []
        super().__init__(port)

    @property
    def base_url(self) -> str:
        return f"http{'s' if self._tls else ''}://{HOST}:{self.port}"

    # What happened

    @property
    def messages(self) -> list[Sms]:
        """Every outbound message accepted, in order, deleted ones included."""
        return self._ledger.outbound()

    @property
    def inbound(self) -> list[Sms]:
        """Every inbound message, in order."""
        return self._ledger.inbound()

    def accepted(self, number: str | None = None) -> int:
        """How many messages were accepted, to one number or to all."""
        return sum(number in {None, sms.to} for sms in self.messages)

    def duplicates(self) -> dict[tuple[str, str], int]:
        """(to, body) accepted more than once, and how often."""
        return doubles(self.messages)

    def resource(self, sms: Sms) -> dict[str, object]:
        """A message as the API shows it now."""
        return sms.resource(self._now(), self.account_sid)

    # What shall happen

    def next(self, *faults: Fault, to: str | None = None, on: Request = "create") -> None:
        """Queue faults for coming requests, in order: to one number or, with None, to whoever comes."""
        for fault in faults:
            self._check_fault(fault, to, on)
            self._plan.add(on, to, fault)

    def always(self, fault: Fault, to: str | None = None, on: Request = "create") -> None:
        """Let a fault strike every request that no queued one strikes, until `clear`."""
        self._check_fault(fault, to, on)
        self._plan.stand(on, to, fault)

    def clear(self) -> None:
        """Forget faults and fates; messages and opt-outs stay."""
        self._plan.clear()
        self._ledger.forget_fates()

    def fate(self, number: str, status: FateStatus = "delivered", error_code: int | None = None) -> None:
        """How messages to a number end; "queued", "sending" and "sent" hold them there."""
        self._ledger.fate(number, Fate(status, error_code), self._now())

    def receive(self, from_: str, body: str, to: str | None = None, num_media: int = 0) -> Sms:
        """A patient writes; unless told to the number that wrote to them last, else to the account's first."""
        first = self._own[0] if self._own else numbers.DEFAULT_SENDER
        own = self._ledger.last_sender(from_) or first
        inbound = Sms(
            sid=new_sid("MM" if num_media else "SM"),
            to=to or own,
            from_=from_,
            body=body,
            created=self._now(),
            pace=self.settings.pace,
            direction="inbound",
            num_media=num_media,
        )
        return self._ledger.enter(inbound)

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Call a listener at each named point, in the thread of the connection, before it goes on."""
        self._listeners.append(listener)

    # One connection

    def _serve(self, wire: Wire) -> None:
        if self._tls is not None:
            wire.start_tls(self._tls)
        self._tell(Event("connected"))
        while self._serve_one(wire):
            pass

    def _serve_one(self, wire: Wire) -> bool:
        start = wire.peek(256)
        if not start:
            return False
        self._tell(Event("before reading", start.partition(b" ")[0].decode("latin-1")))
        if fault := self._early_fault(start):
            _sever(wire, fault, "before reading")
        try:
            request = read_request(wire)
        except (TooLong, ValueError):
            wire.send(b"".join(head_and_body(HttpReply(400), self._now())))
            return False
        if request.path.startswith(control.PREFIX):
            self._send(wire, control.answer(request, self, self.mail))
        else:
            self._exchange(wire, request)
        return request.keep_alive

    def _early_fault(self, start: bytes) -> Fault | None:
        line = start.partition(b"\r\n")[0].split(b" ")
        if len(line) < 2 or control.PREFIX.encode() in line[1]:  # noqa: PLR2004  method and address
            return None
        if line[0] == b"GET":
            return self._plan.take("read", only=_is_early)
        creates = line[0] == b"POST" and line[1].endswith(b"/Messages.json")
        return self._plan.take("create", only=_is_early) if creates else None

    def _exchange(self, wire: Wire, request: HttpRequest) -> None:
        fault, to = self._fault_for(request)
        self._tell(Event("after reading", request.method, to))
        _sever(wire, fault, "before reading", "after reading")
        if isinstance(fault, Delay) and not fault.accepted:
            self._stopping.wait(fault.seconds)
        reply = self._answered(request, fault, to)
        _sever(wire, fault, "after accepting")
        if isinstance(fault, BlackHole):
            wire.wait_until_gone()
            raise HungUp
        if isinstance(fault, Delay) and fault.accepted:
            self._stopping.wait(fault.seconds)
        self._tell(Event("before reply", request.method, to))
        self._send(wire, reply, fault)
        self._tell(Event("after reply", request.method, to))

    def _fault_for(self, request: HttpRequest) -> tuple[Fault | None, str | None]:
        if self._api.is_create(request):
            to = request.form.get("To")
            return self._plan.take("create", to), to
        return (self._plan.take("read") if request.method == "GET" else None), None

    def _answered(self, request: HttpRequest, fault: Fault | None, to: str | None) -> HttpReply:
        if not accepts(fault):
            return distorted(fault, request, HttpReply(200))
        good = self._api.answer(request)
        if good.status == 201:  # noqa: PLR2004  created: the message counts
            self._tell(Event("after accepting", request.method, to))
        return distorted(fault, request, good)

    def _send(self, wire: Wire, reply: HttpReply, fault: Fault | None = None) -> None:
        head, body = head_and_body(reply, self._now())
        match fault:
            case Close("mid headers") | Reset("mid headers"):
                wire.send(head[: len(head) // 2])
                _sever(wire, fault, "mid headers")
            case Close("mid reply") | Reset("mid reply"):
                wire.send(head + body[: len(body) // 2])
                _sever(wire, fault, "mid reply")
            case Trickle(pause):
                for byte in head + body:
                    wire.send(bytes([byte]))
                    if self._stopping.wait(pause):
                        raise HungUp
            case _:
                wire.send(head + body)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    def _check_fault(self, fault: Fault, to: str | None, on: Request) -> None:
        if _is_early(fault) and to is not None:
            raise ValueError("before reading, nobody knows the recipient")
        if on == "read" and to is not None:
            raise ValueError("a fault on reading has no recipient")


def _is_early(fault: Fault) -> bool:
    return isinstance(fault, Close | Reset) and fault.when == "before reading"


def _sever(wire: Wire, fault: Fault | None, *moments: Moment) -> None:
    """Break the line if the fault says so at one of these moments."""
    match fault:
        case Close(when) if when in moments:
            raise HungUp
        case Reset(when) if when in moments:
            wire.reset()
            raise HungUp
