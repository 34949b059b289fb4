"""The state machine of one message, as data: where it can stand, and every move between.

A move names who makes it, what must hold, the event that the trail records, and the task that it opens. The outbox
carries out what stands in this table and nothing else; `why`, `doctor` and docs/states.md are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from followup.care.task import TaskKind


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
    Status.IN_DOUBT: "It may or may not have been accepted; settling looks for evidence, and ends it.",
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

NOT_REACHED = frozenset({Status.UNDELIVERED, Status.FAILED, Status.EXPIRED, Status.UNRESOLVED})
"""Ended, and the contact does not have it as far as anybody knows: a person has a task (I13)."""

FELL_THROUGH = frozenset({Status.FAILED, Status.UNDELIVERED})
"""Did not reach the contact on this channel: the next channel is tried."""


class Mover(StrEnum):
    """Who may carry out a move."""

    PLANNER = "planner"
    DISPATCHER = "dispatcher"
    RESCUER = "rescuer"
    SETTLER = "settler"
    RECEIPTS = "receipts"
    RESTORER = "restorer"
    WORKLIST = "worklist"


class Event(StrEnum):
    """What the trail calls a move."""

    CLAIMED = "claimed"
    EXPIRED = "expired"
    STOPPED = "stopped"
    FAILED = "failed"
    SET_ASIDE = "set aside"
    BROUGHT_BACK = "brought back"
    ACCEPTED = "accepted"
    PUT_OFF = "put off"
    DOUBTED = "doubted"
    FOUND = "found"
    ANSWERED_LATE = "answered late"
    TRIED_AGAIN = "tried again"
    GIVEN_UP = "given up"
    RECEIPT = "receipt"
    CLOSED = "closed by a person"
    ALLOWED_AGAIN = "allowed again"


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed change of status: `guard` is what must hold, `event` what the trail calls it.

    `task` is what a person must then look at. A reason may name a narrower one (`Reason.task`): of two gates that
    stop a message, one asks for a call and the other for nothing.
    """

    source: Status
    target: Status
    mover: Mover
    guard: str
    event: Event
    task: TaskKind | None = None


_Row = tuple[frozenset[Status] | Status, tuple[Status, ...], Mover, str, Event, TaskKind | None]


def _table() -> list[_Row]:
    """A row stands for every pair of its sources and targets."""
    s, m, e, t = Status, Mover, Event, TaskKind
    planner, dispatcher, settler = m.PLANNER, m.DISPATCHER, m.SETTLER
    aside = tuple(sorted(SET_ASIDE))
    return [
        (UNSENT, (s.SENDING,), dispatcher, "due, and every gate passed; its words are recorded", e.CLAIMED, None),
        (UNSENT, (s.EXPIRED,), dispatcher, "its end has passed", e.EXPIRED, t.NOT_SENT),
        (UNSENT, aside, dispatcher, "a gate forbade it at the moment of sending", e.STOPPED, None),
        (UNSENT, (s.FAILED,), dispatcher, "it could not be rendered", e.FAILED, t.CANNOT_RENDER),
        (UNSENT, aside, planner, "the facts no longer ask for it", e.SET_ASIDE, None),
        (SET_ASIDE, (s.PLANNED,), planner, "the facts ask for it again; certainly unsent", e.BROUGHT_BACK, None),
        (SET_ASIDE, aside, planner, "the facts now give another reason", e.SET_ASIDE, None),
        (s.SENDING, (s.ACCEPTED, s.SENT), dispatcher, "the provider took it", e.ACCEPTED, None),
        (s.SENDING, (s.RETRY_WAIT,), dispatcher, "certainly not sent; another attempt fits", e.PUT_OFF, None),
        (s.SENDING, (s.FAILED,), dispatcher, "refused, or its attempts are spent", e.FAILED, t.UNDELIVERED),
        (s.SENDING, (s.SUPPRESSED,), dispatcher, "the number has stopped us: an opt-out", e.STOPPED, None),
        (s.SENDING, (s.EXPIRED,), dispatcher, "certainly not sent; no attempt fits", e.EXPIRED, t.NOT_SENT),
        (s.SENDING, (s.IN_DOUBT,), dispatcher, "we spoke and heard no valid answer", e.DOUBTED, None),
        (s.SENDING, (s.IN_DOUBT,), m.RESCUER, "its owner died with it in hand", e.DOUBTED, None),
        (s.IN_DOUBT, (s.ACCEPTED, s.SENT), dispatcher, "the answer came after all", e.ANSWERED_LATE, None),
        (s.IN_DOUBT, (s.ACCEPTED,), settler, "found in the provider's ledger", e.FOUND, None),
        (s.IN_DOUBT, (s.RETRY_WAIT,), settler, "settled; may be repeated, once", e.TRIED_AGAIN, None),
        (s.IN_DOUBT, (s.UNRESOLVED,), settler, "nothing found; not repeated", e.GIVEN_UP, t.UNRESOLVED),
        (UNSENT, (s.IN_DOUBT,), m.RESTORER, "due since an old backup that was restored", e.DOUBTED, None),
        (UNSENT, (s.EXPIRED,), m.RESTORER, "an outage outlasted it; one task lists all", e.EXPIRED, None),
        (s.ACCEPTED, (s.SENT, s.DELIVERED), m.RECEIPTS, "the provider's receipt", e.RECEIPT, None),
        (s.ACCEPTED, (s.UNDELIVERED,), m.RECEIPTS, "the provider's receipt, or 72 h", e.RECEIPT, t.UNDELIVERED),
        (s.SENT, (s.DELIVERED,), m.RECEIPTS, "the provider's receipt", e.RECEIPT, None),
        (s.SENT, (s.UNDELIVERED,), m.RECEIPTS, "the provider's receipt", e.RECEIPT, t.UNDELIVERED),
        (s.ACCEPTED, (s.DELIVERED, s.UNDELIVERED), m.WORKLIST, "its call task was closed", e.CLOSED, None),
        (s.UNRESOLVED, (s.DELIVERED,), m.WORKLIST, "a person knows that it is said", e.CLOSED, None),
        (
            frozenset({s.UNRESOLVED, s.FAILED}),
            (s.PLANNED,),
            m.WORKLIST,
            "a person checked and sends it again; still true",
            e.ALLOWED_AGAIN,
            None,
        ),
    ]


MOVES = tuple(
    Move(source, target, mover, guard, event, task)
    for sources, targets, mover, guard, event, task in _table()
    for source in sorted(sources if isinstance(sources, frozenset) else {sources})
    for target in targets
    if source is not target
)

_MOVES = {(move.mover, move.source, move.target): move for move in MOVES}


def allowed(mover: Mover, source: Status, target: Status) -> bool:
    """Whether `mover` may take a message from `source` to `target`."""
    return (mover, source, target) in _MOVES


def the_move(mover: Mover, source: Status, target: Status) -> Move:
    """The move of the table; AssertionError for one that is not in it, since the program is then at fault."""
    try:
        return _MOVES[mover, source, target]
    except KeyError:
        raise AssertionError(f"{mover} may not move a message from {source} to {target}") from None
