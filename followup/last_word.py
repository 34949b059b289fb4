"""Asked once more on the wire: what is claimed goes only if it is true this very moment.

An answer holds for a tenth of a second, far less than a request takes to reach a phone: whoever is sent as soon as
it was claimed has been asked about in its claim. Whoever has waited longer is asked about anew; and since many
messages ask at about the same time, one look at the database answers those next in line as well.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from followup.care.delivery import Status
from followup.care.message import POLICIES, Kind, Message
from followup.care.people import Patient
from followup.care.standing import held_by_facts
from followup.replan import Clinic
from followup.storage import Transaction
from followup.storage.heartbeat import elapsed
from followup.storage.outbox_rows import Entry

HOLDS = timedelta(milliseconds=100)
AHEAD = 63
"""So many of those next in line are answered together with the one who asks."""

Untils = Mapping[int, datetime]
"""Until when each message, by its id, may leave; those left out must not go."""


class LastWord:
    """`look` is called by one thread at a time; what it raises is raised where it was asked.

    `holds` is how long an answer counts: time that the machine itself counts, also while it sleeps, whatever clock
    the house is on.
    """

    def __init__(self, look: Callable[[Sequence[Message]], Untils], holds: timedelta = HOLDS) -> None:
        self._look = look
        self._holds = holds.total_seconds()
        self._looking, self._noting = threading.Lock(), threading.Lock()
        self._coming: dict[int, Message] = {}
        self._known: dict[int, tuple[datetime | None, float]] = {}

    def expect(self, messages: Sequence[Message], untils: Untils, asked_at: float) -> None:
        """These will ask soon, in this order; what their claim found counts from `asked_at` (`elapsed`)."""
        with self._noting:
            self._coming.update((message.id, message) for message in messages)
        self._note(messages, untils, asked_at)

    def until(self, message: Message) -> datetime | None:
        """Until when this message may leave; None if it must not go."""
        answer = self._known_of(message)
        if answer is None:
            with self._looking:  # and whoever looked while we waited may have answered for us
                answer = self._known_of(message) or (self._looked_up(message),)
        return answer[0]

    def _known_of(self, message: Message) -> tuple[datetime | None] | None:
        """An answer that still holds, taken out: it is used once. None if there is none."""
        with self._noting:
            until, asked_at = self._known.pop(message.id, (None, -math.inf))
            if elapsed() - asked_at >= self._holds:
                return None
            self._coming.pop(message.id, None)
            return (until,)

    def _looked_up(self, message: Message) -> datetime | None:
        with self._noting:
            self._coming.pop(message.id, None)
            others = list(islice(self._coming.values(), AHEAD))
        now = elapsed()
        found = self._look([message, *others])
        self._note(others, found, now)
        return found.get(message.id)

    def _note(self, messages: Sequence[Message], untils: Untils, asked_at: float) -> None:
        with self._noting:
            self._known.update((message.id, (untils.get(message.id), asked_at)) for message in messages)


def still_true(tx: Transaction, clinic: Clinic, asked: Sequence[Message], now: datetime) -> Untils:
    """Until when claimed messages may leave, by facts read this moment."""
    attempts = {message.id: message.attempt for message in asked}
    paused = tx.switches.paused_channels()
    going = [
        entry
        for entry in tx.outbox.of_ids(attempts)
        if entry.status is Status.SENDING
        and entry.attempt == attempts[entry.id]
        and not (POLICIES[entry.kind].pausable and entry.channel in paused)
    ]
    consent_needed = clinic.practice.caps.consent_needed
    reminded = {entry.patient_id for entry in going if entry.kind is Kind.REMINDER and entry.patient_id}
    patients = tx.register.patients(reminded, consent_needed=consent_needed)
    return {entry.id: _until(clinic, entry, patients.get(entry.patient_id or 0), now) for entry in going}


def _until(clinic: Clinic, entry: Entry, patient: Patient | None, now: datetime) -> datetime:
    """Its own end; a reminder's also that of the send window, and `now` itself where facts forbid it by now."""
    if entry.kind is not Kind.REMINDER:
        return entry.valid_until
    practice, key = clinic.practice, entry.recorded.key
    if patient is None or key.procedure not in {p.id for p in patient.procedures}:
        return now
    plan = practice.plans.get(patient.procedure(key.procedure).plan)
    if plan is None or held_by_facts(key, plan.step(entry.step), now, patient, practice):
        return now
    return min(entry.valid_until, practice.window.closes(now, patient.contact(key.contact).zone))
