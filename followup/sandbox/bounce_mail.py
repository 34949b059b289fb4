"""The mail that a mail server writes when it cannot hand one over: a delivery status notification (RFC 3464)."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from followup.sandbox.smtp_server import Mail  # it imports this file

_BOUNDARY = "sandbox/bounce"


def bounce_mail(mail: Mail, status: str, action: str = "", *, says: str = "refused by the sandbox") -> bytes:
    """The notification about a mail that was taken: to the envelope's sender, from nobody.

    Without `action`: failed for a status of class 5, delayed for 4, delivered for 2.
    """
    action = action or {"5": "failed", "4": "delayed"}.get(status[:1], "delivered")
    parts = (_for_people(mail, says), _for_programs(mail, status, action), _returned(mail))
    body = "".join(f"--{_BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{_BOUNDARY}--\r\n"
    return f"{_head(mail)}\r\n{body}".encode("utf-8", "surrogateescape")


def _head(mail: Mail) -> str:
    return (
        "Return-Path: <>\r\n"
        f"Delivered-To: {mail.envelope_from}\r\n"
        f"Date: {format_datetime(mail.received)}\r\n"
        "From: MAILER-DAEMON@sandbox.invalid (Mail Delivery System)\r\n"
        f"To: {mail.envelope_from}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{_BOUNDARY}"\r\n'
    )


def _for_people(mail: Mail, says: str) -> str:
    lines = "".join(f"<{to}>: {says}\r\n" for to in mail.envelope_to)
    return f"Content-Type: text/plain; charset=us-ascii\r\n\r\nA mail could not be delivered.\r\n\r\n{lines}"


def _for_programs(mail: Mail, status: str, action: str) -> str:
    known = f"Original-Envelope-Id: {mail.envelope_id}\r\n" if mail.envelope_id else ""
    groups = "".join(_group(to, status, action) for to in mail.envelope_to)
    return f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; sandbox.invalid\r\n{known}{groups}"


def _group(to: str, status: str, action: str) -> str:
    return f"\r\nFinal-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n"


def _returned(mail: Mail) -> str:
    """The header fields alone: what was written is nobody's business on the way back."""
    fields = _fields(mail.raw)
    return "Content-Type: text/rfc822-headers\r\n\r\n" + "".join(f"{line}\r\n" for line in fields)


def _fields(raw: bytes) -> Sequence[str]:
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return head.decode("utf-8", "surrogateescape").split("\n")
