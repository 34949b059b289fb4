"""`/_sandbox/`: the stand-ins' own door, JSON over the Twilio port, for a test or a person in another process.

GET  state                             what was accepted, twice, received
GET  messages, inbound, mails          every record
POST receive      {"from", "body", "to"?, "num_media"?}
POST fault        {"faults": [{"kind": "Refuse", "code": 21610}], "to"?, "on"?, "always"?}
POST fate         {"number", "status"?, "error_code"?}
POST mail-fault   {"faults": [{"kind": "SmtpReply", "at": "RCPT", "code": 450}], "to"?, "always"?}
POST mail-in      {"raw"}                       a mail, into the mailbox
POST bounce       {"message_id", "status"?}     what comes back about a mail that was kept, into the mailbox
POST clear        faults and fates are forgotten, messages and mails stay
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from followup.sandbox.bounce_mail import bounce_mail
from followup.sandbox.faults import fault_from_json
from followup.sandbox.http_wire import HttpReply, HttpRequest, json_reply
from followup.sandbox.smtp_faults import smtp_fault_from_json

if TYPE_CHECKING:
    from followup.sandbox.sms import Sms
    from followup.sandbox.smtp_server import Mail, SmtpSandbox
    from followup.sandbox.twilio_server import TwilioSandbox  # it imports this file

PREFIX = "/_sandbox/"


def answer(request: HttpRequest, twilio: TwilioSandbox, mail: SmtpSandbox | None) -> HttpReply:
    """Carry out one request to the door; a wrong one is told why with 400."""
    name = request.path.removeprefix(PREFIX)
    try:
        if request.method == "GET":
            return json_reply(200, _read(name, twilio, mail))
        return json_reply(200, _write(name, json.loads(request.body or b"{}"), twilio, mail))
    except LookupError as missing:
        return json_reply(404, {"error": f"unknown: {missing.args[0]}"})
    except (TypeError, ValueError) as wrong:
        return json_reply(400, {"error": str(wrong)})


def _read(name: str, twilio: TwilioSandbox, mail: SmtpSandbox | None) -> object:
    match name:
        case "state":
            return _state(twilio, mail)
        case "messages":
            return [_sms(sms, twilio) for sms in twilio.messages]
        case "inbound":
            return [_sms(sms, twilio) for sms in twilio.inbound]
        case "mails":
            return [_mail(one) for one in mail.mails] if mail else []
    raise LookupError(name)


def _write(name: str, asked: dict[str, Any], twilio: TwilioSandbox, mail: SmtpSandbox | None) -> object:
    if not isinstance(asked, dict):
        raise TypeError("the body is a JSON object")
    deeds: dict[str, Callable[[], object]] = {
        "receive": lambda: _receive(asked, twilio),
        "fault": lambda: _fault(asked, twilio),
        "fate": lambda: twilio.fate(**asked),
        "mail-fault": lambda: _mail_fault(asked, mail),
        "mail-in": lambda: _mail_in(asked.get("raw") or _missing("raw"), twilio),
        "bounce": lambda: _bounce(asked, twilio, mail),
        "clear": lambda: _clear(twilio, mail),
    }
    if name not in deeds:
        raise LookupError(name)
    return deeds[name]() or {}


def _receive(asked: dict[str, Any], twilio: TwilioSandbox) -> dict[str, object]:
    given = dict(asked)
    return _sms(twilio.receive(given.pop("from", None) or _missing("from"), **given), twilio)


def _fault(asked: dict[str, Any], twilio: TwilioSandbox) -> None:
    faults = [fault_from_json(described) for described in asked.get("faults") or _missing("faults")]
    where = {"to": asked.get("to"), "on": asked.get("on", "create")}
    if asked.get("always"):
        for fault in faults:
            twilio.always(fault, **where)
    else:
        twilio.next(*faults, **where)


def _mail_fault(asked: dict[str, Any], mail: SmtpSandbox | None) -> None:
    if mail is None:
        raise LookupError("mail server")
    for fault in [smtp_fault_from_json(described) for described in asked.get("faults") or _missing("faults")]:
        strike = mail.always if asked.get("always") else mail.next
        strike(fault, to=asked.get("to"))


def _mail_in(raw: str | bytes, twilio: TwilioSandbox) -> dict[str, object]:
    if twilio.mailbox is None:
        raise LookupError("mailbox")
    return {"uid": twilio.mailbox.deliver(raw.encode() if isinstance(raw, str) else raw)}


def _bounce(asked: dict[str, Any], twilio: TwilioSandbox, mail: SmtpSandbox | None) -> dict[str, object]:
    wanted = asked.get("message_id") or _missing("message_id")
    for kept in mail.mails if mail else ():
        if kept.message_id == wanted:
            return _mail_in(bounce_mail(kept, asked.get("status") or "5.1.1"), twilio)
    raise LookupError("mail")


def _clear(twilio: TwilioSandbox, mail: SmtpSandbox | None) -> None:
    twilio.clear()
    if twilio.mailbox:
        twilio.mailbox.clear()
    if mail:
        mail.clear()


def _state(twilio: TwilioSandbox, mail: SmtpSandbox | None) -> dict[str, object]:
    return {
        "accepted": twilio.accepted(),
        "duplicates": [
            {"to": to, "body": body, "count": count} for (to, body), count in twilio.duplicates().items()
        ],
        "received": len(twilio.inbound),
        "mails": len(mail.mails) if mail else 0,
        "duplicate_mails": mail.duplicates() if mail else {},
    }


def _sms(sms: Sms, twilio: TwilioSandbox) -> dict[str, object]:
    return {**twilio.resource(sms), "status_callback": sms.status_callback, "validity": sms.validity}


def _mail(mail: Mail) -> dict[str, object]:
    return {
        "envelope_from": mail.envelope_from,
        "envelope_to": list(mail.envelope_to),
        "message_id": mail.message_id,
        "subject": mail.message["Subject"],
        "received": mail.received.isoformat(),
        "raw": mail.raw.decode("utf-8", "replace"),
    }


def _missing(name: str) -> NoReturn:
    raise ValueError(f"{name} is missing")
