"""One mail's bytes as what came in: somebody's words, or a mail server's report; whatever the bytes are."""

from __future__ import annotations

import hashlib
import re

from followup.care.arrival import Arrival, Bounce
from followup.care.people import ChannelName
from followup.channels.bounces import NoFailure, bounce_in, is_from_a_mail_server
from followup.channels.letter import Letter, RawMail
from followup.channels.mail import OurMails
from followup.channels.mail_body import body_of
from followup.channels.own_words import own_words

MOST_WORDS = 10_000
"""Characters of an answer that are kept."""

_BULK = frozenset({"bulk", "list", "junk", "auto_reply"})
_MARKS = frozenset({"x-autoreply", "x-autorespond", "x-autoresponder"})
_NOBODY = re.compile(r"(?:no|do-?not|dont)[-_.]?reply(?:[-_.+].*)?|mailer-daemon|postmaster", re.IGNORECASE)
_ANSWERS_A_SUBJECT = re.compile(r"(?:re|aw|antw|rv|fwd?|wg|res|enc)(?:\[\d+\])? ?:.*", re.IGNORECASE)
"""How mail programs begin the subject of an answer, or of a mail that is passed on."""
_FROM_LINE = re.compile(rb"(?im)^from:[^\r\n]{0,1000}?([^\s<>@,;:\"]{1,64}@[a-z0-9.-]{1,255})")


def read_mail(raw: RawMail, ours: OurMails) -> Arrival | Bounce | None:
    """What came in; None if it is only the news that a mail of ours was delivered. Never raises."""
    provider_id = _provider_id(raw.content)
    try:
        letter = Letter(raw.content)
        found = bounce_in(letter, raw, provider_id, ours)
        if isinstance(found, NoFailure):
            return None
        return found or _arrival(letter, raw, provider_id, ours)
    except Exception:  # noqa: BLE001  one mail that cannot be taken apart must not hide the others
        return _unreadable(raw, provider_id)


def _provider_id(content: bytes) -> str:
    """By its content: a Message-ID is chosen by the sender, who could take that of another's mail to hide it."""
    return f"mail:{hashlib.sha256(content).hexdigest()}"


def _arrival(letter: Letter, raw: RawMail, provider_id: str, ours: OurMails) -> Arrival:
    body = body_of(letter.top)
    return Arrival(
        ChannelName.EMAIL,
        provider_id,
        letter.sender,
        _words(letter.subject, body.text),
        raw.received,
        # Where the middle was left out, something was sent that nobody has read.
        media=body.media if raw.whole else max(body.media, 1),
        automatic=_is_automatic(letter),
        answers=ours.named(" ".join(letter.all("in-reply-to", "references"))),
    )


def _words(subject: str, text: str) -> str:
    """The answer; with the subject, unless that is only our own which it answers."""
    own = own_words(text)
    if not own or not _ANSWERS_A_SUBJECT.fullmatch(subject):
        own = f"{subject}\n{own}".strip()
    return own[:MOST_WORDS]


def _is_automatic(letter: Letter) -> bool:
    """Whether it says of itself that no person wrote it (RFC 3834 §2, §5).

    X-Auto-Response-Suppress is no sign: Outlook writes it into people's mail as well.
    """
    submitted = letter.first("auto-submitted").partition(";")[0].strip().lower()
    return bool(
        submitted not in {"", "no"}
        or letter.first("precedence").lower() in _BULK
        or any(name in _MARKS or name.startswith("list-") for name, _ in letter.fields)
        or _NOBODY.fullmatch(letter.sender.partition("@")[0])
        or letter.top.get_content_type() == "multipart/report"
        or is_from_a_mail_server(letter)
    )


def _unreadable(raw: RawMail, provider_id: str) -> Arrival:
    """For a person to look at: who it says it is from, and all there is as it stands."""
    found = _FROM_LINE.search(raw.content)
    address = found[1].decode("ascii", "replace").lower() if found else ""
    words = raw.content.replace(b"\r\n", b"\n").partition(b"\n\n")[2][: 4 * MOST_WORDS].decode("utf-8", "replace")
    return Arrival(ChannelName.EMAIL, provider_id, address, words[:MOST_WORDS], raw.received, media=1)
