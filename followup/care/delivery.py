"""What can become of a message: its statuses, the moves between them, the reasons, and the verdict on an attempt.

Every status, move and reason has one sentence here; `followup why` and the diagram in docs/ are made from them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from followup.care.message import LEAST_ROOM
from followup.errors import DeliveryError, Rejected, SenderBlocked, Unavailable


class Status(StrEnum):
    """Where a message stands; `STATUS_SENTENCES` tells what each means and who moves it on."""

    PLANNED = "planned"
    SENDING = "sending"
    RETRY_WAIT = "retry_wait"
    IN_DOUBT = "in_doubt"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNRESOLVED = "unresolved"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    SUPPRESSED = "suppressed"


STATUS_SENTENCES = {
    Status.PLANNED: "It waits for its time; the dispatcher claims it, a change of facts may end it.",
    Status.SENDING: "It is claimed and may be on the wire; only its owner moves it on.",
    Status.RETRY_WAIT: "The last attempt certainly failed; the dispatcher tries again at its due time.",
    Status.IN_DOUBT: "It may or may not have been accepted; settling looks for evidence.",
    Status.ACCEPTED: "The provider has it; receipts move it on.",
    Status.SENT: "It left the provider (a mail: the mail server took it); a receipt may still come.",
    Status.DELIVERED: "The provider says that it arrived, or a person has told the patient.",
    Status.UNDELIVERED: "It was accepted and did not arrive.",
    Status.FAILED: "It was refused, or every attempt failed.",
    Status.EXPIRED: "It would have misled by now and was not sent.",
    Status.UNRESOLVED: "Whether it arrived could not be found out; a person has a task.",
    Status.CANCELLED: "What it was about no longer takes place.",
    Status.SUPERSEDED: "A later procedure says it instead, or forbids it.",
    Status.SUPPRESSED: "A rule forbids it: consent, hold, caps, nobody to hear an answer.",
}

UNSENT = frozenset({Status.PLANNED, Status.RETRY_WAIT})
"""Certainly not sent, and still to be."""

SET_ASIDE = frozenset({Status.CANCELLED, Status.SUPERSEDED, Status.SUPPRESSED})
"""Ended by facts before it was sent; other facts may bring it back."""

ON_THE_WIRE = frozenset({Status.SENDING, Status.IN_DOUBT})
"""May have been accepted; cannot be called back."""

WITH_PROVIDER = frozenset({Status.ACCEPTED, Status.SENT, Status.DELIVERED})
"""Said, as far as anybody knows."""

FELL_THROUGH = frozenset({Status.FAILED, Status.UNDELIVERED})
"""Did not reach the contact on this channel: the next channel is tried."""


class Mover(StrEnum):
    """Who may carry out a move."""

    PLANNER = "planner"
    DISPATCHER = "dispatcher"
    RESCUER = "rescuer"
    RECEIPTS = "receipts"
    WORKLIST = "worklist"


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed change of status."""

    source: Status
    target: Status
    mover: Mover
    sentence: str


def _moves() -> tuple[Move, ...]:
    p, d, r = Mover.PLANNER, Mover.DISPATCHER, Mover.RECEIPTS
    s = Status
    table: list[tuple[frozenset[Status] | Status, tuple[Status, ...], Mover, str]] = [
        (UNSENT, (s.SENDING,), d, "due, every gate passed: claimed, with its words recorded"),
        (UNSENT, (s.EXPIRED,), d, "past its end"),
        (UNSENT, (s.SUPPRESSED, s.CANCELLED, s.SUPERSEDED), d, "a gate forbade it at the moment of sending"),
        (UNSENT, (s.FAILED,), d, "it could not be rendered, or its attempts are spent"),
        (UNSENT, (s.CANCELLED, s.SUPERSEDED, s.SUPPRESSED), p, "the facts no longer ask for it"),
        (SET_ASIDE, (s.PLANNED,), p, "the facts ask for it again, and it was never attempted"),
        (SET_ASIDE, tuple(sorted(SET_ASIDE)), p, "the facts now give another reason"),
        (s.SENDING, (s.ACCEPTED, s.SENT), d, "the provider took it"),
        (s.SENDING, (s.RETRY_WAIT,), d, "certainly not sent; another attempt fits"),
        (s.SENDING, (s.FAILED, s.SUPPRESSED, s.EXPIRED), d, "refused, stopped, or no attempt fits any more"),
        (s.SENDING, (s.IN_DOUBT,), d, "we spoke and heard no valid answer"),
        (s.SENDING, (s.IN_DOUBT,), Mover.RESCUER, "its owner died with it in hand"),
        (s.ACCEPTED, (s.SENT, s.DELIVERED, s.UNDELIVERED), r, "the provider's receipt says so"),
        (s.SENT, (s.DELIVERED, s.UNDELIVERED), r, "the provider's receipt says so"),
        (s.ACCEPTED, (s.DELIVERED, s.UNDELIVERED), Mover.WORKLIST, "a person closed its call task"),
        (s.IN_DOUBT, (s.DELIVERED,), Mover.WORKLIST, "a person has told the patient, or learned that it arrived"),
        (s.IN_DOUBT, (s.UNRESOLVED,), Mover.WORKLIST, "a person closed its task without finding out"),
    ]
    return tuple(
        Move(source, target, mover, sentence)
        for sources, targets, mover, sentence in table
        for source in sorted(sources if isinstance(sources, frozenset) else {sources})
        for target in targets
        if source is not target
    )


MOVES = _moves()
_ALLOWED = frozenset((move.mover, move.source, move.target) for move in MOVES)


def allowed(mover: Mover, source: Status, target: Status) -> bool:
    """Whether `mover` may take a message from `source` to `target`."""
    return (mover, source, target) in _ALLOWED


@dataclass(frozen=True, slots=True)
class _Why:
    """A reason's meaning: the end it leads to, its sentence, and whether a change of facts can undo it."""

    status: Status
    sentence: str
    by_facts: bool = False


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
    SENDER_BLOCKED = "sender_blocked"
    NOT_SENT_YET = "not_sent_yet"
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
    Reason.OPTED_OUT: _Why(Status.SUPPRESSED, "this number or address has opted out", by_facts=True),
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
    Reason.CAP: _Why(Status.SUPPRESSED, "it would have been one text too many", by_facts=True),
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
    Reason.NOBODY_LISTENS: _Why(Status.SUPPRESSED, "it asks, and nobody would hear the answer"),
    Reason.CANNOT_RENDER: _Why(Status.FAILED, "its text could not be made"),
    Reason.REFUSED: _Why(Status.FAILED, "the provider refused it"),
    Reason.ATTEMPTS_SPENT: _Why(Status.FAILED, "every attempt failed"),
    Reason.UNCLEAR_ANSWER: _Why(Status.IN_DOUBT, "the provider's answer was not clear"),
    Reason.OWNER_DIED: _Why(Status.IN_DOUBT, "the daemon stopped while it was being sent"),
    Reason.SENDER_BLOCKED: _Why(Status.RETRY_WAIT, "the sending account was refused; the channel is paused"),
    Reason.NOT_SENT_YET: _Why(Status.RETRY_WAIT, "the last attempt failed and it will be tried again"),
    Reason.NOT_DELIVERED: _Why(Status.UNDELIVERED, "the provider reports that it did not arrive"),
    Reason.NO_RECEIPT: _Why(Status.SENT, "no receipt came within 72 hours"),
    Reason.CALL_TASK: _Why(Status.ACCEPTED, "a person has a task to call"),
    Reason.NOT_REACHED: _Why(Status.UNDELIVERED, "the person who called did not reach anybody"),
}

LONGEST_WITHOUT_RECEIPT = timedelta(hours=72)
"""After this a text without news is no longer asked about (RELIABILITY.md, decisions)."""

MOST_ATTEMPTS = 6
"""Attempts charged to one message; faults of the infrastructure are not charged (RELIABILITY.md §5)."""

SOONEST_RETRY = timedelta(seconds=60)
LATEST_RETRY = timedelta(minutes=30)
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider says became of one message: its own id, our status, its code if it gives one.

    `bad_address`: its code means that nobody can be reached there on this channel.
    """

    provider_id: str
    status: Status
    code: str = ""
    bad_address: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt led to, and all that the outbox needs to record it.

    `due_at` is set for another attempt. `charged` tells whether this attempt counts towards `MOST_ATTEMPTS`.
    `pauses_sender` asks the caller to pause the whole channel.
    """

    status: Status
    reason: Reason | None = None
    provider_id: str | None = None
    code: str = ""
    due_at: datetime | None = None
    charged: bool = True
    pauses_sender: bool = False
    opted_out: bool = False
    bad_address: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What `judge` must know of the attempt: the message, how often it was charged, its due time and its end.

    `message` is its id; moments are UTC.
    """

    message: int
    charged_before: int
    due_at: datetime
    valid_until: datetime


def judge(attempt: Attempt, result: Receipt | DeliveryError, now: datetime) -> Outcome:
    """The verdict on one attempt. A retry's `due_at` has yet to pass through the send window."""
    match result:
        case Receipt():
            # Whatever else it may say already is for the receipts that follow: here it was taken.
            taken = Status.SENT if result.status is Status.SENT else Status.ACCEPTED
            return Outcome(taken, provider_id=result.provider_id, code=result.code)
        case Rejected():
            reason = Reason.OPTED_OUT if result.opted_out else Reason.REFUSED
            return Outcome(
                reason.status,
                reason,
                code=result.code,
                opted_out=result.opted_out,
                bad_address=result.bad_address,
            )
        case SenderBlocked():
            return _again(attempt, Reason.SENDER_BLOCKED, result, now, charged=False)
        case Unavailable():
            return _again(attempt, Reason.NOT_SENT_YET, result, now, charged=result.charged)
        case _:
            return Outcome(Status.IN_DOUBT, Reason.UNCLEAR_ANSWER, code=result.code)


def _again(attempt: Attempt, reason: Reason, error: DeliveryError, now: datetime, *, charged: bool) -> Outcome:
    blocked = isinstance(error, SenderBlocked)
    if charged and attempt.charged_before + 1 >= MOST_ATTEMPTS:
        return Outcome(Status.FAILED, Reason.ATTEMPTS_SPENT, code=error.code)
    wait = back_off(attempt, now)
    if isinstance(error, Unavailable) and error.retry_after:
        wait = max(wait, error.retry_after)
    due_at = now + wait
    if due_at + LEAST_ROOM > attempt.valid_until:
        return Outcome(Status.EXPIRED, Reason.TOO_LATE, code=error.code, charged=charged, pauses_sender=blocked)
    return Outcome(
        Status.RETRY_WAIT, reason, code=error.code, due_at=due_at, charged=charged, pauses_sender=blocked
    )


def back_off(attempt: Attempt, now: datetime) -> timedelta:
    """How long to wait: the message's own age since it was due, between one and thirty minutes, ±20 %.

    The jitter is drawn from the message and the moment, so that the same facts give the same plan.
    """
    age = min(max(now - attempt.due_at, SOONEST_RETRY), LATEST_RETRY)
    seed = hashlib.blake2b(f"{attempt.message}:{now.isoformat()}".encode(), digest_size=4).digest()
    share = int.from_bytes(seed, "big") / 0xFFFFFFFF
    return age * (1 - JITTER + 2 * JITTER * share)
