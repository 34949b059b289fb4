"""The pain score in a reply: "8", "8/10", "seven out of ten", "8-9"; and numbers that are something else.

A number is a score only where everything around it says so: "10 lb", "8 am" and "2 dogs" are none, and of two
scores nobody can know which one counts (CARE.md §4, traps). Of a range the higher end counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from followup.care.pain import WORST
from followup.care.reply_words import LONGEST_NUMBER, Break, Word

FEVER_F, FEVER_C = (100.0, 107.0), (37.8, 42.0)
"""Temperatures taken for a fever. The texts' own limit is the clinic's; here the lowest that a source names
counts, and 100 alone is one too (CARE.md §2.11: 100.4 °F)."""

_PAIN_WITHIN = 4
"""Words. As far before a number as "pain" makes it a score: "pain is at a 6"."""


@dataclass(frozen=True, slots=True)
class ScoreWords:
    """A vocabulary's words about numbers, as `WordLists` explains them; `values` are the words for 0 to 10.

    At `pauses` ("but", "and") something new begins; no `barriers` are counted ("8 call me").
    """

    values: Mapping[str, int]
    before: frozenset[str]
    after: frozenset[str]
    pain: frozenset[str]
    out_of: frozenset[str]
    up_to: frozenset[str]
    units: frozenset[str]
    heat: frozenset[str]
    pauses: frozenset[str]
    barriers: frozenset[str]


class Numbers(NamedTuple):
    """What the numbers of a text say. `unclear`: there is one that a person must look at."""

    score: int | None = None
    unclear: bool = False
    beyond: bool = False
    fever: bool = False
    used: frozenset[int] = frozenset()


class _Amount(NamedTuple):
    """A number from the word `start` up to `end`; `scaled`: it is out of ten; None: it is no amount at all."""

    start: int
    end: int
    value: float | None
    scaled: bool = False


def read_numbers(words: tuple[Word, ...], terms: ScoreWords) -> Numbers:
    """All numbers of a text, and the one score among them, if there is exactly one."""
    amounts = list(_Amounts(words, terms))
    if not amounts:
        return Numbers()
    hot = [a for a in amounts if _is_fever(words, a, terms)]
    rest = [a for a in amounts if a not in hot and not _is_measured(words, a, terms)]
    scores = [a for a in rest if a.value is not None and a.value <= WORST and _stands_alone(words, a, terms)]
    sure = any(a.scaled or _is_of_pain(words, a, terms) for a in scores)
    values = {math.ceil(a.value or 0) for a in scores}
    clear = len(values) == 1 and len(scores) == len(rest) and (sure or len(rest) == len(amounts))
    beyond = any(a.scaled and (a.value or 0) > WORST for a in rest)
    used = frozenset(i for a in (*scores, *hot) for i in range(a.start, a.end))
    return Numbers(values.pop() if clear else None, bool(rest) and not (clear or beyond), beyond, bool(hot), used)


class _Amounts:
    """The numbers of a text, with "8/10" and "8 or 9" taken as one each, and "0 to 10" left out."""

    def __init__(self, words: tuple[Word, ...], terms: ScoreWords) -> None:
        self._words = words
        self._terms = terms

    def __iter__(self) -> Iterator[_Amount]:
        at = 0
        while at < len(self._words):
            value = self._value(at)
            if value is None:
                at += 1
                continue
            amount = self._scaled(self._range(_Amount(at, at + 1, value)))
            at = amount.end
            if amount.value is not None or amount.scaled:
                yield amount

    def _value(self, at: int) -> float | None:
        if at >= len(self._words):
            return None
        word = self._words[at].text
        if not self._words[at].is_number:
            return self._terms.values.get(word)
        whole = word.replace(",", ".")
        return (
            float(whole)
            if len(whole.partition(".")[0]) <= LONGEST_NUMBER and len(whole) < 2 * LONGEST_NUMBER
            else math.inf
        )

    def _joint(self, at: int) -> str:
        return self._words[at].joint if at < len(self._words) else ""

    def _word(self, at: int) -> str:
        near = at < len(self._words) and self._words[at].gap is not Break.HARD
        return self._words[at].text if near else ""

    def _range(self, low: _Amount) -> _Amount:
        """8-9, 8 or 9: the higher. What falls is no range but a course, and 0 to 10 is the scale itself."""
        at = low.end
        if self._joint(at) == "-":
            other = at
        elif self._word(at) in self._terms.up_to and self._value(at + 1) is not None and self._word(at + 1):
            other = at + 1
        else:
            return low
        high, first = self._value(other), low.value
        if high is None or first is None:
            return low
        if high == WORST and first in {0, 1}:
            return _Amount(low.start, other + 1, None)
        return _Amount(low.start, other + 1, high if first <= high else math.inf)

    def _scaled(self, amount: _Amount) -> _Amount:
        at = amount.end
        if self._joint(at) == "/":
            return amount._replace(
                end=at + 1,
                value=amount.value if self._value(at) == WORST else math.inf,
                scaled=self._value(at) == WORST,
            )
        if self._joint(at) == ":":
            return amount._replace(end=at + 1, value=math.inf)
        while self._word(at) in self._terms.out_of:
            at += 1
        if at > amount.end and self._value(at) == WORST:
            return amount._replace(end=at + 1, scaled=True)
        return amount


def _beside(words: tuple[Word, ...], amount: _Amount) -> tuple[str, str]:
    """The words directly before and after, within the clause."""
    before = words[amount.start - 1].text if amount.start and words[amount.start].gap is Break.NONE else ""
    after = words[amount.end].text if amount.end < len(words) and words[amount.end].gap is Break.NONE else ""
    return before, after


def _is_measured(words: tuple[Word, ...], amount: _Amount, terms: ScoreWords) -> bool:
    return not amount.scaled and not terms.units.isdisjoint(_beside(words, amount))


def _is_fever(words: tuple[Word, ...], amount: _Amount, terms: ScoreWords) -> bool:
    value = amount.value or 0
    in_range = FEVER_F[0] <= value < FEVER_F[1] or FEVER_C[0] <= value < FEVER_C[1]
    if not in_range or amount.scaled or _is_measured(words, amount, terms):
        return False
    if any(word.text in terms.heat for word in words):
        return True
    return value != int(value) or (value >= FEVER_F[0] and _stands_alone(words, amount, terms))


def _stands_alone(words: tuple[Word, ...], amount: _Amount, terms: ScoreWords) -> bool:
    """Whether nothing from its clause's beginning up to the word after it says that it counts something else."""
    if amount.scaled:
        return True
    before, after = _beside(words, amount)
    if before not in terms.pain and after and after not in terms.after and after not in terms.barriers:
        return False
    at = amount.start
    while at and words[at].gap is not Break.HARD and words[at - 1].text not in terms.pauses:
        at -= 1
        if words[at].text in terms.pain:
            return True
        if words[at].text not in terms.before and not words[at].is_number:
            return words[at + 1].gap is Break.SOFT
    return True


def _is_of_pain(words: tuple[Word, ...], amount: _Amount, terms: ScoreWords) -> bool:
    around = words[max(0, amount.start - _PAIN_WITHIN) : amount.end + 1]
    return any(word.text in terms.pain for word in around)
