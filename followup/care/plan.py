"""What a care plan says: steps and restrictions that follow one kind of procedure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum

from followup.care.people import ChannelName


class Anchor(StrEnum):
    """What day 0 means: the day of enrollment, of the procedure, or of going home."""

    ENROLLMENT = "enrollment"
    PROCEDURE = "procedure"
    DISCHARGE = "discharge"


class Asks(StrEnum):
    """What kind of answer a step waits for."""

    PAIN_SCORE = "pain_score"


@dataclass(frozen=True, slots=True)
class Restriction:
    """A named limit: from the procedure's day 0 up to the start of day `days`, local days."""

    key: str
    days: int


@dataclass(frozen=True, slots=True)
class Bound:
    """One edge of a step's time: on each named day (counted from its anchor) at `at`, the later of them.

    `after` counts elapsed time from the step's own anchor instead. An anchor that nobody has recorded is left out.
    """

    days: Mapping[Anchor, int]
    at: time = time.min
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to say: when, to whom it is offered on which channels, and how long it stays true.

    Placed by `day` and `at` (local), or by `after` (elapsed since the anchor, or since the question it nudges).
    `not_before` and `valid_until`: between several bounds the strictest holds.
    """

    key: str
    message: str
    channels: tuple[ChannelName, ...]
    valid_until: tuple[Bound, ...]
    anchor: Anchor = Anchor.PROCEDURE
    day: int = 0
    at: time = time(10)
    after: timedelta | None = None
    not_before: tuple[Bound, ...] = ()
    also: bool = False
    asks: Asks | None = None
    nudges: str | None = None
    ends: str | None = None
    critical: bool = False
    unless_alert: bool = False

    @property
    def waits_for_answer(self) -> bool:
        """Whether somebody has to be there, and listening, when it goes: it asks, or repeats a question."""
        return self.asks is not None or self.nudges is not None

    @property
    def opens_question(self) -> bool:
        """Whether it waits for an answer of its own; a nudge only repeats a question that is open."""
        return self.asks is not None and self.nudges is None


@dataclass(frozen=True, slots=True)
class CarePlan:
    """The template for one kind of procedure. `key` is the name of its folder under messages/."""

    key: str
    name: str
    steps: tuple[Step, ...]
    restrictions: tuple[Restriction, ...] = ()
    parameters: tuple[str, ...] = ()
    example: bool = False

    def step(self, key: str) -> Step:
        """The step of that key; KeyError if the plan has none."""
        for step in self.steps:
            if step.key == key:
                return step
        raise KeyError(key)
