"""What a recorded row tells the planner: it may still go, it may have been said, or it fell through."""

from __future__ import annotations

from followup.care.delivery import FELL_THROUGH, ON_THE_WIRE, SET_ASIDE, UNSENT, WITH_PROVIDER, Status
from followup.care.message import Recorded
from followup.care.reason import Reason

_PERHAPS_SAID = ON_THE_WIRE | WITH_PROVIDER | {Status.UNRESOLVED}


def may_reopen(row: Recorded) -> bool:
    """Whether facts can bring it back: facts set it aside, and only what certainly was not sent is set aside."""
    return row.status in SET_ASIDE and row.reason is not None and Reason(row.reason).by_facts


def may_still_go(row: Recorded) -> bool:
    """Whether it waits to be sent, or other facts would send it."""
    return row.status in UNSENT or may_reopen(row)


def perhaps_said(row: Recorded) -> bool:
    """Whether the contact has it, as far as anybody knows; an answer proves it, whatever a receipt says."""
    return row.answered or row.status in _PERHAPS_SAID


def goes_again(row: Recorded) -> bool:
    """Whether it was in doubt, nothing was found, and it is sent once more, whatever went by another channel."""
    return row.status == Status.RETRY_WAIT and row.reason == Reason.SENT_AGAIN


def fell_through(row: Recorded) -> bool:
    """Whether this channel is used up for its reminder, and the next one has to be tried."""
    return not perhaps_said(row) and row.status in FELL_THROUGH
