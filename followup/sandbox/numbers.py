"""Phone numbers as the stand-in sees them: what is one, Twilio's magic test numbers, the opt-out words."""

from __future__ import annotations

import re

DEFAULT_SENDER = "+15005550006"
"""The sender of Twilio's test credentials; the sandbox's own number unless it is given others."""

# https://www.twilio.com/docs/iam/test-credentials
MAGIC_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}

# The defaults of Twilio's carrier layer for English long codes.
STOP_WORDS = frozenset({"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"})
START_WORDS = frozenset({"START", "UNSTOP", "YES"})

_NORTH_AMERICAN = re.compile(r"\+1[2-9]\d{9}")
_ELSEWHERE = re.compile(r"\+[2-9]\d{6,14}")
_SHORT_CODE = re.compile(r"\d{3,8}")


def is_phone_number(text: str) -> bool:
    """Whether a text is one E.164 number; the sandbox guesses no country, so the plus sign is required."""
    return bool(_NORTH_AMERICAN.fullmatch(text) or _ELSEWHERE.fullmatch(text))


def is_sender(text: str) -> bool:
    """Whether a text can stand in From: an E.164 number or a short code."""
    return is_phone_number(text) or bool(_SHORT_CODE.fullmatch(text))
