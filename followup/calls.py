"""VERB: the call sheet: everybody whom a person must phone, once each, the most urgent first; it changes nothing.

open tasks -> by patient, or by the number of somebody unknown -> numbers, reasons, scripts -> in order
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from followup.care.message import Kind
from followup.care.people import Bar, ChannelName, Contact, Patient, Role
from followup.care.plan import Step
from followup.care.reason import Reason
from followup.care.standing import held_by_facts
from followup.care.task import Level, TaskKind
from followup.errors import MessageError
from followup.messages import MessageLibrary
from followup.prepare import speaking
from followup.replan import Clinic
from followup.storage import Transaction
from followup.storage.directory import Identity
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

CALLED_FOR = (
    TaskKind.RED_FLAG,
    TaskKind.WARNING_SIGN,
    TaskKind.HIGH_PAIN,
    TaskKind.WORSE,
    TaskKind.IN_HOSPITAL,
    TaskKind.DEATH,
    TaskKind.HELP,
    TaskKind.CALL_ME,
    TaskKind.UNRESOLVED,
    TaskKind.CORRECTION,
    TaskKind.TELL_BY_PHONE,
    TaskKind.NO_ANSWER,
    TaskKind.CALL,
    TaskKind.UNDELIVERED,
    TaskKind.BAD_ADDRESS,
    TaskKind.NOT_SENT,
    TaskKind.CANNOT_RENDER,
    TaskKind.OUTAGE,
    TaskKind.OPT_IN,
    TaskKind.OPT_OUT,
)
"""What makes somebody pick up the phone; of two with one deadline, in this order."""

SAID_BY_THE_WAY = (TaskKind.LATE_REPLY, TaskKind.UNREADABLE, TaskKind.WROTE_BACK, TaskKind.PAIN_NOTED)
"""Nobody is called for these alone; who is called anyway is asked about them."""

ABOUT_A_STEP = frozenset(
    {
        TaskKind.CALL,
        TaskKind.NO_ANSWER,
        TaskKind.TELL_BY_PHONE,
        TaskKind.UNDELIVERED,
        TaskKind.BAD_ADDRESS,
        TaskKind.NOT_SENT,
        TaskKind.UNRESOLVED,
        TaskKind.CANNOT_RENDER,
    }
)
"""What the plan wanted to say can be said by phone instead, while it holds."""

FIND_OUT_FIRST = frozenset({TaskKind.DEATH, TaskKind.IN_HOSPITAL})
"""Before anybody knows, no script is read to anyone."""


SOMEBODY = "somebody unknown"
NOT_THEIRS = "no number of theirs now"
"""Whose a number is from which they wrote before it was changed, or by another's phone."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A number to call (E.164), and the language spoken there.

    `wrote`: what is answered came from there. `doubtful`: no text reaches it.
    """

    number: str = field(repr=False)
    whose: str
    name: str = field(repr=False, default="")
    language: str = ""
    wrote: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A step of the plan, to be said aloud; or why it must not be said now. `asks`: for the pain."""

    step: str
    words: str = field(repr=False)
    not_now: str = ""
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One person to phone; `who` is None for somebody unknown. `tasks`: why, the most urgent first."""

    who: Identity | None
    tasks: tuple[Task, ...]
    phones: tuple[Phone, ...]
    email: str | None = field(repr=False, default=None)
    scripts: tuple[Script, ...] = ()

    @property
    def level(self) -> Level:
        return self.tasks[0].level

    @property
    def due_at(self) -> datetime:
        """By when the most urgent of it should have been looked at."""
        return self.tasks[0].due_at


@dataclass(frozen=True, slots=True)
class Sheet:
    """Today's calls; `without_number` are those nobody can call yet, `died` how many were left out as dead."""

    made_at: datetime
    calls: tuple[Call, ...]
    without_number: tuple[Call, ...]
    died: int


def sheet(tx: Transaction, clinic: Clinic, library: MessageLibrary, now: datetime) -> Sheet:
    """Everybody who is to be phoned now. Reads only."""
    tasks = tx.tasks.open_tasks()
    by_patient = _by_patient(tasks)
    patients = tx.register.patients(by_patient, consent_needed=clinic.practice.caps.consent_needed)
    called = {key: found for key, found in by_patient.items() if _is_called(found, patients[key])}
    known, entries = tx.directory.identities(called), tx.outbox.of_patients(called)
    made = [
        _call(known[key], patients[key], found, _Saying(clinic, library, patients[key], entries.get(key, []), now))
        for key, found in called.items()
        if not patients[key].died
    ]
    made = sorted([*made, *_strangers(tasks)], key=lambda call: _order(call.tasks[0]))
    return Sheet(
        now,
        tuple(call for call in made if call.phones),
        tuple(call for call in made if not call.phones),
        sum(patients[key].died for key in called),
    )


def _by_patient(tasks: Iterable[Task]) -> dict[int, list[Task]]:
    """Open tasks of each patient in their order; one that is a list of patients counts for each of them."""
    found: dict[int, list[Task]] = defaultdict(list)
    for task in tasks:
        if task.patient_id is not None:
            found[task.patient_id].append(task)
        elif task.kind is TaskKind.OUTAGE:
            for patient in task.detail.get("patients", []):
                missed = task.detail.get("missed", {}).get(str(patient), [])
                found[patient].append(replace(task, detail={"missed": missed}))
    return {key: sorted(of_one, key=_order) for key, of_one in found.items()}


def _order(task: Task) -> tuple[int, datetime, int, int]:
    kinds = (*CALLED_FOR, *SAID_BY_THE_WAY)
    rank = kinds.index(task.kind) if task.kind in kinds else len(kinds)
    return list(Level).index(task.level), task.due_at, rank, task.number


def _is_called(tasks: Iterable[Task], patient: Patient) -> bool:
    """Who has stopped texts and still gets the rest by mail is left in peace; nothing else left means a call."""
    kinds = {task.kind for task in tasks}
    if any(c.may_use(ChannelName.SMS) or c.may_use(ChannelName.EMAIL) for c in patient.contacts):
        kinds.discard(TaskKind.OPT_OUT)
    return not kinds.isdisjoint(CALLED_FOR)


def _call(who: Identity, patient: Patient, tasks: Sequence[Task], saying: _Saying) -> Call:
    about = tuple(task for task in tasks if task.kind in CALLED_FOR or task.kind in SAID_BY_THE_WAY)
    contacts = sorted(patient.contacts, key=lambda c: (c.role is not Role.PATIENT, c.id))
    return Call(
        who,
        about,
        tuple(_phones(contacts, about)),
        contacts[0].email if contacts else None,
        tuple(saying.scripts(about)),
    )


def _phones(contacts: Sequence[Contact], tasks: Iterable[Task]) -> Iterator[Phone]:
    """The patient's first, then of those the patient agreed to share with, then whatever else was written from."""
    wrote = dict.fromkeys(n for task in tasks for part in task.parts if (n := _number(part)))
    shared = {c.number: c for c in reversed(contacts) if c.bars.get(ChannelName.PHONE) is not Bar.NOT_SHARED}
    for number in dict.fromkeys(c.number for c in contacts):
        if number and (contact := shared.get(number)):
            doubtful = contact.bars.get(ChannelName.SMS) is Bar.BAD_ADDRESS
            yield Phone(number, contact.role, contact.name, contact.language, number in wrote, doubtful)
    known = {c.number for c in contacts}
    yield from (Phone(number, NOT_THEIRS, wrote=True) for number in wrote if number not in known)


def _number(part: Mapping[str, Any]) -> str | None:
    address = part.get("address")
    return address if isinstance(address, str) and address.startswith("+") else None


def _strangers(tasks: Iterable[Task]) -> Iterator[Call]:
    """Who wrote from a number or address that is nobody's: one task of a kind may hold several of them."""
    found: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        if task.patient_id is None and task.kind in CALLED_FOR:
            for address in dict.fromkeys(p["address"] for p in task.parts if isinstance(p.get("address"), str)):
                newest, *earlier = [p for p in task.parts if p.get("address") == address]
                own = {**newest, "earlier": [_alone(p) for p in reversed(earlier)]}
                found[address].append(replace(task, detail=own))
    for address, of_one in found.items():
        phones = (Phone(address, SOMEBODY, wrote=True),) if address.startswith("+") else ()
        yield Call(None, tuple(sorted(of_one, key=_order)), phones, None if phones else address)


def _alone(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "earlier"}


@dataclass(frozen=True, slots=True)
class _Saying:
    """What may be said to one patient now."""

    clinic: Clinic
    library: MessageLibrary
    patient: Patient
    entries: Sequence[Entry]
    now: datetime

    def scripts(self, tasks: Sequence[Task]) -> Iterator[Script]:
        """Each step that these tasks are about, once."""
        kinds = {task.kind for task in tasks}
        if kinds & FIND_OUT_FIRST:
            return
        alert = any(kind.about_patient for kind in kinds)
        told = set[tuple[int | None, str]]()
        for task in tasks:
            for entry in self._entries(task) if task.kind in ABOUT_A_STEP else ():
                if (entry.procedure_id, entry.step) not in told and (step := self._step(entry)):
                    told.add((entry.procedure_id, entry.step))
                    not_now = self._not_now(entry, step, alert=alert)
                    words = "" if not_now else self._words(entry)
                    if words or not_now:
                        yield Script(entry.step, words, not_now, step.waits_for_answer)

    def _entries(self, task: Task) -> Iterator[Entry]:
        """The rows that a task is about; it names its last one, and the steps of all of them."""
        for part in task.parts:
            for step in [*part.get("steps", []), *([part["step"]] if "step" in part else [])]:
                rows = [e for e in self.entries if e.kind is Kind.REMINDER and e.step == step]
                if rows:
                    yield max(rows, key=lambda e: (*self._fits(e, task, part), e.due_at))

    def _fits(self, entry: Entry, task: Task, part: Mapping[str, Any]) -> tuple[bool, bool, bool]:
        named = entry.id == task.message_id and part is task.detail
        own = self.patient.contact(entry.contact_id or 0).role is Role.PATIENT
        return named, own, entry.channel == part.get("channel", ChannelName.PHONE)

    def _step(self, entry: Entry) -> Step | None:
        plan = self.clinic.practice.plans.get(self.patient.procedure(entry.procedure_id or 0).plan)
        return next((s for s in plan.steps if s.key == entry.step), None) if plan else None

    def _not_now(self, entry: Entry, step: Step, *, alert: bool) -> str:
        """Why it would be wrong to say it now; empty where it is right. A call is asked what a text is asked."""
        zone = self.patient.contact(entry.contact_id or 0).zone
        if self.now < entry.not_before:
            return f"not before {entry.not_before.astimezone(zone):%a %Y-%m-%d %H:%M}"
        if self.now >= entry.valid_until:
            return "its time has passed: it would mislead by now"
        if entry.answered:
            return Reason.ANSWERED.sentence
        if alert and step.unless_alert:
            return Reason.ALERT_OPEN.sentence
        anybody = replace(self.patient, contacts=tuple(replace(c, bars={}) for c in self.patient.contacts))
        held = held_by_facts(entry.recorded.key, step, self.now, anybody, self.clinic.practice)
        return Reason(held.reason).sentence if held else ""

    def _words(self, entry: Entry) -> str:
        """The approved script with the dates that hold now; empty where the step has none."""
        try:
            said = speaking(self.clinic, entry, self.patient, ChannelName.PHONE, self.now)
            return self.library.render(said).plain
        except MessageError:
            return ""
