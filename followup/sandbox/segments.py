"""How many SMS segments a text costs, as the carrier counts them (3GPP TS 23.038)."""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED
_LAST_OF_ONE_UNIT = "\uffff"  # UTF-16 needs two units beyond


def segments(text: str) -> int:
    """Segments of one text: GSM-7 160 alone or 153 a part, UCS-2 70 or 67; an empty text costs one."""
    if _GSM_7.issuperset(text):
        return _parts([2 if letter in _EXTENDED else 1 for letter in text], alone=160, joined=153)
    return _parts([2 if letter > _LAST_OF_ONE_UNIT else 1 for letter in text], alone=70, joined=67)


def _parts(widths: list[int], *, alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, room = 1, joined
    for width in widths:
        if width > room:  # a letter of two units is never cut in half
            parts, room = parts + 1, joined
        room -= width
    return parts
