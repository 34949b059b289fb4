"""How long a tick takes while nothing is due, with so many rows that wait, and print one JSON line.

    python benchmarks/idle.py DATABASE_URL ROWS

`look`: the question whether anything is due; `tick`: the whole round, which also notes that it was made.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import house

from followup.rounds import Rounds

ROUNDS = 200


def middle(work: Callable[[], object]) -> float:
    """Milliseconds, the median of many, once warm."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return round(median(took[ROUNDS // 10 :]) * 1000, 4)


def run(database_url: str, rows: int) -> dict[str, Any]:
    """On a database made anew, a week before the first is due."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(house.open_house(Path(folder) / "clinic", database_url, 1, 1, house.BEFORE)) as app,
    ):
        house.add_future(app, rows)
        rounds = Rounds(app)
        assert app.dispatcher.idle()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = {"look_ms": middle(app.dispatcher.idle), "tick_ms": middle(rounds.tick)}
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return (
            {"database": app.storage.engine.dialect.name, "rows": rows}
            | found
            | {"grew_mib": round((after - before) / 1024, 1)}
        )


def main() -> None:
    """Read the command line; print the line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database_url")
    parser.add_argument("rows", type=int)
    options = parser.parse_args()
    print(json.dumps(run(options.database_url, options.rows)))


if __name__ == "__main__":
    main()
