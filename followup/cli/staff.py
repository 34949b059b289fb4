"""`followup staff`: who is on call, who is away, and whether somebody could be paged."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from followup.cli import screen
from followup.cli.desk import Desk, pass_desk
from followup.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group("staff", invoke_without_command=True)
@pass_desk
@click.pass_context
def staff(context: click.Context, desk: Desk) -> None:
    """Who is on call, in the order in which they are paged, and who is away."""
    from followup.care.local_time import local_day
    from followup.staff import on_duty, uncovered

    if context.invoked_subcommand is not None:
        return
    roster = desk.app.staff
    with desk.app.storage.reading() as tx:
        absences = tx.absences.since(local_day(desk.now, roster.zone))
        duty = [person.name for person in on_duty(tx, roster, desk.now)]
        gaps = uncovered(tx, roster, desk.now)
    screen.say(f"On call today, in this order: {', '.join(duty) or 'nobody'}", "bold" if duty else "bold red")
    for absence in absences:
        screen.say(f"Away: {absence.name}, {absence.first} to {absence.last}")
    _tell_gaps(gaps)


@staff.command("away")
@click.argument("name")
@click.argument("days", metavar="FROM..TO")
@pass_desk
def away_(desk: Desk, name: str, days: str) -> None:
    """NAME is away FROM..TO (local days, year first, both included): no page goes to them."""
    from followup.staff import away
    from followup.storage.absences import Absence

    first, last = _days(days)
    roster = desk.app.staff
    gaps = desk.carry_out(lambda tx: away(tx, roster, Absence(name, first, last), desk.now, desk.by))
    screen.say(f"{roster.named(name).name} is away {first} to {last}.", "green")
    _tell_gaps(gaps)


@staff.command("back")
@click.argument("name")
@pass_desk
def back_(desk: Desk, name: str) -> None:
    """NAME is back, or will not go after all."""
    from followup.staff import back

    roster = desk.app.staff
    ended = desk.carry_out(lambda tx: back(tx, roster, name, desk.now, desk.by))
    screen.say("Noted." if ended else "No absence of theirs was recorded.", "green" if ended else "yellow")


def _days(text: str) -> tuple[date, date]:
    first, dots, last = text.partition("..")
    try:
        return date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        raise InputError("the days are written year first: 2026-12-24..2026-12-26, or one day alone") from None


def _tell_gaps(gaps: Sequence[date]) -> None:
    if gaps:
        screen.say(f"Nobody could be paged on {', '.join(map(str, gaps))}.", "bold red")
