"""What can go wrong at the mailbox's server, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImapNo:
    """Refuse a command (LOGIN, EXAMINE, "UID FETCH", …), with a response code of RFC 5530 or none."""

    at: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class ImapSay:
    """Answer a command with these bytes instead, whatever they are."""

    at: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class ImapSilent:
    """Never answer a command; "connect" is the greeting."""

    at: str


@dataclass(frozen=True, slots=True)
class ImapCut:
    """Hang up after so many bytes of a connection were sent."""

    after: int

    @property
    def at(self) -> str:
        return "bytes"


ImapFault = ImapNo | ImapSay | ImapSilent | ImapCut
