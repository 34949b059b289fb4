"""Who of the staff is away on which days, so that no page goes to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from followup.storage.ids import new_id
from followup.storage.practice_tables import absences


@dataclass(frozen=True, slots=True)
class Absence:
    """One person's: local days of the clinic, the first and the last included."""

    name: str
    first: date
    last: date


class Absences:
    """The absences, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, absence: Absence, now: datetime, by: str) -> None:
        values = {"id": new_id(now), "name": absence.name, "first": absence.first, "last": absence.last}
        self._connection.execute(insert(absences).values(**values, at=now, by=by))

    def end(self, name: str, today: date, now: datetime) -> int:
        """Somebody is back, or will not go after all; returns how many absences that ends."""
        query = update(absences).where(
            absences.c.name == name, absences.c.ended_at.is_(None), absences.c.last >= today
        )
        return self._connection.execute(query.values(ended_at=now)).rowcount

    def since(self, day: date) -> list[Absence]:
        """Those that last until `day` or longer, the earliest first."""
        query = select(absences).where(absences.c.ended_at.is_(None), absences.c.last >= day)
        rows = self._connection.execute(query.order_by(absences.c.first, absences.c.id))
        return [Absence(row.name, row.first, row.last) for row in rows]
