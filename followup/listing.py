"""Many messages looked up by few lists: those that went close together are found in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from followup.care.attempt import Listed
from followup.channels import Ledger

CLOSE = timedelta(minutes=10)
"""Messages that went no further apart than this are looked up together."""

FEW = 3
"""Of fewer, each is asked for by itself: that costs no more than a list."""

A_PAGE = 200
"""Messages on one page of a list: a list of as many pages as there are messages costs what asking singly does."""


def listed_together(ledger: Ledger, moments: Iterable[datetime]) -> dict[str, Listed]:
    """What the provider lists of the stretches in which several of these moments lie, by its id.

    What is not in it may still be there: a list lags, and has no place yet for what waits in a queue. Raises as
    `Ledger.sent_between` does.
    """
    found: dict[str, Listed] = {}
    for group in _close_together(sorted(moments)):
        if len(group) >= FEW:
            listed = ledger.sent_between(group[0] - CLOSE, group[-1] + CLOSE, A_PAGE * len(group))
            found |= {one.provider_id: one for one in listed}
    return found


def _close_together(moments: Sequence[datetime]) -> Iterator[list[datetime]]:
    group: list[datetime] = []
    for moment in moments:
        if group and moment - group[-1] > CLOSE:
            yield group
            group = []
        group.append(moment)
    if group:
        yield group
