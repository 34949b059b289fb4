"""The bytes of a mail, without making an EmailMessage for each: that takes over a millisecond.

Whatever needs judgement (folding, RFC 2047 words, odd addresses) is written by the standard library, field by
field, and kept, since a clinic's sender and subjects come again. Plain short fields are written as they are.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

LONGEST_LINE = 76
"""What need not be folded: a line of 78 characters without its end (RFC 5322 §2.1.1)."""

_PLAIN = re.compile(r"(?! )[A-Za-z0-9@.,:;<>?=/_+ -]+(?<! )")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_-]+(?:[.+][A-Za-z0-9_-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

_EMPTY_LINES = re.compile(rb"\r\n(?:[ \t]*\r\n)+")
_VERSION = b"MIME-Version: 1.0\r\n"
_UTF8 = SMTP.clone(utf8=True)


def field(name: str, value: str, *, utf8: bool = False) -> bytes:
    """One header field with its line end; raises ValueError for a value that holds a line break.

    `utf8`: letters beyond ASCII stand as they are (RFC 6532), since the address itself has some.
    """
    line = f"{name}: {value}"
    if len(line) <= LONGEST_LINE and _PLAIN.fullmatch(value) and "=?" not in value and "  " not in value:
        return f"{line}\r\n".encode()
    return _folded(name, value, utf8=utf8)


def address_field(name: str, address: str, shown: str = "", *, utf8: bool = False) -> bytes:
    """As `field`, for one address and the name shown for it."""
    if not shown and _PLAIN_ADDRESS.fullmatch(address):
        return field(name, address)
    return _folded_address(name, address, shown, utf8=utf8)


def moment(now: datetime) -> str:
    """A moment as header fields say it."""
    return format_datetime(now)


def body(plain: str, html: str, mail_id: str) -> bytes:
    """Everything from the first field that is about the content: one part, or the same words in two.

    The boundary comes from the mail's id; one that holds `=_` cannot stand in quoted-printable (RFC 2045 §6.7).
    """
    if not html:
        return _part("plain", plain, _VERSION)
    mark = f"=_{hashlib.sha256(mail_id.encode()).hexdigest()[:32]}".encode()
    return b"".join(
        [
            _VERSION + b'Content-Type: multipart/alternative;\r\n boundary="' + mark + b'"\r\n\r\n',
            *(
                b"--" + mark + b"\r\n" + part + b"\r\n"
                for part in (_part("plain", plain), _part("html", html, _VERSION))
            ),
            b"--" + mark + b"--\r\n",
        ]
    )


def _part(kind: str, text: str, more: bytes = b"") -> bytes:
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n'
    return head.encode() + more + b"\r\n" + _quoted_printable(text.encode().splitlines())


def _quoted_printable(lines: Sequence[bytes]) -> bytes:
    """Every line short and every control character harmless, in any language; each line is ended."""
    return binascii.b2a_qp(b"\r\n".join(lines) + b"\r\n", istext=True)


@lru_cache(maxsize=1024)
def _folded(name: str, value: str, *, utf8: bool) -> bytes:
    return _written(name, value, utf8=utf8)


@lru_cache(maxsize=1024)
def _folded_address(name: str, address: str, shown: str, *, utf8: bool) -> bytes:
    local, _, domain = address.rpartition("@")
    return _written(name, Address(shown, local, domain), utf8=utf8)


def _written(name: str, value: object, *, utf8: bool) -> bytes:
    policy = _UTF8 if utf8 else SMTP
    _, made = policy.header_store_parse(name, value)
    # Between two words that are too long to fold, Python 3.11 leaves a line empty, which would end the header.
    return _EMPTY_LINES.sub(b"\r\n", policy.fold_binary(name, made))
