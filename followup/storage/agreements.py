"""What contacts agreed to and what they stopped: consent events, suppressions, and the bars that follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from followup.care.people import Bar, ChannelName, ConsentTo, Role
from followup.storage import tables as t
from followup.storage.conflicts import insert_unless_there
from followup.storage.ids import new_id, new_ids
from followup.storage.many import insert_rows
from followup.storage.seal import Sealer

# Built once: see `register.py`.
_CONSENTS = (
    select(t.consents.c.contact_id, t.consents.c.about, t.consents.c.given)
    .where(t.consents.c.contact_id.in_(bindparam("ids", expanding=True)))
    .order_by(t.consents.c.id)
)
_STANDING = select(t.suppressions.c.channel, t.suppressions.c.address_index).where(
    t.suppressions.c.address_index.in_(bindparam("indexes", expanding=True)), t.suppressions.c.lifted_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class Consent:
    """One agreement, refusal or withdrawal, as it was recorded."""

    about: ConsentTo
    given: bool
    method: str
    wording: str


@dataclass(frozen=True, slots=True)
class Bars:
    """What stands against each channel of a contact."""

    consents: Mapping[tuple[int, str], bool]
    suppressed: Collection[tuple[str, bytes]]
    consent_needed: bool

    def of(self, row: Row[Any]) -> dict[ChannelName, Bar]:
        found = {
            ChannelName.SMS: self._text(row),
            ChannelName.EMAIL: self._mail(row),
            ChannelName.PHONE: None if row.number else Bar.NO_ADDRESS,
        }
        if row.role == Role.CAREGIVER and not self.consents.get((row.id, ConsentTo.SHARE)):
            found = dict.fromkeys(found, Bar.NOT_SHARED)
        return {channel: bar for channel, bar in found.items() if bar}

    def _text(self, row: Row[Any]) -> Bar | None:
        if row.number is None or row.landline:
            return Bar.NO_ADDRESS
        if (ChannelName.SMS, row.number_index) in self.suppressed:
            return Bar.OPTED_OUT
        if row.bad_sms_at:
            return Bar.BAD_ADDRESS
        return self._consent(row, ConsentTo.SMS, needed=self.consent_needed)

    def _mail(self, row: Row[Any]) -> Bar | None:
        if row.email is None:
            return Bar.NO_ADDRESS
        if (ChannelName.EMAIL, row.email_index) in self.suppressed:
            return Bar.OPTED_OUT
        if row.bad_email_at:
            return Bar.BAD_ADDRESS
        return self._consent(row, ConsentTo.EMAIL, needed=True)

    def _consent(self, row: Row[Any], about: ConsentTo, *, needed: bool) -> Bar | None:
        given = self.consents.get((row.id, about))
        return Bar.NO_CONSENT if given is False or (needed and not given) else None


class Agreements:
    """Consents and suppressions, within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def bars(self, contacts: Sequence[Row[Any]], *, consent_needed: bool) -> Bars:
        """What stands against the channels of these contacts (rows of the table)."""
        return Bars(self._consents(c.id for c in contacts), self._suppressed(contacts), consent_needed)

    def _consents(self, contacts: Iterable[int]) -> dict[tuple[int, str], bool]:
        """The latest word of each contact on each matter: ids rise with time."""
        rows = self._connection.execute(_CONSENTS, {"ids": list(contacts)})
        return {(row.contact_id, row.about): row.given for row in rows}

    def _suppressed(self, contacts: Iterable[Row[Any]]) -> set[tuple[str, bytes]]:
        indexes = {i for c in contacts for i in (c.number_index, c.email_index) if i is not None}
        rows = self._connection.execute(_STANDING, {"indexes": sorted(indexes)})
        return {(row.channel, row.address_index) for row in rows}

    def given(self, contact_id: int, about: ConsentTo) -> bool | None:
        """The contact's latest word on the matter; None if there was never one."""
        return self._consents([contact_id]).get((contact_id, about))

    def record(self, contact_id: int, consents: Sequence[Consent], now: datetime, by: str) -> None:
        self.record_all({contact_id: consents}, now, by)

    def record_all(self, agreed: Mapping[int, Sequence[Consent]], now: datetime, by: str) -> None:
        """What each contact, by its id, agreed to or refused."""
        ids = new_ids(now, sum(map(len, agreed.values())))
        rows = [
            {
                "id": next(ids),
                "contact_id": contact_id,
                "about": consent.about,
                "given": consent.given,
                "at": now,
                "method": consent.method,
                "wording": consent.wording,
                "by": by,
            }
            for contact_id, consents in agreed.items()
            for consent in consents
        ]
        insert_rows(self._connection, t.consents, rows)

    def suppress(self, channel: ChannelName, address: str, source: str, now: datetime) -> bool:
        """Stop a number or address for everybody who shares it; False if it was stopped already."""
        index = self.index_of(channel, address)
        values = {"id": new_id(now), "channel": channel, "address_index": index, "since": now, "source": source}
        return insert_unless_there(self._connection, t.suppressions, values)

    def lift(self, channel: ChannelName, address: str, now: datetime) -> bool:
        """Open a number or address again, upon a new recorded consent; False if it was not stopped."""
        index = self.index_of(channel, address)
        found = self._standing_suppression(channel, index)
        if found is None:
            return False
        query = update(t.suppressions).where(t.suppressions.c.id == found)
        self._connection.execute(query.values(lifted_at=now))
        return True

    def set_pending(self, channel: ChannelName, address: str, now: datetime) -> bool:
        """They asked by text for it to be opened again; False if it was not stopped. The stop stands."""
        found = self._standing_suppression(channel, self.index_of(channel, address))
        if found is None:
            return False
        self._connection.execute(update(t.suppressions).where(t.suppressions.c.id == found).values(pending_at=now))
        return True

    def stopped(self, channel: ChannelName, address: str) -> bool:
        """Whether this number or address has opted out."""
        return self._standing_suppression(channel, self.index_of(channel, address)) is not None

    def _standing_suppression(self, channel: ChannelName, index: bytes) -> int | None:
        s = t.suppressions.c
        return self._connection.scalar(
            select(s.id).where(s.channel == channel, s.address_index == index, s.lifted_at.is_(None))
        )

    def index_of(self, channel: ChannelName, address: str) -> bytes:
        """The blind index of a number or e-mail address."""
        return self._sealer.index("email" if channel is ChannelName.EMAIL else "number", address)
