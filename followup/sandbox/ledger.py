"""All messages the account ever had, outbound and inbound, and who has opted out; safe between threads."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from followup.sandbox.numbers import START_WORDS, STOP_WORDS
from followup.sandbox.sms import Fate, Sms


class Ledger:
    """Messages in the order they were accepted; nothing ever leaves it, a deleted one is only hidden."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._all: list[Sms] = []
        self._by_number: defaultdict[str, list[Sms]] = defaultdict(list)
        self._by_sid: dict[str, Sms] = {}
        self._fates: dict[str, Fate] = {}
        self._stopped: set[str] = set()

    def enter(self, sms: Sms) -> Sms:
        """Take a message in; an inbound opt-out word closes its sender's number, START opens it."""
        with self._lock:
            if sms.direction == "outbound-api":
                sms.fate = self._fates.get(sms.to, sms.fate)
            else:
                self._hear(sms)
            self._all.append(sms)
            self._by_sid[sms.sid] = sms
            for number in {sms.to, sms.from_}:
                self._by_number[number].append(sms)
        return sms

    def fate(self, number: str, fate: Fate, now: datetime) -> None:
        """How messages to a number end from now on, those still under way included."""
        with self._lock:
            self._fates[number] = fate
            for sms in self._by_number.get(number, ()):
                if sms.to == number and not sms.standing(now).is_final:
                    sms.fate = fate

    def forget_fates(self) -> None:
        with self._lock:
            self._fates.clear()

    def find(self, sid: str) -> Sms | None:
        with self._lock:
            sms = self._by_sid.get(sid)
        return None if sms is None or sms.deleted else sms

    def has_stopped(self, number: str) -> bool:
        with self._lock:
            return number in self._stopped

    def about(self, to: str | None, from_: str | None) -> list[Sms]:
        """Messages with these ends (None: any), oldest first, deleted ones left out."""
        with self._lock:
            ends = to or from_
            candidates = self._by_number.get(ends, []) if ends else self._all
            return [
                sms
                for sms in candidates
                if not sms.deleted and to in {None, sms.to} and from_ in {None, sms.from_}
            ]

    def last_sender(self, number: str) -> str | None:
        """Our number that wrote last to this one, or to anybody if none wrote to it."""
        with self._lock:
            for known in (self._by_number.get(number, []), self._all):
                for sms in reversed(known):
                    if sms.direction == "outbound-api":
                        return sms.from_
        return None

    def outbound(self) -> list[Sms]:
        with self._lock:
            return [sms for sms in self._all if sms.direction == "outbound-api"]

    def inbound(self) -> list[Sms]:
        with self._lock:
            return [sms for sms in self._all if sms.direction == "inbound"]

    def _hear(self, sms: Sms) -> None:
        word = sms.body.strip().upper()
        if word in STOP_WORDS:
            self._stopped.add(sms.from_)
        elif word in START_WORDS:
            self._stopped.discard(sms.from_)


def new_sid(prefix: str) -> str:
    """A SID as Twilio makes them: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def doubles(messages: Sequence[Sms]) -> dict[tuple[str, str], int]:
    """How often each (to, body) was accepted, where more than once."""
    counts = Counter((sms.to, sms.body) for sms in messages)
    return {key: count for key, count in counts.items() if count > 1}


def visible(messages: Sequence[Sms], now: datetime, lag: timedelta) -> list[Sms]:
    """What a list shows whose index lags behind the truth by so much, newest first."""
    return [sms for sms in reversed(messages) if sms.created + lag <= now]
