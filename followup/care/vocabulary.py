"""A vocabulary made ready: all languages, the clinic's additions and the plan's, each phrase taken apart once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

from followup.care.denial import Denying
from followup.care.meaning import FLAGS, Meaning
from followup.care.phrases import UNKNOWN, Between, Phrase, Phrases, Text, is_name, parse
from followup.care.reply_words import Word, plain_text
from followup.care.scores import ScoreWords
from followup.care.spelling import Spelling
from followup.care.word_lists import WordLists, merged

K = TypeVar("K")

_TOLERANT = FLAGS | {Meaning.DIED}
"""In these a slip of the finger must not hide what is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What `interpret` reads with. Made by `of`; costs some milliseconds to make, so one is kept for each plan."""

    anywhere: Phrases[Meaning]
    whole: Phrases[Meaning]
    clause: Phrases[Meaning]
    asked: Phrases[Meaning]
    harmless: Phrases[Meaning | None]
    names: Phrases[str]
    symptoms: Phrases[None]
    questions: Phrases[None]
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
    denying_names: frozenset[str]

    @classmethod
    def of(cls, lists: Iterable[WordLists]) -> Self:
        """Several files' lists as one vocabulary; raises PhraseError for what is no phrase."""
        one = merged(lists)
        found = _Taken(one)
        symbols = found.symbols()
        stems = frozenset(s for s in symbols if s.endswith("*"))
        known = frozenset(symbols - stems - {UNKNOWN}) | _single_words(one)
        negators = _folded(one.negators)
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
            between=Between(_folded(one.fillers), _folded(one.barriers), negators),
            denying=Denying(negators, _folded(one.denied_through), _folded(one.joins)),
            scores=_score_words(one),
            spelling=Spelling(known, stems, found.tolerant()),
            known=known,
            stems=stems,
            denying_names=frozenset(name for name, phrase in found.names if phrase.steps[0].symbol in negators),
        )

    def text(self, words: tuple[Word, ...]) -> Text:
        """The text with every place of every known word."""
        found = Text(self.spelling.read(words), self.between, self.known, self.stems)
        found.call(self.names)
        return found

    def denies_itself(self, phrase: Phrase) -> bool:
        """Whether the phrase begins with a denial of its own, so that none before it takes it back."""
        first = phrase.steps[0].symbol
        return first in self.denying.negators or first in self.denying_names


class _Taken:
    """All phrases of the lists, taken apart."""

    def __init__(self, lists: WordLists) -> None:
        self.anywhere = _taken(lists.anywhere)
        self.whole = _taken(lists.whole)
        self.clause = _taken(lists.clause)
        self.asked = _taken(lists.asked)
        self.harmless = _taken(lists.harmless)
        self.names = _taken(lists.names)
        self.symptoms = Phrases((None, parse(phrase)) for phrase in lists.symptoms)
        self.questions = Phrases((None, parse(phrase)) for phrase in lists.questions)
        self._meaningless = (*lists.known, *lists.fillers, *lists.barriers, *lists.polite)

    def symbols(self) -> frozenset[str]:
        """Every word and stem, without the names."""
        meant = (*self.anywhere, *self.whole, *self.clause, *self.asked, *self.harmless)
        phrases = [phrase for _, phrase in (*meant, *self.names, *self.symptoms, *self.questions)]
        return frozenset(s for phrase in phrases for s in phrase.symbols if not is_name(s))

    def tolerant(self) -> frozenset[str]:
        """The words in which a slip of the finger is understood."""
        flags = [phrase for meaning, phrase in self.anywhere if meaning in _TOLERANT]
        phrases = (*flags, *(phrase for _, phrase in self.names))
        return frozenset(s for p in phrases for s in p.symbols if s.isalpha()) - _folded(self._meaningless)


def _taken(lists: Mapping[K, tuple[str, ...]]) -> Phrases[K]:
    return Phrases((key, parse(phrase)) for key, phrases in lists.items() for phrase in phrases)


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
        pauses=_folded(lists.contrasts) | (_folded(lists.up_to) & _folded(lists.barriers)),
    )
