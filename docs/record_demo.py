"""Records the demo as the picture at the top of the README: `python docs/record_demo.py` writes docs/demo.svg.

With the path of another file it writes that one; so a test compares the two.

The picture is a selection, a hundred columns wide: some days, two phones, some of one patient's messages, some
answers. It is what `followup demo` prints, drawn by the same functions; run this again whenever one of them has
changed.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from followup.care.delivery import Status
from followup.cli.demo import announce
from followup.cli.demo.answers import SILENT, answers_table, lines
from followup.cli.demo.cast import ELEANOR, ROSA, RUTH
from followup.cli.demo.clinic import ZONE, DemoClinic, demo_clinic
from followup.cli.demo.phones import phone, side_by_side
from followup.cli.demo.screen import WIDTH, Log
from followup.cli.demo.staff import Staff
from followup.cli.demo.table import counts, fates, fates_table
from followup.cli.demo.weeks import Stop, Weeks
from followup.storage.outbox_rows import Entry

PICTURE = Path(__file__).with_name("demo.svg")

SHOWN = [
    (datetime(2026, 10, 30, 12, 0, tzinfo=ZONE), datetime(2026, 10, 30, 12, 4, tzinfo=ZONE)),
    (datetime(2026, 10, 31, 9, 0, tzinfo=ZONE), datetime(2026, 10, 31, 9, 20, tzinfo=ZONE)),
    (datetime(2026, 11, 1, 12, 0, tzinfo=ZONE), datetime(2026, 11, 2, 10, 21, tzinfo=ZONE)),
    (datetime(2026, 11, 5, 1, 12, tzinfo=ZONE), datetime(2026, 11, 5, 1, 30, tzinfo=ZONE)),
    (datetime(2026, 11, 20, 13, 0, tzinfo=ZONE), datetime(2026, 11, 20, 13, 1, tzinfo=ZONE)),
]
"""The stretches of time that are in the picture, by the clinic's clock."""

FIRST_TEXTS = 3

ANSWERS = ("8", "6", "I cant feel my legs", "STOP", "mom passed away")
"""Whose lines of the table of answers are in the picture, beside who never answered."""

THEME = TerminalTheme(
    background=(16, 20, 28),
    foreground=(222, 226, 233),
    normal=[
        (16, 20, 28),
        (255, 123, 114),
        (110, 214, 128),
        (236, 192, 98),
        (112, 169, 255),
        (206, 150, 255),
        (92, 207, 222),
        (222, 226, 233),
    ],
)

FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

FORMAT = f"""\
<svg viewBox="0 0 {{width}} {{height}}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{{unique_id}}-matrix {{{{
        font-family: {FONTS};
        font-size: {{char_height}}px;
        line-height: {{line_height}}px;
    }}}}
    .{{unique_id}}-title {{{{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}}}
    {{styles}}
    </style>
    <defs>
    <clipPath id="{{unique_id}}-clip-terminal">
    <rect x="0" y="0" width="{{terminal_width}}" height="{{terminal_height}}" />
    </clipPath>
    {{lines}}
    </defs>
    {{chrome}}
    <g transform="translate({{terminal_x}}, {{terminal_y}})" clip-path="url(#{{unique_id}}-clip-terminal)">
    {{backgrounds}}
    <g class="{{unique_id}}-matrix">
    {{matrix}}
    </g>
    </g>
</svg>
"""
"""The frame of the picture, without fonts from elsewhere: who looks at the README is sent to no other host."""


def main(picture: Path = PICTURE) -> None:
    """Run the demo once, and draw the selection."""
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    with tempfile.TemporaryDirectory() as folder, demo_clinic(Path(folder)) as clinic:
        _draw(clinic, Staff(clinic), console)
    drawn = console.export_svg(title="followup demo", theme=THEME, code_format=FORMAT, unique_id="demo")
    picture.write_text(drawn, encoding="utf-8")


def _draw(clinic: DemoClinic, staff: Staff, console: Console) -> None:
    announce(clinic, console)
    log = Log(console, staff)
    for stop in _shown(Weeks(clinic, staff).run()):
        log.show(stop)
    _omitted(console)
    readers = {reader.name: reader for reader in staff.readers().values()}
    caregiver = readers[ROSA.relative.name] if ROSA.relative else readers[ROSA.name]
    console.print()
    console.print(side_by_side([phone(clinic, reader, FIRST_TEXTS) for reader in (readers[RUTH.name], caregiver)]))
    found = fates(clinic, staff)
    telling = [fate for fate in found if fate.reader.patient == ELEANOR.name and _is_telling(fate.entry)]
    console.print()
    console.print(fates_table(telling))
    _omitted(console)
    console.print(counts(found))
    console.print()
    answered = [line for line in lines(clinic, staff) if line.words.strip("“”") in (*ANSWERS, SILENT)]
    console.print(answers_table(clinic, answered))


def _is_telling(entry: Entry) -> bool:
    return entry.status is Status.SUPERSEDED or entry.step == "six-weeks"


def _shown(stops: Iterator[Stop]) -> Iterator[Stop]:
    """Those in the picture; the others happen all the same."""
    for stop in stops:
        if any(begin <= stop.at <= end for begin, end in SHOWN):
            yield stop


def _omitted(console: Console) -> None:
    console.print(Text("  ⋯", style="dim"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
