"""One connection as both stand-ins use it: read lines and blocks, hang up politely or rudely, turn to TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct

_CHUNK = 65536


class HungUp(ConnectionError):  # noqa: N818  for these servers it is an event, not an error
    """The other side is gone, or we have cut the line ourselves."""


class TooLong(ValueError):  # noqa: N818  the client's error, not ours
    """The other side sent more than a line or a message may hold."""


class Wire:
    """A TCP connection with its own read buffer, since `peek` and STARTTLS must see what was left unread."""

    def __init__(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it may be gone already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._buffer = bytearray()

    @property
    def is_tls(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands as the server; what was sent in clear before it is thrown away, as RFC 3207 demands."""
        self._buffer.clear()
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def peek(self, size: int) -> bytes:
        """Wait for the next bytes and look at them without taking them off the line; b"" when it is closed.

        Over TLS they must be taken off to be seen, and wait in the buffer.
        """
        if not self._buffer and not self.is_tls:
            return self._socket.recv(size, socket.MSG_PEEK)
        if not self._buffer:
            self._buffer += self._socket.recv(_CHUNK)
        return bytes(self._buffer[:size])

    def until(self, mark: bytes, limit: int) -> bytes:
        """Everything up to and including a mark; at most `limit` bytes."""
        searched = 0
        while (found := self._buffer.find(mark, searched)) < 0:
            if len(self._buffer) > limit:
                raise TooLong
            searched = max(0, len(self._buffer) - len(mark) + 1)
            self._fill()
        return self._take(found + len(mark))

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def wait_until_gone(self) -> None:
        """Read and forget until the other side hangs up or `cut` is called."""
        while self._socket.recv(_CHUNK):
            pass

    def cut(self) -> None:
        """End the connection from any thread; whoever waits on it wakes up."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def reset(self) -> None:
        """Send RST instead of FIN, as a crashed host or an angry middlebox does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> None:
        data = self._socket.recv(_CHUNK)
        if not data:
            raise HungUp
        self._buffer += data

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data
