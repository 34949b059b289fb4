"""Texts through Twilio: send one, ask what became of one, prove the credentials."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, urlsplit

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.care.message import Message
from followup.channels.exchange import Exchange
from followup.channels.twilio_codes import ACCEPTED_SID, BAD_ADDRESS, STATUSES
from followup.channels.wire import is_loopback, verified_tls
from followup.errors import ConfigError, DeliveryError, Fault, SenderBlocked, Unavailable, Uncertain

if TYPE_CHECKING:
    from twilio.rest import Client

    from followup.channels import StillTrue

_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_NOT_KNOWN = "20404"
_REDACTED = "XXXX"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """Where texts are handed in, and as whom.

    `auth_token` is the account's, or the secret of `api_key` if one is given. At least one of `sender_number`
    (E.164) and `messaging_service` is needed. `base_url` is https at twilio.com, or plain http on this machine.
    Raises ConfigError with every fault at once.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    sender_number: str | None = None
    messaging_service: str | None = None
    base_url: str = "https://api.twilio.com"
    api_key: str | None = None

    def __post_init__(self) -> None:
        checks = (
            (_ACCOUNT.fullmatch(self.account_sid), "account_sid", "AC and 32 hexadecimal digits are needed"),
            (self.auth_token, "auth_token", "it is empty"),
            (
                self.sender_number or self.messaging_service,
                "sender_number",
                "it or messaging_service is needed",
            ),
            (
                not self.messaging_service or _SERVICE.fullmatch(self.messaging_service),
                "messaging_service",
                "MG and 32 hexadecimal digits are needed",
            ),
            (
                _is_allowed(self.base_url),
                "base_url",
                "https://….twilio.com is needed, or http:// on this machine (127.0.0.1, ::1, localhost)",
            ),
        )
        if faults := [Fault(where, what) for right, where, what in checks if not right]:
            raise ConfigError(faults)


def _is_allowed(base_url: str) -> bool:
    """Nobody can point us, with a patient's number in hand, at a host that is neither Twilio nor this machine."""
    try:
        url = urlsplit(base_url)
        _ = url.port
    except ValueError:
        return False
    if url.username or url.password or url.path not in {"", "/"} or url.query or url.fragment:
        return False
    host = url.hostname or ""
    if url.scheme == "https":
        return bool(re.fullmatch(r"(?:[a-z0-9-]+\.)+twilio\.com", host))
    return url.scheme == "http" and is_loopback(host)


class TwilioSms:
    """A Channel and a Ledger; safe between threads. Twilio's own package is imported when it is first used."""

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        url = urlsplit(account.base_url)
        self.on_loopback = is_loopback(url.hostname or "")
        self._exchange = _exchange_with(url)

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        """Hand one text to Twilio, with the time it may wait there; see `Channel.send`."""
        from followup.channels.twilio_http import asking  # noqa: PLC0415  0.1 s, only for who sends

        with asking(still_true):
            sid, to = _read(lambda: self._create(message))
        if not ACCEPTED_SID.fullmatch(sid) or not _is_ours(to, message.to):
            raise Uncertain("the answer does not name this message")
        return Receipt(sid, Status.ACCEPTED)

    def receipt(self, provider_id: str) -> Receipt:
        """What became of one text; `code` is Twilio's error code. Raises Unavailable or SenderBlocked."""
        if not ACCEPTED_SID.fullmatch(provider_id):
            raise Unavailable("this is no id of the provider's")
        try:
            shown = _read(lambda: self._client.api.v2010.account.messages(provider_id).fetch())
        except DeliveryError as error:
            raise _as_question(error) from None
        status = STATUSES.get(str(shown.status))
        if shown.sid != provider_id or status is None:
            raise Unavailable("the answer tells nothing of this message")
        is_bad = status is Status.UNDELIVERED and shown.error_code in BAD_ADDRESS
        return Receipt(provider_id, status, str(shown.error_code or ""), bad_address=is_bad)

    def check(self) -> None:
        """Prove address, certificate and credentials.

        A standard API key may not see the account (https://www.twilio.com/docs/iam/api-keys/keys-in-console), and
        proves itself on the messages.
        """
        try:
            if self._account.api_key:
                _read(lambda: self._client.api.v2010.account.messages.list(limit=1, page_size=1))
                return
            shown = _read(lambda: self._client.api.v2010.accounts(self._account.account_sid).fetch())
        except DeliveryError as error:
            raise _as_question(error, unknown=SenderBlocked) from None
        if shown.sid != self._account.account_sid or str(shown.status) != "active":
            raise SenderBlocked("the account is not active")

    def close(self) -> None:
        self._exchange.close()

    @cached_property
    def _client(self) -> Client:
        from followup.channels.twilio_http import sdk  # noqa: PLC0415  0.1 s, only for who sends

        account = self._account
        username = account.api_key or account.account_sid
        return sdk(username, account.auth_token, account.account_sid, account.base_url, self._exchange)

    def _create(self, message: Message) -> tuple[str, str]:
        account = self._account
        sender = {"from_": account.sender_number, "messaging_service_sid": account.messaging_service}
        made = self._client.api.v2010.account.messages.create(
            to=message.to,
            body=message.text.plain,
            # The recorded body must be the one in the ledger: doubt is settled by comparing them.
            smart_encoded=False,
            shorten_urls=False,
            **{name: value for name, value in sender.items() if value},
        )
        return str(made.sid), str(made.to)


def _exchange_with(url: SplitResult) -> Exchange:
    host = url.hostname or ""
    if url.scheme == "https":
        return Exchange(host, url.port or 443, verified_tls())
    return Exchange(host, url.port or 80, None)


def _read(ask: Callable[[], T]) -> T:
    """An answer that the SDK cannot read was heard after we spoke."""
    try:
        return ask()
    except DeliveryError:
        raise
    except Exception as error:  # noqa: BLE001  JSONDecodeError, AttributeError, TypeError, RecursionError, …
        raise Uncertain(f"the answer cannot be read: {type(error).__name__}") from None


def _is_ours(shown: str, to: str) -> bool:
    """Twilio's message redaction hides the last four digits."""
    return shown in {to, to[: -len(_REDACTED)] + _REDACTED}


def _as_question(error: DeliveryError, unknown: type[DeliveryError] = Unavailable) -> DeliveryError:
    """A question that failed leaves nothing in doubt: it can be asked again.

    A message that is not known says nothing of the account; an account that is not known, all.
    """
    if error.code in {_NOT_KNOWN, "404"}:
        return unknown("the provider does not know it", error.code)
    if isinstance(error, SenderBlocked | Unavailable):
        return error
    return Unavailable(error.reason, error.code)
