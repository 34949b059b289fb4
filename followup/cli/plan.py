"""`followup plan`: list, check, preview and approve care plans; none of it needs a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from followup.cli import ask
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.cli.preview import preview
from followup.errors import FaultsError, InputError, RefusedError

if TYPE_CHECKING:
    from datetime import date

    from followup.cli.shelf import Shelf
    from followup.messages import Finding, MessageLibrary


@click.group()
def plan() -> None:
    """List, check, preview and approve care plans.

    Without a configuration in reach the values of config.example.toml and the texts that ship are used.
    """


plan.add_command(preview)


@plan.command("list")
@AS_JSON
@pass_desk
def list_(desk: Desk, *, as_json: bool) -> None:
    """All care plans: languages, steps, and how many texts wait for approval."""
    from followup.cli import screen
    from followup.cli.shelf import shelf

    library = shelf(desk).library
    if as_json:
        print_json([_described(library, key) for key in library.plans])
        return
    made = screen.table("Plan", "Name", "Languages", "Steps", "Approved")
    for key, found in library.plans.items():
        name = f"{found.name} (example)" if found.example else found.name
        spoken = library.languages(key)
        approved = ", ".join(f"{x}: {_approved(len(library.unapproved(key, x)))}" for x in spoken)
        made.add_row(key, name, " ".join(spoken), str(len(found.steps)), approved)
    screen.show(made)


def _approved(waiting: int) -> str:
    return f"{waiting} texts wait" if waiting else "yes"


def _described(library: MessageLibrary, key: str) -> dict[str, object]:
    found = library.plans[key]
    return {
        "key": key,
        "name": found.name,
        "example": found.example,
        "steps": [step.key for step in found.steps],
        "restrictions": {r.key: r.days for r in found.restrictions},
        "languages": {
            spoken: {
                "approved": library.approved(key, spoken),
                "waiting": len(library.unapproved(key, spoken)),
                "never_approved": len(library.never_approved(key, spoken)),
            }
            for spoken in library.languages(key)
        },
    }


@plan.command()
@click.argument("plan_key", metavar="[PLAN]", required=False)
@AS_JSON
@pass_desk
def check(desk: Desk, plan_key: str | None, *, as_json: bool) -> None:
    """Everything wrong with one plan or all: file, key and reason.

    A fault must be mended before anything is sent; a notice is worth knowing. Exit code 5 if there is any fault.
    """
    from followup.cli.shelf import shelf
    from followup.messages import Severity

    place = shelf(desk)
    library = place.to_check()
    # Where mail is answered is a setting that the configuration requires somebody to read.
    found = library.check(plan_key, place.practice(library), mailbox=place.config.mailbox is not None)
    if as_json:
        print_json([{"where": f.where, "what": f.what, "severity": f.severity.value} for f in found])
    else:
        _tell_findings(found)
    if any(f.severity is Severity.FAULT for f in found):
        click.get_current_context().exit(FaultsError.exit_code)


def _tell_findings(found: list[Finding]) -> None:
    from followup.cli import screen
    from followup.messages import Severity

    for one in sorted(found, key=lambda f: f.severity is Severity.NOTICE):
        screen.say(str(one), "red" if one.severity is Severity.FAULT else "dim")
    faults = sum(f.severity is Severity.FAULT for f in found)
    screen.say(f"{faults} faults, {len(found) - faults} notices.", "bold red" if faults else "bold green")


@plan.command()
@click.argument("plan_key", metavar="PLAN")
@click.argument("step", required=False)
@click.option("--language", required=True, metavar="LANGUAGE", help="Whose texts: en, es, …")
@click.option("--by", metavar="NAME", help="Who approves: the full name of a person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_desk
def approve(desk: Desk, /, plan_key: str, step: str | None, **given: str | bool | None) -> None:
    """Show each new or changed text as patients would read it, and sign all of them at once.

    What is between [+ and +] is an optional sentence: it goes out only once it is signed. The signed words are
    kept in messages/approvals.toml, and go on unchanged until an edited text is signed anew.
    """
    from followup.cli.sheet import show_sheet
    from followup.cli.shelf import shelf

    by = given["by"] or desk.named
    if not isinstance(by, str) or not by.strip():
        raise InputError('an approval needs the name of a person: --by "Ann Lee, RN"')
    place, language = shelf(desk), str(given["language"])
    _require_own(place)
    waiting = place.library.unapproved(plan_key, language, step)
    if not waiting:
        click.echo("Every text here is approved as it stands.")
        return
    show_sheet(place, plan_key, language, step)
    if not given["yes"] and not ask.yes(f"Approve these {len(waiting)} texts as {by}?", default=False):
        click.echo("Nothing was approved.")
        return
    signed = place.library.approve(plan_key, language, by, _today(place), step)
    click.echo(f"{len(signed)} texts approved. A daemon that runs uses them once it is started anew.")


def _require_own(place: Shelf) -> None:
    """The packaged folder belongs to the program: an update would take the approvals with it."""
    if not place.own:
        raise RefusedError(
            "approvals are kept in your own copy of messages/, beside your config.toml; `followup init` makes both"
        )


def _today(place: Shelf) -> date:
    from followup.care.local_time import local_day
    from followup.clock import SystemClock

    return local_day(SystemClock().utc(), place.config.clinic.zone)
