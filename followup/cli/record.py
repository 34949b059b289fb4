"""`followup record`: all that is kept about one patient, to read or to hand out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from followup.cli.desk import Desk, pass_desk, print_json
from followup.cli.find import PATIENT, facts_of, find
from followup.errors import InputError, RefusedError

if TYPE_CHECKING:
    from followup.records import Record

FEWEST_LETTERS = 3
"""Of a part of a name that is looked for in a file's name: two letters stand in too many words."""


@click.command()
@PATIENT
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output: the whole record, texts in full.")
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the JSON to a new FILE that only you can read.",
)
@click.option("--full", is_flag=True, help="On the screen: every row and every text in full.")
@pass_desk
def record(desk: Desk, patient: str | None, file: Path | None, *, as_json: bool, full: bool) -> None:
    """All that is kept about PATIENT, in the order of time. Who read or exported it, and where to, is kept too."""
    from followup.cli.record_json import as_json as in_json

    patient_id = find(desk, patient)
    if file is not None:
        _require_no_identity(desk, patient_id, file)
        with _new_private(file) as out:
            text = _text(in_json(_taken(desk, patient_id, str(file.absolute()))))
            out.write(text)
        click.echo(f"Written to {file}, for your eyes alone. It holds names and texts: delete it in time.")
    elif as_json:
        print_json(in_json(_taken(desk, patient_id, "standard output")))
    else:
        _show(_taken(desk, patient_id), everything=full)


def _taken(desk: Desk, patient_id: int, to: str | None = None) -> Record:
    """The record; that it is taken is committed before anybody sees it."""
    from followup.records import SCREEN, Access, take

    return desk.carry_out(lambda tx: take(tx, patient_id, Access(desk.by, to or SCREEN), desk.now))


def _require_no_identity(desk: Desk, patient_id: int, file: Path) -> None:
    """The name of a file is seen by more people than its contents are, and stands in the trail."""
    who, _ = facts_of(desk, patient_id)
    parts = [part for part in who.name.casefold().split() if len(part) >= FEWEST_LETTERS]
    parts += [who.birth_date.isoformat(), *([who.record_number.casefold()] if who.record_number else [])]
    if any(part in file.name.casefold() for part in parts):
        raise InputError(f"the name of a file is seen by others: name no patient in it, but {who.short_id}")


@contextmanager
def _new_private(path: Path) -> Iterator[IO[str]]:
    """A new file of mode 0600; it is taken away again if nothing came of it. RefusedError if there is one."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise RefusedError(f"{path} is there already; it is not overwritten") from None
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _text(document: object) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _show(taken: Record, *, everything: bool) -> None:
    from followup.cli.record_timeline import Timeline

    timeline = Timeline(taken)
    for words in (*timeline.head(), *timeline.lines(everything=everything)):
        click.echo(words)
    if everything:
        click.echo("\n\nTexts in full")
        for words in timeline.texts():
            click.echo(words)
