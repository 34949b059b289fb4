"""Twilio's 2010-04-01 API for Messages: credentials, validation in Twilio's order, resources in Twilio's shape."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeGuard

from followup.sandbox import numbers
from followup.sandbox.http_wire import HttpReply, HttpRequest, json_reply
from followup.sandbox.ledger import Ledger, new_sid, visible
from followup.sandbox.message_list import page_of, sent_within
from followup.sandbox.refusals import Refused, error_resource
from followup.sandbox.sms import API_VERSION, LONGEST_VALIDITY, Pace, Sms
from followup.sandbox.wall_clock import Now

_LONGEST_BODY = 1600
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_ROUTE = re.compile(
    rf"/{API_VERSION}/Accounts/(?P<account>AC[0-9a-fA-F]{{32}})"
    r"(?:/(?P<collection>Messages|IncomingPhoneNumbers)|/Messages/(?P<sid>(?:SM|MM)[0-9a-fA-F]{32}))?\.json"
)
_NOT_CANCELABLE = frozenset({"sending", "sent", "delivered", "undelivered", "failed", "canceled", "received"})


@dataclass(slots=True)
class Settings:
    """What a test may turn while the server runs."""

    pace: Pace = field(default_factory=Pace)
    ledger_lag: timedelta = timedelta(0)
    """How long after acceptance a message first shows up in lists."""
    redacted: bool = False
    """Twilio's message redaction: resources show no body and hide the last four digits of the recipient."""


class TwilioApi:
    """Answers requests from one account's ledger; knows nothing of connections and faults."""

    def __init__(
        self, credentials: tuple[str, str], own: Collection[str], ledger: Ledger, settings: Settings, now: Now
    ) -> None:
        self._account, token = credentials
        self._authorization = b"Basic " + base64.b64encode(f"{self._account}:{token}".encode())
        self._own = tuple(own)
        self._ledger = ledger
        self._settings = settings
        self._now = now

    def answer(self, request: HttpRequest) -> HttpReply:
        """The answer Twilio would give; a POST that passes is in the ledger when this returns."""
        try:
            return self._route(request)
        except Refused as refused:
            return refusal(refused)

    def is_create(self, request: HttpRequest) -> bool:
        """Whether a request asks to send a message."""
        return request.method == "POST" and request.path.endswith("/Messages.json")

    def _route(self, request: HttpRequest) -> HttpReply:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, self._authorization):
            raise Refused(20003)
        route = _ROUTE.fullmatch(request.path)
        if route is None or route["account"] != self._account:
            raise Refused(20404)
        if route["sid"]:
            return self._one(request, self._found(route["sid"]))
        return self._all(request, route["collection"])

    def _all(self, request: HttpRequest, collection: str | None) -> HttpReply:
        match request.method, collection:
            case "POST", "Messages":
                return self._create(request)
            case "GET", "Messages":
                return self._list(request)
            case "GET", "IncomingPhoneNumbers":
                return self._list_numbers(request)
            case "GET", None:
                return self._show_account()
        raise Refused(20004)

    def _one(self, request: HttpRequest, sms: Sms) -> HttpReply:
        match request.method:
            case "GET":
                return self._show(200, sms)
            case "POST":
                return self._update(sms, request.form)
            case "DELETE":
                return self._delete(sms)
        raise Refused(20004)

    def _create(self, request: HttpRequest) -> HttpReply:
        form = request.form
        self._check(form)
        sms = Sms(
            sid=new_sid("MM" if form.get("MediaUrl") else "SM"),
            to=form["To"],
            from_=form.get("From") or self._service_sender(),
            body=form.get("Body", ""),
            created=self._now(),
            pace=self._settings.pace,
            service=form.get("MessagingServiceSid"),
            status_callback=form.get("StatusCallback"),
            validity=int(form.get("ValidityPeriod", LONGEST_VALIDITY)),
            num_media=1 if form.get("MediaUrl") else 0,
        )
        return self._show(201, self._ledger.enter(sms))

    def _check(self, form: dict[str, str]) -> None:
        to, from_, service = (form.get(name, "") for name in ("To", "From", "MessagingServiceSid"))
        if code := self._fault_of(form, to, from_, service):
            raise Refused(code, to=to, from_=from_)

    def _fault_of(self, form: dict[str, str], to: str, from_: str, service: str) -> int | None:
        body, validity = form.get("Body", ""), form.get("ValidityPeriod", str(LONGEST_VALIDITY))
        checks = (
            (21604, not to),
            (21603, not from_ and not service),
            (21602, not body and not form.get("MediaUrl")),
            (21617, len(body) > _LONGEST_BODY),
            (90007, not validity.isdecimal() or not 1 <= int(validity) <= LONGEST_VALIDITY),
            (21705, bool(service) and not _SERVICE.fullmatch(service)),
            (numbers.MAGIC_SENDERS.get(from_), from_ in numbers.MAGIC_SENDERS),
            (21212, bool(from_) and not numbers.is_sender(from_)),
            (21606, bool(from_) and bool(self._own) and from_ not in self._own),
            (numbers.MAGIC_RECIPIENTS.get(to), to in numbers.MAGIC_RECIPIENTS),
            (21211, not numbers.is_phone_number(to)),
            (21266, to == from_),
            (21610, self._ledger.has_stopped(to)),
        )
        return next((code for code, wrong in checks if wrong), None)

    def _list(self, request: HttpRequest) -> HttpReply:
        query, now = request.query, self._now()
        candidates = self._ledger.about(query.get("To") or None, query.get("From") or None)
        shown = visible(candidates, now, self._settings.ledger_lag)
        page, paging = page_of(sent_within(shown, query, now), query, request.path)
        return json_reply(200, {**paging, "messages": [self._resource(sms) for sms in page]})

    def _update(self, sms: Sms, form: dict[str, str]) -> HttpReply:
        now = self._now()
        standing = sms.standing(now)
        if form.get("Status") == "canceled":
            if standing.status in _NOT_CANCELABLE:
                raise Refused(30409)
            sms.canceled = now
        elif form.get("Body") == "":
            if not standing.is_final and standing.status != "sent":
                raise Refused(20009)
            sms.redacted = now
        else:
            raise Refused(20001)
        return self._show(200, sms)

    def _delete(self, sms: Sms) -> HttpReply:
        standing = sms.standing(self._now())
        if not standing.is_final and standing.status != "sent":
            raise Refused(20009)
        sms.deleted = True
        return HttpReply(204)

    def _show_account(self) -> HttpReply:
        return json_reply(
            200,
            {
                "sid": self._account,
                "friendly_name": "Sandbox",
                "status": "active",
                "type": "Full",
                "uri": f"/{API_VERSION}/Accounts/{self._account}.json",
            },
        )

    def _list_numbers(self, request: HttpRequest) -> HttpReply:
        asked = request.query.get("PhoneNumber")
        own = self._own or ((asked,) if _could_own(asked) else (numbers.DEFAULT_SENDER,))
        shown = [
            {
                "sid": f"PN{index:032x}",
                "account_sid": self._account,
                "phone_number": number,
                "friendly_name": number,
                "capabilities": {"voice": False, "sms": True, "mms": True, "fax": False},
            }
            for index, number in enumerate(own, start=1)
            if asked in {None, "", number}
        ]
        _, paging = page_of([], request.query, request.path)
        return json_reply(200, {**paging, "incoming_phone_numbers": shown})

    def _service_sender(self) -> str:
        return self._own[0] if self._own else numbers.DEFAULT_SENDER

    def _found(self, sid: str) -> Sms:
        sms = self._ledger.find(sid)
        if sms is None:
            raise Refused(20404)
        return sms

    def _show(self, status: int, sms: Sms) -> HttpReply:
        return json_reply(status, self._resource(sms))

    def _resource(self, sms: Sms) -> dict[str, object]:
        resource = sms.resource(self._now(), self._account)
        if self._settings.redacted:
            resource |= {"body": "", "to": sms.to[:-4] + "XXXX"}
        return resource


def _could_own(number: str | None) -> TypeGuard[str]:
    return number is not None and numbers.is_phone_number(number) and number not in numbers.MAGIC_SENDERS


def refusal(refused: Refused) -> HttpReply:
    """Twilio's error answer."""
    reply = json_reply(refused.status, error_resource(refused.code, refused.status, refused.sentence))
    if refused.code == 20003:  # noqa: PLR2004  the one code that means "who are you?"
        reply.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return reply
