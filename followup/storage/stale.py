"""Patients whose facts changed since their timeline was made: noted by triggers and outcomes, read each tick."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, bindparam, select

from followup.care.delivery import UNSENT
from followup.storage.conflicts import insert_unless_there
from followup.storage.tables import messages, procedures, stale

_FORGET = stale.delete().where(stale.c.patient_id.in_(bindparam("ids", expanding=True)))


class Stale:
    """The stale patients, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def patients(self, limit: int) -> list[int]:
        query = select(stale.c.patient_id).order_by(stale.c.patient_id).limit(limit)
        return list(self._connection.scalars(query))

    def note(self, patient_id: int) -> None:
        insert_unless_there(self._connection, stale, {"patient_id": patient_id})

    def note_all_waiting(self) -> int:
        """Every patient with a message that is still to be sent; returns how many."""
        waiting = (
            select(messages.c.patient_id)
            .where(messages.c.status.in_(sorted(UNSENT)), messages.c.patient_id.is_not(None))
            .distinct()
        )
        patients = sorted(self._connection.scalars(waiting))
        for patient_id in patients:
            self.note(patient_id)
        return len(patients)

    def forget(self, patient_ids: Collection[int]) -> None:
        """Their timelines are made anew."""
        self._connection.execute(_FORGET, {"ids": sorted(patient_ids)})

    def changed_dates(self, patient_id: int) -> list[tuple[int, date, date]]:
        """Procedures whose date another program changed: id, the date planned with, the date now recorded."""
        p = procedures.c
        query = select(p.id, p.planned_on, p.on_date).where(
            p.patient_id == patient_id, p.planned_on.is_not(None), p.planned_on != p.on_date
        )
        return [(row.id, row.planned_on, row.on_date) for row in self._connection.execute(query)]
