"""Who changed what and when: one row per change that a person or the program made, never altered afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from followup.care.delivery import Status
from followup.care.reason import Reason
from followup.storage.ids import new_ids
from followup.storage.many import insert_rows
from followup.storage.seal import Place, Sealer
from followup.storage.tables import audit

FINAL = ("answer", "opt out", "opt in")
"""Changes that cannot be taken back: what a patient has said, was said."""


@dataclass(frozen=True, slots=True)
class NewLine:
    """What was done, and about whom. `detail` holds codes and ids only; `before`, what it replaced, is sealed."""

    action: str
    patient_id: int | None = None
    message_id: int | None = None
    detail: str = ""
    before: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change. `before` is what it replaced, by table and row, where it can be undone."""

    id: int
    at: datetime
    by: str
    action: str
    detail: str
    patient_id: int | None
    before: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RecordedMove:
    """One move of a message, as the trail has it: `action` is its event, `by` who made it."""

    at: datetime
    by: str
    action: str
    source: Status
    target: Status
    reason: Reason | None
    attempt: int
    revision: int


class Audit:
    """The trail, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def write(  # noqa: PLR0913  who, when, what, about whom: an audit line has no fewer parts
        self,
        now: datetime,
        by: str,
        action: str,
        *,
        patient_id: int | None = None,
        message_id: int | None = None,
        detail: str = "",
        before: Mapping[str, Any] | None = None,
    ) -> None:
        """One line; see `NewLine`."""
        self.write_all(now, by, [NewLine(action, patient_id, message_id, detail, before)])

    def write_all(self, now: datetime, by: str, lines: Sequence[NewLine]) -> None:
        """What was done at one moment, in this order."""
        ids = new_ids(now, len(lines))
        rows = [{"at": now, "by": by} | self._row(next(ids), line) for line in lines]
        insert_rows(self._connection, audit, rows)

    def _row(self, row: int, line: NewLine) -> dict[str, Any]:
        sealed = line.before and self._sealer.seal(Place("audit", "before", row), json.dumps(line.before))
        return {
            "id": row,
            "action": line.action,
            "patient_id": line.patient_id,
            "message_id": line.message_id,
            "detail": line.detail,
            "before": sealed or None,
        }

    def last_change(self, patient_id: int) -> Change | None:
        """The latest change to the patient that was not undone; what cannot be undone has no `before`."""
        a = audit.c
        changed = or_(a.before.is_not(None), a.action.in_(FINAL))
        query = select(audit).where(a.patient_id == patient_id, changed, a.undone_at.is_(None))
        row = self._connection.execute(query.order_by(a.id.desc()).limit(1)).one_or_none()
        return self._change(row) if row else None

    def undone(self, change_id: int, now: datetime) -> None:
        self._connection.execute(update(audit).where(audit.c.id == change_id).values(undone_at=now))

    def of_patient(self, patient_id: int) -> list[Change]:
        rows = self._connection.execute(select(audit).where(audit.c.patient_id == patient_id).order_by(audit.c.id))
        return [self._change(row) for row in rows]

    def moves_of(self, message_id: int) -> list[RecordedMove]:
        """Every move of a message, oldest first: what is not in the table of moves cannot stand here."""
        query = select(audit).where(audit.c.message_id == message_id, audit.c.source.is_not(None))
        return [
            RecordedMove(
                row.at,
                row.by,
                row.action,
                Status(row.source),
                Status(row.target),
                Reason(row.reason) if row.reason else None,
                row.attempt,
                row.revision,
            )
            for row in self._connection.execute(query.order_by(audit.c.revision))
        ]

    def _change(self, row: Any) -> Change:  # noqa: ANN401  a row of SQLAlchemy's
        before = None
        if row.before is not None:
            before = json.loads(self._sealer.open(Place("audit", "before", row.id), row.before))
        return Change(row.id, row.at, row.by, row.action, row.detail, row.patient_id, before)
