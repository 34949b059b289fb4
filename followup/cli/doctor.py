"""`followup doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.errors import FaultsError

if TYPE_CHECKING:
    from followup.cli.examine import Finding


BREACHED = 1


@click.command()
@click.option("--offline", is_flag=True, help="Do not ask Twilio and the mail server.")
@click.option("--invariants", is_flag=True, help="Check the database against all that must ever hold of it.")
@AS_JSON
@pass_desk
def doctor(desk: Desk, *, offline: bool, invariants: bool, as_json: bool) -> None:
    """Look at configuration, secrets, database, texts, clock, daemon, Twilio and the mail server.

    Nothing is changed or sent. Exit code 0 if nothing is wrong, 5 for faults in files, 6 for the database,
    1 for anything else.
    """
    if invariants:
        _invariants(desk, as_json=as_json)
        return
    found = _look(desk, offline=offline)
    if as_json:
        print_json([{"about": f.about, "state": f.state.value, "said": f.said} for f in found])
    else:
        _print(found)
    click.get_current_context().exit(_worst(found))


def _invariants(desk: Desk, *, as_json: bool) -> None:
    """A line for each: it holds, its breaches, or the test that shows what no database can."""
    from followup.cli import screen
    from followup.storage.invariants import ELSEWHERE, breaches

    with desk.app.storage.reading() as tx:
        found = breaches(tx, desk.app.clinic.practice, desk.now)
    if as_json:
        print_json({"holds": not any(found.values()), "breaches": found, "shown_by": ELSEWHERE})
    else:
        for name, sentences in found.items():
            screen.say(f"{'BREACH' if sentences else 'holds':<8}{name}", "bold red" if sentences else "green")
            for sentence in sentences:
                screen.say(f"        {sentence}", "red")
        for name, test in ELSEWHERE.items():
            screen.say(f"{'test':<8}{name}: {test}", "dim")
    click.get_current_context().exit(BREACHED if any(found.values()) else 0)


def _look(desk: Desk, *, offline: bool) -> list[Finding]:
    """All findings; of a configuration that cannot be read its faults alone: nothing else can be looked at."""
    from followup.app import build_app
    from followup.cli.examine import examine, fault

    try:
        app = build_app(Path(desk.config) if desk.config else None)
    except FaultsError as error:
        return [fault("configuration", str(one), error.exit_code) for one in error.faults]
    try:
        return list(examine(app, offline=offline))
    finally:
        app.close()


def _worst(found: list[Finding]) -> int:
    """The exit code: files first, then the database, then the rest."""
    from followup.cli.examine import FILES, State
    from followup.errors import StorageError

    codes = {f.exit_code for f in found if f.state is State.FAULT}
    return next((code for code in (FILES, StorageError.exit_code) if code in codes), min(codes, default=0))


def _print(found: list[Finding]) -> None:
    from followup.cli import screen
    from followup.cli.examine import State

    colours = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "bold red"}
    for one in found:
        screen.say(f"{one.state.value:<6}{one.about}: {one.said}", colours[one.state])
    faults, notes = (sum(f.state is state for f in found) for state in (State.FAULT, State.NOTE))
    counted = ", ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in ((faults, "fault"), (notes, "note")) if n)
    screen.say(f"{counted}." if counted else "Nothing is wrong.", "bold")
