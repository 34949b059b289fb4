"""A mail as it lies in a mailbox, and its header fields, asked in ways that cannot fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses
from functools import cached_property

from followup import addresses
from followup.errors import InputError

MOST_OF_A_FIELD = 8_000
"""Characters of one header field; a long chain of References has as many."""


@dataclass(frozen=True, slots=True)
class RawMail:
    """Bytes as they were delivered, and when (UTC); of a mail that is not `whole` the middle is missing."""

    content: bytes = field(repr=False)
    received: datetime
    whole: bool = True


class Letter:
    """A mail taken apart.

    The older policy of the standard library, since the newer one's header classes raise on malformed fields; what
    they would decode is decoded here.
    """

    def __init__(self, content: bytes) -> None:
        self.top: Part = BytesParser(policy=compat32).parsebytes(content)

    def all(self, *names: str) -> list[str]:
        """The values of all fields of these names, unfolded, encoded words left as they are."""
        wanted = {name.lower() for name in names}
        return [value for name, value in self.fields if name in wanted]

    def first(self, name: str) -> str:
        """The value of the first field of a name; empty if there is none."""
        return next(iter(self.all(name)), "")

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """Every field, its name in lower case."""
        return fields_of(self.top)

    @cached_property
    def subject(self) -> str:
        """The subject as a person reads it."""
        raw = self.first("subject")
        try:
            return " ".join(str(make_header(decode_header(raw))).split())
        except (MessageError, ValueError, LookupError):
            return raw

    @cached_property
    def sender(self) -> str:
        """The address in From, as addresses are recorded; empty if there is none."""
        found = [address for _, address in getaddresses([self.first("from")[:1000]]) if "@" in address]
        return _recorded(found[0]) if found else ""


def fields_of(part: Part) -> list[tuple[str, str]]:
    """A part's header fields: names in lower case, values unfolded, with what is no text replaced."""
    return [(name.lower(), _unfolded(str(value))) for name, value in part.raw_items()]


def _unfolded(value: str) -> str:
    told = value[:MOST_OF_A_FIELD].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(told.split())


def _recorded(address: str) -> str:
    try:
        return addresses.address(address)
    except InputError:
        return address[:320].lower()
