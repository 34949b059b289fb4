"""What an SMS costs, and the characters that make it cost more (3GPP TS 23.038)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")

_LOOK_ALIKES = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u0060", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u205f\u3000\t", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    "\u2026": "...",
    "\u2022": "-",
}
"""Typed by an editor, not by a person; one of them would turn a text into UCS-2. Accents are not touched."""

_EXCHANGED = str.maketrans(_LOOK_ALIKES)

_LAST_OF_ONE_UNIT = 0xFFFF
"""Characters beyond it take two units of UTF-16."""


@dataclass(frozen=True, slots=True)
class Segments:
    """What one text costs. `characters` counts septets in GSM-7 and UTF-16 units in UCS-2, as the carrier does.

    `forced_by` lists each character that is not in GSM-7, once, in the order met.
    """

    count: int
    encoding: str
    characters: int
    forced_by: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def segments(text: str) -> Segments:
    """GSM-7: 160 alone, 153 a part; UCS-2: 70 and 67. A letter of two units is never cut in half.

    An empty text costs one segment.
    """
    letters = set(text)
    if letters - _BASIC - _EXTENDED:
        foreign = tuple(dict.fromkeys(each for each in text if each not in _BASIC and each not in _EXTENDED))
        widths = [2 if ord(letter) > _LAST_OF_ONE_UNIT else 1 for letter in text]
        return Segments(_parts(widths, alone=70, joined=67), "UCS-2", sum(widths), foreign)
    widths = [2 if letter in _EXTENDED else 1 for letter in text]
    return Segments(_parts(widths, alone=160, joined=153), "GSM-7", sum(widths))


def _parts(widths: list[int], *, alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, room = 1, joined
    for width in widths:
        if width > room:
            parts, room = parts + 1, joined
        room -= width
    return parts


def plain(text: str) -> str:
    """The text on one line, with look-alikes from GSM-7 for curly quotes, dashes, odd spaces and the ellipsis."""
    return " ".join(text.translate(_EXCHANGED).split())


def replaced(text: str) -> tuple[str, ...]:
    """Each character that `plain` exchanges or drops, once."""
    return tuple(dict.fromkeys(letter for letter in text if letter in _LOOK_ALIKES))
