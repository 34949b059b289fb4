"""A threaded server on 127.0.0.1: one thread a connection, all of them ended when it stops."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from followup.sandbox.wire import Wire

HOST = "127.0.0.1"


class LoopbackServer(ABC):
    """What each stand-in serves with: its own thread for each connection. Start it with `with`.

    `port` is chosen at once, so it can be told before. Raises `OSError` if it is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self._stopping = threading.Event()
        self._server = _Server(self._serve, port)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"sandbox-{self.port}",
            daemon=True,
        )

    @abstractmethod
    def _serve(self, wire: Wire) -> None:
        """One connection, from its beginning to its end."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, cut every connection and wait for its thread; what was kept can still be asked for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.end_all()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True  # a test takes the provider down and up again on the same port
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, serve: Callable[[Wire], None], port: int) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Wire] = {}
        super().__init__((HOST, port), socketserver.BaseRequestHandler)

    def process_request_thread(self, request: object, client_address: object) -> None:
        del client_address
        if not isinstance(request, socket.socket):
            raise TypeError
        wire = Wire(request)
        with self._lock:
            self._open[threading.current_thread()] = wire
        try:
            self._talk(wire)
        finally:
            wire.close()
            with self._lock:
                del self._open[threading.current_thread()]

    def _talk(self, wire: Wire) -> None:
        # A client that goes away, times out or refuses our certificate is what these servers are for.
        with contextlib.suppress(OSError):
            self._serve(wire)

    def end_all(self) -> None:
        with self._lock:
            still_open = dict(self._open)
        for wire in still_open.values():
            wire.cut()
        for thread in still_open:
            if thread is not threading.current_thread():
                thread.join(timeout=5)
