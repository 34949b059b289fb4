"""`followup demo`: six weeks of care for eight invented patients, in seconds, on this machine alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.cli.desk import AS_JSON, print_json
from followup.errors import RefusedError

if TYPE_CHECKING:
    from rich.console import Console

    from followup.cli.demo.clinic import DemoClinic
    from followup.cli.demo.staff import Staff


@click.command()
@click.option("--plain", is_flag=True, help="Lines only: no colours, nothing that moves.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Make the demo's clinic in DIR, and leave it there.",
)
@AS_JSON
def demo(*, plain: bool, keep: Path | None, as_json: bool) -> None:
    """Six weeks of care in a sandbox, in seconds.

    A clinic that is thrown away afterwards sends to a stand-in for Twilio and a mail server on this machine, by
    the very functions that the daemon runs. Nothing leaves this machine. With --json: only the table of messages.
    """
    from followup.cli.demo.clinic import demo_clinic
    from followup.cli.demo.staff import Staff

    with _folder(keep) as folder, demo_clinic(folder) as clinic:
        staff = Staff(clinic)
        if as_json:
            _print_data(clinic, staff)
        else:
            play(clinic, staff, _console(plain=plain))
            _say_goodbye(keep)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A folder for the demo's clinic; RefusedError if the one that was named holds anything."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="followup-demo-") as made:
            yield Path(made)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise RefusedError("--keep needs a new folder, or an empty one")
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield keep


def _console(*, plain: bool) -> Console:
    """As wide as the terminal, within reason; elsewhere of one width, so that every run prints the same."""
    from rich.console import Console

    from followup.cli.demo.screen import WIDEST, WIDTH

    if plain:
        return Console(width=WIDTH, force_terminal=False, color_system=None, highlight=False, markup=False)
    found = Console(highlight=False, markup=False)
    width = min(found.width, WIDEST) if found.is_terminal else WIDTH
    return Console(width=width, highlight=False, markup=False)


def play(clinic: DemoClinic, staff: Staff, console: Console) -> None:
    """The whole demo: the weeks as they pass, what each patient holds, every message; then both ways."""
    from followup.cli.demo.phones import everybody
    from followup.cli.demo.screen import Log
    from followup.cli.demo.weeks import Weeks

    announce(clinic, console)
    Log(console, staff).follow(Weeks(clinic, staff).run())
    _title(console, "What they hold in their hands")
    for part in everybody(clinic, staff):
        console.print(part)
    _show_ends(clinic, staff, console)
    show_answers(clinic, staff, console)
    _show_tasks(staff, console)


def announce(clinic: DemoClinic, console: Console) -> None:
    """What this is, and whose approval the texts have here."""
    from rich.text import Text

    from followup.cli.demo.clinic import LANGUAGES, REVIEWER, approve_texts

    signed = approve_texts(clinic)
    counted = " and ".join(f"{count} {LANGUAGES[language]}" for language, count in signed.items())
    name = clinic.app.config.clinic.name
    console.print(Text(f"{name}, a clinic that lasts as long as this demo", style="bold"))
    console.print(
        "Invented people, numbers kept for fiction. Texts go to a stand-in for Twilio, e-mails to a mail server, "
        "both on this machine; the clock is simulated. Nothing leaves this machine."
    )
    console.print(
        f"{REVIEWER} has approved this folder's own copy of {counted} texts, for the demo only: at your clinic "
        "somebody reads and signs them (followup plan approve).",
        style="yellow",
    )


def _show_ends(clinic: DemoClinic, staff: Staff, console: Console) -> None:
    from followup.cli.demo.table import counts, fates, fates_table, legend

    found = fates(clinic, staff)
    _title(console, "Every message, its end and why")
    console.print(fates_table(found))
    console.print()
    for line in (*legend(found), counts(found)):
        console.print(line)


def show_answers(clinic: DemoClinic, staff: Staff, console: Console) -> None:
    """Who wrote, what followed, who was paged."""
    from followup.cli.demo.answers import SILENCES, answers_table, lines
    from followup.cli.demo.pages import pages_table, told_besides

    _title(console, "They answer")
    console.print(answers_table(clinic, lines(clinic, staff)))
    console.print()
    console.print(SILENCES, style="dim")
    _title(console, "Who was paged, until somebody took it")
    console.print(pages_table(clinic))
    console.print()
    console.print(told_besides(clinic), style="dim")


def _show_tasks(staff: Staff, console: Console) -> None:
    from followup.cli.demo.clinic import ZONE
    from followup.cli.screen import tasks_table

    _title(console, "What still waits for a person (followup tasks)")
    console.print(tasks_table(staff.open_tasks(), staff.patient_names(), ZONE))


def _title(console: Console, words: str) -> None:
    from rich.text import Text

    console.print(Text(f"\n{words}", style="bold reverse"))
    console.print()


def _print_data(clinic: DemoClinic, staff: Staff) -> None:
    from followup.cli.demo.clinic import approve_texts
    from followup.cli.demo.table import as_data, fates
    from followup.cli.demo.weeks import Weeks

    approve_texts(clinic)
    for _ in Weeks(clinic, staff).run():
        pass
    print_json(as_data(fates(clinic, staff)))


def _say_goodbye(keep: Path | None) -> None:
    click.echo()
    if keep:
        click.echo(f"To look further, in the clinic that is kept: followup --config {keep}/config.toml tasks")
    else:
        click.echo("To look further, keep the clinic of a demo: followup demo --keep DIR")
    click.echo("To go on: `followup init` asks ten things and makes all this for your clinic.")
