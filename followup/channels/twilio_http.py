"""The official SDK over our own exchange: `sdk()` is the only door to the package, which takes 0.1 s to import."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from followup.channels.exchange import Exchange
from followup.channels.twilio_codes import error_for
from followup.errors import Unavailable

if TYPE_CHECKING:
    from followup.channels import StillTrue

LONGEST_VALIDITY = 36_000
SHORTEST_VALIDITY = 60
"""Seconds; Twilio's limit, and ours, https://www.twilio.com/docs/api/errors/90007 and 30036."""

_still_true: ContextVar[StillTrue | None] = ContextVar("still_true", default=None)


@contextmanager
def asking(still_true: StillTrue) -> Iterator[None]:
    """Within this block, `still_true` is asked between connecting and the first byte of a request."""
    token = _still_true.set(still_true)
    try:
        yield
    finally:
        _still_true.reset(token)


class PhasedHttpClient(HttpClient):
    """The SDK's hook for a transport of one's own: it raises our errors and hands back only answers of 2xx."""

    def __init__(self, exchange: Exchange) -> None:
        # The SDK's own client would write numbers to this logger at INFO; ours writes nothing.
        logger = logging.getLogger("twilio.http_client")
        logger.disabled = True
        super().__init__(logger, is_async=False)
        self._exchange = exchange

    def request(  # noqa: PLR0913, PLR0917  the SDK's signature
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: FBT001, FBT002  the SDK's signature
    ) -> Response:
        """Exchange once. Of `uri` only path and query count: the host is the one of the settings."""
        del timeout, allow_redirects  # one deadline for all, and no redirect, whatever is asked
        answer = self._exchange.request(
            method.upper(), _target(uri, params), {**(headers or {}), **_basic(auth)}, _form(data)
        )
        if error := error_for(answer):
            raise error
        return Response(answer.status, answer.body.decode(), answer.headers)


def sdk(username: str, password: str, account_sid: str, base_url: str, exchange: Exchange) -> Client:
    """The SDK's client on an exchange."""
    # With an empty environment the SDK would look into the machine's, where an edge or region would bend the host.
    environment = {"TWILIO_EDGE": "", "TWILIO_REGION": ""}
    client = Client(  # type: ignore[no-untyped-call]  # the SDK leaves its constructor untyped
        username, password, account_sid, http_client=PhasedHttpClient(exchange), environment=environment
    )
    client.api.base_url = base_url
    return client


def _target(uri: str, params: dict[str, object] | None) -> str:
    parts = urlsplit(uri)
    asked = urlencode(params, doseq=True) if params else ""
    query = "&".join(part for part in (parts.query, asked) if part)
    return f"{parts.path}?{query}" if query else parts.path


def _basic(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()}


def _form(data: dict[str, object] | None) -> Callable[[], bytes | None]:
    """The body, made when the connection stands: only then is it known how long the message may be queued."""
    still_true = _still_true.get()

    def body() -> bytes | None:
        last_word = {} if still_true is None else {"ValidityPeriod": _validity(still_true())}
        form = {**(data or {}), **last_word}
        return urlencode(form, doseq=True).encode() if form else None

    return body


def _validity(left: timedelta) -> int:
    """Seconds the provider may keep it queued, so that it cannot be late there either."""
    seconds = int(left.total_seconds())
    if seconds < SHORTEST_VALIDITY:
        raise Unavailable("no longer true once connected")
    return min(seconds, LONGEST_VALIDITY)
