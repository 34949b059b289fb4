"""One SMS on the provider's side: its walk from queued to delivered, and the resource Twilio shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Literal, get_args

from followup.sandbox.faults import one_of
from followup.sandbox.refusals import sentence
from followup.sandbox.segments import segments

API_VERSION = "2010-04-01"
LONGEST_VALIDITY = 36_000
_VALIDITY_EXPIRED = 30036
_HELD = frozenset({"accepted", "queued", "sending"})
_ENDS = frozenset({"delivered", "undelivered", "failed", "canceled", "received"})

FateStatus = Literal["queued", "sending", "sent", "delivered", "undelivered", "failed"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from acceptance to each status; `queued` counts only for messages of a Messaging Service."""

    queued: float = 0.25
    sending: float = 0.5
    sent: float = 1.0
    delivered: float = 3.0


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a message's walk ends, and Twilio's error code there; a status before "delivered" holds it."""

    status: FateStatus = "delivered"
    error_code: int | None = None

    def __post_init__(self) -> None:
        one_of(self.status, get_args(FateStatus))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands, with its error code, and since when."""

    status: str
    since: datetime
    error_code: int | None = None

    @property
    def is_final(self) -> bool:
        return self.status in _ENDS


@dataclass(slots=True)
class Sms:
    """One message, outbound or inbound; only the last four fields change.

    `created` is aware UTC, `validity` in seconds.
    """

    sid: str
    to: str
    from_: str
    body: str
    created: datetime
    pace: Pace
    direction: Literal["outbound-api", "inbound"] = "outbound-api"
    service: str | None = None
    status_callback: str | None = None
    validity: int = LONGEST_VALIDITY
    num_media: int = 0
    fate: Fate = Fate()
    canceled: datetime | None = None
    redacted: datetime | None = None
    deleted: bool = False

    def standing(self, now: datetime) -> Standing:
        """Where it stands at `now`; computed, never stored, so that a simulated clock may jump."""
        if self.direction == "inbound":
            return Standing("received", self.created)
        if self.canceled is not None:
            return Standing("canceled", self.canceled)
        age = (now - self.created).total_seconds()
        after, status = [step for step in self._walk() if step[0] <= max(age, 0)][-1]
        if status in _HELD and age >= self.validity:
            return Standing("undelivered", self._after(self.validity), _VALIDITY_EXPIRED)
        error_code = self.fate.error_code if status == self.fate.status else None
        return Standing(status, self._after(after), error_code)

    def sent_at(self, standing: Standing) -> datetime | None:
        """When the provider handed it on; None where it has not, or never will."""
        if self.direction == "inbound":
            return self.created
        expired = standing.error_code == _VALIDITY_EXPIRED
        if standing.status in {"sent", "delivered", "undelivered"} and not expired:
            return self._after(self.pace.sent)
        return None

    def resource(self, now: datetime, account_sid: str) -> dict[str, object]:
        """The Message resource as Twilio's 2010-04-01 API shows it."""
        standing = self.standing(now)
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{self.sid}"
        # A Messaging Service has not picked a sender yet while the message is only accepted.
        unassigned = standing.status == "accepted"
        sent = self.sent_at(standing)
        return {
            "account_sid": account_sid,
            "api_version": API_VERSION,
            "body": "" if self.redacted else self.body,
            "date_created": rfc_2822(self.created),
            "date_sent": None if sent is None else rfc_2822(sent),
            "date_updated": rfc_2822(max(standing.since, self.redacted or standing.since)),
            "direction": self.direction,
            "error_code": standing.error_code,
            "error_message": self._error_message(standing),
            "from": None if unassigned else self.from_,
            "messaging_service_sid": self.service,
            "num_media": str(self.num_media),
            "num_segments": "0" if unassigned else str(segments(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": standing.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }

    def _error_message(self, standing: Standing) -> str | None:
        return None if standing.error_code is None else sentence(standing.error_code, self.to, self.from_)

    def _walk(self) -> list[tuple[float, str]]:
        first = [(0.0, "accepted"), (self.pace.queued, "queued")] if self.service else [(0.0, "queued")]
        steps = [*first, (self.pace.sending, "sending"), (self.pace.sent, "sent")]
        match self.fate.status:
            case "queued" | "sending" | "sent":
                names = [status for _, status in steps]
                return steps[: names.index(self.fate.status) + 1]
            case "failed":
                return [*steps[:-1], (self.pace.sent, "failed")]
            case _:
                return [*steps, (self.pace.delivered, self.fate.status)]

    def _after(self, seconds: float) -> datetime:
        return self.created + timedelta(seconds=seconds)


def rfc_2822(moment: datetime) -> str:
    """A moment as Twilio writes it, to the second: `Thu, 24 Aug 2023 05:01:45 +0000`."""
    return _written(moment.replace(microsecond=0))


@lru_cache(maxsize=1024)  # many messages share a second, and every answer needs up to three dates
def _written(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC))
