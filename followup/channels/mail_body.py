"""The text of a mail and how many attachments it has, whatever is wrong with its parts (RFC 2045 to 2049)."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass
from email.message import Message as Part

from followup.channels.mail_html import text_of_html

MOST_TEXT = 200_000
"""Characters of one part that are looked at; an answer has a few hundred."""
_DEEPEST = 20
"""Mail programs nest three or four; deeper than this it is an attack or a mistake."""
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape"})
"""Codecs that are no charsets of mail; the first two take quadratic time."""
_NOT_MEANT = frozenset({"iso8859-1", "ascii"})
"""What mail programs write for UTF-8 or windows-1252 as well."""


@dataclass(frozen=True, slots=True)
class Body:
    """`media` counts all that is not text to be read: pictures, files, mails."""

    text: str
    media: int


def body_of(part: Part, depth: int = 0) -> Body:
    """The body of a mail, or of one part of it; HTML is stripped to its text."""
    kind = part.get_content_type()
    if _is_attached(part) or depth > _DEEPEST:
        return Body("", 1)
    if part.is_multipart():
        return _together(part, kind, depth) if kind.startswith("multipart/") else Body("", 1)
    if kind == "text/html":
        return Body(text_of_html(text_of(part)), 0)
    # A mail that says it has parts, and has none, is read as it stands.
    return Body(text_of(part), 0) if kind == "text/plain" or kind.startswith("multipart/") else Body("", 1)


def text_of(part: Part) -> str:
    """One part's text, decoded as well as it goes, without control characters; lines end with a line feed."""
    content = part.get_payload(decode=True)
    text = _decoded(content if isinstance(content, bytes) else b"", _charset(part))
    lines = text[:MOST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})


def _together(part: Part, kind: str, depth: int) -> Body:
    parts = part.get_payload()
    children = [child for child in parts if isinstance(child, Part)] if isinstance(parts, list) else []
    bodies = [body_of(child, depth + 1) for child in children]
    if kind != "multipart/alternative":
        texts = (body.text for body in bodies)
        return Body("\n".join(text for text in texts if text.strip()), sum(body.media for body in bodies))
    # The same words several times: plain text has lost least on its way.
    plain_first = sorted(
        zip(children, bodies, strict=True), key=lambda both: both[0].get_content_type() != "text/plain"
    )
    text = next((body.text for _, body in plain_first if body.text.strip()), "")
    return Body(text, max((body.media for body in bodies), default=0))


def _is_attached(part: Part) -> bool:
    return part.get_content_disposition() == "attachment"


def _charset(part: Part) -> str:
    try:
        name = codecs.lookup(part.get_content_charset() or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NOT_MEANT | _NO_CHARSETS else name


def _decoded(content: bytes, charset: str) -> str:
    for name in (charset, "utf-8"):
        try:
            return content.decode(name)
        except (UnicodeError, LookupError):
            continue
    return content.decode("cp1252", "replace")
