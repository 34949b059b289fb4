"""The table at the end of a run of the fault tests: what was tried, and what became of the messages."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence

from world import World

from followup.care.delivery import Status
from followup.storage.outbox_rows import Entry

COLUMNS = ("tried", "planned", "accepted", "in_doubt", "unresolved", "lost", "doubled", "same_mail")
"""In doubt: how often a message came into doubt. Unresolved: each with a task. Doubled: sink copies of a text
beyond one. Same mail: copies of a mail beyond one, under its one Message-ID."""

rows: dict[str, Counter[str]] = {}
"""What this process has tried so far."""


def tried(row: str, **counts: int) -> None:
    """Add to a row of the table."""
    if unknown := set(counts) - set(COLUMNS):
        raise ValueError(f"no columns of the table: {sorted(unknown)}")
    rows.setdefault(row, Counter()).update(counts)


def became(world: World, rows: Sequence[Entry], lost: Sequence[Entry]) -> dict[str, int]:
    """What became of a world's messages, for `tried`: by their rows, and by what the providers took."""
    return {
        "planned": len(rows),
        "accepted": world.twilio.accepted() + world.post.accepted(),
        "in_doubt": sum(row.doubts for row in rows),
        "unresolved": sum(row.status is Status.UNRESOLVED for row in rows),
        "lost": len(lost),
        "doubled": sum(copies - 1 for copies in world.twilio.duplicates().values()),
        "same_mail": sum(copies - 1 for copies in world.post.duplicates().values()),
    }


def seed() -> int:
    """The seed of a test's faults: $FOLLOWUP_SEED, or a new one; the test prints it."""
    given = os.environ.get("FOLLOWUP_SEED")
    return int(given) if given else random.SystemRandom().randrange(10**9)


def lines(found: dict[str, Counter[str]]) -> list[str]:
    """The table as text, one line a row and one for all."""
    total: Counter[str] = Counter()
    for counts in found.values():
        total.update(counts)
    width = max([len(name) for name in found] + [len("all")])
    head = f"{'':{width}}  " + "  ".join(f"{name.replace('_', ' '):>10}" for name in COLUMNS)
    body = [_line(name, counts, width) for name, counts in sorted(found.items())]
    return [head, *body, _line("all", total, width)]


def _line(name: str, counts: Counter[str], width: int) -> str:
    return f"{name:{width}}  " + "  ".join(f"{counts[column]:>10}" for column in COLUMNS)
