"""VERB: after a long absence what is overdue is held back, and what still holds is let go one by one.

    overdue -> held back -> past its end: expired, all in one task | settled, and still true: in its turn

A patient with a message in doubt gets nothing of the backlog before that is settled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from followup import log
from followup.care.backlog import LONG_ABSENCE, Overdue, Said, gap, outlasted, places, purpose
from followup.care.delivery import ON_THE_WIRE, UNSENT, WITH_PROVIDER, Mover, Status, the_move
from followup.care.message import Kind
from followup.care.people import Patient
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.task import TaskKind, new_task
from followup.consequences import Moved, follow
from followup.errors import StorageError
from followup.replan import PROGRAM, Clinic
from followup.storage import Storage, Transaction
from followup.storage.outbox_rows import Entry
from followup.storage.owner import Owner
from followup.storage.switches import Switch

SAID = ON_THE_WIRE | WITH_PROVIDER | {Status.UNDELIVERED, Status.UNRESOLVED}
"""The patient got it, or may have."""

_Places = list[tuple[Entry, datetime]]


@dataclass(frozen=True, slots=True)
class Released:
    """What was let go: `placed` by the moments at which they go; and how many were outlasted."""

    placed: tuple[datetime, ...] = ()
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Stock:
    """The backlog as it stands. `away_since` is the last round before the absence, `held_since` its end."""

    away_since: datetime | None
    held_since: datetime | None
    held: tuple[Entry, ...]
    unsettled: frozenset[int]
    in_turn: tuple[Entry, ...]
    in_doubt: int
    expired: int


def take_stock(storage: Storage, owner: Owner, now: datetime) -> int:
    """Hold back all that is overdue, if no round was made for long; returns how many messages.

    Cheap while rounds are made, and done once for one absence: it counts as a round itself. Called before
    anything is claimed or swept, at the start and in each round: a machine that was suspended starts nothing.
    """
    if not owner.acquire() or not _away(storage, now):
        return 0
    with storage.transaction() as tx:
        ticked = tx.switches.get(Switch.TICKED)
        if ticked is None or now - ticked.at <= LONG_ABSENCE:
            return 0
        tx.switches.set(Switch.TICKED, "", now, PROGRAM)
        held = tx.backlog.hold_back(now)
        if held:
            if tx.switches.get(Switch.BACKLOG) is None:
                tx.switches.set(Switch.BACKLOG, ticked.at.isoformat(), now, PROGRAM)
            tx.audit.write(
                now, PROGRAM, "backlog held back", detail=f"messages={held} since={ticked.at:%Y%m%dT%H%MZ}"
            )
    if held:
        log.event("long absent: the backlog is held back", messages=held)
    return held


def _away(storage: Storage, now: datetime) -> bool:
    with storage.reading() as tx:
        ticked = tx.switches.get(Switch.TICKED)
    return ticked is not None and now - ticked.at > LONG_ABSENCE


def let_go(storage: Storage, clinic: Clinic, owner: Owner, now: datetime) -> int:
    """End what the absence has outlasted, give a turn to what still holds; returns how many messages got one.

    Once a minute, while the clock is believed. When nothing is held back any more the backlog is over.
    """
    with storage.reading() as tx:
        if tx.switches.get(Switch.BACKLOG) is None:
            return 0
    if not owner.acquire():
        return 0
    with storage.transaction() as tx:
        released = _let_go(tx, clinic, tx.backlog.held(), now)
        if not tx.backlog.held():
            _over(tx, now)
    if released.placed or released.expired:
        log.event("backlog", let_go=len(released.placed), expired=released.expired)
    return len(released.placed)


def release(tx: Transaction, clinic: Clinic, now: datetime, by: str) -> Released:
    """A person lets everything go that may: none waits for its turn among the patients.

    Gates, hours and one purpose per patient and day hold all the same; and what is in doubt is settled first.
    """
    waiting = [entry for entry in tx.backlog.in_turn() if entry.due_at > now]
    released = _let_go(tx, clinic, [*tx.backlog.held(), *waiting], now, spread=False)
    detail = f"let_go={len(released.placed)} expired={released.expired}"
    tx.audit.write(now, by, "backlog released", detail=detail)
    if tx.switches.get(Switch.BACKLOG) and not tx.backlog.held():
        _over(tx, now)
    return released


def _over(tx: Transaction, now: datetime) -> None:
    tx.switches.clear(Switch.BACKLOG)
    tx.audit.write(now, PROGRAM, "backlog over")


def stock(tx: Transaction) -> Stock:
    """What is held back, since when, what waits for its turn, what is in doubt, how many were outlasted."""
    switch = tx.switches.get(Switch.BACKLOG)
    held = tx.backlog.held()
    return Stock(
        datetime.fromisoformat(switch.value) if switch else None,
        switch.at if switch else None,
        tuple(held),
        frozenset(tx.backlog.unsettled() & {entry.patient_id or 0 for entry in held}),
        tuple(tx.backlog.in_turn()),
        tx.backlog.restored_in_doubt(),
        sum(_listed(task.detail) for task in tx.tasks.open_tasks() if task.kind is TaskKind.OUTAGE),
    )


def _let_go(
    tx: Transaction, clinic: Clinic, waiting: Sequence[Entry], now: datetime, *, spread: bool = True
) -> Released:
    ended = [entry for entry in waiting if outlasted(entry.valid_until, now)]
    still = [entry for entry in waiting if not outlasted(entry.valid_until, now)]
    unsettled = tx.backlog.unsettled()
    free = [entry for entry in still if entry.patient_id not in unsettled]
    places, unfit = _placed(tx, clinic, free, now, spread=spread)
    # What has its turn already, and keeps it, is not let go a second time.
    placed = [(entry, moment) for entry, moment in places if entry.held_back or moment != entry.due_at]
    expired = _expire(tx, clinic, [*ended, *unfit], now)
    tx.backlog.release(placed, now)
    return Released(tuple(moment for _, moment in placed), expired)


def _placed(
    tx: Transaction, clinic: Clinic, free: Sequence[Entry], now: datetime, *, spread: bool
) -> tuple[_Places, list[Entry]]:
    """When each goes, and those for which there is no day left; the most pressing patients come first."""
    groups: dict[int, list[Entry]] = defaultdict(list)
    placed: _Places = []
    for entry in free:
        if entry.kind is not Kind.REMINDER or (entry.due_at > now and entry.reason is not Reason.CATCH_UP):
            placed.append((entry, entry.due_at))  # a page goes at once; what facts have moved is not overdue
        else:
            groups[entry.patient_id or 0].append(entry)
    unfit: list[Entry] = []
    known, rows = _patients(tx, clinic, groups), tx.outbox.of_patients(list(groups))
    lag, step = timedelta(), gap(len(groups)) if spread else timedelta()
    for patient_id, entries in groups.items():
        found = _of_patient(entries, known.get(patient_id), rows[patient_id], clinic.practice, (now, lag))
        placed += [(entry, moment) for entry, moment in found if moment is not None]
        unfit += [entry for entry, moment in found if moment is None]
        lag += step
    return placed, unfit


def _patients(tx: Transaction, clinic: Clinic, ids: Iterable[int]) -> dict[int, Patient]:
    """The patients; one whose rows do not open is left out, and the gates say so when its turn has come."""
    consent_needed = clinic.practice.caps.consent_needed
    wanted = sorted(ids)
    try:
        return tx.register.patients(wanted, consent_needed=consent_needed)
    except StorageError as error:
        if len(wanted) == 1:
            log.fault("cannot read", error, patient=wanted[0])
            return {}
        return {key: patient for one in wanted for key, patient in _patients(tx, clinic, [one]).items()}


def _of_patient(
    entries: Sequence[Entry],
    patient: Patient | None,
    rows: Iterable[Entry],
    practice: Practice,
    turn: tuple[datetime, timedelta],
) -> list[tuple[Entry, datetime | None]]:
    """When each of one patient's goes; what the plan no longer knows goes to the gates, which end it."""
    now, lag = turn
    held = {entry.id: one for entry in entries if patient and (one := _overdue(entry, patient, practice))}
    found = places(held.values(), _said(entries, rows, now), now, lag, practice)
    return [(entry, found[entry.id] if entry.id in held else entry.due_at) for entry in entries]


def _overdue(entry: Entry, patient: Patient, practice: Practice) -> Overdue | None:
    try:
        plan = practice.plans[patient.procedure(entry.procedure_id or 0).plan]
        zone = patient.contact(entry.contact_id or 0).zone
        return Overdue(entry.recorded, plan.step(entry.step), zone)
    except KeyError:
        return None


def _said(entries: Iterable[Entry], rows: Iterable[Entry], now: datetime) -> Iterator[Said]:
    """What else the patient is or was told, and when."""
    own = {entry.id for entry in entries}
    for row in rows:
        if row.id in own or row.kind is not Kind.REMINDER:
            continue
        if row.status in UNSENT and not row.trial:
            yield purpose(row.recorded), max(row.due_at, now)
        elif row.status in SAID and row.sent_at:
            yield purpose(row.recorded), row.sent_at


def _expire(tx: Transaction, clinic: Clinic, outlasted: Sequence[Entry], now: datetime) -> int:
    """End them, and put them on the one list of the outage."""
    ended = tx.backlog.expire(outlasted, now)
    for entry in ended:
        move = the_move(Mover.RESTORER, entry.status, Status.EXPIRED)
        follow(tx, clinic, Moved(entry, move, Reason.OUTAGE), now)
    if ended:
        task = new_task(TaskKind.OUTAGE, now, clinic.practice.staffed, **_list(ended))
        tx.tasks.extend(task, now, _together)
    return len(ended)


def _list(ended: Iterable[Entry]) -> dict[str, Any]:
    """Patients, what each was not told, and how many pages to staff did not go."""
    missed: dict[str, list[str]] = {}
    pages = 0
    for entry in ended:
        if entry.patient_id is None:
            pages += 1
        else:
            missed.setdefault(str(entry.patient_id), []).append(f"{entry.step} by {entry.channel}")
    return {"patients": [int(patient) for patient in missed], "missed": missed, "pages": pages}


def _together(before: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    missed = {patient: list(steps) for patient, steps in before.get("missed", {}).items()}
    for patient, steps in new["missed"].items():
        missed[patient] = [*missed.get(patient, []), *steps]
    pages = before.get("pages", 0) + new["pages"]
    return {**before, "patients": [int(patient) for patient in missed], "missed": missed, "pages": pages}


def _listed(detail: Mapping[str, Any]) -> int:
    return sum(map(len, detail.get("missed", {}).values())) + int(detail.get("pages", 0))
