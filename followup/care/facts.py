"""All that one patient's timeline is derived from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from followup.care.message import Recorded
from followup.care.people import Patient


@dataclass(frozen=True, slots=True)
class Facts:
    """The patient as recorded, the rows of the outbox, and whether a person has yet to look at an alert.

    `alert_open`: a task that says the patient may be worse waits for a person; `alert_closed_at` is when the last
    one was closed.
    """

    patient: Patient
    recorded: tuple[Recorded, ...] = ()
    alert_open: bool = False
    alert_closed_at: datetime | None = None
