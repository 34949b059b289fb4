"""What a fault makes of a good answer: the bytes that reach the client instead of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

from followup.sandbox.faults import BlackHole, Fault, Garbage, GarbageKind, Redirect, Refuse, Status
from followup.sandbox.http_wire import HttpReply, HttpRequest, json_reply
from followup.sandbox.refusals import Refused, error_resource
from followup.sandbox.twilio_api import refusal

_OVERSIZE = 256 * 1024
_STRANGER = "+15005559999"


def accepts(fault: Fault | None) -> bool:
    """Whether the message is taken although this fault strikes."""
    match fault:
        case Refuse() | Redirect():
            return False
        case Status(accepted=accepted) | Garbage(accepted=accepted) | BlackHole(accepted=accepted):
            return accepted
        case _:
            return True


def distorted(fault: Fault | None, request: HttpRequest, good: HttpReply) -> HttpReply:
    """The answer to send; `good` is what the API said, or an empty answer where it was not asked."""
    match fault:
        case Refuse(code):
            form = request.form
            return refusal(Refused(code, to=form.get("To", ""), from_=form.get("From", "")))
        case Status(status, retry_after):
            return _bare(status, retry_after)
        case Redirect(to, status):
            return HttpReply(status, headers={"Location": to})
        case Garbage(kind):
            return _garbage(kind, good)
        case _:
            return good


def _bare(status: int, retry_after: int | None) -> HttpReply:
    known = {401: 20003, 403: 20403, 404: 20404, 429: 20429, 503: 20503}
    wait = {} if retry_after is None else {"Retry_After": str(retry_after)}
    return json_reply(status, error_resource(known.get(status, 20500), status, "Refused by the sandbox"), **wait)


def _garbage(kind: GarbageKind, good: HttpReply) -> HttpReply:
    forms: dict[GarbageKind, Callable[[], HttpReply]] = {
        "html": lambda: HttpReply(200, b"<html><body>Welcome to the guest network</body></html>", "text/html"),
        "empty object": lambda: HttpReply(201, b"{}"),
        "list": lambda: HttpReply(201, b"[]"),
        "empty": lambda: HttpReply(201),
        "truncated": lambda: dataclasses.replace(good, body=good.body[: len(good.body) // 2]),
        "no sid": lambda: _rewritten(good, sid=None),
        "oversized": lambda: _rewritten(good, body="x" * _OVERSIZE),
        "wrong to": lambda: _rewritten(good, to=_STRANGER),
    }
    return forms[kind]()


def _rewritten(good: HttpReply, **changes: object) -> HttpReply:
    resource = json.loads(good.body) if good.body else {}
    return json_reply(201, {**resource, **changes})
