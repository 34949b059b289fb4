"""VERB: staff text with a patient in their own words; what the program would say waits until they have done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from followup.care.message import LEAST_ROOM, Kind, Text
from followup.care.people import ChannelName, Contact, Patient
from followup.errors import InputError, RefusedError
from followup.messages import Segments, plain_text, segments
from followup.replan import Clinic
from followup.storage import Transaction
from followup.storage.ids import new_id
from followup.storage.outbox_rows import NewMessage

JUST_WRITTEN = timedelta(hours=1)
"""To somebody who wrote so lately an answer goes at any hour; what we begin waits for the send window."""

HOLDS_FOR = timedelta(hours=4)
"""A person's words are of a moment: later they go no more, and the person is told."""

LONGEST = 1_600
"""Characters of one text (https://www.twilio.com/docs/glossary/what-sms-character-limit)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person wants to say to one contact; `clinic` is the name that stands in front of it."""

    clinic: str
    patient: Patient
    contact: Contact
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StaffText:
    """What would be sent: the words as they go, what they cost, and when."""

    words: str = field(repr=False)
    cost: Segments
    due_at: datetime
    valid_until: datetime


def compose(tx: Transaction, clinic: Clinic, draft: Draft, now: datetime) -> StaffText:
    """The text as it would go, the clinic's name in front.

    Raises InputError for words that are none or too many, RefusedError where this contact may not be texted.
    """
    contact = draft.contact
    if not draft.words.strip():
        raise InputError("there is nothing to send")
    said = plain_text(f"{draft.clinic}: {' '.join(draft.words.split())}")
    if len(said) > LONGEST:
        raise InputError(f"this is longer than a text may be: {len(said)} characters, {LONGEST} at most")
    if draft.patient.died:
        raise RefusedError("the patient's death is recorded")
    if bar := contact.bars.get(ChannelName.SMS):
        raise RefusedError(f"this contact cannot be texted: {bar.replace('_', ' ')}")
    if clinic.in_trial(tx) and contact.number not in clinic.trial_list:
        raise RefusedError("the clinic is in trial and this number is not on the trial list")
    return StaffText(said, segments(said), *_times(tx, clinic, contact, now))


def _times(tx: Transaction, clinic: Clinic, contact: Contact, now: datetime) -> tuple[datetime, datetime]:
    """When it goes, and until when it may: what we begin goes inside the send window, tries again included."""
    wrote = tx.inbox.last_from(ChannelName.SMS, contact.number or "")
    if wrote is not None and now - wrote <= JUST_WRITTEN:
        return now, now + JUST_WRITTEN
    window = clinic.practice.window
    due_at = window.defer(now + LEAST_ROOM, contact.zone)
    due_at = now if due_at == now + LEAST_ROOM else due_at
    return due_at, min(due_at + HOLDS_FOR, window.closes(due_at, contact.zone))


def say(tx: Transaction, patient: Patient, contact: Contact, text: StaffText, now: datetime, by: str) -> int:
    """Plan the text, and open the conversation; returns the message's id."""
    new = NewMessage(
        Kind.STAFF_TEXT,
        f"{Kind.STAFF_TEXT}:{new_id(now)}",
        ChannelName.SMS,
        text.due_at,
        text.valid_until,
        contact.number or "",
        Text(text.words),
        "staff text",
        patient.id,
        contact.id,
    )
    message = tx.outbox.add_message(new, now)
    if not patient.in_conversation:
        tx.register.set_patient(patient.id, conversation_at=now, conversation_by=by)
    tx.audit.write(now, by, "staff text", patient_id=patient.id, message_id=message)
    return message


def close(tx: Transaction, patient: Patient, now: datetime, by: str) -> None:
    """What waited goes when it is next asked about; RefusedError if there is no conversation."""
    if not patient.in_conversation:
        raise RefusedError("there is no conversation with this patient")
    tx.register.set_patient(patient.id, conversation_at=None, conversation_by=None)
    tx.stale.note(patient.id)
    tx.audit.write(now, by, "conversation closed", patient_id=patient.id)
