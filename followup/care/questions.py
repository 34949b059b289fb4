"""What a patient was asked, and when each question closes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from followup.care.message import Recorded
from followup.care.practice import QUESTION_OPEN_FOR
from followup.care.rows import perhaps_said


@dataclass(frozen=True, slots=True)
class Question:
    """A question this patient was asked: by which step of which procedure, and when it closes or closed."""

    procedure: int
    step: str
    asked_at: datetime
    closed_at: datetime | None

    @property
    def closes_at(self) -> datetime:
        """Its answer, or the moment at which it is given up."""
        return self.closed_at or self.asked_at + QUESTION_OPEN_FOR


def questions(recorded: Iterable[Recorded]) -> tuple[Question, ...]:
    """Every question of the patient that was really asked, or may have been."""
    return tuple(
        Question(row.key.procedure, row.key.step, row.sent_at, row.question_closed_at)
        for row in recorded
        if row.asks and row.sent_at is not None and perhaps_said(row)
    )
