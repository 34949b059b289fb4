"""What one clinic has decided: when it may write, when somebody is there, how often it may text, what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from followup.care.local_time import LONGEST_CLOSURE, SendWindow, StaffedHours, defer_question
from followup.care.message import LEAST_ROOM
from followup.care.plan import CarePlan, Step

QUESTION_OPEN_FOR = timedelta(hours=48)
"""A question nobody answers is closed, with a task, after this time (CARE.md §4)."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most texts one number gets: in a local day, and in any seven days in a row.

    2 and 6 with recorded consent; 1 and 3 where the clinic relies on the FCC's health-care exemption
    (MESSAGING.md §1).
    """

    per_day: int = 2
    per_7_days: int = 6
    consent_needed: bool = True


@dataclass(frozen=True, slots=True)
class Practice:
    """The clinic's own rules, the same for all its patients. `plans` is by key."""

    zone: ZoneInfo
    window: SendWindow
    staffed: StaffedHours
    plans: Mapping[str, CarePlan]
    caps: Caps = field(default_factory=Caps)

    def opening(self, step: Step, moment: datetime, zone: ZoneInfo) -> datetime:
        """The first moment from `moment` on at which `step` may go to somebody in `zone`.

        In the send window with room to send, and for a question in a staffed hour. Raises ValueError if never.
        """
        for _ in range(LONGEST_CLOSURE):
            found = self._next(step, moment, zone)
            moment = self.window.closes(found, zone)
            if found + LEAST_ROOM <= moment:
                return found
        raise ValueError("this send window leaves no room to send")

    def _next(self, step: Step, moment: datetime, zone: ZoneInfo) -> datetime:
        if step.waits_for_answer:
            return defer_question(moment, step.at, zone, self.window, self.staffed)
        return self.window.defer(moment, zone)
