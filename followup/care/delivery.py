"""Where a message can stand, and the moves between: who may make each, and what it means.

Every status and move has one sentence here; `followup why` and the diagram in docs/ are made from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
