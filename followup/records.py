"""VERB: all that is kept about one patient, as one value; that it was looked at is a line of the trail.

    who, where to -> audit line | rows of every table -> Record -> events in the order of time

Whoever reads a record has read identity and words: HIPAA asks for a trace of that (45 CFR 164.312(b)).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from followup.care.message import Kind
from followup.care.people import ChannelName
from followup.errors import NotFoundError
from followup.storage import Transaction
from followup.storage.history import (
    ConsentEvent,
    KeptAttempt,
    KeptContact,
    KeptMessage,
    KeptPatient,
    KeptProcedure,
    Line,
    Suppression,
    TrailLine,
)
from followup.storage.inbox import Reply
from followup.storage.tasks import Task

SCREEN = "screen"
"""Where a record went to, if it went to no file or program."""

LONGEST_PLACE = 380
"""Letters of a file's path that a line of the trail takes."""

OF_STAFF = "staff"
"""What a text is read as by which one of the staff took a page: it is nobody's word about a patient."""

_LISTS = ("missing", "doubled", "in_doubt")
"""Where a task about the provider's list names messages."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who takes a record, and where to: the screen, standard output, or a file's path."""

    by: str
    to: str = SCREEN


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, every attempt of it, and every move: receipts are among these."""

    message: KeptMessage
    attempts: tuple[KeptAttempt, ...]
    moves: tuple[TrailLine, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that came in. `certain`: it is known to be of this patient, and not of another who shares."""

    reply: Reply = field(repr=False)
    certain: bool


@dataclass(frozen=True, slots=True)
class Record:
    """All of one patient, each list in the order of time. Moments are UTC, days local."""

    made_at: datetime
    made_by: str
    patient: KeptPatient
    contacts: tuple[KeptContact, ...]
    procedures: tuple[KeptProcedure, ...]
    consents: tuple[ConsentEvent, ...]
    suppressions: tuple[Suppression, ...]
    messages: tuple[Sent, ...]
    replies: tuple[Heard, ...]
    tasks: tuple[Task, ...]
    changes: tuple[TrailLine, ...]


def take(tx: Transaction, patient_id: int, access: Access, now: datetime) -> Record:
    """The record, its own audit line included. Commit before any of it is shown: no reading goes unrecorded."""
    action = "record read" if access.to == SCREEN else "record exported"
    detail = f"to={access.to[:LONGEST_PLACE]}"
    tx.audit.write(now, access.by, action, patient_id=patient_id, detail=detail)
    return assembled(tx, patient_id, now, access.by)


def assembled(tx: Transaction, patient_id: int, now: datetime, by: str) -> Record:
    """Every row there is about the patient; NotFoundError if there is no such patient."""
    kept = tx.history
    patient = kept.patient(patient_id)
    if patient is None:
        raise NotFoundError("there is no such patient")
    contacts = kept.contacts(patient_id)
    lines = _lines(contacts, kept.trail(patient_id, ()))
    replies = _replies(tx, patient_id, lines)
    tasks = tx.tasks.of_patient(patient_id)
    messages = kept.messages(patient_id, [*_answers(replies), *_pages(tasks)])
    ids = {m.id for m in messages}
    trail = kept.trail(patient_id, ids)
    about = _About(patient_id, frozenset(h.reply.id for h in replies), frozenset(ids))
    return Record(
        now,
        by,
        patient,
        tuple(contacts),
        tuple(kept.procedures(patient_id)),
        tuple(kept.consents([c.id for c in contacts])),
        tuple(sorted((s for line in lines for s in kept.suppressions(line)), key=lambda s: s.id)),
        _sent(messages, kept.attempts(ids), trail, {c.id for c in contacts}),
        tuple(replies),
        tuple(sorted([*tasks, *_of_practice(tx.tasks.of_practice(), about)], key=lambda task: task.number)),
        tuple(line for line in trail if line.source is None),
    )


def _lines(contacts: Sequence[KeptContact], trail: Iterable[TrailLine]) -> list[Line]:
    """Every number and address of theirs: those of now, and each former one up to the change that replaced it."""
    found: dict[tuple[ChannelName, str], Line] = {}
    for line in trail:
        for former in ((line.before or {}).get("contacts") or {}).values():
            for one in _reached_by(former.get("number"), former.get("email"), line.at):
                found[one.channel, one.address] = one
    for contact in contacts:
        for one in _reached_by(contact.number, contact.email, None):
            found[one.channel, one.address] = one
    return list(found.values())


def _reached_by(number: str | None, email: str | None, until: datetime | None) -> Iterator[Line]:
    if number:
        yield Line(ChannelName.SMS, number, until)
    if email:
        yield Line(ChannelName.EMAIL, email, until)


def _replies(tx: Transaction, patient_id: int, lines: Sequence[Line]) -> list[Heard]:
    """What is known to be theirs, and what came from where they are reached and could be anybody's there."""
    found = [Heard(reply, certain=True) for reply in tx.inbox.of_patient(patient_id)]
    for line in lines:
        unknown = tx.inbox.of_nobody_at(tx.history.index_of(line))
        found += [
            Heard(reply, certain=False)
            for reply in unknown
            if reply.reading != OF_STAFF and (line.until is None or reply.written_at <= line.until)
        ]
    return sorted(found, key=lambda heard: (heard.reply.written_at, heard.reply.id))


def _answers(replies: Iterable[Heard]) -> Iterator[str]:
    """The keys of what was answered: where a number is shared, the answer is one message for all of them."""
    return (f"{Kind.ANSWER}:{heard.reply.id}" for heard in replies)


def _pages(tasks: Iterable[Task]) -> Iterator[str]:
    """The keys of the pages to staff: these name a task, and no patient."""
    return (f"{Kind.ALERT}:{task.number}:{page}" for task in tasks for page in range(1, task.pages + 1))


def _sent(
    messages: Iterable[KeptMessage],
    attempts: Sequence[KeptAttempt],
    trail: Sequence[TrailLine],
    own: Collection[int],
) -> tuple[Sent, ...]:
    """Messages with what became of them."""
    return tuple(
        Sent(
            _without_others(m, own),
            tuple(a for a in attempts if a.message_id == m.id),
            tuple(line for line in trail if line.message_id == m.id and line.source is not None),
        )
        for m in messages
    )


def _without_others(m: KeptMessage, own: Collection[int]) -> KeptMessage:
    """Whoever else shares a number is not named, and a staff member's phone can be told, not called."""
    address = f"…{m.address[-4:]}" if m.kind == Kind.ALERT and m.address else m.address
    return replace(m, contact_id=m.contact_id if m.contact_id in own else None, address=address)


# Tasks of the whole practice


@dataclass(frozen=True, slots=True)
class _About:
    patient: int
    replies: frozenset[int]
    messages: frozenset[int]


def _of_practice(tasks: Iterable[Task], about: _About) -> list[Task]:
    """Those that name this patient among others, without whatever they know of the others."""
    found = []
    for task in tasks:
        parts = [part for known in task.parts if (part := _own_part(known, about))]
        if parts or task.message_id in about.messages:
            newest, *earlier = parts or [{}]
            detail = {**newest, "earlier": earlier[::-1]} if earlier else newest
            message = task.message_id if task.message_id in about.messages else None
            found.append(replace(task, detail=detail, message_id=message))
    return found


def _own_part(known: Mapping[str, Any], about: _About) -> dict[str, Any]:
    """What of this is about the patient alone; empty where nothing is."""
    if known.get("reply") in about.replies:
        return {key: value for key, value in known.items() if key != "earlier"}
    found: dict[str, Any] = {}
    if about.patient in known.get("patients", []):
        found["listed"] = True
        found |= {"missed": steps} if (steps := known.get("missed", {}).get(str(about.patient))) else {}
    for name in _LISTS:
        own = [one for one in known.get(name, []) if (one[0] if isinstance(one, list) else one) in about.messages]
        found |= {name: own} if own else {}
    return found


# In the order of time


class What(StrEnum):
    """What happened; of several at one moment, in this order."""

    ENTERED = "entered"
    CONTACT = "contact"
    CONSENT = "consent"
    PROCEDURE = "procedure"
    HOME = "home"
    CANCELLED = "cancelled"
    WROTE = "wrote"
    STOPPED = "stopped"
    START = "start"
    OPENED_AGAIN = "opened again"
    CHANGE = "change"
    PLANNED = "planned"
    ATTEMPT = "attempt"
    MOVE = "move"
    QUESTION_CLOSED = "question closed"
    TASK_OPENED = "task opened"
    TASK_TOLD = "task told"
    TASK_TAKEN = "task taken"
    TASK_CLOSED = "task closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `about` is the part of the record that tells of it; `id` its id, or its number."""

    at: datetime
    what: What
    id: int
    about: Any = field(repr=False)


def events(record: Record) -> list[Event]:
    """All that happened, in the order of time."""
    order = list(What)
    return sorted(_events(record), key=lambda event: (event.at, order.index(event.what), event.id))


def _events(record: Record) -> Iterator[Event]:
    dated: tuple[tuple[tuple[What, str], Iterable[Any]], ...] = (
        ((What.ENTERED, "created_at"), (record.patient,)),
        ((What.CONTACT, "created_at"), record.contacts),
        ((What.CONSENT, "at"), record.consents),
        ((What.PROCEDURE, "enrolled_at"), record.procedures),
        ((What.HOME, "discharged_at"), record.procedures),
        ((What.CANCELLED, "cancelled_at"), record.procedures),
        ((What.STOPPED, "since"), record.suppressions),
        ((What.START, "pending_at"), record.suppressions),
        ((What.OPENED_AGAIN, "lifted_at"), record.suppressions),
        ((What.WROTE, "reply.written_at"), record.replies),
        ((What.CHANGE, "at"), record.changes),
        ((What.PLANNED, "message.planned_at"), record.messages),
        ((What.QUESTION_CLOSED, "message.question_closed_at"), record.messages),
        ((What.TASK_OPENED, "opened_at"), record.tasks),
        ((What.TASK_TOLD, "told_at"), record.tasks),
        ((What.TASK_TAKEN, "acknowledged_at"), record.tasks),
        ((What.TASK_CLOSED, "closed_at"), record.tasks),
        ((What.ATTEMPT, "began_at"), tuple(a for sent in record.messages for a in sent.attempts)),
        ((What.MOVE, "at"), tuple(m for sent in record.messages for m in sent.moves)),
    )
    for (what, moment), parts in dated:
        *way, column = moment.split(".")
        for part in parts:
            row = getattr(part, way[0]) if way else part
            if (at := getattr(row, column)) is not None:
                yield Event(at, what, row.number if isinstance(part, Task) else row.id, part)
