"""A line that breaks at an exact byte: it stands between a client and a stand-in and counts what passes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Literal, Self

from followup.sandbox.loopback import HOST

Way = Literal["request", "response"]

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Cut:
    """Let `after` bytes of one way through, then break the line: with a reset, or as if it had ended."""

    way: Way
    after: int
    reset: bool = False


class CutProxy:
    """Forwards connections to a port on this machine. `cut` strikes the next connection; then lines hold again."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut: Cut | None = None
        self.passed: dict[Way, int] = {"request": 0, "response": 0}
        """Bytes of the latest connection that got through."""
        self._thread = threading.Thread(target=self._run, name="cut-proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        """One connection at a time: what is counted is one attempt's."""
        cut, self.cut = self.cut, None
        self.passed = {"request": 0, "response": 0}
        with client, socket.create_connection((HOST, self._target)) as server:
            for line in (client, server):
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ways: tuple[tuple[Way, socket.socket, socket.socket], ...] = (
                ("request", client, server),
                ("response", server, client),
            )
            pumps = [threading.Thread(target=self._pump, args=(*way, cut), daemon=True) for way in ways]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()

    def _pump(self, way: Way, source: socket.socket, target: socket.socket, cut: Cut | None) -> None:
        with contextlib.suppress(OSError):
            while True:
                left = cut.after - self.passed[way] if cut and cut.way == way else _CHUNK
                if left <= 0:
                    break
                data = source.recv(min(left, _CHUNK))
                if not data:
                    break
                target.sendall(data)
                self.passed[way] += len(data)
        for line in (source, target):
            _break(line, reset=bool(cut and cut.way == way and cut.reset and self.passed[way] >= cut.after))


def _break(line: socket.socket, *, reset: bool) -> None:
    with contextlib.suppress(OSError):
        if reset:
            # The reset goes out when `_serve` closes the line; until then its other pump is only woken.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.shutdown(socket.SHUT_RD)
        else:
            line.shutdown(socket.SHUT_RDWR)
