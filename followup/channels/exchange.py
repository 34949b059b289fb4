"""One connection to a provider, as both channels use it: one deadline, verified TLS, and whether we have spoken.

    connect → ask for the body, which may refuse → write → read

Before the first byte is written a failure is Unavailable, after it Uncertain. Nothing is repeated, no redirect is
followed, no proxy of the environment is used.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NoReturn

from followup.care.message import LONGEST_ATTEMPT
from followup.channels import TellTime
from followup.channels.wire import Deadline, Kept, Line, open_line
from followup.errors import DeliveryError, Unavailable, Uncertain

MOST_BODY = 64 * 1024
"""A message resource has about 1 KiB; a longer answer to a message is not one."""
MOST_LIST = 1024 * 1024
"""A page of 1,000 messages, the largest there is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole: status, header fields (names in lower case), body. The body may hold numbers."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Speaks to one host and to no other; safe between threads.

    `tls` is None only where the host is this machine. `tell_time` is called with the `Date` of each answer.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, tell_time: TellTime = lambda _: None
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._kept: Kept[Line] = Kept()
        self._tell_time = tell_time

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: Callable[[], bytes | None]
    ) -> Answer:
        """Ask once, within `LONGEST_ATTEMPT`. `body` is called once connected; a DeliveryError of it is passed on.

        Raises Unavailable if nothing was written, Uncertain if no whole answer came.
        """
        line = self._connected(Deadline.after(LONGEST_ATTEMPT))
        content = self._content(line, body)
        try:
            return self._exchange(line, method, target, headers, content)
        except Exception as error:  # noqa: BLE001  whatever it was, bytes may be out: it must end as doubt
            line.close()
            _fail(line, error)

    def close(self) -> None:
        self._kept.close()

    def _connected(self, deadline: Deadline) -> Line:
        if line := self._kept.take():
            line.begin(deadline)
            return line
        try:
            line = open_line(self._host, self._port, deadline)
        except OSError as error:
            raise Unavailable(f"no connection: {type(error).__name__}", of_sender=True) from None
        try:
            if self._tls:
                line.start_tls(self._tls, self._host)
        except (OSError, ValueError) as error:
            line.close()
            raise Unavailable(f"no encryption: {type(error).__name__}", of_sender=True) from None
        return line

    def _content(self, line: Line, body: Callable[[], bytes | None]) -> bytes | None:
        try:
            return body()
        except DeliveryError:
            self._kept.give_back(line)
            raise
        except Exception as error:  # noqa: BLE001  whatever hindered the last question, nothing was written
            line.close()
            raise Unavailable(f"the last question failed: {type(error).__name__}") from None

    def _exchange(
        self, line: Line, method: str, target: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        connection, written = self._connection(), _Gathered()
        connection.auto_open = 0
        connection.sock = written
        connection.request(method, target, content, dict(headers))
        line.sendall(bytes(written))  # head and body in one: each write lets the other threads go first
        # Not getresponse(): it would close the line after its own judgement of when the answer ends.
        response = http.client.HTTPResponse(line, method=method)  # type: ignore[arg-type]  # it only calls makefile
        response.begin()
        answer = Answer(response.status, _fields(response), _whole_body(response, _most(method)))
        self._note_time(answer)
        self._finish(line, reusable=not (response.will_close or line.has_surplus))
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port)

    def _note_time(self, answer: Answer) -> None:
        try:
            told = parsedate_to_datetime(answer.headers.get("date", ""))
        except (TypeError, ValueError):
            return
        if told.tzinfo is not None:
            self._tell_time(told.astimezone(UTC))

    def _finish(self, line: Line, *, reusable: bool) -> None:
        if reusable:
            self._kept.give_back(line)
        else:
            line.close()


class _Gathered(bytearray):
    """What `http.client` takes for a socket: all that is written, in one piece."""

    def sendall(self, data: bytes) -> None:
        self.extend(data)

    def close(self) -> None:
        """There is nothing to close."""


def _fields(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _most(method: str) -> int:
    return MOST_LIST if method == "GET" else MOST_BODY


def _whole_body(response: http.client.HTTPResponse, most: int) -> bytes:
    # An answer that does not tell its length may have been cut, in its header fields even, and nobody would know.
    if response.length is None and not response.chunked:
        raise ValueError("of unknown length")
    body = b""
    while part := response.read(most + 1 - len(body)):
        body += part
        if len(body) > most:
            raise ValueError("too long")
    # http.client takes a body that ends before its announced length for whole if it is read in parts.
    if response.length:
        raise http.client.IncompleteRead(b"")
    return body


def _fail(line: Line, error: Exception) -> NoReturn:
    kind = type(error).__name__
    if line.has_written:
        raise Uncertain(f"no valid answer: {kind}") from None
    raise Unavailable(f"nothing was written: {kind}") from None
