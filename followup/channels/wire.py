"""One connection to a provider, as both channels use it: one deadline, verified TLS, and whether we have spoken.

The deadline is the world's, not the product's: this file reads the machine's monotonic clock itself, since a demo
or a test on a simulated clock must still be saved from a provider that never answers.
"""

from __future__ import annotations

import io
import ipaddress
import select
import socket
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from followup.errors import ConfigError, Fault, SenderBlocked, Unavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_BYTES = 2 * 1024 * 1024
"""No provider's answers to one attempt are longer; a line that never ends would otherwise fill the memory."""

LONGEST_IDLE = timedelta(seconds=3)
"""A connection idle for longer is closed before use, so that a dead one is not taken for doubt."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1 or localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def verified_tls(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name verified; `ca_file` replaces the machine's own authorities.

    Raises OSError (of which ssl.SSLError is one) if `ca_file` cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_for(security: str, ca_file: Path | None) -> ssl.SSLContext | None:
    """What "tls" and "starttls" are verified by; None for "plain". Raises ConfigError."""
    try:
        return None if security == "plain" else verified_tls(ca_file)
    except OSError as error:
        raise ConfigError([Fault("ca_file", f"it holds no certificate: {type(error).__name__}")]) from None


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment at which an attempt is given up, whatever it is waiting for."""

    at: float

    @classmethod
    def after(cls, span: timedelta) -> Self:
        return cls(monotonic() + span.total_seconds())

    def left(self) -> float:
        """Seconds, more than zero; raises TimeoutError once there are none."""
        left = self.at - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Line:
    """A TCP connection, turned to TLS or not; raises OSError for all that goes wrong on it, TimeoutError included.

    Has what `http.client` and `smtplib` ask of a socket: `sendall`, `makefile` and `close`.
    """

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self.begin(deadline)

    def begin(self, deadline: Deadline) -> None:
        """Start an attempt: its deadline counts, and nothing of it has been written."""
        self._deadline = deadline
        self._readable = MOST_BYTES
        self.has_written = False
        self.has_surplus = False
        """Whether more was read than anybody asked for: what it answers to cannot be known."""

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands; what the other side said in clear before is not read any more."""
        self._socket.settimeout(self._deadline.left())
        self._socket = context.wrap_socket(self._socket, server_hostname=host)

    def sendall(self, data: bytes) -> None:
        """Write everything. From the first try on the other side may have heard, whatever became of the write."""
        unsent = memoryview(data)
        while unsent:
            self._socket.settimeout(self._deadline.left())
            self.has_written = True
            unsent = unsent[self._socket.send(unsent) :]

    def receive_into(self, buffer: WriteableBuffer) -> int:
        """Read what is there; a peer that trickles is measured against the one deadline all the same."""
        self._socket.settimeout(self._deadline.left())
        count = self._socket.recv_into(buffer)
        self._readable -= count
        if self._readable < 0:
            raise OSError("the answer does not end")
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        """A buffered reader, the only mode that is asked for; closing it leaves the connection open."""
        del mode
        return _Buffered(_Reader(self))

    def is_silent(self) -> bool:
        """Whether an idle connection is as it was left: neither hung up nor spoken on."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._socket.close()


def encrypt(line: Line, tls: ssl.SSLContext | None, host: str) -> None:
    """Turn a mail server's line to TLS.

    Raises Unavailable if it breaks off, SenderBlocked if the other side cannot prove itself.
    """
    if tls is None:
        raise SenderBlocked("no encryption is set up")
    try:
        line.start_tls(tls, host)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise Unavailable(f"broken off within the handshake: {type(error).__name__}", of_sender=True) from None
    except (ssl.SSLError, ValueError) as error:
        # A wrong certificate, or no TLS spoken at all: a person must look.
        raise SenderBlocked(f"the encryption cannot be trusted: {type(error).__name__}") from None
    except OSError as error:
        raise Unavailable(f"broken off within the handshake: {type(error).__name__}", of_sender=True) from None


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self.line = line
        self.is_done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return 0 if self.is_done else self.line.receive_into(buffer)


class _Buffered(io.BufferedReader):
    raw: _Reader

    def close(self) -> None:
        if not self.closed:
            self.raw.is_done = True
            self.raw.line.has_surplus |= bool(self.peek(1))
        super().close()


def open_line(host: str, port: int, deadline: Deadline) -> Line:
    """Connect; each of a host's addresses gets its share of the time. Raises OSError."""
    addresses = _addresses(host, port, deadline)
    failure: OSError = OSError("the host has no address")
    for tried, (family, address) in enumerate(addresses):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.left() / (len(addresses) - tried))
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return Line(connection, deadline)
    raise failure


Address = tuple[socket.AddressFamily, Any]
"""A family, and the address in that family's own shape."""


def _addresses(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Look a host up in a thread of its own: the system's resolver knows no deadline."""
    found: list[Address] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, address))
        except OSError as error:
            failure.append(error)
        except UnicodeError:
            failure.append(OSError("the host is no host name"))

    resolver = threading.Thread(target=look_up, daemon=True)
    resolver.start()
    resolver.join(deadline.left())
    deadline.left()
    if failure:
        raise failure[0]
    return list(found)


class Closable(Protocol):
    """What can be kept: a connection that knows whether it is still as it was left."""

    def is_silent(self) -> bool: ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Kept(Generic[C]):
    """Connections between two uses, the last used on top; safe between threads, which end up with one each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: deque[tuple[C, float]] = deque()
        self._closed = False

    def take(self) -> C | None:
        """One that was used within the last three seconds and has not been hung up on."""
        while (latest := self._pop()) is not None:
            if latest.is_silent():
                return latest
            latest.close()
        return None

    def give_back(self, connection: C) -> None:
        """Keep it for the next attempt; after `close` it is closed instead."""
        with self._lock:
            if not self._closed:
                self._idle.append((connection, monotonic()))
                return
        connection.close()

    def close(self) -> None:
        """Close all that are idle; those in use are closed when they come back."""
        with self._lock:
            self._closed = True
            idle = [connection for connection, _ in self._idle]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _pop(self) -> C | None:
        oldest = monotonic() - LONGEST_IDLE.total_seconds()
        with self._lock:
            stale = []
            while self._idle and self._idle[0][1] < oldest:
                stale.append(self._idle.popleft()[0])
            latest = self._idle.pop()[0] if self._idle else None
        for connection in stale:
            connection.close()
        return latest
