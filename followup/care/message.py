"""One outbox row as the rules see it: its kinds, each kind's policy, its key, its words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple

from followup.care.people import ChannelName


class Kind(StrEnum):
    """What a message is for; `POLICIES` says what follows from it."""

    REMINDER = "reminder"
    ANSWER = "answer"
    RED_FLAG = "red_flag"
    STAFF_TEXT = "staff_text"
    ALERT = "alert"
    DIGEST = "digest"


class Priority(IntEnum):
    """Which of several due messages goes first; the lower the sooner."""

    AT_ONCE = 0
    CRITICAL = 1
    ORDINARY = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """What a kind of message must pass before it goes, and what it counts as.

    `gated`: alive, consent, procedure, restrictions are asked. `windowed`: never at night. `capped`: counts
    toward the patient's texts a day and a week. `repeated_at_once`: in doubt it is sent again without settling.
    `stopped`: never to a number that has opted out. `pausable`: it waits while a person has paused its channel.
    """

    gated: bool = False
    windowed: bool = False
    capped: bool = False
    repeated_at_once: bool = False
    stopped: bool = True
    pausable: bool = True


POLICIES = {
    Kind.REMINDER: Policy(gated=True, windowed=True, capped=True),
    # A fixed answer to somebody who has just written; it has limits of its own (`care/response.py`).
    Kind.ANSWER: Policy(),
    # The answer to a red flag outranks every guard (CARE.md §0).
    Kind.RED_FLAG: Policy(repeated_at_once=True, stopped=False, pausable=False),
    # A person's own words to a patient; what they begin is planned into the send window.
    Kind.STAFF_TEXT: Policy(),
    # A page or a notice to staff, or a test they asked for: it goes at once, day or night.
    Kind.ALERT: Policy(repeated_at_once=True, stopped=False, pausable=False),
    Kind.DIGEST: Policy(stopped=False),
}


class ReminderKey(NamedTuple):
    """What makes a reminder one and the same: said for this procedure, to this contact, on this channel."""

    procedure: int
    step: str
    contact: int
    channel: ChannelName

    def __str__(self) -> str:
        return f"{Kind.REMINDER}:{self.procedure}:{self.step}:{self.contact}:{self.channel}"


@dataclass(frozen=True, slots=True)
class Text:
    """Rendered words. An SMS and a call script have only `plain`; an e-mail has all three."""

    plain: str
    subject: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered and addressed message, on its way to a channel.

    `to` is an E.164 number or an e-mail address. `mail_id` is the same on every attempt, so that whoever receives
    a repeated mail can merge the copies. `answers`: it replies to somebody who has just written (RFC 3834). Who,
    where and what is private.
    """

    id: int
    attempt: int
    channel: ChannelName
    to: str
    text: Text
    mail_id: str
    answers: bool = False

    def __repr__(self) -> str:
        return f"<Message {self.id}.{self.attempt} {self.channel}>"


LONGEST_ATTEMPT = timedelta(seconds=20)
"""One attempt on the wire, from the first packet to the provider's last byte, takes no longer (HOUSE.md)."""

LEAST_ROOM = timedelta(seconds=120)
"""A message is begun only with this much left of its window and of its validity (RELIABILITY.md §2.5, 2)."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a reminder does not go: a reason of `care.delivery`, and the procedure that holds it, if one does."""

    reason: str
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One reminder's row as it stands in the outbox.

    `sent_at` is when its last attempt began, `doubts` how often it came into doubt. `asks` is the step's
    `opens_question`: a nudge has none of its own. `question_closed_at` is set once an asked question was answered
    or given up; `answered` tells the two apart.
    """

    id: int
    key: ReminderKey
    status: str
    not_before: datetime
    due_at: datetime
    valid_until: datetime
    reason: str | None = None
    held_by: int | None = None
    attempt: int = 0
    revision: int = 0
    sent_at: datetime | None = None
    asks: bool = False
    question_closed_at: datetime | None = None
    answered: bool = False
    doubts: int = 0
