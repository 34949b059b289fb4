"""A patient's restrictions, merged over all procedures: they answer "until when may this patient not lift".

The union counts, and the date told is the end of the unbroken stretch that contains the day asked about: early is
the unsafe direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from followup.care.people import Procedure
from followup.care.plan import CarePlan


@dataclass(frozen=True, slots=True)
class Limit:
    """One restriction laid on a patient by one procedure, from `start` up to the start of `end` (local days)."""

    key: str
    start: date
    end: date
    procedure: int


def limits(procedures: Iterable[Procedure], plans: Mapping[str, CarePlan]) -> tuple[Limit, ...]:
    """All limits of the procedures that stand; a procedure whose plan is unknown lays none."""
    return tuple(
        Limit(r.key, p.on, p.on + timedelta(days=r.days), p.id)
        for p in procedures
        if p.standing and p.plan in plans
        for r in plans[p.plan].restrictions
    )


def in_force(laid: Iterable[Limit], key: str, day: date) -> date | None:
    """The first day on which `key` no longer restricts, seen from `day`; None if it does not restrict on `day`.

    Stretches that overlap or touch are one.
    """
    end = None
    for limit in sorted((x for x in laid if x.key == key), key=lambda x: x.start):
        reached = day if end is None else end
        if limit.start <= reached and limit.end > reached:
            end = limit.end
    return end


def all_in_force(laid: tuple[Limit, ...], day: date) -> dict[str, date]:
    """Every restriction that holds on `day`, with the first day on which it no longer does."""
    found = {key: in_force(laid, key, day) for key in {limit.key for limit in laid}}
    return {key: end for key, end in sorted(found.items()) if end is not None}


def holder(laid: Iterable[Limit], key: str, day: date, apart_from: int | None = None) -> Limit | None:
    """The limit that still restricts `key` on `day`, the longest of them; `apart_from` leaves a procedure out."""
    running = [x for x in laid if x.key == key and x.procedure != apart_from and x.start <= day < x.end]
    return max(running, key=lambda x: (x.end, x.procedure), default=None)
