"""Words as they are typed on a small phone: drawn out, run together, spelled out, a finger beside the key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby

from followup.care.reply_words import Word

SHORTEST_SLIP = 5
"""Letters. In a shorter word one other letter makes another word: numb and dumb, fell and well."""

_SHORTEST_RUN, _LONGEST_RUN = 7, 30
"""Letters of two words run together; what is longer is no word at all."""

_FEWEST_SPELLED = 3
_DRAWN_OUT = re.compile(r"(.)\1\1")
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUND_ALIKE = ("aeiouy", "cksz", "mn", "bv", "gj", "dt", "ck")


def _neighbours() -> frozenset[tuple[str, str]]:
    """Letters taken for each other: keys side by side, or one sound."""
    at = {letter: (row, column) for row, keys in enumerate(_KEYBOARD) for column, letter in enumerate(keys)}
    near = {
        (a, b)
        for a, (row, column) in at.items()
        for b, (other, place) in at.items()
        if (row == other and abs(column - place) == 1)
        or (abs(row - other) == 1 and place - column in {0, row - other})
    }
    return frozenset(near | {(a, b) for group in _SOUND_ALIKE for a in group for b in group})


_NEAR = _neighbours()


class Spelling:
    """Reads words as known ones. `tolerant` are those found with one slip.

    Every known word stays itself, and so does one that begins as a `stem` does.
    """

    def __init__(self, known: frozenset[str], stems: frozenset[str], tolerant: Iterable[str]) -> None:
        self._known = known
        self._stems = tuple(stem.removesuffix("*") for stem in sorted(stems))
        self._squeezed: dict[str, list[str]] = defaultdict(list)
        for word in sorted(known):
            self._squeezed[_squeeze(word)].append(word)
        self._slips: dict[str, list[str]] = defaultdict(list)
        for word in sorted(w for w in tolerant if len(w) >= SHORTEST_SLIP):
            for shorter in {word, *_one_less(word)}:
                self._slips[shorter].append(word)

    def read(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """The words, each unknown one exchanged for what it stands for, if that can be told."""
        seen: dict[str, tuple[str, ...]] = {}
        found = list[Word]()
        for word in self._joined(words):
            meant = seen.get(word.text)
            if meant is None:
                meant = seen[word.text] = self._meant(word.text)
            found.append(word._replace(text=meant[0]))
            found += [Word(text) for text in meant[1:]]
        return tuple(found)

    def _meant(self, word: str) -> tuple[str, ...]:
        if word not in self._known and word.endswith("in") and f"{word}g" in self._known:
            return (f"{word}g",)  # as it is spoken: walkin, feelin
        if word in self._known or not word[0].isalpha() or word.startswith(self._stems):
            return (word,)
        if _DRAWN_OUT.search(word):
            if drawn := [known for known in self._squeezed.get(_squeeze(word), ()) if _fits(known, word)]:
                return (drawn[0],)
            word = re.sub(r"(.)\1{2,}", r"\1", word)
        if len(word) > _LONGEST_RUN:
            return (word,)
        if slip := self._slip(word):
            return (slip,)
        return self._run_together(word)

    def _slip(self, word: str) -> str:
        if len(word) < SHORTEST_SLIP:
            return ""
        near = {known for shorter in (word, *_one_less(word)) for known in self._slips.get(shorter, ())}
        return next((known for known in sorted(near) if _is_slip(word, known)), "")

    def _run_together(self, word: str) -> tuple[str, ...]:
        if len(word) >= _SHORTEST_RUN:
            for cut in range(len(word) - 2, 1, -1):
                if word[:cut] in self._known and word[cut:] in self._known:
                    return word[:cut], word[cut:]
        return (word,)

    def _joined(self, words: tuple[Word, ...]) -> Iterable[Word]:
        """S T O P is one word, if it is a known one."""
        for single, run in groupby(words, key=lambda word: len(word.text) == 1 and word.text.isalpha()):
            letters = list(run)
            text = "".join(word.text for word in letters)
            if single and len(letters) >= _FEWEST_SPELLED and text in self._known:
                yield Word(text, letters[0].gap)
            else:
                yield from letters


def _squeeze(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _fits(known: str, drawn_out: str) -> bool:
    """Both have the same letters in a row; none stands doubled that was typed once."""
    lengths = ([len(list(run)) for _, run in groupby(word)] for word in (known, drawn_out))
    return all(few <= many for few, many in zip(*lengths, strict=True))


def _one_less(word: str) -> Iterable[str]:
    return (word[:i] + word[i + 1 :] for i in range(len(word)))


def _is_slip(typed: str, meant: str) -> bool:
    """One letter missing, one too many, two exchanged, or one that is near the right one; the first is there."""
    if len(typed) != len(meant):
        shorter, longer = sorted((typed, meant), key=len)
        return shorter[0] == longer[0] and shorter in _one_less(longer)
    differ = [i for i, (a, b) in enumerate(zip(typed, meant, strict=True)) if a != b]
    if len(differ) == 1:
        return (typed[differ[0]], meant[differ[0]]) in _NEAR
    swapped = len(differ) == 2 and differ[1] == differ[0] + 1  # noqa: PLR2004  two letters
    return swapped and typed[differ[0]] == meant[differ[1]] and typed[differ[1]] == meant[differ[0]]
