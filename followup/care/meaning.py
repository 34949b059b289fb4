"""What a reply may mean, and what one was taken to mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    """One thing that a reply says; several may hold at once, and the caller says which counts first.

    `CRITICAL` is the group of signs for which the sources send people to 911, `URGENT` the one for which they
    have them call the same day (CARE.md §4, after §2.11). `SUICIDE` never stands without `CRITICAL`.
    `AUTOMATIC` was written by a machine, `EMPTY` holds neither word nor number, `THANKS` is courtesy alone, and
    `UNREADABLE` has to be read by a person: a question, two meanings, two numbers, words nobody can place.
    """

    CRITICAL = "critical"
    SUICIDE = "suicide"
    URGENT = "urgent"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    CALL_ME = "call_me"
    WRONG_NUMBER = "wrong_number"
    DIED = "died"
    IN_HOSPITAL = "in_hospital"
    SCORE = "score"
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    AUTOMATIC = "automatic"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    THANKS = "thanks"


FLAGS = frozenset({Meaning.CRITICAL, Meaning.SUICIDE, Meaning.URGENT})
"""The red flags of both groups."""

PAIN = frozenset({Meaning.SCORE, Meaning.BETTER, Meaning.SAME, Meaning.WORSE})
"""What answers the question about pain."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply is taken to mean. `score` is 0 to 10, and 0 is a score like any other; None without `SCORE`."""

    meanings: frozenset[Meaning]
    score: int | None = None
