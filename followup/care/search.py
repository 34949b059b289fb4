"""What a vocabulary finds in one text, less what is denied or only looks like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from followup.care.denial import denied
from followup.care.meaning import FLAGS, PAIN, Meaning
from followup.care.phrases import Covered, Phrase, Phrases, Span, Text
from followup.care.reply_words import Break
from followup.care.vocabulary import Vocabulary

_REACH = 4
"""Words. As far before "better" a negator may stand and still turn it round: "not really any better"."""

_DENIABLE = {Meaning.CRITICAL, Meaning.URGENT, Meaning.IN_HOSPITAL, Meaning.DIED}
"""Not `SUICIDE`: who says that they do not want to kill themselves is asked by a person."""

Match = tuple[Meaning, Phrase, Span]


class Search:
    """One text under one vocabulary. `turned`: a word about pain stands there with a negator, and means who knows.

    `asks`: there are words that ask; `contrasts`: there is a "but".
    """

    def __init__(self, text: Text, vocabulary: Vocabulary) -> None:
        self.words = text.words
        self._text = text
        self._vocabulary = vocabulary
        found = [
            (m, p, span) for m, p in vocabulary.anywhere.of(text) for span in text.find(p, over_stops=m in FLAGS)
        ]
        self._denied = self._denials(found)
        self._aside = self._set_aside(found)
        self._matches = [(m, p, span) for m, p, span in found if not self._is_aside(m, span)]
        self._matches, self.turned = self._plain_about_pain(self._matches)

    def _set_aside(self, found: list[Match]) -> dict[Meaning, Covered]:
        """For each meaning what only looks like it; and who wishes to be dead has not died, nor is better off."""
        harmless: dict[Meaning | None, list[Span]] = {}
        for meaning, phrase in self._vocabulary.harmless.of(self._text):
            harmless.setdefault(meaning, []).extend(self._text.find(phrase))
        alarms = [span for m, _, span in found if m is Meaning.SUICIDE]
        aside = {}
        for meaning in Meaning:
            spans = [*harmless.get(None, ()), *harmless.get(meaning, ())]
            spans += self._denied if meaning in _DENIABLE else ()
            spans += alarms if meaning in PAIN | {Meaning.DIED} else ()
            aside[meaning] = Covered(spans, len(self.words))
        return aside

    def _is_aside(self, meaning: Meaning, span: Span) -> bool:
        """Of words about pain, only where more is set aside: "I feel no pain" is no red flag, yet good news."""
        aside = self._aside[meaning]
        return aside.holds_more_than(span) if meaning in PAIN else aside.holds(span)

    def meanings(self, numbers: frozenset[int], *, asked: bool) -> Iterator[Meaning]:
        """All that is said. `numbers` are the words that make a score; `asked`: a question about pain is open."""
        yield from (meaning for meaning, _, _ in self._matches)
        yield from self._all_of(self._vocabulary.whole, [Span(0, len(self.words))], numbers)
        yield from self._all_of(self._vocabulary.clause, self._clauses(), numbers)
        if asked:
            spans = {Span(0, len(self.words))}
            yield from (
                m for m, phrase in self._vocabulary.asked.of(self._text) if spans & set(self._text.find(phrase))
            )

    def unplaced(self, numbers: frozenset[int]) -> bool:
        """Whether there are words that no phrase, no number and no courtesy accounts for."""
        voc = self._vocabulary
        plain = voc.polite | voc.fillers | voc.scores.before | voc.scores.after | voc.contrasts
        placed = self._inside([*(span for _, _, span in self._matches), *self._denied]) | numbers
        return any(word.text not in plain and i not in placed for i, word in enumerate(self.words))

    @property
    def is_polite(self) -> bool:
        """Whether there is courtesy and nothing else."""
        return all(word.text in self._vocabulary.polite for word in self.words)

    @cached_property
    def asks(self) -> bool:
        return any(
            True for _, phrase in self._vocabulary.questions.of(self._text) for _ in self._text.find(phrase)
        )

    @property
    def contrasts(self) -> bool:
        return any(word.text in self._vocabulary.contrasts for word in self.words)

    def _denials(self, found: list[Match]) -> list[Span]:
        voc = self._vocabulary
        signs = [span for m, p, span in found if m in _DENIABLE and not voc.denies_itself(p)]
        signs += [span for _, phrase in voc.symptoms.of(self._text) for span in self._text.find(phrase)]
        return denied(self.words, signs, voc.denying)

    def _plain_about_pain(self, matches: list[Match]) -> tuple[list[Match], bool]:
        """Of the words about pain the longest, and none that a negator turns round."""
        placed = self._inside([*(span for _, _, span in matches), *self._denied])
        longest = _longest(span for m, _, span in matches if m in PAIN)
        kept, turned = list[Match](), False
        for meaning, phrase, span in matches:
            if meaning in PAIN and span not in longest:
                continue
            if meaning in PAIN and not self._vocabulary.denies_itself(phrase) and self._is_turned(span, placed):
                turned = True
                continue
            kept.append((meaning, phrase, span))
        return kept, turned

    def _is_turned(self, span: Span, placed: frozenset[int]) -> bool:
        negators, barriers = self._vocabulary.denying.negators, self._vocabulary.between.barriers
        for at in range(span.start - 1, max(-1, span.start - 1 - _REACH), -1):
            if self.words[at + 1].gap is not Break.NONE or self.words[at].text in barriers:
                return False
            if self.words[at].text in negators and at not in placed:
                return True
        return False

    def _all_of(self, phrases: Phrases[Meaning], parts: list[Span], numbers: frozenset[int]) -> Iterator[Meaning]:
        """The meanings whose phrases are, courtesy aside, all that stands in one of the parts."""
        found: dict[Meaning, list[Span]] = {}
        for meaning, phrase in phrases.of(self._text):
            spans = (span for span in self._text.find(phrase) if not self._is_aside(meaning, span))
            found.setdefault(meaning, []).extend(spans)
        for meaning, places in found.items():
            if places and self._is_all(parts, self._inside(places), meaning, numbers):
                yield meaning

    def _is_all(
        self, parts: list[Span], placed: frozenset[int], meaning: Meaning, numbers: frozenset[int]
    ) -> bool:
        """In an answer about pain small words and, unless it complains of pain alone, a score may stand beside."""
        voc = self._vocabulary
        plain, taken = voc.polite, frozenset[int]()
        if meaning in PAIN:
            plain |= voc.scores.before | voc.scores.after
            taken = self._inside(span for m, _, span in self._matches if m in PAIN)
        beside = numbers if meaning in {Meaning.BETTER, Meaning.SAME} else frozenset[int]()
        for part in parts:
            rest = {i for i in range(part.start, part.end) if i not in placed and i not in beside}
            said = len(rest) < part.end - part.start - len(beside.intersection(range(part.start, part.end)))
            if said and rest.isdisjoint(taken) and all(self.words[i].text in plain for i in rest):
                return True
        return False

    def _clauses(self) -> list[Span]:
        """The sentences; the first ends at its first pause: "Stop, you have the wrong person"."""
        soft = next((i for i in range(1, len(self.words)) if self.words[i].gap is not Break.NONE), len(self.words))
        ends = [i for i in range(1, len(self.words)) if self.words[i].gap is Break.HARD] + [len(self.words)]
        starts = [0, *ends[:-1]]
        return [Span(0, soft), *map(Span, starts, ends)]

    @staticmethod
    def _inside(spans: Iterable[Span]) -> frozenset[int]:
        return frozenset(i for span in spans for i in range(span.start, span.end))


def _longest(spans: Iterable[Span]) -> set[Span]:
    """Those that lie within no other."""
    kept, reached = set[Span](), 0
    for span in sorted(set(spans), key=lambda s: (s.start, -s.end)):
        if span.end > reached:
            kept.add(span)
            reached = span.end
    return kept
