"""The lists of one vocabulary file, and how several are laid together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields

from followup.care.meaning import Meaning

Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WordLists:
    """What one file says; a clinic's or a plan's own file adds to the lists of the languages.

    `anywhere`: phrases by meaning, found anywhere in a text. `whole`: phrases that count only where, courtesy
    aside, they are all that was written; `clause`: all of one sentence; `asked`: the whole answer to an open
    question. `harmless`: what looks like this meaning, or like any (None), and is none. `names`: lists that
    phrases refer to. `numbers`: the words for 0 to 10, in order. Within a phrase may stand `fillers`, never
    `barriers`; `polite` words are courtesy.
    `negators` deny the sign that follows, directly or after `denied_through`; `symptoms` are signs that are no
    flag, but may stand in such a list ("no pain, fever or chills"); `joins` are its "or".
    `questions` ask; after `contrasts` something else follows; a text that begins with `reactions` quotes ours.
    `before_score` and `after_score` may stand beside a number that is a score, `pain` makes it one for certain,
    `out_of` and `up_to` lie within it ("8 out of 10", "8 or 9"); `units` make it something else, `heat` a fever.
    `known` are words that mean nothing here, and are no slip of the finger for one that does.
    """

    anywhere: Mapping[Meaning, tuple[str, ...]] = field(default_factory=dict)
    whole: Mapping[Meaning, tuple[str, ...]] = field(default_factory=dict)
    clause: Mapping[Meaning, tuple[str, ...]] = field(default_factory=dict)
    asked: Mapping[Meaning, tuple[str, ...]] = field(default_factory=dict)
    harmless: Mapping[Meaning | None, tuple[str, ...]] = field(default_factory=dict)
    names: Lists = field(default_factory=dict)
    numbers: tuple[tuple[str, ...], ...] = ()
    fillers: tuple[str, ...] = ()
    barriers: tuple[str, ...] = ()
    polite: tuple[str, ...] = ()
    negators: tuple[str, ...] = ()
    denied_through: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    before_score: tuple[str, ...] = ()
    after_score: tuple[str, ...] = ()
    pain: tuple[str, ...] = ()
    out_of: tuple[str, ...] = ()
    up_to: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    heat: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def merged(lists: Iterable[WordLists]) -> WordLists:
    """All of them at once: a reply may mix languages, so every list always applies."""
    several = tuple(lists)
    made: dict[str, object] = {}
    for each in fields(WordLists):
        values = [getattr(one, each.name) for one in several]
        if each.name == "numbers":
            made[each.name] = tuple(_chained(columns) for columns in zip(*filter(None, values), strict=True))
        elif each.name in {"anywhere", "whole", "clause", "asked", "harmless", "names"}:
            made[each.name] = {key: _chained(v.get(key, ()) for v in values) for key in _keys(values)}
        else:
            made[each.name] = _chained(values)
    return WordLists(**made)  # type: ignore[arg-type]  # each field by its own kind


def without(lists: WordLists, anywhere: Mapping[Meaning, tuple[str, ...]]) -> WordLists:
    """Less the named phrases: what is a red flag after most procedures may be expected after this one."""
    left = {
        meaning: tuple(phrase for phrase in phrases if phrase not in anywhere.get(meaning, ()))
        for meaning, phrases in lists.anywhere.items()
    }
    kept = {each.name: getattr(lists, each.name) for each in fields(WordLists)}
    return WordLists(**(kept | {"anywhere": left}))


def _keys(values: Iterable[Mapping[object, object]]) -> Iterator[object]:
    yield from dict.fromkeys(key for value in values for key in value)


def _chained(values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for value in values for one in value))
