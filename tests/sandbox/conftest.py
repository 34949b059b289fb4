"""The stand-ins, a clock that only the test moves, and the official client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from followup.sandbox import SmtpSandbox, TwilioSandbox


@dataclass
class Clock:
    """Stands still until a test moves it."""

    moment: datetime = datetime(2026, 11, 1, 18, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twilio(clock: Clock) -> Iterator[TwilioSandbox]:
    with TwilioSandbox(now=clock) as sandbox:
        yield sandbox


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Makes official clients of a stand-in; `Any`, since the SDK's own types deny what it returns."""
    with ExitStack() as stack:

        def connect(sandbox: TwilioSandbox, token: str | None = None) -> Any:
            http: Any = TwilioHttpClient(timeout=10)
            stack.callback(http.session.close)
            official: Any = Client(sandbox.account_sid, token or sandbox.auth_token, http_client=http)  # type: ignore[no-untyped-call]  # untyped in the SDK
            official.api.base_url = sandbox.base_url
            return official

        yield connect


@pytest.fixture
def client(twilio: TwilioSandbox, connect: Callable[..., Any]) -> Any:
    return connect(twilio)


@pytest.fixture
def mail(clock: Clock) -> Iterator[SmtpSandbox]:
    with SmtpSandbox(now=clock) as sandbox:
        yield sandbox
