"""Which signs a text denies: "no fever", "not short of breath", "no fever, chills or vomiting".

Only where the pattern is clear: a sign that is denied wrongly is a red flag missed, and over-alerting is the
intended error (CARE.md §4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from followup.care.phrases import Span
from followup.care.reply_words import Break, Word

_MOST_THROUGH = 4
"""Words between a negator and its sign: "no signs of any more bleeding"."""


@dataclass(frozen=True, slots=True)
class Denying:
    """A vocabulary's words of denial, as `WordLists` explains them."""

    negators: frozenset[str]
    through: frozenset[str]
    joins: frozenset[str]


def denied(words: tuple[Word, ...], signs: Iterable[Span], terms: Denying) -> list[Span]:
    """Those of the signs that are denied, from the negator on."""
    found, waiting = list[Span](), list[Span]()
    last: Span | None = None
    for sign in sorted(set(signs), key=lambda s: (s.start, -s.end)):
        if last is not None and sign.end <= last.end:
            continue
        negator = _negator(words, sign.start, terms)
        if negator is not None:
            found.append(Span(negator, sign.end))
            waiting = []
        elif last is not None and (link := _link(words, last.end, sign.start, terms)):
            waiting.append(sign)
            if link == "or":
                found += waiting
                waiting = []
        else:
            last, waiting = None, []
            continue
        last = sign
    return found


def _negator(words: tuple[Word, ...], start: int, terms: Denying) -> int | None:
    """Where the word stands that denies what begins at `start`, with no comma between."""
    for at in range(start - 1, max(-1, start - 2 - _MOST_THROUGH), -1):
        if words[at + 1].gap is not Break.NONE:
            return None
        if words[at].text in terms.negators:
            return at
        if words[at].text not in terms.through:
            return None
    return None


def _link(words: tuple[Word, ...], end: int, start: int, terms: Denying) -> str:
    """How a list goes on between two signs: with "or", with a comma or nothing, or not at all."""
    between = words[end:start]
    if start < end or any(word.gap is Break.HARD for word in words[end : start + 1]):
        return ""
    if not all(word.text in terms.joins or word.text in terms.through for word in between):
        return ""
    return "or" if any(word.text in terms.joins for word in between) else "list"
