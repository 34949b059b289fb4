"""What a mail server reports about a mail of ours that it could not hand over: RFC 3464, and older forms.

the address it came back to → else the envelope's id → else the Message-ID it returns: which mail
Action and Status of the worst recipient: what became of it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Part

from followup.care.arrival import Bounce
from followup.channels.letter import Letter, RawMail, fields_of
from followup.channels.mail import OurMails
from followup.channels.mail_body import body_of

_CAME_BACK_TO = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")
_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FAILED, _DELAYED = "failed", "delayed"
_GOOD = frozenset({"delivered", "relayed", "expanded"})
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_OUR_ADDRESS = frozenset({"5.1.7", "5.1.8"})
"""The sender's address, not the recipient's (RFC 3463 §3.2)."""
_DISABLED = "5.2.1"
_REFUSAL = re.compile(
    r"(?:^|[\s:;(\[#<])(?:5\.\d{1,3}\.\d{1,3}(?![\d.]*\d)|5(?:0[0-4]|21|3[045]|41|5[0-46]|71)[ -])", re.MULTILINE
)
"""A permanent reply of SMTP (RFC 5321 §4.2.2) or enhanced code, in a report for people's eyes only."""
_MOST_TOLD = 20_000
"""Characters of such a report that are searched."""
_COPY_BELOW = re.compile(r"^-{2,10}.{0,80}?(?:copy of the|original) message.{0,40}", re.IGNORECASE | re.MULTILINE)
_SENDERS = frozenset({"mailer-daemon", "postmaster"})


@dataclass(frozen=True, slots=True)
class NoFailure:
    """A report that all is well: nothing to be told."""


def bounce_in(letter: Letter, raw: RawMail, provider_id: str, ours: OurMails) -> Bounce | NoFailure | None:
    """What the mail reports about a mail of ours; None if it is no report about one."""
    report = _report(letter.top)
    if report is None:
        return _told_in_words(letter, raw, provider_id, ours)
    worst = _worst(list(_groups(report)))
    if worst is None:
        return None
    if worst.action in _GOOD:
        return NoFailure()
    mail_id = _which(letter, report, ours)
    if mail_id is None:
        return None
    # A server that has given up has done so whatever the class: 4.4.7 is "expired in the queue".
    given_up = worst.action == _FAILED
    bad = given_up and _is_bad_address(worst.status)
    return Bounce(provider_id, mail_id, worst.status, given_up, bad, raw.received)


def is_from_a_mail_server(letter: Letter) -> bool:
    """Whether it says that no person sent it: an empty envelope sender, or a mail server's own name."""
    local = letter.sender.partition("@")[0].lower()
    return local in _SENDERS or any(path.strip() in {"<>", ""} for path in letter.all("return-path"))


@dataclass(frozen=True, slots=True)
class _Recipient:
    """One recipient's group of fields: what became of the mail, and the enhanced code."""

    action: str
    status: str


def _report(top: Part) -> Part | None:
    parts = top.get_payload() if top.get_content_type() == "multipart/report" else None
    found = parts if isinstance(parts, list) else []
    return next((part for part in found if isinstance(part, Part) and part.get_content_type() in _REPORTS), None)


def _groups(report: Part) -> Iterator[dict[str, str]]:
    """The report's groups of fields, the mail's own first; by whichever way the parser took them apart."""
    for block in _blocks(report):
        yield dict(reversed(fields_of(block)))
        rest = block.get_payload()
        if isinstance(rest, str):
            for text in re.split(r"\n\s*\n", rest.replace("\r", "")):
                pairs = (line.partition(":") for line in text.split("\n"))
                yield {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _blocks(part: Part) -> list[Part]:
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Part)] if isinstance(payload, list) else []


def _worst(groups: list[dict[str, str]]) -> _Recipient | None:
    """Of several recipients the one that failed, else the one delayed, else any that is told of."""
    found = [
        _Recipient(group["action"].split(" ")[0].lower(), _status(group)) for group in groups if "action" in group
    ]
    for wanted in ({_FAILED}, {_DELAYED}, _GOOD):
        for one in found:
            if one.action in wanted:
                return one
    return None


def _status(group: dict[str, str]) -> str:
    told = (_STATUS.search(group.get(name, "")) for name in ("status", "diagnostic-code"))
    return next((match[1] for match in told if match), "")


def _which(letter: Letter, report: Part, ours: OurMails) -> str | None:
    """The id of the mail it speaks of, by the surest sign there is."""
    if found := ours.bounced(" ".join(letter.all(*_CAME_BACK_TO))):
        return found
    envelope_ids = [group["original-envelope-id"] for group in _groups(report) if "original-envelope-id" in group]
    if envelope_ids and (found := ours.noted(envelope_ids[0])):
        return found
    return next(iter(ours.named(" ".join(_returned_ids(letter.top)))), None)


def _returned_ids(top: Part) -> Iterator[str]:
    """The Message-IDs of what came back: a whole mail, or its header fields as text."""
    for part in _blocks(top):
        kind = part.get_content_type()
        if kind in {"message/rfc822", "message/global"}:
            yield from (
                value for block in _blocks(part) for name, value in fields_of(block) if name == "message-id"
            )
        elif kind in {"text/rfc822-headers", "message/global-headers"}:
            yield from re.findall(r"(?im)^message-id:\s*(<[^>\n]{1,500}>)", _text(part))


def _text(part: Part) -> str:
    if isinstance(part.get_payload(), list):
        return "\n".join(f"{name}: {value}" for block in _blocks(part) for name, value in fields_of(block))
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _told_in_words(letter: Letter, raw: RawMail, provider_id: str, ours: OurMails) -> Bounce | None:
    """A report of no standard form counts only where it came back to one mail's address and names a refusal."""
    mail_id = ours.bounced(" ".join(letter.all(*_CAME_BACK_TO)))
    if mail_id is None or not is_from_a_mail_server(letter):
        return None
    told = _COPY_BELOW.split(body_of(letter.top).text[:_MOST_TOLD], maxsplit=1)[0]
    if _REFUSAL.search(told) is None:
        return None
    return Bounce(provider_id, mail_id, "", permanent=True, bad_address=False, received_at=raw.received)


def _is_bad_address(status: str) -> bool:
    return (status.startswith("5.1.") and status not in _OUR_ADDRESS) or status == _DISABLED
