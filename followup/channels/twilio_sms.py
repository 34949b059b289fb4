"""Texts through Twilio: send one, ask what became of one, prove the credentials."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, urlsplit

from followup.care.arrival import Arrival
from followup.care.attempt import Listed, Receipt
from followup.care.delivery import Status
from followup.care.message import Message
from followup.care.people import ChannelName
from followup.channels import TellTime
from followup.channels.exchange import Exchange
from followup.channels.twilio_codes import ACCEPTED_SID, STATUSES, receipt_for
from followup.channels.wire import is_loopback, verified_tls
from followup.errors import ConfigError, DeliveryError, Fault, SenderBlocked, Unavailable, Uncertain

if TYPE_CHECKING:
    from twilio.rest.api.v2010.account.message import MessageInstance, MessageList

    from followup.channels import StillTrue

_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_NOT_KNOWN = "20404"
_REDACTED = "XXXX"

PAGE = 200
MOST_LISTED = 20_000
"""Messages on one page, and in one list: a page stays far below what an answer may be long."""

MOST_ARRIVED = 200_000
"""Texts that may have come in since the last look: the newest are listed first, and none may be lost."""

LONGEST_QUEUED = timedelta(hours=10)
"""Twilio gives up what it could not send by then (https://www.twilio.com/docs/api/errors/30001)."""

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
    """A Channel and a Ledger; safe between threads."""

    def __init__(self, account: TwilioAccount, tell_time: TellTime = lambda _: None) -> None:
        self._account = account
        url = urlsplit(account.base_url)
        self.on_loopback = is_loopback(url.hostname or "")
        self._exchange = _exchange_with(url, tell_time)
        from followup.channels.twilio_http import sdk  # noqa: PLC0415  0.1 s, only for who sends

        username = account.api_key or account.account_sid
        self._client = sdk(username, account.auth_token, account.account_sid, account.base_url, self._exchange)

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        """Hand one text to Twilio, with the time it may wait there; see `Channel.send`."""
        from followup.channels.twilio_http import asking  # noqa: PLC0415  see above

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
        return receipt_for(provider_id, status, shown.error_code)

    def sent_to(self, address: str, since: datetime) -> tuple[Listed, ...]:
        """What Twilio lists of one number. See `Ledger`.

        Asked by number only: its filter for dates knows days, and has none for what still waits in its queue.
        """
        return self._listed(lambda: self._messages.stream(to=address, limit=MOST_LISTED, page_size=PAGE), since)

    def sent_on(self, day: date) -> tuple[Listed, ...]:
        """What Twilio lists of one day; what it made that day and sent on the next counts too. See `Ledger`."""
        start = datetime.combine(day, time.min, UTC)
        end = start + timedelta(days=1)
        since, before = start - timedelta(hours=1), end + LONGEST_QUEUED
        found = self._listed(
            lambda: self._messages.stream(
                date_sent_after=since, date_sent_before=before, limit=MOST_LISTED, page_size=PAGE
            ),
            start,
        )
        return tuple(one for one in found if one.made_at < end)

    def arrived(self, since: datetime) -> tuple[Arrival, ...]:
        """What was texted to our number, or to the Messaging Service's. See `Inbox`."""
        ours = {} if self._account.messaging_service else {"to": self._account.sender_number}
        try:
            found = _read(lambda: list(_newest(self._stream(since, **ours), since)))
        except DeliveryError as error:
            raise _as_question(error) from None
        if len(found) >= MOST_ARRIVED:
            raise Unavailable("more has come in than can be listed at once")
        arrivals = [_as_arrival(one, since) for one in found if one.sid and self._came_to_us(one)]
        return tuple(sorted(arrivals, key=_written_at))

    def _stream(self, since: datetime, **ends: str | None) -> Iterable[MessageInstance]:
        return self._messages.stream(date_sent_after=since, limit=MOST_ARRIVED, page_size=PAGE, **ends)

    def _came_to_us(self, shown: MessageInstance) -> bool:
        """Another product may have numbers of its own at the same account."""
        if str(shown.direction) != "inbound":
            return False
        account = self._account
        by_service = shown.messaging_service_sid in {None, account.messaging_service}
        return by_service if account.messaging_service else shown.to == account.sender_number

    def sent_between(self, start: datetime, end: datetime, most: int) -> tuple[Listed, ...]:
        """What Twilio lists of a stretch of time, by when it sent each. See `Ledger`."""
        number = None if self._account.messaging_service else self._account.sender_number
        stretch = {"date_sent_after": start, "date_sent_before": end, **({"from_": number} if number else {})}
        try:
            found = _read(lambda: list(self._messages.stream(**stretch, limit=most, page_size=PAGE)))
        except DeliveryError as error:
            raise _as_question(error) from None
        return tuple(_seen(one for one in found if self._is_ours(one)))

    def ask_time(self) -> None:
        """By a question that changes nothing. See `Ledger`."""
        self.check()

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

    @property
    def _messages(self) -> MessageList:
        return self._client.api.v2010.account.messages

    def _listed(self, ask: Callable[[], Iterable[MessageInstance]], since: datetime) -> tuple[Listed, ...]:
        try:
            found = _read(lambda: list(ask()))
        except DeliveryError as error:
            raise _as_question(error) from None
        if len(found) >= MOST_LISTED:
            raise Unavailable("the provider's list is too long")
        ours = [_as_listed(one) for one in found if self._is_ours(one)]
        return tuple(sorted((one for one in ours if one.made_at >= since), key=lambda one: one.made_at))

    def _is_ours(self, shown: MessageInstance) -> bool:
        """Sent by us; while it waits in a Messaging Service it may have no sender's number yet."""
        if not str(shown.direction).startswith("outbound"):
            return False
        account = self._account
        by_service = account.messaging_service and shown.messaging_service_sid == account.messaging_service
        return bool(by_service) or shown.from_ in {None, account.sender_number}

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


def _exchange_with(url: SplitResult, tell_time: TellTime) -> Exchange:
    host = url.hostname or ""
    if url.scheme == "https":
        return Exchange(host, url.port or 443, verified_tls(), tell_time)
    return Exchange(host, url.port or 80, None, tell_time)


def _read(ask: Callable[[], T]) -> T:
    """An answer that the SDK cannot read was heard after we spoke."""
    try:
        return ask()
    except DeliveryError:
        raise
    except Exception as error:  # noqa: BLE001  JSONDecodeError, AttributeError, TypeError, RecursionError, …
        raise Uncertain(f"the answer cannot be read: {type(error).__name__}") from None


def _seen(found: Iterable[MessageInstance]) -> Iterator[Listed]:
    """Those that show what they should: one that hides it is asked for by itself."""
    for one in found:
        with contextlib.suppress(Unavailable):
            yield _as_listed(one)


def _as_listed(shown: MessageInstance) -> Listed:
    """Raises Unavailable for one whose number or words are hidden: it could neither be found nor ruled out."""
    to, body, made_at = str(shown.to), str(shown.body or ""), shown.date_created
    status = STATUSES.get(str(shown.status))
    if to.endswith(_REDACTED) or not body or made_at is None or status is None:
        raise Unavailable("the provider's list is redacted")
    return Listed(to, body, made_at.astimezone(UTC), receipt_for(str(shown.sid), status, shown.error_code))


def _newest(found: Iterable[MessageInstance], since: datetime) -> Iterator[MessageInstance]:
    """Those made at or after a moment.

    A filter that knows only days tells many more, the newest first: once a whole page is older, so is the rest.
    """
    older = 0
    for one in found:
        made = one.date_sent or one.date_created
        older = older + 1 if made is not None and made < since else 0
        if older > PAGE:
            return
        if not older:
            yield one


def _as_arrival(shown: MessageInstance, since: datetime) -> Arrival:
    """One whose writer is hidden is a person's to read, and keeps nobody else's from being heard."""
    address, made = str(shown.from_ or ""), shown.date_sent or shown.date_created or since
    address = "" if address.endswith(_REDACTED) else address
    media = int(str(shown.num_media)) if str(shown.num_media).isdecimal() else 0
    return Arrival(ChannelName.SMS, str(shown.sid), address, str(shown.body or ""), made.astimezone(UTC), media)


def _written_at(arrival: Arrival) -> datetime:
    return arrival.written_at


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
