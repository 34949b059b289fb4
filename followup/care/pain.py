"""How a reported pain score is judged: what a person must look at, and how soon.

Cut points differ between studies and are not settled (CARE.md §4, thresholds), so they are the clinic's setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from followup.care.task import TaskKind

WORST = 10
ROUTINE_FROM = 4
"""NRS 4 and above was the treatment threshold in three of four methods, 435 surgical patients (CARE.md §4)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`urgent_score` and above, or a rise of `urgent_rise` and more over any earlier score, is urgent."""

    urgent_score: int = 7
    urgent_rise: int = 2


def assess(score: int, earlier: Sequence[int], thresholds: Thresholds) -> TaskKind | None:
    """The task that a score from 0 to 10 calls for; `earlier` are the scores before it, the baseline left out.

    The baseline is the pain that the procedure was to relieve: a lower score than it may still be a rise.
    """
    rise = score - min(earlier, default=score)
    if score >= thresholds.urgent_score or rise >= thresholds.urgent_rise:
        return TaskKind.HIGH_PAIN
    return TaskKind.PAIN_NOTED if score >= ROUTINE_FROM else None
