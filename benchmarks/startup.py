"""How soon the program is there, and print one JSON line: `--help`, and the first message of a daemon.

python benchmarks/startup.py DATABASE_URL
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import house
from sinks import Sinks, running_sinks

from followup.care.message import Kind, Text
from followup.care.people import ChannelName
from followup.clock import SystemClock
from followup.storage.outbox_rows import NewMessage

TIMES = 7
LONGEST = 30.0


def seconds_of(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def help_ms() -> dict[str, float]:
    """The median of several; the interpreter alone beside it."""
    program = [sys.executable, "-m", "followup", "--help"]
    bare = [sys.executable, "-c", "pass"]
    seconds_of(program)
    return {
        "help_ms": round(median(seconds_of(program) for _ in range(TIMES)) * 1000, 1),
        "python_ms": round(median(seconds_of(bare) for _ in range(TIMES)) * 1000, 1),
    }


def first_message_ms(database_url: str) -> float:
    """From the start of `followup run` to the moment the provider has a page that was due before."""
    with running_sinks() as sinks, tempfile.TemporaryDirectory() as folder:
        clinic = Path(folder) / "clinic"
        with (
            closing(house.open_house(clinic, database_url, sinks.http_port, sinks.smtp_port)) as app,
            app.storage.transaction() as tx,
        ):
            due = SystemClock().utc() - timedelta(minutes=1)
            ends, words = due + timedelta(hours=1), Text("Task 1: see the list.")
            page = NewMessage(Kind.ALERT, "alert:1", ChannelName.SMS, due, ends, "+12145550123", words)
            tx.outbox.add_message(page, due)
        return _until_first(clinic / "config.toml", sinks)


def _until_first(config: Path, sinks: Sinks) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "followup", "--config", str(config), "run"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            while not (sinks.counted("sms") or {}).get("accepted"):
                assert time.perf_counter() - began < LONGEST, "nothing came"
                time.sleep(0.005)
            return time.perf_counter() - began
        finally:
            daemon.terminate()


def run(database_url: str) -> dict[str, Any]:
    first = [first_message_ms(database_url) for _ in range(3)]
    return help_ms() | {"first_message_ms": round(median(first) * 1000, 1)}


def main() -> None:
    """Read the command line; print the line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database_url")
    print(json.dumps(run(parser.parse_args().database_url)))


if __name__ == "__main__":
    main()
