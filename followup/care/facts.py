"""All that one patient's timeline is derived from."""

from __future__ import annotations

from dataclasses import dataclass

from followup.care.message import Recorded
from followup.care.people import Patient


@dataclass(frozen=True, slots=True)
class Facts:
    """The patient as recorded, the rows of the outbox, and whether a person has yet to look at an alert.

    `alert_open`: a task of level URGENT or CRITICAL about this patient waits for a person.
    """

    patient: Patient
    recorded: tuple[Recorded, ...] = ()
    alert_open: bool = False
