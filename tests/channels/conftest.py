"""Real providers on this machine: the sandbox's, and bare servers."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from channel_parts import Bare, mailing, texting

from followup.channels.smtp_email import SmtpEmail
from followup.channels.twilio_sms import TwilioSms
from followup.sandbox.smtp_server import SmtpSandbox
from followup.sandbox.twilio_server import TwilioSandbox


@pytest.fixture
def twilio() -> Iterator[TwilioSandbox]:
    with TwilioSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sms(twilio: TwilioSandbox) -> Iterator[TwilioSms]:
    with texting(twilio.base_url) as channel:
        yield channel


@pytest.fixture
def post() -> Iterator[SmtpSandbox]:
    with SmtpSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def email(post: SmtpSandbox) -> Iterator[SmtpEmail]:
    with mailing(post.port) as channel:
        yield channel


@pytest.fixture
def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def bare() -> Iterator[Callable[[Callable[[socket.socket, Bare], None]], Bare]]:
    """Makes bare servers and ends them."""
    with contextlib.ExitStack() as stack:

        def make(serve: Callable[[socket.socket, Bare], None]) -> Bare:
            server = Bare(serve)
            stack.callback(server.close)
            return server

        yield make
