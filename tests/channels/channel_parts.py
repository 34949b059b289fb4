"""What the tests of the channels share: messages, channels, and a bare server that says what it is told."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta

from followup.care.message import Message, Text
from followup.care.people import ChannelName
from followup.channels.smtp_email import MailServer, SmtpEmail
from followup.channels.twilio_sms import TwilioAccount, TwilioSms
from followup.errors import DeliveryError
from followup.sandbox.twilio_server import SANDBOX_ACCOUNT, SANDBOX_TOKEN

NUMBER = "+15005550010"
ADDRESS = "canary.patient@example.org"
WORDS = "Canary words, day 2: how bad is your pain from 0 to 10?"
NOW = dt.datetime(2026, 11, 2, 16, 0, tzinfo=UTC)
PRIVATE = (NUMBER, NUMBER[1:], ADDRESS, "canary", "Canary", SANDBOX_TOKEN + "-secret")


def an_hour() -> timedelta:
    """The message stays true for an hour."""
    return timedelta(hours=1)


def a_text(number: str = NUMBER, words: str = WORDS, id_: int = 1) -> Message:
    return Message(id_, 1, ChannelName.SMS, number, Text(words), f"r{id_}.a1")


def a_mail(address: str = ADDRESS, words: str = WORDS, id_: int = 1, subject: str = "A word") -> Message:
    html = f"<p>{words}</p>"
    return Message(id_, 1, ChannelName.EMAIL, address, Text(words, subject, html), f"r{id_}.a1")


def an_account(base_url: str, **changes: str) -> TwilioAccount:
    settings: dict[str, str | None] = {"sender_number": "+15005550006", **changes}
    return TwilioAccount(SANDBOX_ACCOUNT, SANDBOX_TOKEN, base_url=base_url, **settings)


def a_mail_server(port: object, **changes: object) -> MailServer:
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "plain",
        "username": None,
        "password": None,
        "sender_address": "clinic@clinic.example",
        "sender_name": "The Clinic",
        "reply_to": None,
        "unsubscribe_address": "stop@clinic.example",
        **changes,
    }
    return MailServer(**settings)


@contextlib.contextmanager
def texting(base_url: str, **changes: str) -> Iterator[TwilioSms]:
    channel = TwilioSms(an_account(base_url, **changes))
    with contextlib.closing(channel):
        yield channel


@contextlib.contextmanager
def mailing(port: int, **changes: object) -> Iterator[SmtpEmail]:
    channel = SmtpEmail(a_mail_server(port, **changes), lambda: NOW)
    with contextlib.closing(channel):
        yield channel


def outcome(act: Callable[[], object]) -> object:
    """What an act returns, or the DeliveryError it ends with, shown to hold nothing private."""
    try:
        return act()
    except DeliveryError as error:
        shown = f"{error!r} {error} {error.reason} {error.code} " + "".join(traceback.format_exception(error))
        assert not [word for word in PRIVATE if word in shown]
        return error


class Bare:
    """A server that runs `serve(connection)` for each connection in turn, and remembers what it read."""

    def __init__(self, serve: Callable[[socket.socket, Bare], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.heard = b""
        self.connections = 0
        self._serve = serve
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(60)
                self._serve(connection, self)

    def read_request(self, connection: socket.socket) -> None:
        """Read head and body of one HTTP request."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                raise OSError
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.heard += head + b"\r\n\r\n" + body

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def answering(*answers: bytes) -> Callable[[socket.socket, Bare], None]:
    """Serve: to each request of a connection the next of these bytes, then hang up."""

    def serve(connection: socket.socket, server: Bare) -> None:
        for answer in answers:
            server.read_request(connection)
            connection.sendall(answer)

    return serve
