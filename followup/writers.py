"""Who wrote: the contacts of a number or address, told apart by the question that was asked there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from followup.care.people import ChannelName, Contact, Patient
from followup.care.practice import QUESTION_OPEN_FOR
from followup.care.response import LATE
from followup.care.rows import perhaps_said
from followup.storage import Transaction
from followup.storage.inbox import Reply
from followup.storage.outbox_rows import Entry

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""E.164; a short code has no +, five or six digits, and a machine behind it."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who may have written: a contact of a patient, or nobody we know.

    `asked` is the question that this reply can be an answer to: written within its time, answered before or not.
    `open_questions` are all of the patient's that nobody has answered. `shared`: others are reached there too, and
    no question tells them apart.
    """

    patient: Patient | None = None
    contact: Contact | None = None
    asked: Entry | None = None
    open_questions: tuple[Entry, ...] = ()
    shared: bool = False


def is_late(reply: Reply) -> bool:
    """Whether it was read so long after it was written that no automatic answer fits any more."""
    return reply.read_at - reply.written_at > LATE


def is_answerable(reply: Reply) -> bool:
    """Whether there may be a person behind the address."""
    if reply.channel is ChannelName.EMAIL:
        return "@" in reply.address and not reply.automatic
    return _NUMBER.fullmatch(reply.address) is not None


def writers(tx: Transaction, reply: Reply, mail_domain: str, *, alarming: bool = False) -> list[Writer]:
    """Everybody it may be from: one as a rule, several where a number is shared; an unknown one for a stranger.

    Of those who share a number it is the one who was asked there, or whose mail it answers, if it is one alone;
    but what is `alarming` may be about any of them.
    """
    places = tx.directory.contacts_at(reply.channel, reply.address)
    if not places:
        return [Writer()]
    patients = tx.register.patients({patient for patient, _ in places})
    found = [_writer(tx, patients[patient], contact, reply) for patient, contact in places]
    if len({w.patient.id for w in found if w.patient}) == 1:
        return found[:1]
    told = _answered_by_mail(tx, reply, mail_domain)
    certain = (
        [] if alarming else [w for w in found if (w.patient and w.patient.id in told) or (not told and w.asked)]
    )
    if len({w.patient.id for w in certain if w.patient}) == 1:
        return certain[:1]
    return [Writer(w.patient, w.contact, None, w.open_questions, shared=True) for w in found]


def _writer(tx: Transaction, patient: Patient, contact: int, reply: Reply) -> Writer:
    tx.register.lock([patient.id])
    entries = tx.outbox.of_patients([patient.id], lock=True).get(patient.id, [])
    asked = [e for e in entries if e.asks and e.sent_at and perhaps_said(e.recorded)]
    in_time = [e for e in asked if e.sent_at and e.sent_at <= reply.written_at <= e.sent_at + QUESTION_OPEN_FOR]
    still_open = tuple(e for e in asked if e.question_closed_at is None)
    return Writer(patient, patient.contact(contact), max(in_time, key=_sent, default=None), still_open)


def _sent(entry: Entry) -> datetime:
    return entry.sent_at or entry.due_at


def _answered_by_mail(tx: Transaction, reply: Reply, mail_domain: str) -> set[int]:
    """The patients of our mails that this mail answers."""
    found = [tx.outbox.by_provider_id(f"<{mail_id}@{mail_domain}>") for mail_id in reply.answers]
    return {entry.patient_id for entry in found if entry and entry.patient_id}
