"""What one attempt to send led to: the verdict on it, and when the next attempt is due."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from followup.care.delivery import Status
from followup.care.message import LEAST_ROOM
from followup.care.reason import Reason
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable

LONGEST_WITHOUT_RECEIPT = timedelta(hours=72)
"""After this a text without news is no longer asked about (RELIABILITY.md, decisions)."""

MOST_ATTEMPTS = 6
"""Attempts charged to one message; faults of the infrastructure are not charged (RELIABILITY.md §5)."""

SOONEST_RETRY = timedelta(seconds=60)
LATEST_RETRY = timedelta(minutes=30)
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider says became of one message: its own id, our status, its code if it gives one.

    `bad_address`: its code means that nobody can be reached there on this channel. `blocks_sender`: it means that
    no other patient's text would arrive either. `filtered`: it was taken for spam, which says something of the
    sender only once it happens again and again.
    """

    provider_id: str
    status: Status
    code: str = ""
    bad_address: bool = False
    blocks_sender: bool = False
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One message as the provider's own list shows it; `made_at` (UTC) is when it was given to the provider."""

    to: str = field(repr=False)
    body: str = field(repr=False)
    made_at: datetime
    receipt: Receipt

    @property
    def provider_id(self) -> str:
        return self.receipt.provider_id

    @property
    def status(self) -> Status:
        return self.receipt.status

    @property
    def code(self) -> str:
        return self.receipt.code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt led to, and all that the outbox needs to record it.

    `due_at` is set for another attempt. `charged` tells whether this attempt counts towards `MOST_ATTEMPTS`.
    """

    status: Status
    reason: Reason | None = None
    provider_id: str | None = None
    code: str = ""
    due_at: datetime | None = None
    charged: bool = True
    opted_out: bool = False
    bad_address: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What `judge` must know of the attempt: the message, how often it was charged, its due time and its end.

    `message` is its id; moments are UTC.
    """

    message: int
    charged_before: int
    due_at: datetime
    valid_until: datetime


def judge(attempt: Attempt, result: Receipt | DeliveryError, now: datetime) -> Outcome:
    """The verdict on one attempt. A retry's `due_at` has yet to pass through the send window."""
    match result:
        case Receipt():
            # Whatever else it may say already is for the receipts that follow: here it was taken.
            taken = Status.SENT if result.status is Status.SENT else Status.ACCEPTED
            return Outcome(taken, provider_id=result.provider_id, code=result.code)
        case Rejected():
            reason = Reason.OPTED_OUT if result.opted_out else Reason.REFUSED
            return Outcome(
                reason.status,
                reason,
                code=result.code,
                opted_out=result.opted_out,
                bad_address=result.bad_address,
            )
        case SenderBlocked():
            return _again(attempt, Reason.SENDER_BLOCKED, result, now, charged=False)
        case Unavailable():
            return _again(attempt, Reason.NOT_SENT_YET, result, now, charged=result.charged)
        case _:
            return Outcome(Status.IN_DOUBT, Reason.UNCLEAR_ANSWER, code=result.code)


def _again(attempt: Attempt, reason: Reason, error: DeliveryError, now: datetime, *, charged: bool) -> Outcome:
    if charged and attempt.charged_before + 1 >= MOST_ATTEMPTS:
        return Outcome(Status.FAILED, Reason.ATTEMPTS_SPENT, code=error.code)
    asked = (isinstance(error, Unavailable) and error.retry_after) or timedelta()
    due_at = now + max(back_off(attempt, now), asked)
    if due_at + LEAST_ROOM > attempt.valid_until:
        # The usual wait would outlast it: one more try as soon as may be is better than none.
        due_at = now + max(SOONEST_RETRY, asked)
    if due_at + LEAST_ROOM > attempt.valid_until:
        return Outcome(Status.EXPIRED, Reason.TOO_LATE, code=error.code, charged=charged)
    return Outcome(Status.RETRY_WAIT, reason, code=error.code, due_at=due_at, charged=charged)


def back_off(attempt: Attempt, now: datetime) -> timedelta:
    """How long to wait: the message's own age since it was due, between one and thirty minutes, ±20 %.

    The jitter is drawn from the message and the moment, so that the same facts give the same plan.
    """
    age = min(max(now - attempt.due_at, SOONEST_RETRY), LATEST_RETRY)
    seed = hashlib.blake2b(f"{attempt.message}:{now.isoformat()}".encode(), digest_size=4).digest()
    share = int.from_bytes(seed, "big") / 0xFFFFFFFF
    return age * (1 - JITTER + 2 * JITTER * share)
