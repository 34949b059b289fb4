"""What was measured, as a page and a picture: medians, lower edges, ratios of what was measured side by side."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from followup.clock import SystemClock

if TYPE_CHECKING:
    from bench import Found, Sizes

KINDS = ("sqlite", "postgresql")
IN_FLIGHT = 64


_PAGE = """# Benchmarks

Measured on {day} with `{command}`: {machine}

Everything runs on this machine, sinks and PostgreSQL included, over loopback without TLS, with durability on:
SQLite with `synchronous=FULL`, PostgreSQL with `fsync=on`. Rates move from run to run on a shared machine:
compare within this page only. Each figure is the median of {repetitions}, the lowest in brackets; a ratio is taken
between two measurements made one after the other.

![Rates beside the bare loops](benchmarks.svg)

## Drains

A drain claims, asks every gate, renders, seals, commits, sends, and commits outcomes and the audit trail. The bare
loop is the same client alone: words at hand, no database. Where the provider is slow, 64 are on their way at once.

| what | messages/s | of the bare loop | of 64 / latency | CPU s per 1,000 | peak MiB |
|---|---|---|---|---|---|
{drains}

Beside the SDK as it comes, one text after the other ({stock:.0f}/s), the drain on SQLite goes {faster} times as
fast.

What durability costs by itself: the drain of texts without latency, and the same drain whose commits wait for no
disk.

| database | messages/s | waiting for no disk | ratio |
|---|---|---|---|
{durability}

## Enrollment in bulk

Kyphoplasty, nine reminders a patient: entered, planned, sealed and written, 500 patients a transaction. The rules
alone work out the same timelines and write nothing.

| database | patients | reminders/s | the rules alone, reminders/s | share | peak MiB |
|---|---|---|---|---|---|
{enrollment}

## Idle tick

The question whether anything is due, and the whole round with the note that it was made, which is a commit.

| database | rows that wait | question, ms | round, ms | memory grew, MiB |
|---|---|---|---|---|
{idle}

## A wave of 1,000 among {future:,} rows

| database | alone, messages/s | among them, messages/s | ratio |
|---|---|---|---|
{wave}

## Start-up

`followup --help` takes {help:.0f} ms, of which Python itself takes {python:.0f} ms. The first message of
`followup run` is with the provider {first:.0f} ms after its start.
"""


def page(found: Found, sizes: Sizes, command: str) -> str:
    """The whole of docs/benchmarks.md."""
    return _PAGE.format(
        day=f"{SystemClock().utc():%Y-%m-%d}",
        command=command,
        machine=_machine(),
        repetitions=sizes.repetitions,
        drains="\n".join(_drain_row(found, *drain) for drain in _drains(sizes)),
        durability="\n".join(_pair_row(found, kind, f"sms {kind}", f"sms {kind} unsynced") for kind in KINDS),
        stock=found.middle("sms bare stock", "rate"),
        faster=_edges(found.ratios("sms sqlite", "sms bare stock")),
        enrollment="\n".join(_enrollment_row(found, sizes, kind) for kind in KINDS),
        idle="\n".join(_idle_row(found, rows, kind) for kind in KINDS for rows in sizes.idle),
        future=sizes.future,
        wave="\n".join(_pair_row(found, kind, f"wave alone {kind}", f"wave among {kind}") for kind in KINDS),
        help=found.middle("start-up", "help_ms"),
        python=found.middle("start-up", "python_ms"),
        first=found.middle("start-up", "first_message_ms"),
    )


def _enrollment_row(found: Found, sizes: Sizes, kind: str) -> str:
    name = f"enrollment {kind}"
    rate, alone = found.middle(name, "rate"), found.middle(name, "plan_only_rate")
    share, peak = found.middle(name, "share_of_plan_only"), found.middle(name, "peak_mib")
    return f"| {kind} | {sizes.patients:,} | {rate:,.0f} | {alone:,.0f} | {share:.0%} | {peak:.0f} |"


def _idle_row(found: Found, rows: int, kind: str) -> str:
    name = f"idle {rows} {kind}"
    look, tick, grew = (found.middle(name, key) for key in ("look_ms", "tick_ms", "grew_mib"))
    return f"| {kind} | {rows:,} | {look:.2f} | {tick:.2f} | {grew:.1f} |"


def _pair_row(found: Found, kind: str, first: str, second: str) -> str:
    """Two rates, and the second as a part of the first."""
    rates = f"{found.middle(first, 'rate'):,.0f} | {found.middle(second, 'rate'):,.0f}"
    return f"| {kind} | {rates} | {_edges(found.ratios(second, first))} |"


def _drains(sizes: Sizes) -> Iterator[tuple[str, str, int]]:
    """Every drain, the bare loop it is compared with, and the provider's latency in milliseconds."""
    for kind in KINDS:
        yield f"email {kind}", "email bare", 0
    for kind in KINDS:
        yield f"sms {kind}", "sms bare", 0
    for latency in sizes.slow_texts:
        for kind in KINDS:
            yield f"sms {latency} ms {kind}", f"sms {latency} ms bare", latency


def _drain_row(found: Found, name: str, bare: str, latency: int) -> str:
    rate, lowest = found.middle(name, "rate"), found.lowest(name, "rate")
    cpu, peak = found.middle(name, "cpu_per_1000"), found.middle(name, "peak_mib")
    of_most = f"{rate * latency / 1000 / IN_FLIGHT:.0%}" if latency else ""
    of_bare = _edges(found.ratios(name, bare))
    return f"| {name} | {rate:,.0f} ({lowest:,.0f}) | {of_bare} | {of_most} | {cpu:.2f} | {peak:.0f} |"


def _edges(ratios: list[float]) -> str:
    middle = sorted(ratios)[len(ratios) // 2]
    return f"{middle:.2f} ({min(ratios):.2f})"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    libraries = ", ".join(f"{name} {version(name)}" for name in ("sqlalchemy", "twilio", "psycopg"))
    return f"{cores} cores, {platform.machine()}, Python {sys.version.split()[0]}, {libraries}."


BAR, LEFT, WIDE = 22, 190, 520


def picture(found: Found, sizes: Sizes) -> str:
    """Each drain as a bar beside its bare loop."""
    bars = []
    for name, bare, _ in _drains(sizes):
        bars += [(name, found.middle(name, "rate"), "#00476b"), (bare, found.middle(bare, "rate"), "#b8c1c8")]
    most = max(rate for _, rate, _ in bars)
    lines = [_bar(number, *bar, most) for number, bar in enumerate(bars)]
    height = len(bars) * BAR + 30
    title = '<text x="4" y="16" font-weight="bold">Messages a second; the bare loop in grey</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDE + 90}" height="{height}" '
    return head + 'font-family="Verdana,Arial,sans-serif" font-size="12">' + title + "".join(lines) + "</svg>\n"


def _bar(number: int, name: str, rate: float, colour: str, most: float) -> str:
    y = 26 + number * BAR
    width = max(1.0, rate / most * WIDE)
    return (
        f'<text x="4" y="{y + 14}">{escape(name)}</text>'
        f'<rect x="{LEFT}" y="{y + 2}" width="{width:.0f}" height="{BAR - 6}" fill="{colour}"/>'
        f'<text x="{LEFT + width + 6:.0f}" y="{y + 14}">{rate:,.0f}</text>'
    )
