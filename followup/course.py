"""How a patient's pain has gone, procedure by procedure: what a new score is judged against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from followup.care.pain import Course
from followup.care.people import Patient, Procedure
from followup.storage import Transaction
from followup.storage.inbox import Reply


@dataclass(frozen=True, slots=True)
class Reported:
    """One score from 0 to 10, when it was given, and on which day after the procedure (local dates)."""

    at: datetime
    score: int
    day: int


def course_of(tx: Transaction, patient: Patient | None, procedure_id: int | None) -> Course:
    """What a new score about this procedure is judged against; without one, about the latest."""
    procedure = _about(patient, procedure_id)
    if patient is None or procedure is None:
        return Course()
    return Course(procedure.baseline_pain, tx.inbox.least_score(patient.id, _began(procedure)))


def reported(patient: Patient, procedure: Procedure, replies: Sequence[Reply]) -> list[Reported]:
    """Every score since this procedure and before the next, oldest first."""
    later = [p for p in patient.procedures if p.standing and p.on > procedure.on]
    end = min((_began(p) for p in later), default=None)
    zone = patient.contacts[0].zone if patient.contacts else UTC
    return [
        Reported(reply.written_at, reply.score, (reply.written_at.astimezone(zone).date() - procedure.on).days)
        for reply in replies
        if reply.score is not None
        and reply.written_at >= _began(procedure)
        and (end is None or reply.written_at < end)
    ]


def _about(patient: Patient | None, procedure_id: int | None) -> Procedure | None:
    """The procedure that was asked about, or the latest that was not cancelled."""
    known = [p for p in patient.procedures if p.standing] if patient else []
    asked = next((p for p in known if p.id == procedure_id), None)
    return asked or max(known, key=lambda p: (p.on, p.id), default=None)


def _began(procedure: Procedure) -> datetime:
    """Day 0 begins; nobody reports pain after a procedure in its first hours, so that zones do not matter."""
    return datetime.combine(procedure.on, time.min, UTC)
