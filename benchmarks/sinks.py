"""What a drain sends to: a Twilio-compatible HTTP sink and an SMTP sink, both in one process of their own.

They do as little as a provider can: count, answer, and tell what they counted (`GET /_stats`; `XSTATS` by SMTP).
The product's own sandbox knows far more, and would be what is measured. Loopback only.

    python benchmarks/sinks.py [--latency-ms N] [--http-port P] [--smtp-port P]   (prints both ports, then serves)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

_ANSWER = (
    '{{"sid": "SM{number:032x}", "to": {to}, "from": "+15005550006", "body": {body}, "status": "queued", '
    '"direction": "outbound-api", "error_code": null, "error_message": null, "num_media": "0", '
    '"num_segments": "1", "price": null, "price_unit": "USD", "api_version": "2010-04-01", '
    '"account_sid": "AC00000000000000000000000000000000", "messaging_service_sid": null, "date_sent": null, '
    '"date_created": "Sun, 22 Nov 2026 07:00:00 +0000", "date_updated": "Sun, 22 Nov 2026 07:00:00 +0000", '
    '"uri": "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/SM{number:032x}.json", '
    '"subresource_uris": {{}}}}'
)


class Counts:
    """What came in: how many, and how many of them were seen before (the same number and words, or Message-ID)."""

    def __init__(self) -> None:
        self.accepted = 0
        self.seen: set[int] = set()

    def count(self, what: bytes) -> int:
        self.accepted += 1
        self.seen.add(hash(what))
        return self.accepted

    def told(self) -> bytes:
        return json.dumps({"accepted": self.accepted, "twice": self.accepted - len(self.seen)}).encode()


class Protocol(asyncio.Protocol):
    """One connection: what has come and is not yet answered, and where answers go."""

    def __init__(self, counts: Counts, latency: float) -> None:
        self.counts, self.latency = counts, latency
        self.waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def answer(self, words: bytes) -> None:
        """After the latency, if there is one."""
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self._write, words)
        else:
            self._write(words)

    def _write(self, words: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(words)


class HttpSink(Protocol):
    """Takes every text that is posted to it."""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = self.waiting[:end].decode("latin-1")
            behind = end + 4 + _length(head)
            if len(self.waiting) < behind:
                return
            body, self.waiting = self.waiting[end + 4 : behind], self.waiting[behind:]
            self._handle(head, body)

    def _handle(self, head: str, body: bytes) -> None:
        if not head.startswith("POST /2010-04-01/"):
            self._write(_response("200 OK", self.counts.told()))
            return
        form = parse_qs(body.decode())
        to, words = form["To"][0], form["Body"][0]
        number = self.counts.count(f"{to} {words}".encode())
        said = _ANSWER.format(number=number, to=json.dumps(to), body=json.dumps(words))
        self.answer(_response("201 CREATED", said.encode()))


def _length(head: str) -> int:
    fields = (line.partition(":") for line in head.split("\r\n")[1:])
    return next((int(value) for name, _, value in fields if name.lower() == "content-length"), 0)


def _response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class SmtpSink(Protocol):
    """Takes every mail that is handed to it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.in_mail = False
        self._write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while self._took_mail() if self.in_mail else self._took_verb():
            pass

    def _took_mail(self) -> bool:
        mail, dot, behind = self.waiting.partition(b"\r\n.\r\n")
        if not dot:
            return False
        self.waiting, self.in_mail = behind, False
        _, _, rest = mail.partition(b"Message-ID: ")
        number = self.counts.count(rest.partition(b"\r\n")[0])
        self.answer(b"250 2.0.0 taken as %d\r\n" % number)
        return True

    def _took_verb(self) -> bool:
        line, end, behind = self.waiting.partition(b"\r\n")
        if not end:
            return False
        self.waiting = behind
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._write(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250 SMTPUTF8\r\n")
        elif verb == b"DATA":
            self.in_mail = True
            self._write(b"354 go on\r\n")
        elif verb == b"XSTA":
            self._write(b"250 " + self.counts.told() + b"\r\n")
        elif verb == b"QUIT":
            self._write(b"221 bye\r\n")
            self.transport.close()
        else:
            self._write(b"250 2.1.0 ok\r\n")
        return True


async def _serve(options: argparse.Namespace) -> None:
    loop, latency = asyncio.get_running_loop(), options.latency_ms / 1000
    texts, mails = Counts(), Counts()
    http = await loop.create_server(lambda: HttpSink(texts, latency), "127.0.0.1", options.http_port, backlog=1024)
    smtp = await loop.create_server(lambda: SmtpSink(mails, latency), "127.0.0.1", options.smtp_port, backlog=1024)
    ports = {name: server.sockets[0].getsockname()[1] for name, server in (("http", http), ("smtp", smtp))}
    print(json.dumps(ports), flush=True)
    await asyncio.gather(http.serve_forever(), smtp.serve_forever())


@dataclass(frozen=True)
class Sinks:
    """Two running sinks, on their ports."""

    http_port: int
    smtp_port: int

    def counted(self, channel: str) -> dict[str, int] | None:
        """What the sink of a channel took; None if it is another's and cannot be asked."""
        return _ask_http(self.http_port) if channel == "sms" else _ask_smtp(self.smtp_port)


def _ask_http(port: int) -> dict[str, int] | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stats", timeout=10) as answer:
            return _figures(json.load(answer))
    except (urllib.error.URLError, ValueError):
        return None


def _ask_smtp(port: int) -> dict[str, int] | None:
    try:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=10) as asked:
            return _figures(json.loads(asked.docmd("XSTATS")[1]))
    except (OSError, smtplib.SMTPException, ValueError):
        return None


def _figures(told: dict[str, int]) -> dict[str, int]:
    """Ours, or those of a sink that counts `n` and `dups`."""
    return {
        "accepted": told.get("accepted", told.get("n", 0)),
        "twice": told.get("twice", told.get("dups", 0)),
    }


@contextmanager
def running_sinks(latency_ms: float = 0) -> Iterator[Sinks]:
    """Sinks in a process of their own, on free ports."""
    command = [sys.executable, str(Path(__file__)), "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            ports = json.loads(process.stdout.readline())  # type: ignore[union-attr]  # it is a pipe
            yield Sinks(ports["http"], ports["smtp"])
        finally:
            process.terminate()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--smtp-port", type=int, default=0)
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
