"""Every benchmark, each beside its limit in the same run, alternating; the report as a page and a picture.

    python benchmarks/bench.py [--quick] [--ten-million] [--write]

Prints the report; `--write` also puts it, with the picture, under docs/. Rates move from run to run on a machine
that others share: what counts are the ratios, and their lower edges.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import house
import report
from sinks import Sinks, running_sinks

HERE = Path(__file__).parent
KINDS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    repetitions: int
    mails: int
    texts: int
    slow_texts: dict[int, int]
    patients: int
    idle: tuple[int, ...]
    future: int


QUICK = Sizes(1, 1000, 1000, {50: 1000, 200: 320}, 500, (10_000, 100_000), 100_000)
FULL = Sizes(3, 3000, 3000, {50: 4000, 200: 3200}, 2000, (10_000, 100_000, 1_000_000), 1_000_000)


@dataclass
class Found:
    """What was measured: by name, one figure a repetition."""

    figures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, figure: dict[str, Any]) -> None:
        self.figures.setdefault(name, []).append(figure)
        print(f"{name}: {json.dumps(figure)}", file=sys.stderr, flush=True)

    def middle(self, name: str, key: str) -> float:
        return float(median(figure[key] for figure in self.figures[name]))

    def lowest(self, name: str, key: str) -> float:
        return float(min(figure[key] for figure in self.figures[name]))

    def ratios(self, name: str, other: str, key: str = "rate") -> list[float]:
        """Repetition by repetition: the two were measured one after the other."""
        pairs = zip(self.figures[name], self.figures[other], strict=True)
        return [one[key] / two[key] for one, two in pairs]


def ask(script: str, *words: object) -> dict[str, Any]:
    """The line that one benchmark prints, run in a process of its own."""
    command = [sys.executable, str(HERE / f"{script}.py"), *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def drains(found: Found, urls: dict[str, str], sizes: Sizes) -> None:
    """E-mail and texts without latency, beside the bare loops."""
    with running_sinks() as sinks:
        ports = _ports(sinks)
        for _ in range(sizes.repetitions):
            found.add("email bare", ask("bare", "email", sizes.mails, *ports))
            for kind, url in urls.items():
                found.add(f"email {kind}", ask("drain", "email", url, sizes.mails, *ports))
            found.add("sms bare stock", ask("bare", "sms-stock", sizes.texts // 2, *ports))
            found.add("sms bare", ask("bare", "sms", sizes.texts, *ports))
            for kind, url in urls.items():
                found.add(f"sms {kind}", ask("drain", "sms", url, sizes.texts, *ports))
                unsynced = ask("drain", "sms", url, sizes.texts, *ports, "--unsynced")
                found.add(f"sms {kind} unsynced", unsynced)


def slow_drains(found: Found, urls: dict[str, str], sizes: Sizes) -> None:
    """Texts to a provider that takes its time."""
    for latency, count in sizes.slow_texts.items():
        with running_sinks(latency) as sinks:
            ports = _ports(sinks)
            for _ in range(sizes.repetitions):
                found.add(
                    f"sms {latency} ms bare", ask("bare", "sms", count, "--threads", report.IN_FLIGHT, *ports)
                )
                for kind, url in urls.items():
                    found.add(f"sms {latency} ms {kind}", ask("drain", "sms", url, count, *ports))


def rest(found: Found, urls: dict[str, str], sizes: Sizes) -> None:
    """Enrollment, the idle tick, a wave among many rows, start-up."""
    for kind, url in urls.items():
        for _ in range(sizes.repetitions):
            found.add(f"enrollment {kind}", ask("planning", url, sizes.patients))
        for rows in sizes.idle:
            found.add(f"idle {rows} {kind}", ask("idle", url, rows))
        with running_sinks() as sinks:
            for _ in range(sizes.repetitions):
                found.add(f"wave alone {kind}", ask("drain", "sms", url, 1000, *_ports(sinks)))
                among = ask("drain", "sms", url, 1000, *_ports(sinks), "--future", sizes.future)
                found.add(f"wave among {kind}", among)
    found.add("start-up", ask("startup", urls["sqlite"]))


def _ports(sinks: Sinks) -> tuple[object, ...]:
    return "--http-port", sinks.http_port, "--smtp-port", sinks.smtp_port


def main() -> None:
    """Measure, print, write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smaller, in under three minutes")
    parser.add_argument("--ten-million", action="store_true", help="the idle tick among ten million rows as well")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its picture")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    if options.ten_million:
        sizes = Sizes(**{**sizes.__dict__, "idle": (*sizes.idle, 10_000_000)})
    found = Found()
    with tempfile.TemporaryDirectory(prefix="followup-bench-") as folder:
        here = Path(folder)
        with house.database("sqlite", here) as sqlite, house.database("postgresql", here) as postgresql:
            urls = dict(zip(KINDS, (sqlite, postgresql), strict=True))
            drains(found, urls, sizes)
            slow_drains(found, urls, sizes)
            rest(found, urls, sizes)
    page = report.page(found, sizes, " ".join(["python", "benchmarks/bench.py", *sys.argv[1:]]))
    print(page)
    if options.write:
        docs = HERE.parent / "docs"
        (docs / "benchmarks.md").write_text(page)
        (docs / "benchmarks.svg").write_text(report.picture(found, sizes))


if __name__ == "__main__":
    main()
