"""Twilio's error codes as its REST API answers them: HTTP status, sentence, JSON shape.

Sentences name the number where Twilio's own do, so that a client that copies them into its log is found out.
"""

from __future__ import annotations

_BAD_REQUEST = 400

_OTHER_STATUS = {
    20003: 401,
    20004: 405,
    20009: 409,
    20403: 403,
    20404: 404,
    20429: 429,
    20500: 500,
    20503: 503,
}

_SENTENCES = {
    20001: "Unknown parameters",
    20003: "Authenticate",
    20004: "Method not allowed",
    20009: "Cannot modify this resource before it is complete",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    20503: "Service unavailable",
    21211: "Invalid 'To' Phone Number: {to}",
    21212: "Invalid From Number (caller ID): {from}",
    21266: "'To' and 'From' number cannot be the same: {to}",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number provided ({from}) is not a valid message-capable Twilio phone number.",
    21608: "The number {to} is unverified. Trial accounts cannot send messages to unverified numbers.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "The 'From' number {from} has exceeded the maximum number of queued messages",
    21612: "Message cannot be sent with the current combination of 'To' ({to}) and/or 'From' ({from}) parameters",
    21614: "'To' number {to} is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21703: "The Messaging Service does not have a phone number available to send a message",
    21705: "The Messaging Service SID is invalid",
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity Period Expired",
    30409: "This message cannot be canceled",
    90007: "Invalid validity period value",
}


class Refused(Exception):  # noqa: N818  it is the provider's answer, not an error of the stand-in
    """The API answers with this code."""

    def __init__(self, code: int, *, to: str = "", from_: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.status = status_of(code)
        self.sentence = sentence(code, to, from_)


def sentence(code: int, to: str, from_: str) -> str:
    """What Twilio says with an error code, about these two numbers."""
    return _SENTENCES.get(code, "Request refused").replace("{to}", to).replace("{from}", from_)


def status_of(code: int) -> int:
    """The HTTP status Twilio answers an error code with."""
    return _OTHER_STATUS.get(code, _BAD_REQUEST)


def error_resource(code: int, status: int, message: str) -> dict[str, object]:
    """Twilio's error JSON."""
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
