"""What one clinic has decided: when it may write, when somebody is there, how often it may text, what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from followup.care.local_time import SendWindow, StaffedHours
from followup.care.plan import CarePlan

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


@dataclass(frozen=True, slots=True)
class Practice:
    """The clinic's own rules, the same for all its patients. `plans` is by key."""

    zone: ZoneInfo
    window: SendWindow
    staffed: StaffedHours
    plans: Mapping[str, CarePlan]
    caps: Caps = field(default_factory=Caps)
