"""How well a vocabulary reads replies whose meaning is known: what was taken for what, and the three bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from followup.care.meaning import FLAGS, Meaning, Reading
from followup.care.plan import Asks
from followup.care.reply import interpret
from followup.care.vocabulary import Vocabulary

MOST_ALARMS = 0.05
"""Of all harmless texts, the part that may be read as a red flag. None is too few: over-alerting is intended."""

_NOT_HARMLESS = FLAGS | {Meaning.DIED, Meaning.IN_HOSPITAL, Meaning.HELP, Meaning.WORSE}


@dataclass(frozen=True, slots=True)
class Sample:
    """A reply and what a person says it means; it is read as an answer to the question about pain."""

    text: str
    language: str
    meant: Reading


@dataclass(frozen=True, slots=True)
class Read:
    """A sample and what was understood."""

    sample: Sample
    understood: Reading

    @property
    def misses_flag(self) -> bool:
        """A sign of the first group must be read as one; of the second, as one of either."""
        meant, got = self.sample.meant.meanings, self.understood.meanings
        strict = meant & {Meaning.CRITICAL, Meaning.SUICIDE}
        return not strict <= got or (Meaning.URGENT in meant and not got & FLAGS)

    @property
    def stops_wrongly(self) -> bool:
        """It is read as an opt-out and is none."""
        return Meaning.OPT_OUT in self.understood.meanings - self.sample.meant.meanings

    @property
    def is_harmless(self) -> bool:
        return not self.sample.meant.meanings & _NOT_HARMLESS

    @property
    def alarms_wrongly(self) -> bool:
        """It is harmless and read as a red flag of either group."""
        return self.is_harmless and bool(self.understood.meanings & FLAGS)


@dataclass(frozen=True, slots=True)
class KindCount:
    """Of one meaning: how many texts have it, how many of those were understood, and how many others were.

    `instead`: what the missed ones were taken for, most often first.
    """

    meaning: Meaning
    meant: int
    understood: int
    added: int
    instead: tuple[tuple[Meaning, int], ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Every sample, read."""

    rows: tuple[Read, ...]

    @property
    def missed(self) -> list[Read]:
        return [row for row in self.rows if row.misses_flag]

    @property
    def stopped(self) -> list[Read]:
        return [row for row in self.rows if row.stops_wrongly]

    @property
    def alarmed(self) -> list[Read]:
        return [row for row in self.rows if row.alarms_wrongly]

    @property
    def wrong_scores(self) -> list[Read]:
        return [row for row in self.rows if row.understood.score != row.sample.meant.score]

    @property
    def harmless(self) -> int:
        return sum(row.is_harmless for row in self.rows)

    @property
    def alarm_rate(self) -> float:
        """From 0 to 1."""
        return len(self.alarmed) / self.harmless if self.harmless else 0.0

    @property
    def within_bounds(self) -> bool:
        """No red flag missed, nothing else read as an opt-out, few harmless texts read as a red flag."""
        return not self.missed and not self.stopped and self.alarm_rate <= MOST_ALARMS

    def kinds(self) -> Iterator[KindCount]:
        """The table: one line for each meaning that occurs."""
        for meaning in Meaning:
            meant = [row for row in self.rows if meaning in row.sample.meant.meanings]
            missed = [row for row in meant if meaning not in row.understood.meanings]
            added = sum(meaning in row.understood.meanings - row.sample.meant.meanings for row in self.rows)
            if meant or added:
                instead = Counter(m for row in missed for m in row.understood.meanings).most_common()
                yield KindCount(meaning, len(meant), len(meant) - len(missed), added, tuple(instead))


def confusion(samples: Iterable[Sample], vocabulary: Vocabulary) -> Confusion:
    """All samples read with one vocabulary."""
    return Confusion(
        tuple(Read(sample, interpret(sample.text, vocabulary, Asks.PAIN_SCORE)) for sample in samples)
    )
