"""What somebody wrote themselves in a mail: not what it quotes, and no signature.

Our own texts name red flags; quoted back to us they must not count as the patient's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 400
"""Characters of a line, or of an attribution, that are looked at."""
_MOST_LINES = 4
"""Over which a mail program breaks its "On … wrote:"."""

_ATTRIBUTION = re.compile(
    r"(?:on|el|le|am|em) .*\d.* ?(?:wrote|escribi[óo]|a écrit|schrieb.*|escreveu) ?:", re.IGNORECASE
)
_ATTRIBUTION_BEGINS = re.compile(r"(?:on|el|le|am|em) ", re.IGNORECASE)
_NAMES_AN_ADDRESS = re.compile(r"(?=.*\d).*[<(][^<>()\s]+@[^<>()\s]+[>)].*:")
"""In any language: a date, the writer's address in brackets, a colon at the end."""
_DIVIDER = re.compile(
    r"[-_* ]{2,}(?:original message|mensaje original|forwarded message|mensaje reenviado)[-_* ]{2,}"
    r"|begin forwarded message:|inicio del mensaje reenviado:",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:from|de|von)\*? ?:\*? ?\S.*", re.IGNORECASE)
_FIELD = re.compile(
    r"\*?(?:sent|date|to|subject|enviado(?: el)?|fecha|para|asunto|gesendet|datum|an|betreff)\*? ?:.*",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{5,}")
_SIGNATURE = "--"
"""RFC 3676 §4.3 has a space behind it, which many programs lose."""
_ADVERTISEMENT = re.compile(
    r"(?:sent from (?:my |yahoo|outlook|mail\b|gmail|proton)|get outlook for "
    r"|enviado desde |obtener outlook para ).{0,80}",
    re.IGNORECASE,
)
_INVISIBLE = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\ufeff\u200b"))


def own_words(text: str) -> str:
    """The lines of a mail's text that its writer has written; an answer below or between quotes is kept."""
    raw = text.split("\n")
    lines = [_plain(line) for line in raw]
    kept: list[str] = []
    at = 0
    while at < len(lines) and not _is_end(lines, at):
        taken = _attribution(lines, at)
        if taken and not _is_quoted_next(lines, at + taken):
            break
        if not taken and not _is_left_out(lines[at]):
            kept.append(raw[at].rstrip())
        at += taken or 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _plain(line: str) -> str:
    """For comparing: one kind of space, no marks of direction."""
    return " ".join(line[:_LONGEST].translate(_INVISIBLE).split())


def _is_left_out(line: str) -> bool:
    return line.startswith(">") or _ADVERTISEMENT.fullmatch(line) is not None


def _is_end(lines: Sequence[str], at: int) -> bool:
    """Whether a signature or the older mail begins here: nothing below is the writer's answer."""
    line = lines[at]
    return bool(
        line == _SIGNATURE
        or _DIVIDER.fullmatch(line)
        or _is_head(lines, at)
        or (_RULE.fullmatch(line) and _is_head(lines, at + 1))
    )


def _is_head(lines: Sequence[str], at: int) -> bool:
    """Whether the older mail's own fields stand here, as Outlook shows them."""
    return bool(
        _FROM.fullmatch("".join(lines[at : at + 1])) and any(map(_FIELD.fullmatch, lines[at + 1 : at + 4]))
    )


def _attribution(lines: Sequence[str], at: int) -> int:
    """How many lines "On <date> <somebody> wrote:" takes here; 0 if it does not begin here."""
    if not (_ATTRIBUTION_BEGINS.match(lines[at]) or "@" in lines[at]):
        return 0
    for count in range(1, min(_MOST_LINES, len(lines) - at) + 1):
        joined = " ".join(lines[at : at + count])
        if len(joined) > _LONGEST:
            return 0
        if _ATTRIBUTION.fullmatch(joined) or _NAMES_AN_ADDRESS.fullmatch(joined):
            # The writer's own line may begin with "on" as well: the attribution is the shortest that ends here.
            shorter = any(_attribution(lines[: at + count], later) for later in range(at + 1, at + count))
            return 0 if shorter else count
    return 0


def _is_quoted_next(lines: Sequence[str], at: int) -> bool:
    """Whether the quote is marked: then what is not marked below it is an answer."""
    return next((line for line in lines[at:] if line), "").startswith(">")
