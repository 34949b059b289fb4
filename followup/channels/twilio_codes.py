"""What Twilio's answers mean to us: its error codes as data, and the error each answer becomes.

Source: https://www.twilio.com/docs/api/errors, a page for each code. Twilio adds codes without notice; one that is
not listed ends the attempt and is never retried blindly. Twilio's own sentences are not used: they repeat numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.channels.exchange import Answer
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable, Uncertain

OPTED_OUT = {21610: "the number has stopped us"}
"""The carrier layer refuses, by the recipient's own word."""

BAD_ADDRESS = {
    21211: "it is no phone number",
    21612: "no way leads from the sender to this number",
    21614: "the number takes no texts",
    21635: "the number is a landline",
    30005: "the number is unknown or out of service",
    30006: "the number is a landline or its carrier cannot be reached",
}
"""Nobody reaches this number by text."""

REFUSED = {
    # The region is closed in our own settings, yet only for this number: it never stops the sender.
    21408: "texts to the number's region are switched off at the provider",
    21602: "the text is empty",
    21619: "the text is empty",
    21617: "the text is over 1,600 characters",
    30003: "the phone is off or without service",
    30004: "the text was blocked",
    30007: "the text was filtered as spam",
    30008: "the carrier gave no reason",
    30038: "the text was filtered: it looks like a one-time password",
}
"""Not for this contact, or not in these words."""

LATER = {
    20429: "the provider asks to slow down",
    21611: "the sender's queue is over ten hours long",
    30001: "the provider's queue is full",
    30022: "the carrier's rate limit is reached",
}
"""Never processed, always safe to repeat (https://www.twilio.com/docs/errors/20429)."""

BLOCKED = {
    20003: "the credentials are refused",
    20005: "the account is not active",
    21212: "the sender is no phone number",
    21603: "no sender is given",
    21606: "the sender is no number of the account that can send texts",
    21608: "a trial account cannot send to numbers it has not verified",
    21703: "the messaging service has no number that can be used",
    21704: "the messaging service has no numbers",
    21705: "the messaging service is unknown",
    30002: "the account is suspended",
    30010: "the price is over the account's limit",
    30024: "the sender is not provisioned at the carrier",
    30032: "the toll-free number is not verified",
    30034: "the sender is not registered for A2P 10DLC",
    30037: "outbound messages are disabled",
    30450: "the account is blocked by SMS pumping protection",
    30454: "the account's message limit is reached",
    63038: "the account's daily message limit is reached",
}
"""The account or the sender; no other patient's text would go either."""

FILTERED = frozenset({30007, 30038})
"""Taken for spam by a carrier: of one text it says little, of many that the sender is distrusted."""

ACCEPTED_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")

STATUSES: Mapping[str, Status] = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.UNDELIVERED,
    "canceled": Status.UNDELIVERED,
}
"""Twilio's words for an outbound message in ours; after acceptance every bad end is `undelivered`."""

_SENDER_FAULTS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_LONGEST_WAIT = timedelta(days=1)


def error_for(answer: Answer) -> DeliveryError | None:
    """The error an answer to a message means; None for 2xx, which is yet to be read."""
    match answer.status // 100:
        case 2:
            return None
        case 3:
            # It says that we speak to the wrong place; what became of the message there is not known.
            elsewhere = "the answer points to another address, which is not followed"
            return Uncertain(elsewhere, str(answer.status), blocks_sender=True)
        case 4:
            return _refusal(answer)
        case _:
            return Uncertain("the provider failed while it had the message", str(answer.status))


def receipt_for(provider_id: str, status: Status, error_code: object) -> Receipt:
    """What became of a text after it was accepted; a code counts only where it did not arrive."""
    code = int(str(error_code)) if str(error_code).isdecimal() else 0
    lost = status is Status.UNDELIVERED
    return Receipt(
        provider_id,
        status,
        str(code or ""),
        bad_address=lost and code in BAD_ADDRESS,
        blocks_sender=lost and code in BLOCKED,
        filtered=lost and code in FILTERED,
    )


def _refusal(answer: Answer) -> DeliveryError:
    """A known code first: it says whose fault it is, which 400 and 403 alone do not."""
    code = twilio_code(answer)
    if code is not None and (known := _known(code, answer)) is not None:
        return known
    shown = str(code or answer.status)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Unavailable(LATER[20429], shown, retry_after=retry_after(answer))
    # The address is fixed and its certificate verified, so that only the provider's own edge can say these without
    # a code; and a request turned away there was not processed.
    if answer.status in _SENDER_FAULTS:
        return SenderBlocked("the provider does not let this account in", shown)
    if code is not None:
        return Rejected("the provider refused it", shown)
    # A page without a code is not the messages API speaking: how far the request came cannot be told.
    return Uncertain("the answer is not the provider's", shown)


def _known(code: int, answer: Answer) -> DeliveryError | None:
    shown = str(code)
    if code in OPTED_OUT:
        return Rejected(OPTED_OUT[code], shown, opted_out=True)
    if code in BAD_ADDRESS:
        return Rejected(BAD_ADDRESS[code], shown, bad_address=True)
    if code in REFUSED:
        return Rejected(REFUSED[code], shown)
    if code in LATER:
        return Unavailable(LATER[code], shown, retry_after=retry_after(answer))
    if code in BLOCKED:
        return SenderBlocked(BLOCKED[code], shown)
    return None


def twilio_code(answer: Answer) -> int | None:
    """The five-digit code of an error answer, None if the body is not Twilio's."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    code = body.get("code") if isinstance(body, dict) else None
    return code if type(code) is int and 10_000 <= code <= 99_999 else None  # noqa: PLR2004  five digits


def retry_after(answer: Answer) -> timedelta | None:
    """How long Retry-After asks to wait, at most a day; a date in it is read against the answer's own Date."""
    asked = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", asked):
        return min(timedelta(seconds=int(asked)), _LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return min(wait, _LONGEST_WAIT) if wait > timedelta(0) else None
