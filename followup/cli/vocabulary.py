"""`followup vocabulary`: try the reply words on a corpus, or on one text; no database is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.cli.desk import Desk, pass_desk

if TYPE_CHECKING:
    from followup.care.confusion import Confusion, Read
    from followup.care.reply import Vocabulary
    from followup.cli.shelf import Shelf

PLAN = click.option("--plan", metavar="PLAN", help="With this plan's own words too.")


@click.group()
def vocabulary() -> None:
    """Try how replies are read, before patients do.

    Without a configuration in reach the words that ship are used.
    """


@vocabulary.command()
@click.option("--corpus", type=click.Path(path_type=Path), help="Another file than vocabulary/corpus.tsv.")
@PLAN
@pass_desk
def test(desk: Desk, corpus: Path | None, plan: str | None) -> None:
    """Read replies whose meaning is known, and show what was taken for what.

    Added are texts read so that are not. Exit code 1 if a red flag is missed, anything else is read as an
    opt-out, or more than 5 % of the harmless texts are read as a red flag.
    """
    from followup.care.confusion import confusion
    from followup.cli.shelf import shelf
    from followup.messages.corpus import CORPUS, read_corpus

    place = shelf(desk)
    found = confusion(read_corpus(corpus or place.folder / CORPUS), _words(place, plan))
    _show(found)
    if not found.within_bounds:
        click.get_current_context().exit(1)


@vocabulary.command()
@PLAN
@pass_desk
def read(desk: Desk, plan: str | None) -> None:
    """Read one text, typed at the prompt or given on standard input.

    Never as an argument: what patients write is nobody else's to see.
    """
    from followup.care.plan import Asks
    from followup.care.reply import interpret
    from followup.cli.shelf import shelf

    words = _words(shelf(desk), plan)
    text = click.prompt("Text") if sys.stdin.isatty() else sys.stdin.read()
    reading = interpret(text, words, Asks.PAIN_SCORE)
    score = "" if reading.score is None else f" ({reading.score} of 10)"
    click.echo(", ".join(sorted(reading.meanings)) + score)


def _words(place: Shelf, plan: str | None) -> Vocabulary:
    """Raises NotFoundError for an unknown plan."""
    if plan is not None:
        place.library.languages(plan)
    return place.library.vocabulary(plan)


def _show(found: Confusion) -> None:
    from followup.care.confusion import MOST_ALARMS
    from followup.cli import screen

    table = screen.table("Kind", "Texts", "Understood", "Missed", "Added", "Missed ones read as")
    for kind in found.kinds():
        instead = ", ".join(f"{meaning} {count}" for meaning, count in kind.instead)
        counts = (kind.meant, kind.understood, kind.meant - kind.understood, kind.added)
        table.add_row(kind.meaning, *map(str, counts), instead)
    screen.show(table)
    screen.say(f"{len(found.rows)} replies; {len(found.wrong_scores)} with another score than theirs.")
    _list("red flags missed", found.missed)
    _list("others read as an opt-out", found.stopped)
    share = f"{found.alarm_rate:.1%}, {MOST_ALARMS:.0%} at most"
    _list(
        f"of {found.harmless} harmless texts read as a red flag ({share})",
        found.alarmed,
        bad=found.alarm_rate > MOST_ALARMS,
    )


def _list(what: str, rows: list[Read], *, bad: bool | None = None) -> None:
    """How many, and each of them with what it was taken for."""
    from followup.cli import screen

    worrying = bool(rows) if bad is None else bad
    screen.say(f"{len(rows)} {what}.", "bold red" if worrying else "bold green")
    for row in rows:
        screen.say(f"  {row.sample.text!r}: {', '.join(sorted(row.understood.meanings))}")
