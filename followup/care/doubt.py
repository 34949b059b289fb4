"""How doubt is ended: what counts as evidence, when it is looked for, and what becomes of a message without any.

in doubt → look → found: adopted
                → nothing, twice, and an hour gone: once more if it is critical, else a person
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from followup.care.attempt import Listed
from followup.care.message import LEAST_ROOM, POLICIES, Kind
from followup.care.people import ChannelName

SETTLING = timedelta(minutes=60)
"""A provider's list may lag by so much (RELIABILITY.md, decisions: lags of 10 to 15 minutes and of hours)."""

LOOKS_APART = timedelta(minutes=10)
LEAST_LOOKS = 2
"""Two lists without it, so far apart, before it counts as not found (RELIABILITY.md §2.2)."""

FIRST_LOOK = timedelta(minutes=1)
"""A list may not show at once what was accepted a moment ago."""

CLOCKS_APART = timedelta(minutes=2)
"""So far may the provider's clock and ours differ: it cannot have made a message before we sent it."""

REPEATED_AFTER = timedelta(minutes=1)
"""A mail in doubt is repeated so soon; no list could tell more, and its Message-ID is the same."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message in doubt, as far as settling asks. Moments are UTC.

    `tries` are the attempts that nobody knows the end of: when each began, and its exact words.
    """

    channel: ChannelName
    kind: Kind
    critical: bool
    doubted_at: datetime
    doubts: int
    looks: int
    looked_at: datetime | None
    valid_until: datetime
    tries: Sequence[tuple[datetime, str]] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a whole list of the number showed of this message: nothing, if `found` is empty.

    `on_its_way`: another message to that number is being sent at this moment, and what is found may be its.
    `in_doubt`: how many messages of these words to that number are in doubt, this one among them.
    """

    found: tuple[Listed, ...] = ()
    on_its_way: bool = False
    in_doubt: int = 1


@dataclass(frozen=True, slots=True)
class Adopt:
    """It was accepted: this is its id. `doubled`: the list has it more than once."""

    listed: Listed
    doubled: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """It is sent once more, not before `due_at`."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Nothing is decided; `looks` so far count."""

    at: datetime
    looks: int
    looked_at: datetime | None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody can find out: a person asks the patient."""


Verdict = Adopt | Again | LookAgain | GiveUp


def first_look(channel: ChannelName, kind: Kind, doubted_at: datetime) -> datetime:
    """When evidence is looked for first."""
    at_once = POLICIES[kind].repeated_at_once or channel is not ChannelName.SMS
    return doubted_at if at_once else doubted_at + FIRST_LOOK


def matching(doubt: Doubt, listed: Collection[Listed], known: Collection[str]) -> tuple[Listed, ...]:
    """What the list shows that can only be one of this message's attempts: exact words, time, and no other's id.

    The nearest to an attempt comes first.
    """
    gaps = [
        (gap, one.made_at, one.provider_id, one)
        for one in listed
        if one.provider_id not in known and (gap := _gap(doubt, one)) is not None
    ]
    return tuple(one for *_, one in sorted(gaps, key=lambda found: found[:3]))


def _gap(doubt: Doubt, one: Listed) -> timedelta | None:
    """How long after the attempt that it fits it was made; None if it fits none."""
    gaps = [
        abs(one.made_at - began)
        for began, words in doubt.tries
        if one.body == words and one.made_at >= began - CLOCKS_APART
    ]
    return min(gaps, default=None)


def settle_doubt(doubt: Doubt, looked: Looked | None, now: datetime) -> Verdict:
    """What becomes of it. `looked` is None where nobody could be asked, or has a list to be asked for."""
    if looked and looked.found:
        if looked.on_its_way:
            return LookAgain(now + FIRST_LOOK, doubt.looks, doubt.looked_at)
        return Adopt(looked.found[0], doubled=len(looked.found) > looked.in_doubt)
    if POLICIES[doubt.kind].repeated_at_once or doubt.channel is ChannelName.EMAIL:
        return _repeated(doubt, now)
    if now >= _last_look(doubt):
        return GiveUp()
    if looked is None:
        return LookAgain(min(now + FIRST_LOOK, _last_look(doubt)), doubt.looks, doubt.looked_at)
    return _not_found(doubt, now)


def _last_look(doubt: Doubt) -> datetime:
    """Past its end a message is not sent again, and may still be found while a list may lag."""
    return max(doubt.valid_until, doubt.doubted_at + SETTLING)


def _repeated(doubt: Doubt, now: datetime) -> Verdict:
    """A page to staff at once, a mail after a minute; in doubt a second time it is for a person (CARE.md §0)."""
    due_at = now if POLICIES[doubt.kind].repeated_at_once else max(now, doubt.doubted_at + REPEATED_AFTER)
    return Again(due_at) if doubt.doubts == 1 and due_at + LEAST_ROOM <= doubt.valid_until else GiveUp()


def _not_found(doubt: Doubt, now: datetime) -> Verdict:
    apart = doubt.looked_at is None or now - doubt.looked_at >= LOOKS_APART
    looks, looked_at = (doubt.looks + 1, now) if apart else (doubt.looks, doubt.looked_at)
    if looks < LEAST_LOOKS or now - doubt.doubted_at < SETTLING:
        return LookAgain(min(now + LOOKS_APART, _last_look(doubt)), looks, looked_at)
    may_repeat = doubt.critical and doubt.doubts == 1 and now + LEAST_ROOM <= doubt.valid_until
    return Again(now) if may_repeat else GiveUp()
