"""Why a message ended, or waits, as it does: one sentence for each reason, and whether facts can undo it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from followup.care.delivery import Move, Status
from followup.care.task import TaskKind


@dataclass(frozen=True, slots=True)
class _Why:
    """A reason's meaning: the end it leads to, its sentence, and whether a change of facts can undo it.

    `task`: what a person must make up for where a gate ends a message for this reason.
    """

    status: Status
    sentence: str
    by_facts: bool = False
    task: TaskKind | None = None


class Reason(StrEnum):
    """Why a message ended, or waits, as it does; `sentence` says it to staff."""

    DIED = "died"
    PROCEDURE_CANCELLED = "procedure_cancelled"
    NO_LONGER_PLANNED = "no_longer_planned"
    NOT_HOME = "not_home"
    ON_HOLD = "on_hold"
    IN_HOSPITAL = "in_hospital"
    DATE_IN_QUESTION = "date_in_question"
    NO_ADDRESS = "no_address"
    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    BAD_ADDRESS = "bad_address"
    NOT_SHARED = "not_shared"
    OTHER_CHANNEL = "other_channel"
    NO_CHANNEL = "no_channel"
    OTHER_CONTACT = "other_contact"
    LATER_PROCEDURE = "later_procedure"
    STILL_RESTRICTED = "still_restricted"
    SAID_ONCE = "said_once"
    CAP = "cap"
    QUESTION_OPEN = "question_open"
    ALERT_OPEN = "alert_open"
    ANSWERED = "answered"
    NOT_ASKED = "not_asked"
    QUESTION_CLOSED = "question_closed"
    NO_ROOM = "no_room"
    NO_STAFFED_HOUR = "no_staffed_hour"
    TOO_LATE = "too_late"
    TRIAL = "trial"
    NOBODY_LISTENS = "nobody_listens"
    CANNOT_RENDER = "cannot_render"
    REFUSED = "refused"
    ATTEMPTS_SPENT = "attempts_spent"
    UNCLEAR_ANSWER = "unclear_answer"
    OWNER_DIED = "owner_died"
    RESTORED = "restored"
    NOT_FOUND = "not_found"
    SENT_AGAIN = "sent_again"
    OUTAGE = "outage"
    CATCH_UP = "catch_up"
    SENDER_BLOCKED = "sender_blocked"
    NOT_SENT_YET = "not_sent_yet"
    IN_CONVERSATION = "in_conversation"
    NOT_DELIVERED = "not_delivered"
    NO_RECEIPT = "no_receipt"
    CALL_TASK = "call_task"
    NOT_REACHED = "not_reached"

    @property
    def status(self) -> Status:
        """The status that this reason leads to."""
        return _WHY[self].status

    @property
    def sentence(self) -> str:
        """One sentence for staff, without a full stop."""
        return _WHY[self].sentence

    @property
    def task(self) -> TaskKind | None:
        """The task that follows where this reason stops a message at the moment of sending."""
        return _WHY[self].task

    @property
    def by_facts(self) -> bool:
        """Whether a change of facts can bring the message back; what a gate or an attempt decided is final."""
        return _WHY[self].by_facts


_WHY = {
    Reason.DIED: _Why(Status.CANCELLED, "the patient has died", by_facts=True),
    Reason.PROCEDURE_CANCELLED: _Why(Status.CANCELLED, "the procedure was cancelled", by_facts=True),
    Reason.NO_LONGER_PLANNED: _Why(Status.CANCELLED, "the care plan no longer has this step", by_facts=True),
    Reason.NOT_HOME: _Why(Status.CANCELLED, "nobody has recorded that the patient is home", by_facts=True),
    Reason.ON_HOLD: _Why(Status.SUPPRESSED, "the patient is on hold", by_facts=True),
    Reason.IN_HOSPITAL: _Why(Status.SUPPRESSED, "the patient is recorded as in hospital", by_facts=True),
    Reason.DATE_IN_QUESTION: _Why(
        Status.SUPPRESSED, "its date was changed by another program and waits for a person's yes", by_facts=True
    ),
    Reason.NO_ADDRESS: _Why(Status.SUPPRESSED, "no number or address is known for it", by_facts=True),
    Reason.NO_CONSENT: _Why(Status.SUPPRESSED, "no consent to this channel is recorded", by_facts=True),
    Reason.OPTED_OUT: _Why(
        Status.SUPPRESSED,
        "this number or address has opted out",
        by_facts=True,
        task=TaskKind.TELL_BY_PHONE,
    ),
    Reason.BAD_ADDRESS: _Why(Status.SUPPRESSED, "this number or address does not work", by_facts=True),
    Reason.NOT_SHARED: _Why(
        Status.SUPPRESSED, "the patient has not agreed to share with this caregiver", by_facts=True
    ),
    Reason.OTHER_CHANNEL: _Why(Status.SUPPRESSED, "it goes by another channel", by_facts=True),
    Reason.NO_CHANNEL: _Why(Status.SUPPRESSED, "no further channel is left for it", by_facts=True),
    Reason.OTHER_CONTACT: _Why(Status.SUPPRESSED, "it goes to another contact", by_facts=True),
    Reason.LATER_PROCEDURE: _Why(
        Status.SUPERSEDED, "a later procedure of the same plan says it instead", by_facts=True
    ),
    Reason.STILL_RESTRICTED: _Why(
        Status.SUPERSEDED, "a procedure still forbids what it would allow", by_facts=True
    ),
    Reason.SAID_ONCE: _Why(Status.SUPERSEDED, "another procedure says the same that day", by_facts=True),
    Reason.CAP: _Why(
        Status.SUPPRESSED,
        "it would have been one text too many",
        by_facts=True,
        task=TaskKind.TELL_BY_PHONE,
    ),
    Reason.QUESTION_OPEN: _Why(Status.SUPPRESSED, "another question was still open", by_facts=True),
    Reason.ALERT_OPEN: _Why(Status.SUPPRESSED, "an alert of this patient is open", by_facts=True),
    Reason.ANSWERED: _Why(Status.SUPPRESSED, "the question was answered", by_facts=True),
    Reason.NOT_ASKED: _Why(Status.SUPPRESSED, "the question it repeats was not asked", by_facts=True),
    Reason.QUESTION_CLOSED: _Why(
        Status.SUPPRESSED, "the question it repeats closes before it could go", by_facts=True
    ),
    Reason.NO_ROOM: _Why(Status.SUPPRESSED, "its time had passed when it was planned", by_facts=True),
    Reason.NO_STAFFED_HOUR: _Why(
        Status.SUPPRESSED, "no hour is both staffed and open while it holds", by_facts=True
    ),
    Reason.TOO_LATE: _Why(Status.EXPIRED, "its time passed before it could be sent"),
    Reason.TRIAL: _Why(
        Status.EXPIRED, "the clinic is in trial and this number or address is not on the trial list"
    ),
    Reason.NOBODY_LISTENS: _Why(
        Status.SUPPRESSED, "it asks, and nobody would hear the answer", task=TaskKind.CALL
    ),
    Reason.CANNOT_RENDER: _Why(Status.FAILED, "its text could not be made"),
    Reason.REFUSED: _Why(Status.FAILED, "the provider refused it"),
    Reason.ATTEMPTS_SPENT: _Why(Status.FAILED, "every attempt failed"),
    Reason.UNCLEAR_ANSWER: _Why(Status.IN_DOUBT, "the provider's answer was not clear"),
    Reason.OWNER_DIED: _Why(Status.IN_DOUBT, "the daemon stopped while it was being sent"),
    Reason.RESTORED: _Why(Status.IN_DOUBT, "the database was restored from a copy made before it was due"),
    Reason.NOT_FOUND: _Why(Status.UNRESOLVED, "no evidence was found that it went, or that it did not"),
    Reason.SENT_AGAIN: _Why(Status.RETRY_WAIT, "it was in doubt, no evidence was found, and it is sent once more"),
    Reason.OUTAGE: _Why(Status.EXPIRED, "its time passed while followup was not running"),
    Reason.CATCH_UP: _Why(Status.PLANNED, "followup was not running when it was due; it goes in its turn"),
    Reason.SENDER_BLOCKED: _Why(Status.RETRY_WAIT, "the sending account was refused; the channel waits"),
    Reason.NOT_SENT_YET: _Why(Status.RETRY_WAIT, "the last attempt failed and it will be tried again"),
    Reason.IN_CONVERSATION: _Why(
        Status.RETRY_WAIT, "staff are texting with the patient; it waits (`followup conversation`)"
    ),
    Reason.NOT_DELIVERED: _Why(Status.UNDELIVERED, "the provider reports that it did not arrive"),
    Reason.NO_RECEIPT: _Why(Status.SENT, "no receipt came within 72 hours"),
    Reason.CALL_TASK: _Why(Status.ACCEPTED, "a person has a task to call"),
    Reason.NOT_REACHED: _Why(Status.UNDELIVERED, "the person who called did not reach anybody"),
}


def task_of(move: Move, reason: Reason | None) -> TaskKind | None:
    """What a person must look at after a move made for this reason; in trial nobody is owed a call."""
    if reason is Reason.TRIAL:
        return None
    return (reason and reason.task) or move.task
