"""How a reported pain score is judged: what a person must look at, and how soon.

Cut points differ between studies and are not settled (CARE.md §4, thresholds), so they are the clinic's setting.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Course:
    """A patient's pain so far: before the procedure, as asked at enrollment, and the least reported since."""

    baseline: int | None = None
    least: int | None = None


def assess(score: int, course: Course, thresholds: Thresholds) -> TaskKind | None:
    """The task that a score from 0 to 10 calls for, by itself and against the patient's own course.

    The baseline is the pain that the procedure was to relieve: a lower score may still be a rise over what came
    since, one no lower was not relieved, and one above it is a rise by itself.
    """
    known = [before for before in (course.baseline, course.least) if before is not None]
    rise = score - min(known, default=score) if course.least is not None else score - (course.baseline or score)
    if score >= thresholds.urgent_score or rise >= thresholds.urgent_rise:
        return TaskKind.HIGH_PAIN
    unrelieved = course.baseline is not None and 0 < course.baseline <= score
    return TaskKind.PAIN_NOTED if score >= ROUTINE_FROM or unrelieved else None
