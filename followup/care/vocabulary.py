"""A vocabulary made ready: all languages, the clinic's additions and the plan's, each phrase taken apart once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from followup.care.denial import Denying
from followup.care.meaning import FLAGS, Meaning
from followup.care.phrases import UNKNOWN, Between, Phrase, Text, is_name, parse
from followup.care.reply_words import Word, plain_text
from followup.care.scores import ScoreWords
from followup.care.spelling import Spelling
from followup.care.word_lists import WordLists, merged

_TOLERANT = FLAGS | {Meaning.DIED}
"""In these a slip of the finger must not hide what is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What `interpret` reads with. Made by `of`; costs some milliseconds to make, so one is kept for each plan."""

    anywhere: tuple[tuple[Meaning, Phrase], ...]
    whole: tuple[tuple[Meaning, Phrase], ...]
    clause: tuple[tuple[Meaning, Phrase], ...]
    asked: tuple[tuple[Meaning, Phrase], ...]
    harmless: tuple[tuple[Meaning | None, Phrase], ...]
    names: Mapping[str, tuple[Phrase, ...]]
    symptoms: tuple[Phrase, ...]
    questions: tuple[Phrase, ...]
    contrasts: frozenset[str]
    polite: frozenset[str]
    fillers: frozenset[str]
    reactions: tuple[str, ...]
    between: Between
    denying: Denying
    scores: ScoreWords
    spelling: Spelling
    known: frozenset[str]
    stems: frozenset[str]

    @classmethod
    def of(cls, lists: Iterable[WordLists]) -> Self:
        """Several files' lists as one vocabulary; raises PhraseError for what is no phrase."""
        one = merged(lists)
        found = _Phrases(one)
        symbols = found.symbols()
        known = frozenset(symbols - {UNKNOWN}) | _single_words(one)
        return cls(
            found.anywhere,
            found.whole,
            found.clause,
            found.asked,
            found.harmless,
            found.names,
            found.symptoms,
            found.questions,
            contrasts=_folded(one.contrasts),
            polite=_folded(one.polite),
            fillers=_folded(one.fillers),
            reactions=tuple(map(plain_text, one.reactions)),
            between=Between(_folded(one.fillers), _folded(one.barriers), _folded(one.negators)),
            denying=Denying(_folded(one.negators), _folded(one.denied_through), _folded(one.joins)),
            scores=_score_words(one),
            spelling=Spelling(known, found.tolerant()),
            known=known,
            stems=frozenset(s for s in symbols if s.endswith("*")),
        )

    def text(self, words: tuple[Word, ...]) -> Text:
        """The text with every place of every known word."""
        found = Text(self.spelling.read(words), self.between, self.known, self.stems)
        found.call(self.names)
        return found

    def denies_itself(self, phrase: Phrase) -> bool:
        """Whether the phrase begins with a denial of its own, so that none before it takes it back."""
        first = phrase.steps[0].symbol
        starts = {p.steps[0].symbol for p in self.names.get(first, ())} | {first}
        return not starts.isdisjoint(self.denying.negators)


class _Phrases:
    """All phrases of the lists, taken apart."""

    def __init__(self, lists: WordLists) -> None:
        self.anywhere = _by_meaning(lists.anywhere)
        self.whole = _by_meaning(lists.whole)
        self.clause = _by_meaning(lists.clause)
        self.asked = _by_meaning(lists.asked)
        self.names = {name: tuple(map(parse, phrases)) for name, phrases in lists.names.items()}
        self.harmless = tuple((m, parse(phrase)) for m, phrases in lists.harmless.items() for phrase in phrases)
        self.symptoms = tuple(map(parse, lists.symptoms))
        self.questions = tuple(map(parse, lists.questions))
        self._meaningless = (*lists.known, *lists.fillers, *lists.barriers, *lists.polite)

    def symbols(self) -> frozenset[str]:
        """Every word and stem, without the names."""
        meant = (phrase for pairs in (self.anywhere, self.whole, self.clause, self.asked) for _, phrase in pairs)
        loose = (*(phrase for _, phrase in self.harmless), *self.symptoms, *self.questions)
        return frozenset(s for p in (*meant, *loose, *self._named()) for s in p.symbols if not is_name(s))

    def tolerant(self) -> frozenset[str]:
        """The words in which a slip of the finger is understood."""
        flags = [phrase for meaning, phrase in self.anywhere if meaning in _TOLERANT]
        found = frozenset(s for phrase in (*flags, *self._named()) for s in phrase.symbols if s.isalpha())
        return found - _folded(self._meaningless)

    def _named(self) -> Iterator[Phrase]:
        for phrases in self.names.values():
            yield from phrases


def _by_meaning(lists: Mapping[Meaning, tuple[str, ...]]) -> tuple[tuple[Meaning, Phrase], ...]:
    return tuple((meaning, parse(phrase)) for meaning, phrases in lists.items() for phrase in phrases)


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(plain_text(word).replace("'", "") for word in words)


def _single_words(lists: WordLists) -> frozenset[str]:
    several = (
        *(lists.fillers, lists.barriers, lists.polite, lists.negators, lists.denied_through, lists.joins),
        *(lists.contrasts, lists.before_score, lists.after_score, lists.pain, lists.out_of, lists.up_to),
        *(lists.units, lists.heat, lists.known, *lists.numbers),
    )
    return frozenset().union(*map(_folded, several))


def _score_words(lists: WordLists) -> ScoreWords:
    beside = _folded(lists.polite) | _folded(lists.pain)
    return ScoreWords(
        values={word: n for n, words in enumerate(lists.numbers) for word in _folded(words)},
        before=_folded(lists.before_score) | beside,
        after=_folded(lists.after_score) | beside,
        pain=_folded(lists.pain),
        out_of=_folded(lists.out_of),
        up_to=_folded(lists.up_to),
        units=_folded(lists.units),
        heat=_folded(lists.heat),
        barriers=_folded(lists.barriers),
    )
