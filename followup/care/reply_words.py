"""A reply as plain words: without case, accents, apostrophes and invisible characters, with its pauses.

Whatever a phone can produce becomes words, numbers and pictures; nothing raises, and all of it is linear.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

_APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02bb\u02b9\u2032\u00b4`\uff07\ua78c"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d"

_EXCHANGED = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_DASHES, "-")
    | {"\u00bd": ".5", "\u00bc": ".25", "\u00be": ".75", "\U0001f51f": "10", "&": " and ", "\u2044": "/"}
)
"""Before anything is taken apart: the fraction in "7½" would otherwise join the 7."""

_TOKEN = re.compile(r"(?P<number>\d+(?:[.,]\d+)?)|(?P<word>[^\W\d_](?:[^\W_]|'(?=[^\W_]))*)|(?P<mark>[^\w\s])")
_FULL_STOP = re.compile(r"(?<!\.)\.(?!\.)")
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TYING = frozenset("-/_#@*+~=<>^|\\")
"""Between two words these make no pause: chest-pain, and/or."""

LONGEST_NUMBER = 4
"""Digits before the point; what is longer is no score and no temperature."""

SHORT_CLAUSE = 2
"""Words. Where clauses are so short, full stops come from a thumb that meant the space bar: "I. cant. breathe"."""


class Break(IntEnum):
    """How far a word stands from the one before it: side by side, after a comma, after a sentence's end."""

    NONE = 0
    SOFT = 1
    HARD = 2


class Word(NamedTuple):
    """One word, number or picture. `joint` is the sign that ties a number to the one before: 8/10, 8-9, 8:30."""

    text: str
    gap: Break = Break.NONE
    joint: str = ""

    @property
    def is_number(self) -> bool:
        return self.text[0].isdecimal()


def words_of(text: str) -> tuple[Word, ...]:
    """The words of a text in order; none for a text without any."""
    plain, found, end = plain_text(text), list[Word](), 0
    for token in _TOKEN.finditer(plain):
        if token["mark"] and not _is_picture(token["mark"]):
            continue
        between, word = plain[end : token.start()], token[0].replace("'", "")
        end = token.end()
        if found and not between and word == "o" and found[-1].text == "1":
            found[-1] = found[-1]._replace(text="10")  # the letter, typed for a zero
        else:
            found.append(Word(word, _break(between), _joint(between, found, word)))
    return tuple(found)


def plain_text(text: str) -> str:
    """The text without case, accents and what cannot be seen; ñ counts as n, on both sides of a comparison."""
    text = text.translate(_EXCHANGED).casefold()
    if text.isascii():
        return text.replace("\0", " ")
    return "".join(map(_plain, unicodedata.normalize("NFKD", text).casefold()))


@lru_cache(maxsize=4096)
def _plain(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind in {"Mn", "Me", "Cf"} or ord(letter) in _SKIN_TONES:
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(letter))
    return " " if kind in {"Cs", "Co", "Cn"} or letter == "\0" else letter


def _is_picture(mark: str) -> bool:
    return mark == "%" or unicodedata.category(mark) in {"So", "Sc"}


def _break(between: str) -> Break:
    if "\n" in between or "!" in between or "?" in between:
        return Break.HARD
    if "." in between:
        if _FULL_STOP.search(between):
            return Break.HARD if any(map(str.isspace, between)) else Break.NONE
        return Break.SOFT
    marks = between.strip()
    return Break.NONE if not marks or (marks == between and _TYING.issuperset(marks)) else Break.SOFT


def _joint(between: str, before: list[Word], word: str) -> str:
    sign = between.strip()
    tied = sign in {"/", "-", ":"} and before and before[-1].is_number and word[0].isdecimal()
    return sign if tied else ""


def has_stray_stops(words: tuple[Word, ...]) -> bool:
    """Whether the sentences' ends are none: there are hardly more words than sentences."""
    clauses = 1 + sum(word.gap is Break.HARD for word in words[1:])
    return len(words) <= SHORT_CLAUSE * clauses
