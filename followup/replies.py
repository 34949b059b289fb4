"""VERB: what patients write is stored first, then read, and all that follows from it is done once.

    arrived -> stored | who wrote? -> interpret -> respond -> stop, hold, tasks, score, answer -> handled

Left of the bar is one transaction for all that came in; right of it is one for each reply.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from followup import log
from followup.answering import Answering
from followup.care.arrival import Arrival
from followup.care.people import Patient
from followup.care.plan import Asks
from followup.care.reply import Meaning, Reading, interpret
from followup.care.response import Answer, Response, Situation, respond
from followup.care.task import NewTask, TaskKind, new_task
from followup.clock import Clock
from followup.consent import ABOUT, Address, ask_again, stop
from followup.consequences import BAD
from followup.course import course_of
from followup.errors import BusyError
from followup.replan import PROGRAM, Clinic, replan
from followup.staff import Staff, taken_from_a_phone
from followup.storage import Storage, Transaction
from followup.storage.faults import FATAL, FullStorageError, ReadOnlyStorageError
from followup.storage.inbox import Reply, Understood
from followup.writers import Writer, is_answerable, is_late, writers

BATCH = 100
"""Replies looked up at once; before each batch red flags that have come in meanwhile go first."""


SLICE = timedelta(seconds=10)
"""Handling goes on no longer than this before the inboxes are asked again: a red flag may have come in."""


_DATABASE_IS_AWAY = (BusyError, FullStorageError, ReadOnlyStorageError, *FATAL)
"""Then nothing can be handled now, and everything is tried again; other faults are one reply's own."""


class Handled(NamedTuple):
    """How many replies were handled, and whether more wait."""

    replies: int
    more: bool


_ABOUT_ANYBODY = frozenset(
    {Meaning.CRITICAL, Meaning.URGENT, Meaning.DIED, Meaning.IN_HOSPITAL, Meaning.WRONG_NUMBER}
)
"""Where a number is shared, such words may be about another than the one who was asked there."""


@dataclass(frozen=True)
class Listener:
    """What a house needs to hear its patients. `staff`: whose phones may take a page."""

    storage: Storage
    clinic: Clinic
    clock: Clock
    answering: Answering
    staff: Staff

    def take_in(self, arrivals: Sequence[Arrival]) -> int:
        """Something has arrived, by a poll or a call-back: store it before anything else; how many are new.

        Safe to repeat: what was stored before stays as it is.
        """
        in_order = sorted(arrivals, key=lambda arrival: arrival.written_at)
        marked = [(arrival, self._is_pressing(arrival)) for arrival in in_order]
        with self.storage.transaction() as tx:
            return tx.inbox.take_in(marked, self.clock.utc(), PROGRAM)

    def _is_pressing(self, arrival: Arrival) -> bool:
        """Whether it must be handled before all others; what cannot be read might be."""
        try:
            return (
                Meaning.CRITICAL
                in interpret(arrival.words, self.answering.library.vocabulary(None), None).meanings
            )
        except Exception as error:  # noqa: BLE001  nothing that a person writes may keep it from being stored
            log.fault("cannot read", error)
            return True

    def handle(self, stopping: threading.Event | None = None) -> Handled:
        """Handle what was stored, red flags first, for one slice of time at the most.

        Another daemon may have some in hand; those are its.
        """
        done, elsewhere, began = 0, set[int](), self.clock.monotonic()
        while waiting := self._waiting(elsewhere):
            for row in waiting:
                if self.clock.monotonic() - began > SLICE.total_seconds() or (stopping and stopping.is_set()):
                    return Handled(done, more=True)
                if self._handle_one(row):
                    done += 1
                else:
                    elsewhere.add(row)
        return Handled(done, more=False)

    def _waiting(self, elsewhere: set[int]) -> list[int]:
        with self.storage.reading() as tx:
            return tx.inbox.unhandled(BATCH, except_for=elsewhere)

    def _handle_one(self, row: int) -> bool:
        """False for one that somebody else has, or that cannot be opened: `status` tells how many wait."""
        try:
            with self.storage.transaction() as tx:
                now = self.clock.utc()
                reply = tx.inbox.to_handle(row)
                if reply is None:
                    return False
                try:
                    with tx.savepoint():
                        self._follow(tx, reply, now)
                except _DATABASE_IS_AWAY:
                    raise
                except Exception as error:  # noqa: BLE001  a reply that breaks a rule is a person's, and the rest goes on
                    log.fault("cannot handle", error, reply=row)
                    self._hand_over(tx, reply, now)
                return True
        except _DATABASE_IS_AWAY:
            raise
        except Exception as error:  # noqa: BLE001  one that not even a person can be given must not hold up the rest
            log.fault("cannot handle", error, reply=row)
            return False

    def _follow(self, tx: Transaction, reply: Reply, now: datetime) -> None:
        meanings = interpret(reply.words, self.answering.library.vocabulary(None), None).meanings
        if taken_from_a_phone(tx, self.clinic, self.staff, reply, meanings, now):
            tx.inbox.handled(reply.id, Understood("staff"), now)
            return
        alarming = bool(meanings & _ABOUT_ANYBODY)
        everybody = writers(tx, reply, self.answering.mail_domain, alarming=alarming)
        found = [self._heard(tx, reply, writer) for writer in everybody]
        for heard in found:
            self._carry_out(tx, heard, now)
        address = Address(reply.channel, reply.address)
        if any(heard.response.stops for heard in found):
            for planned in stop(tx, self.clinic, address, "reply", now, PROGRAM):
                of_theirs = replace(found[0], writer=Writer(planned.patient))
                tx.tasks.open(self._task(of_theirs, TaskKind.OPT_OUT, now), now)
        elif any(heard.response.reopens for heard in found):
            ask_again(tx, address, now, PROGRAM)
        self._answer(tx, found, now)
        tx.inbox.handled(reply.id, _understood(found), now)

    def _heard(self, tx: Transaction, reply: Reply, writer: Writer) -> _Heard:
        asked, patient = writer.asked, writer.patient
        vocabulary = self.answering.library.vocabulary(_plan(patient))
        reading = interpret(reply.words, vocabulary, Asks.PAIN_SCORE if asked else None)
        situation = Situation(
            known=patient is not None,
            asked=asked is not None,
            late=is_late(reply),
            automatic=reply.automatic,
            media=reply.media > 0,
            answerable=is_answerable(reply),
            stopped=tx.agreements.stopped(reply.channel, reply.address),
            in_conversation=patient is not None and patient.in_conversation,
            confirms_stops=self.answering.confirms_stops,
            course=course_of(tx, patient, asked.procedure_id if asked else None),
            thresholds=self.answering.thresholds,
        )
        return _Heard(reply, writer, reading, respond(reading, situation))

    def _carry_out(self, tx: Transaction, heard: _Heard, now: datetime) -> None:
        """Tasks, hold, the question closed, the number marked bad; then the timeline anew."""
        patient, response = heard.writer.patient, heard.response
        for kind in response.tasks:
            tx.tasks.open(self._task(heard, kind, now), now)
        if patient is None:
            return
        if response.holds and not patient.on_hold:
            tx.register.set_patient(patient.id, held_at=now)
            before = {"patients": {str(patient.id): {"held_at": None}}}
            tx.audit.write(now, PROGRAM, "hold", patient_id=patient.id, detail="by reply", before=before)
        if response.answers_question:
            for entry in heard.writer.open_questions:
                tx.tracking.close_question(entry, now, answered=True)
        column = BAD.get(heard.reply.channel)
        if response.wrong_number and heard.writer.contact and column:
            tx.register.set_contact(heard.writer.contact.id, **{column: now})
        if response.tasks or response.answers_question:
            replan(tx, self.clinic, patient.id, now)

    def _task(self, heard: _Heard, kind: TaskKind, now: datetime) -> NewTask:
        reply, writer = heard.reply, heard.writer
        detail: dict[str, object] = {
            "said": reply.words,
            "wrote": writer.contact.role.value if writer.contact else "somebody unknown",
            "address": reply.address,
            "written": reply.written_at.isoformat(timespec="seconds"),
            "read": reply.read_at.isoformat(timespec="seconds"),
            "reply": reply.id,
        }
        if writer.shared:
            detail["shared"] = "several patients are reached there; ask whom it is about"
        if reply.media:
            detail["media"] = reply.media
        if heard.reading.score is not None:
            detail["score"] = heard.reading.score
        patient = writer.patient.id if writer.patient else None
        message = writer.asked.id if writer.asked else None
        task = new_task(kind, now, self.clinic.practice.staffed, patient, message, **detail)
        # What was read late is read first: its time began when it was written.
        return replace(task, due_at=reply.written_at) if kind is TaskKind.LATE_REPLY else task

    def _answer(self, tx: Transaction, found: Sequence[_Heard], now: datetime) -> None:
        """One answer, the weightiest: where a number is shared, its patients may have been read differently."""
        answers = [(list(Answer).index(h.response.answer), h) for h in found if h.response.answer is not None]
        if answers:
            _, heard = min(answers, key=lambda pair: pair[0])
            answer = heard.response.answer
            assert answer is not None  # noqa: S101  for the type checker: filtered above
            self.answering.give(tx, self.clinic, heard.reply, heard.writer, answer, now)

    def _hand_over(self, tx: Transaction, reply: Reply, now: datetime) -> None:
        """A person reads what no rule could follow; red flags, stops and deaths count all the same."""
        pressing = self._is_pressing(
            Arrival(reply.channel, reply.provider_id, reply.address, reply.words, reply.written_at)
        )
        self._keep_the_worst_off(tx, reply, now)
        kind = TaskKind.RED_FLAG if pressing else TaskKind.UNREADABLE
        heard = _Heard(reply, Writer(), Reading(frozenset()), Response((kind,)))
        tx.tasks.open(self._task(heard, kind, now), now)
        tx.inbox.handled(reply.id, Understood(Meaning.CRITICAL if pressing else Meaning.UNREADABLE), now)
        if pressing and is_answerable(reply):
            self.answering.give(tx, self.clinic, reply, heard.writer, Answer.RED_FLAG, now)

    def _keep_the_worst_off(self, tx: Transaction, reply: Reply, now: datetime) -> None:
        """What must not be lost with the rest: written down bare, and planned by the next round."""
        meanings = interpret(reply.words, self.answering.library.vocabulary(None), None).meanings
        patients = tx.directory.by_address(reply.channel, reply.address)
        if Meaning.OPT_OUT in meanings and reply.channel in ABOUT:
            tx.agreements.suppress(reply.channel, reply.address, "reply", now)
        for patient_id in patients:
            if meanings & {Meaning.DIED, Meaning.IN_HOSPITAL}:
                tx.register.set_patient(patient_id, held_at=now)
            tx.stale.note(patient_id)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A reply, as it is understood of one of those who may have written it."""

    reply: Reply = field(repr=False)
    writer: Writer
    reading: Reading = field(repr=False)
    response: Response


def _understood(found: Sequence[_Heard]) -> Understood:
    """What is written down of it: of whom, only where that is known; a score, only where it is a patient's."""
    meanings = sorted({meaning.value for heard in found for meaning in heard.reading.meanings})
    reading = ",".join(meanings)
    if len(found) != 1 or found[0].writer.patient is None:
        return Understood(reading)
    (heard,) = found
    writer = heard.writer
    return Understood(
        reading,
        None if heard.reply.automatic else heard.reading.score,
        writer.patient.id if writer.patient else None,
        writer.contact.id if writer.contact else None,
        writer.asked.id if writer.asked else None,
    )


def _plan(patient: Patient | None) -> str | None:
    """The one plan the patient follows, whose words count; with several, no plan's exceptions do."""
    plans = {p.plan for p in patient.procedures if p.standing} if patient else set()
    return next(iter(plans)) if len(plans) == 1 else None
