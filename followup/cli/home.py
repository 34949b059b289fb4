"""`followup home`: the evening list. Enter says that all are home."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from followup.cli import ask, screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.errors import InputError

if TYPE_CHECKING:
    from followup.replan import Replanned
    from followup.storage import Transaction
    from followup.worklist import Leaving


@click.command()
@AS_JSON
@pass_desk
def home(desk: Desk, *, as_json: bool) -> None:
    """The evening list: done and home? Enter = all are; type the numbers of those who are not."""
    from followup.worklist import evening_list

    with desk.app.storage.reading() as tx:
        leaving = evening_list(tx, desk.app.clinic, desk.now)
        names = tx.directory.identities({one.patient.id for one in leaving})
    if as_json:
        print_json([_json(one, names[one.patient.id].short_id) for one in leaving])
        return
    if not leaving:
        screen.say("Everybody is recorded as home, or nothing was done.")
        return
    made = screen.table("No.", "Patient", "Procedure", "So far")
    for place, one in enumerate(leaving, 1):
        who = names[one.patient.id]
        stay = one.procedure.stay.value.replace("_", " ")
        made.add_row(str(place), f"{who.short_id} {who.name}", f"{one.procedure.plan} {one.procedure.on}", stay)
    screen.show(made)
    away = ask.ask("Who is NOT home? (numbers, Enter = all are home)", lambda typed: _numbers(typed, len(leaving)))
    at_home = [one for place, one in enumerate(leaving, 1) if place not in away]
    since = ask_since(desk, max(one.procedure.on for one in at_home), "now") if at_home else desk.now
    stayed = [one for place, one in enumerate(leaving, 1) if place in away]
    for done in desk.rehearse(lambda tx: _record(desk, tx, at_home, stayed, since)):
        if done.changes:
            screen.say(names[done.patient.id].name, "bold")
            screen.show(screen.changes_table(done.patient, done.changes))
    if not ask.yes(f"Record {len(at_home)} home, {len(stayed)} not?", default=True):
        screen.say("Nothing was recorded.")
        return
    desk.carry_out(lambda tx: _record(desk, tx, at_home, stayed, since))
    screen.say("Recorded.", "green")


def ask_since(desk: Desk, on: date, default: str = "") -> datetime:
    """Since when somebody whose procedure was on `on` is home; says which day was understood."""
    from followup.entered import home_faults

    zone = desk.app.clinic.practice.zone

    def read(typed: str) -> datetime:
        at = ask.moment(typed, zone, desk.now)
        if faults := list(home_faults(at, on, zone, desk.now)):
            raise InputError(faults[0])
        return at

    today = desk.now.astimezone(zone).date()
    at = ask.ask("Home since", read, default or ("now" if on == today else f"{on} 15:00"))
    screen.say(f"  home since {screen.when(at, zone)}", "dim")
    return at


def _numbers(typed: str, count: int) -> set[int]:
    parts = typed.replace(",", " ").split()
    if any(not part.isdecimal() or not 1 <= int(part) <= count for part in parts):
        raise InputError(f"numbers from 1 to {count}, for example: 1 3")
    return {int(part) for part in parts}


def _record(
    desk: Desk, tx: Transaction, at_home: list[Leaving], stayed: list[Leaving], since: datetime
) -> list[Replanned]:
    from followup.change import home as record_home
    from followup.change import in_hospital

    hand = desk.hand(tx)
    return [
        *(record_home(hand, one.patient, one.procedure, since) for one in at_home),
        *(in_hospital(hand, one.patient, one.procedure, readmitted=False) for one in stayed),
    ]


def _json(one: Leaving, short_id: str) -> dict[str, object]:
    return {
        "patient": short_id,
        "procedure": one.procedure.id,
        "plan": one.procedure.plan,
        "date": one.procedure.on,
        "stay": one.procedure.stay,
    }
