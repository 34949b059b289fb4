"""A ledger that is asked for a stretch of time once a round, however many want to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from followup.care.attempt import Listed, Receipt
from followup.channels import Ledger


@dataclass(frozen=True)
class Remembered:
    """A Ledger in front of another, for one round: receipts and settling share what was listed."""

    ledger: Ledger
    _known: list[tuple[datetime, datetime, tuple[Listed, ...]]] = field(default_factory=list)

    def receipt(self, provider_id: str) -> Receipt:
        return self.ledger.receipt(provider_id)

    def sent_to(self, address: str, since: datetime) -> tuple[Listed, ...]:
        return self.ledger.sent_to(address, since)

    def sent_on(self, day: date) -> tuple[Listed, ...]:
        return self.ledger.sent_on(day)

    def sent_between(self, start: datetime, end: datetime, most: int) -> tuple[Listed, ...]:
        """As the ledger tells it; from memory where a longer stretch was asked for before."""
        for since, until, listed in self._known:
            if since <= start and end <= until:
                return tuple(one for one in listed if start <= one.made_at <= end)
        listed = self.ledger.sent_between(start, end, most)
        self._known.append((start, end, listed))
        return listed

    def ask_time(self) -> None:
        self.ledger.ask_time()
