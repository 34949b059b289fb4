"""`followup backlog`: what an outage has held back, and letting it go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from followup.cli import ask, screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from followup.backlog import Released, Stock
    from followup.storage.outbox_rows import Entry


@click.command()
@click.option(
    "--release", "letting_go", is_flag=True, help="Let go what still holds, without waiting for its turn."
)
@click.option("--yes", is_flag=True, help="With --release: do not ask.")
@AS_JSON
@pass_desk
def backlog(desk: Desk, *, letting_go: bool, yes: bool, as_json: bool) -> None:
    """What waits after followup was not running, and what is in doubt because an old copy was put back.

    After an absence messages go one patient after the other, the newest first, one per patient and day.
    With --release nobody waits for their turn; hours, gates and one per day hold all the same.
    """
    if letting_go:
        _release(desk, yes=yes, as_json=as_json)
        return
    from followup.backlog import stock

    with desk.app.storage.reading() as tx:
        found = stock(tx)
        known = tx.directory.identities({e.patient_id for e in (*found.held, *found.in_turn) if e.patient_id})
    short = {patient: who.short_id for patient, who in known.items()}
    if as_json:
        print_json(_told(found, short))
    else:
        _show(desk, found, short)


def _told(found: Stock, short: dict[int, str]) -> dict[str, Any]:
    return {
        "away_since": _iso(found.away_since),
        "held_since": _iso(found.held_since),
        "held": [_line(entry, short) for entry in found.held],
        "in_turn": [_line(entry, short) for entry in found.in_turn],
        "in_doubt_after_restore": found.in_doubt,
        "expired": found.expired,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _line(entry: Entry, short: dict[int, str]) -> dict[str, Any]:
    return {
        "patient": short.get(entry.patient_id or 0),
        "step": entry.step,
        "channel": str(entry.channel),
        "due_at": entry.due_at.isoformat(),
        "valid_until": entry.valid_until.isoformat(),
    }


def _show(desk: Desk, found: Stock, short: dict[int, str]) -> None:
    zone = desk.app.clinic.practice.zone
    if found.away_since and found.held_since:
        screen.say(
            f"Not running from {screen.when(found.away_since, zone)} to {screen.when(found.held_since, zone)}."
        )
    if found.held:
        screen.say(
            f"{len(found.held)} held back, {_waiting(found)} of them until what is in doubt is settled:", "bold"
        )
        _table(desk, found.held, short)
    if found.in_turn:
        screen.say(f"{len(found.in_turn)} let go, each in its turn:", "bold")
        _table(desk, found.in_turn, short)
    if found.in_doubt:
        screen.say(f"{found.in_doubt} in doubt because an older copy of the database was put back.", "yellow")
    if found.expired:
        screen.say(f"{found.expired} were outlasted and did not go; the list: followup tasks", "yellow")
    if not (found.held or found.in_turn or found.in_doubt or found.expired):
        screen.say("There is no backlog.")


def _waiting(found: Stock) -> int:
    return sum(entry.patient_id in found.unsettled for entry in found.held)


def _table(desk: Desk, entries: Iterable[Entry], short: dict[int, str]) -> None:
    zone = desk.app.clinic.practice.zone
    made = screen.table("Patient", "Step", "By", "Due", "Valid until")
    for entry in entries:
        patient = short.get(entry.patient_id or 0, "(staff)")
        times = screen.when(entry.due_at, zone), screen.when(entry.valid_until, zone)
        made.add_row(patient, entry.step, str(entry.channel), *times)
    screen.show(made)


def _release(desk: Desk, *, yes: bool, as_json: bool) -> None:
    from followup.backlog import release

    clinic = desk.app.clinic
    seen = desk.rehearse(lambda tx: release(tx, clinic, desk.now, desk.by))
    if not (seen.placed or seen.expired):
        _said(seen, "Nothing can be let go.", as_json=as_json)
        return
    if not yes:
        click.echo(_outlook(desk, seen), err=as_json)
        if not ask.yes("Let them go?", default=True):
            _said(None, "Nothing was let go.", as_json=as_json)
            return
    done = desk.carry_out(lambda tx: release(tx, clinic, desk.now, desk.by))
    _said(done, f"Let go: {len(done.placed)}; outlasted, with a task: {done.expired}.", as_json=as_json)


def _outlook(desk: Desk, seen: Released) -> str:
    at_once = sum(moment <= desk.now for moment in seen.placed)
    return (
        f"{at_once} messages go at once, {len(seen.placed) - at_once} when the hour or the day allows; "
        f"{seen.expired} have been outlasted and become a task."
    )


def _said(done: Released | None, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"let_go": len(done.placed) if done else 0, "expired": done.expired if done else 0})
    else:
        click.echo(words)
