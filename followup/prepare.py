"""A due row made ready: every gate asked again with fresh facts, then the words rendered for this very moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from followup import log
from followup.care.delivery import Mover, the_move
from followup.care.gates import Go, Later, Surroundings, Verdict, may_send
from followup.care.local_time import local_day
from followup.care.message import POLICIES, Held, Kind, Recorded
from followup.care.people import ChannelName, Contact, Patient, Role
from followup.care.questions import questions
from followup.care.reason import Reason
from followup.care.response import CONFIRMS_A_STOP
from followup.care.restrictions import all_in_force, limits
from followup.care.rows import may_still_go, perhaps_said
from followup.consequences import Moved, follow
from followup.errors import MessageError, StorageError
from followup.messages import MessageLibrary, Speaking, segments
from followup.replan import Clinic
from followup.storage import Transaction
from followup.storage.outbox_rows import Claim, Entry

COUNTED = timedelta(days=8)
"""Caps look at seven local days; one more covers every zone."""


class Preparer:
    """Makes a batch of due rows ready within one transaction; facts are read once for all of them."""

    def __init__(
        self,
        tx: Transaction,
        clinic: Clinic,
        library: MessageLibrary,
        due: Sequence[Entry],
        now: datetime,
        *,
        listening: Mapping[ChannelName, bool],
    ) -> None:
        self._tx = tx
        self._clinic = clinic
        self._library = library
        self._now = now
        self._listening = listening
        ids = sorted(tx.register.lock_free({entry.patient_id for entry in due if entry.patient_id}))
        self._held_elsewhere = {entry.patient_id for entry in due if entry.patient_id} - set(ids)
        self._patients = self._read(ids)
        self._in_trial = clinic.in_trial(tx)
        self._alerts = tx.tasks.alerts(ids)
        self._questions = tx.outbox.questions(ids)
        self._texts = tx.sending.texts_since(self._indexes(), now - COUNTED)

    def _read(self, ids: Sequence[int]) -> dict[int, Patient]:
        """The patients; one whose rows do not open is left out, since the others are none the worse."""
        consent_needed = self._clinic.practice.caps.consent_needed
        try:
            return self._tx.register.patients(ids, consent_needed=consent_needed)
        except StorageError as error:
            if len(ids) == 1:
                log.fault("cannot read", error, patient=ids[0])
                return {}
            return {key: patient for one in ids for key, patient in self._read([one]).items()}

    def prepare(self, entry: Entry) -> Claim | None:
        """The claim of a row that may go now; None for one that was ended, put off, or is in other hands.

        A row that nothing can be made of is ended with a task; the others are none the worse for it.
        """
        if entry.patient_id in self._held_elsewhere:
            return None
        try:
            return self._reminder(entry) if entry.kind is Kind.REMINDER else self._unless_stopped(entry)
        except Exception as error:  # noqa: BLE001  one poisoned row must not keep the rest from going
            log.fault("cannot prepare", error, message=entry.id)
            self._end(entry, Held(Reason.CANNOT_RENDER))
            return None

    def _reminder(self, entry: Entry) -> Claim | None:
        patient = self._patients[entry.patient_id or 0]
        if self._waits_for_live(entry, patient):
            self._tx.outbox.set_trial(entry, self._now, trial=True)
            return None
        match self._verdict(entry, patient):
            case Go(until):
                return self._render(entry, patient, until)
            case Later(due_at, reason):
                self._tx.sending.postpone(entry, due_at, reason, self._now)
            case Held(Reason.NOBODY_LISTENS) as held:
                self._end(entry, held, script=self._script(entry, patient))
            case Held() as held:
                self._end(entry, held)
        return None

    def _waits_for_live(self, entry: Entry, patient: Patient) -> bool:
        """Whether the clinic is in trial and the number, as it is now, is not on its list."""
        if not self._in_trial or entry.channel is ChannelName.PHONE:
            return False
        return patient.contact(entry.contact_id or 0).address(entry.channel) not in self._clinic.trial_list

    def _script(self, entry: Entry, patient: Patient) -> str:
        """What a person says instead; empty where the step has no script for a call."""
        try:
            return self._library.render(self._speaking(entry, patient, ChannelName.PHONE)).plain
        except MessageError:
            return ""

    def _verdict(self, entry: Entry, patient: Patient) -> Verdict:
        if entry.procedure_id not in {p.id for p in patient.procedures}:
            return Held(Reason.NO_LONGER_PLANNED)
        contact = patient.contact(entry.contact_id or 0)
        around = Surroundings(
            self._now,
            self._listening.get(entry.channel, False),
            patient.id in self._alerts,
            self._question_until(entry, patient),
            self._texts.get(self._index(contact, entry.channel), ()),
            self._nudged(entry, patient),
            patient.in_conversation,
        )
        return may_send(entry.recorded, patient, self._clinic.practice, around)

    def _question_until(self, entry: Entry, patient: Patient) -> datetime | None:
        """When the patient's last question closes, another than the one that this row asks or repeats."""
        own = {(entry.procedure_id, entry.step), (entry.procedure_id, self._repeats(entry, patient))}
        asked = questions(row.recorded for row in self._questions[entry.patient_id or 0])
        return max((q.closes_at for q in asked if (q.procedure, q.step) not in own), default=None)

    def _nudged(self, entry: Entry, patient: Patient) -> Recorded | None:
        """For a nudge, the row of its question: the one that was asked, else the one that may still be."""
        repeated = self._repeats(entry, patient)
        place = entry.procedure_id, repeated, entry.contact_id
        rows = [
            r.recorded
            for r in self._questions[entry.patient_id or 0]
            if place == (r.procedure_id, r.step, r.contact_id)
        ]
        return (
            max(rows, key=lambda row: (perhaps_said(row), may_still_go(row)), default=None) if repeated else None
        )

    def _repeats(self, entry: Entry, patient: Patient) -> str | None:
        plan = self._clinic.practice.plans.get(patient.procedure(entry.procedure_id or 0).plan)
        return next((s.nudges for s in plan.steps if s.key == entry.step), None) if plan else None

    def _speaking(
        self, entry: Entry, patient: Patient, channel: ChannelName, moment: datetime | None = None
    ) -> Speaking:
        return speaking(self._clinic, entry, patient, channel, moment or self._now)

    def _render(self, entry: Entry, patient: Patient, until: datetime) -> Claim | None:
        try:
            claim = self._rendered(entry, patient, self._now, until)
        except MessageError:
            self._end(entry, Held(Reason.CANNOT_RENDER))
            return None
        self._texts[claim.address_index or b""].append(self._now)
        return claim

    def _rendered(self, entry: Entry, patient: Patient, moment: datetime, until: datetime) -> Claim:
        contact = patient.contact(entry.contact_id or 0)
        speaking = self._speaking(entry, patient, entry.channel, moment)
        words, version = self._library.render(speaking), self._library.version(speaking)
        named = self._library.restrictions_named(speaking)
        return Claim(
            entry,
            contact.address(entry.channel),
            words,
            version,
            segments(words.plain).count if entry.channel is ChannelName.SMS else 0,
            self._index(contact, entry.channel) or None,
            {key: speaking.until[key].isoformat() for key in sorted(named & speaking.until.keys())},
            until,
        )

    def supposed(self, entry: Entry, moment: datetime) -> Claim | None:
        """The claim as it would have been made at `moment`, no gate asked; None where none can be made.

        Nothing is ended or put off: whether it went is looked for elsewhere, by these words.
        """
        try:
            if entry.kind is not Kind.REMINDER:
                return self._own_words(entry)
            return self._rendered(entry, self._patients[entry.patient_id or 0], moment, entry.valid_until)
        except Exception as error:  # noqa: BLE001  one row that nothing can be made of must not keep the rest waiting
            log.fault("cannot suppose", error, message=entry.id)
            return None

    def _unless_stopped(self, entry: Entry) -> Claim | None:
        """No gate is asked, but a number that has opted out gets only what outranks that, or confirms it."""
        claim = self._own_words(entry)
        stoppable = POLICIES[entry.kind].stopped and entry.step not in CONFIRMS_A_STOP
        held = (
            Held(Reason.OPTED_OUT) if stoppable and self._tx.agreements.stopped(entry.channel, claim.to) else None
        )
        held = held or _held_staff_text(self._patients.get(entry.patient_id or 0), entry, claim.to)
        if held is not None:
            self._end(entry, held)
            return None
        return claim

    def _own_words(self, entry: Entry) -> Claim:
        address, words = self._tx.sending.own_words(entry.id)
        count = segments(words.plain).count if entry.channel is ChannelName.SMS else 0
        index = self._tx.agreements.index_of(entry.channel, address)
        return Claim(entry, address, words, entry.kind, count, index, {}, entry.valid_until)

    def _end(self, entry: Entry, held: Held, script: str = "") -> None:
        if self._tx.sending.end(entry, held, self._now):
            reason = Reason(held.reason)
            move = the_move(Mover.DISPATCHER, entry.status, reason.status)
            follow(self._tx, self._clinic, Moved(entry, move, reason, script), self._now)

    def _indexes(self) -> list[bytes]:
        contacts = [c for patient in self._patients.values() for c in patient.contacts]
        return [self._index(c, ChannelName.SMS) for c in contacts if c.number]

    def _index(self, contact: Contact, channel: ChannelName) -> bytes:
        """The blind index of where it goes; empty where a call has no number to go to."""
        address = contact.address(channel)
        return self._tx.agreements.index_of(channel, address) if address else b""


def speaking(clinic: Clinic, entry: Entry, patient: Patient, channel: ChannelName, moment: datetime) -> Speaking:
    """What a reminder's words on a channel may know, as facts are now and the reader's calendar is at `moment`."""
    contact = patient.contact(entry.contact_id or 0)
    day = local_day(moment, contact.zone)
    until = all_in_force(limits(patient.procedures, clinic.practice.plans), day)
    plan = patient.procedure(entry.procedure_id or 0).plan
    return Speaking(plan, entry.step, contact.language, contact.role, channel, until, _first_name(patient))


def _held_staff_text(patient: Patient | None, entry: Entry, to: str) -> Held | None:
    """A person's words were for somebody who lived, at the number that was theirs."""
    if entry.kind is not Kind.STAFF_TEXT or patient is None:
        return None
    if patient.died:
        return Held(Reason.DIED)
    contact = next((c for c in patient.contacts if c.id == entry.contact_id), None)
    if contact is None or contact.number != to or not contact.may_use(ChannelName.SMS):
        return Held(Reason.BAD_ADDRESS)
    return None


def _first_name(patient: Patient) -> str:
    """The patient's first name, whoever is written to: a caregiver knows for whom they care."""
    name = next((c.name for c in patient.contacts if c.role is Role.PATIENT), "")
    return name.split()[0] if name.split() else ""
