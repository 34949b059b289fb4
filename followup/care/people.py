"""Who is cared for, who is written to, what was done and what was agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class ChannelName(StrEnum):
    """A way to reach a contact. On `phone` a person calls: the message becomes a call task with a script."""

    SMS = "sms"
    EMAIL = "email"
    PHONE = "phone"


class Role(StrEnum):
    """Whether a contact is the patient or somebody who cares for them."""

    PATIENT = "patient"
    CAREGIVER = "caregiver"


class Bar(StrEnum):
    """Why a channel of a contact may not be used; the value is the reason stored with a message it stopped."""

    NO_ADDRESS = "no_address"
    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    BAD_ADDRESS = "bad_address"
    NOT_SHARED = "not_shared"


class ConsentTo(StrEnum):
    """What an agreement is about: texts, e-mails, or sharing with a caregiver (the patient's own agreement)."""

    SMS = "sms"
    EMAIL = "email"
    SHARE = "share"


class Stay(StrEnum):
    """Where the patient is after a procedure, as far as anybody has said."""

    UNKNOWN = "unknown"
    IN_HOSPITAL = "in_hospital"
    HOME = "home"


@dataclass(frozen=True, slots=True)
class Contact:
    """The patient or a caregiver, with their own number, language, zone and consent.

    `number` is E.164. `bars` names each channel that may not be used, and why.
    """

    id: int
    role: Role
    name: str
    language: str
    zone: ZoneInfo
    number: str | None = None
    email: str | None = None
    bars: Mapping[ChannelName, Bar] = field(default_factory=dict)

    def may_use(self, channel: ChannelName) -> bool:
        """Whether this contact has agreed to the channel and can be reached on it."""
        return channel not in self.bars

    def address(self, channel: ChannelName) -> str:
        """The number or e-mail address a message goes to; empty on `phone` where no number is known."""
        return (self.email if channel is ChannelName.EMAIL else self.number) or ""


@dataclass(frozen=True, slots=True)
class Procedure:
    """What was done to a patient on a local date.

    `on` is day 0 in the local calendar; `discharged_at` is when they went home (UTC), None while nobody has said
    so; `in_hospital` is recorded when they stayed overnight or were readmitted; `date_in_question` while
    a date that another program changed waits for a person's yes.
    """

    id: int
    plan: str
    on: date
    enrolled_at: datetime
    discharged_at: datetime | None = None
    in_hospital: bool = False
    cancelled_at: datetime | None = None
    baseline_pain: int | None = None
    date_in_question: bool = False

    @property
    def standing(self) -> bool:
        """Whether it took place, or still will."""
        return self.cancelled_at is None

    @property
    def stay(self) -> Stay:
        """Hospital wins over an earlier discharge: it means readmitted."""
        if self.in_hospital:
            return Stay.IN_HOSPITAL
        return Stay.UNKNOWN if self.discharged_at is None else Stay.HOME


@dataclass(frozen=True, slots=True)
class Patient:
    """A person in care, with everybody who is written to and everything that was done.

    Identity (name, birth date, record number) is not here: no rule needs it. `in_conversation`: staff are texting
    with them, and what the program would say waits.
    """

    id: int
    contacts: tuple[Contact, ...]
    procedures: tuple[Procedure, ...]
    died: bool = False
    on_hold: bool = False
    in_conversation: bool = False

    @property
    def in_hospital(self) -> bool:
        """Whether any standing procedure keeps the patient there: a person is in one place at a time."""
        return any(p.standing and p.in_hospital for p in self.procedures)

    def procedure(self, key: int) -> Procedure:
        """The procedure of that id; KeyError if the patient has none."""
        return {p.id: p for p in self.procedures}[key]

    def contact(self, key: int) -> Contact:
        """The contact of that id; KeyError if the patient has none."""
        return {c.id: c for c in self.contacts}[key]

    def recipients(self, *, of_question: bool) -> tuple[Contact, ...]:
        """Who is written to: everybody, but a question goes to the patient alone where they can be asked."""
        ordered = sorted(self.contacts, key=lambda c: (c.role is not Role.PATIENT, c.id))
        reachable = tuple(c for c in ordered if _reachable(c)) or tuple(ordered[:1])
        return reachable[:1] if of_question else reachable


def _reachable(contact: Contact) -> bool:
    """A call to a caregiver is never planned; the patient can always be called or visited by a person."""
    channels = tuple(ChannelName) if contact.role is Role.PATIENT else (ChannelName.SMS, ChannelName.EMAIL)
    return any(contact.may_use(channel) for channel in channels)
