"""Seed so many due messages of one channel, drain them, and print one JSON line.

    python benchmarks/drain.py CHANNEL DATABASE_URL N [--http-port P] [--smtp-port P] [--future ROWS] [--unsynced]

Without ports, sinks are started for the run; `--future` adds so many rows that are not due yet; `--unsynced` waits
for no disk, which the product never does: the difference is what durability costs. The clock runs from the moment
the drain begins, everything imported, to the moment the last outcome is committed.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import house
from sinks import Sinks, running_sinks

from followup.app import App
from followup.care.people import ChannelName
from followup.dispatch import Tally
from followup.enroll import enroll_in_chunks


def seed(app: App, channel: ChannelName, count: int) -> None:
    """Patients with one text each, which is due now."""
    entries = house.people(channel, count)
    for _ in enroll_in_chunks(app.storage, app.clinic, entries, lambda: house.BEFORE, "benchmark"):
        pass


def drain(app: App, channel: ChannelName) -> dict[str, Any]:
    """Send all that is due; how long it took and what it cost this process."""
    dispatcher, tally = app.dispatcher, Tally()
    app.slots, app.owner.acquire()
    gc.freeze()  # as the daemon does once all is loaded
    began, cpu = time.perf_counter(), time.process_time()
    dispatcher.sweep(tally)
    while dispatcher.drain(channel, tally) is not None:
        pass
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    sent = sum(tally.outcomes.values())
    return {
        "n": sent,
        "seconds": round(seconds, 4),
        "rate": round(sent / seconds, 1),
        "cpu_per_1000": round(cpu / max(sent, 1) * 1000, 4),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def states(app: App) -> dict[str, int]:
    """How many messages the database has in each state."""
    with app.storage.reading() as tx:
        return {str(status): count for status, count in sorted(tx.outbox.counts().items())}


def run(
    channel: ChannelName, database_url: str, count: int, sinks: Sinks, future: int = 0, *, unsynced: bool = False
) -> dict[str, Any]:
    """One drain on a database made anew; what the sinks counted is what came in during it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(house.open_house(Path(folder) / "clinic", database_url, sinks.http_port, sinks.smtp_port)) as app,
    ):
        seed(app, channel, count)
        if future:
            house.add_future(app, future)
        if unsynced:
            house.wait_for_no_disk(app)
        before = sinks.counted(channel)
        found = drain(app, channel)
        after = sinks.counted(channel)
        sunk = {name: after[name] - before[name] for name in after} if before and after else None
        return (
            {"channel": channel, "database": app.storage.engine.dialect.name}
            | found
            | {
                "states": states(app),
                "sink": sunk,
            }
        )


def main() -> None:
    """Read the command line; print the line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("channel", choices=["sms", "email"])
    parser.add_argument("database_url")
    parser.add_argument("n", type=int)
    parser.add_argument("--http-port", type=int)
    parser.add_argument("--smtp-port", type=int)
    parser.add_argument("--future", type=int, default=0)
    parser.add_argument("--unsynced", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        given = options.http_port if options.channel == "sms" else options.smtp_port
        # The other channel's port is spoken to by nobody.
        own = Sinks(options.http_port or 1, options.smtp_port or 1)
        sinks = own if given else stack.enter_context(running_sinks())
        channel = ChannelName(options.channel)
        found = run(channel, options.database_url, options.n, sinks, options.future, unsynced=options.unsynced)
        print(json.dumps(found))


if __name__ == "__main__":
    main()
