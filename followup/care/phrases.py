"""Phrases of a vocabulary, and where they stand in a text.

A phrase is made of words side by side, and of

- `word*`: any word that begins so,
- `NAME`: any of the words or phrases listed under that name,
- `..`: up to four fillers ("my", "really", "at all") between two words, or nothing,
- `...`: the same, and up to two other words,
- `_`: one word that stands nowhere in the vocabulary, such as a name,
- `^` and `$`: the beginning and the end of the text.

A sentence's end lies between no two words of a phrase, and after a negator not even a comma. Every search is
linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from followup.care.reply_words import Break, Word, has_stray_stops, words_of

NEAR, FAR, UNKNOWN, START, END = "..", "...", "_", "^", "$"
MOST_FILLERS, MOST_OTHERS = 4, 2
LONGEST_STEM = 40

K = TypeVar("K")

_NAME = re.compile(r"[A-Z][A-Z_]+")
_PIECE = re.compile(r"[^\s*]+\*?")


class PhraseError(ValueError):
    """This is no phrase; the text says why."""


class Step(NamedTuple):
    """One word of a phrase, as its symbol, and what may lie before it: nothing, `..` or `...`."""

    symbol: str
    after: str = ""


class Phrase(NamedTuple):
    """A phrase taken apart; `source` is how it was written."""

    source: str
    steps: tuple[Step, ...]
    starts: bool = False
    ends: bool = False

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(step.symbol for step in self.steps)


class Span(NamedTuple):
    """Where a phrase stands: from the word `start` up to the word before `end`."""

    start: int
    end: int


def parse(source: str) -> Phrase:
    """A phrase as it stands in a vocabulary; raises PhraseError if it is none."""
    pieces = source.split()
    starts, ends = pieces[:1] == [START], pieces[-1:] == [END]
    steps, gap = list[Step](), ""
    for piece in pieces[starts : len(pieces) - ends]:
        if piece in {NEAR, FAR}:
            if gap or not steps:
                raise PhraseError("has a gap that is not between two words")
            gap = piece
            continue
        for symbol in _symbols(piece):
            steps.append(Step(symbol, gap))
            gap = ""
    if gap or not steps:
        raise PhraseError("has a gap that is not between two words" if gap else "holds no word")
    if all(step.symbol == UNKNOWN for step in steps):
        raise PhraseError("would be found in every text")
    return Phrase(source, tuple(steps), starts, ends)


def _symbols(piece: str) -> Iterator[str]:
    if piece == UNKNOWN or _NAME.fullmatch(piece):
        yield piece
        return
    if not _PIECE.fullmatch(piece):
        raise PhraseError("has a * that is not at the end of a word")
    words = [word.text for word in words_of(piece.removesuffix("*"))]
    if not words:
        raise PhraseError(f"holds a sign that is no word: {piece}")
    yield from words[:-1]
    yield words[-1] + ("*" if piece.endswith("*") else "")


def is_name(symbol: str) -> bool:
    """Whether it stands for a list of its own."""
    return bool(_NAME.fullmatch(symbol))


@dataclass(frozen=True, slots=True)
class Between:
    """What may stand in a gap: `fillers` freely, `barriers` never, any other word in a wide one.

    After one of `negators` no comma may come: "No, feeling better" is not "no feeling".
    """

    fillers: frozenset[str]
    barriers: frozenset[str]
    negators: frozenset[str]


class Text:
    """One text, with every place of every word, stem and name that a vocabulary knows."""

    def __init__(
        self, words: tuple[Word, ...], between: Between, known: frozenset[str], stems: frozenset[str]
    ) -> None:
        self.words = words
        self._between = between
        self._stray_stops = has_stray_stops(words)
        self._at: dict[str, dict[int, tuple[int, ...]]] = {}
        seen: dict[str, tuple[str, ...]] = {}
        for i, word in enumerate(words):
            if word.text not in seen:
                seen[word.text] = tuple(_meets(word.text, known, stems))
            for symbol in seen[word.text]:
                self._at.setdefault(symbol, {})[i] = (i + 1,)

    def call(self, names: Phrases[str]) -> None:
        """Finds the places of each name."""
        called: dict[str, dict[int, tuple[int, ...]]] = {}
        for name, phrase in names.of(self):
            places = called.setdefault(name, {})
            for start, end in self.find(phrase):
                places[start] = (*places.get(start, ()), end)
        self._at |= {name: places for name, places in called.items() if places}

    @property
    def symbols(self) -> Iterable[str]:
        """Every word, stem and name that stands in the text."""
        return self._at.keys()

    def has(self, phrase: Phrase) -> bool:
        """Whether all of its words stand somewhere in the text."""
        return all(step.symbol in self._at for step in phrase.steps)

    def find(self, phrase: Phrase, *, over_stops: bool = False) -> Iterator[Span]:
        """Each place of the phrase, with the nearest end; `over_stops`: also across full stops that are none."""
        over_stops = over_stops and self._stray_stops
        if not self.has(phrase):
            return
        first, *rest = phrase.steps
        for start, ends in self._at[first.symbol].items():
            if phrase.starts and start:
                continue
            reached = set(ends)
            for step in rest:
                reached = self._step(reached, step, over_stops=over_stops)
                if not reached:
                    break
            if phrase.ends:
                reached &= {len(self.words)}
            if reached:
                yield Span(start, min(reached))

    def _step(self, reached: set[int], step: Step, *, over_stops: bool) -> set[int]:
        places = self._at[step.symbol]
        may_be = (place for at in reached for place in self._places(at, step.after, over_stops=over_stops))
        return {end for place in may_be for end in places.get(place, ())}

    def _places(self, at: int, gap: str, *, over_stops: bool) -> Iterator[int]:
        """Where the next word may stand."""
        fillers, others = (MOST_FILLERS if gap else 0), (MOST_OTHERS if gap == FAR else 0)
        while at < len(self.words) and (over_stops or self.words[at].gap is not Break.HARD):
            if self.words[at].gap is not Break.NONE and self.words[at - 1].text in self._between.negators:
                return
            yield at
            word = self.words[at].text
            if word in self._between.fillers and fillers:
                fillers -= 1
            elif word not in self._between.barriers and others:
                others -= 1
            else:
                return
            at += 1


def _meets(word: str, known: frozenset[str], stems: frozenset[str]) -> Iterator[str]:
    """The symbols that a word is a case of."""
    found = [stem for n in range(1, min(len(word), LONGEST_STEM) + 1) if (stem := f"{word[:n]}*") in stems]
    if word in known:
        yield word
    elif not found and word[0].isalpha():
        yield UNKNOWN
    yield from found


class Phrases(Generic[K]):
    """Phrases, each with what it stands for, looked up by their first word."""

    def __init__(self, pairs: Iterable[tuple[K, Phrase]]) -> None:
        self._by_first: dict[str, list[tuple[K, Phrase]]] = {}
        for meaning, phrase in pairs:
            self._by_first.setdefault(phrase.steps[0].symbol, []).append((meaning, phrase))

    def __iter__(self) -> Iterator[tuple[K, Phrase]]:
        for pairs in self._by_first.values():
            yield from pairs

    def of(self, text: Text) -> Iterator[tuple[K, Phrase]]:
        """Those that may stand in the text."""
        for symbol in text.symbols:
            yield from self._by_first.get(symbol, ())


class Covered:
    """Whether a span lies within one of several; asked for every span, so never by looking at each of them."""

    def __init__(self, spans: Iterable[Span], length: int) -> None:
        self._reach = [0] * (length + 1)
        for span in spans:
            self._reach[span.start] = max(self._reach[span.start], span.end)
        for i in range(1, length + 1):
            self._reach[i] = max(self._reach[i], self._reach[i - 1])

    def holds(self, span: Span) -> bool:
        """Whether one of the spans begins no later and ends no earlier."""
        return self._reach[span.start] >= span.end

    def holds_more_than(self, span: Span) -> bool:
        """As `holds`, by a span that is not the very same."""
        return self._reach[span.start] > span.end or (span.start > 0 and self._reach[span.start - 1] >= span.end)
