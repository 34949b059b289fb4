"""plan.toml: its closed schema, and the care plan it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from followup.care.people import ChannelName
from followup.care.plan import Anchor, Asks, Bound, CarePlan, Restriction, Step
from followup.errors import Fault
from followup.toml_file import TomlTable, read

LONGEST_PLAN = 400
"""Days. The tables of time look no further ahead than this."""

_UNITS = {"m": "minutes", "h": "hours"}


def _elapsed(value: object) -> timedelta:
    """`30m` or `24h`. There are no days here: days are calendar units and stand under `day`."""
    found = re.fullmatch(r"(\d{1,4})([mh])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a time that passes, in minutes or hours: "30m" or "24h"')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


_Elapsed = Annotated[timedelta, BeforeValidator(_elapsed)]
_Day = Annotated[int, Field(ge=0, le=LONGEST_PLAN)]
_Key = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
_Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_Name = Annotated[str, Field(min_length=1, max_length=80)]


class _RestrictionTable(TomlTable):
    key: _Word
    days: Annotated[int, Field(ge=1, le=LONGEST_PLAN)]


class _BoundTable(TomlTable):
    day: _Day | None = None
    procedure_day: _Day | None = None
    discharge_day: _Day | None = None
    enrollment_day: _Day | None = None
    at: time = time.min
    after: _Elapsed | None = None

    def named(self) -> dict[str, int]:
        """The days it names, by key; `day` is still the anchor's."""
        days = {
            "day": self.day,
            Anchor.PROCEDURE: self.procedure_day,
            Anchor.DISCHARGE: self.discharge_day,
            Anchor.ENROLLMENT: self.enrollment_day,
        }
        return {str(key): day for key, day in days.items() if day is not None}

    @model_validator(mode="after")
    def _names_a_moment(self) -> Self:
        if self.after is None and not self.named():
            raise ValueError("names no moment; give day, procedure_day, discharge_day, enrollment_day or after")
        if self.after is not None and self.named():
            raise ValueError("has both a day and after; make two bounds of it, the strictest holds")
        return self


class _StepTable(TomlTable):
    key: _Key
    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    valid_until: Annotated[tuple[_BoundTable, ...], Field(min_length=1)]
    message: Annotated[str, Field(pattern=r"^(shared/)?[a-z0-9-]{1,40}$")] | None = None
    anchor: Anchor = Anchor.PROCEDURE
    day: _Day | None = None
    at: time | None = None
    after: _Elapsed | None = None
    not_before: tuple[_BoundTable, ...] = ()
    also: bool = False
    asks: Asks | None = None
    nudges: _Key | None = None
    ends: _Word | None = None
    critical: bool = False
    unless_alert: bool = False

    @model_validator(mode="after")
    def _is_placed_once(self) -> Self:
        if (self.after is None) == (self.day is None):
            raise ValueError('needs either day (with at) or after: day = 2 and at = 10:00:00, or after = "30m"')
        if self.after is not None and self.at is not None:
            raise ValueError("has both after and at; a step placed by after has no wall time")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("names a channel twice")
        return self

    @model_validator(mode="after")
    def _nudges_plainly(self) -> Self:
        if self.nudges and (self.after is None or self.anchor is not Anchor.PROCEDURE):
            raise ValueError('nudges a question: it needs after = "24h", counted from the question, and no anchor')
        if self.nudges and self.asks:
            raise ValueError("both nudges and asks; a nudge repeats the question of the other step")
        return self

    @model_validator(mode="after")
    def _ends_for_certain(self) -> Self:
        if not any(self._always_known(bound) for bound in self.valid_until):
            raise ValueError("valid_until hangs on a discharge that may never be recorded; add a bound with day")
        return self

    def _always_known(self, bound: _BoundTable) -> bool:
        known = bound.after is not None or bool(set(bound.named()) - {Anchor.DISCHARGE})
        return known or self.anchor is Anchor.DISCHARGE


class _PlanTable(TomlTable):
    name: _Name
    example: bool = False
    parameters: tuple[_Word, ...] = ()
    restriction: tuple[_RestrictionTable, ...] = ()
    step: Annotated[tuple[_StepTable, ...], Field(min_length=1)]


def read_plan(folder: Path, key: str, restrictions: Mapping[str, object]) -> tuple[CarePlan | None, list[Fault]]:
    """The plan in `folder/<key>/plan.toml`, or None, and every fault; `restrictions` is the shared list by key."""
    where = f"{key}/plan.toml"
    table, faults = read(folder / key / "plan.toml", _PlanTable, shown_as=where)
    if table is None:
        return None, faults
    plan = CarePlan(
        key=key,
        name=table.name,
        steps=tuple(map(_step, table.step)),
        restrictions=tuple(Restriction(r.key, r.days) for r in table.restriction),
        parameters=table.parameters,
        example=table.example,
    )
    found = [Fault(f"{where}: {spot}", what) for spot, what in _contradictions(plan, restrictions)]
    return plan, found


def _step(table: _StepTable) -> Step:
    return Step(
        key=table.key,
        message=table.message or table.key,
        channels=table.channels,
        valid_until=tuple(_bound(b, table.anchor) for b in table.valid_until),
        anchor=table.anchor,
        day=table.day or 0,
        at=table.at or time(10),
        after=table.after,
        not_before=tuple(_bound(b, table.anchor) for b in table.not_before),
        also=table.also,
        asks=table.asks,
        nudges=table.nudges,
        ends=table.ends,
        critical=table.critical,
        unless_alert=table.unless_alert,
    )


def _bound(table: _BoundTable, anchor: Anchor) -> Bound:
    days: dict[Anchor, int] = {}
    for key, day in table.named().items():
        named = anchor if key == "day" else Anchor(key)
        days[named] = max(day, days.get(named, day))
    return Bound(days, table.at, table.after)


def _contradictions(plan: CarePlan, restrictions: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What the schema cannot see: keys used twice, and keys that lead nowhere."""
    own = {r.key for r in plan.restrictions}
    for n, restriction in enumerate(plan.restrictions):
        if restriction.key not in restrictions:
            known = ", ".join(sorted(restrictions)) or "none"
            yield f"restriction[{n + 1}].key", f"is not in vocabulary/restrictions.toml; known there: {known}"
        if restriction.key in {r.key for r in plan.restrictions[:n]}:
            yield f"restriction[{n + 1}].key", "stands twice in this plan"
    for n, step in enumerate(plan.steps):
        earlier = {s.key: s for s in plan.steps[:n]}
        if step.key in earlier:
            yield f"step[{n + 1}].key", f"'{step.key}' stands twice in this plan"
        if step.ends is not None and step.ends not in own:
            yield f"step[{step.key}].ends", "names a restriction that this plan does not have"
        if step.nudges is not None and not (step.nudges in earlier and earlier[step.nudges].asks):
            yield f"step[{step.key}].nudges", "names no earlier step that asks a question"
