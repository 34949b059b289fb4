"""`followup audit`: what others recorded, against what we did."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING

import click

from followup.cli import screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.errors import DeliveryError, FollowupError, InputError, NotFoundError

if TYPE_CHECKING:
    from followup.ledger_audit import Findings

DIFFERENT = 1


@click.group()
def audit() -> None:
    """Compare our record with the provider's."""


@audit.command()
@click.option("--day", metavar="YYYY-MM-DD", help="A day by UTC, as the provider counts them. Default: yesterday.")
@AS_JSON
@pass_desk
def ledger(desk: Desk, *, day: str | None, as_json: bool) -> None:
    """Twilio's list of a day against our texts, both ways. Exit code 1 if they differ; then a task says so."""
    from followup.care.people import ChannelName
    from followup.ledger_audit import audit as compare

    asked = _day(day) or desk.now.astimezone(UTC).date() - timedelta(days=1)
    provider = desk.app.ledgers.get(ChannelName.SMS)
    if provider is None:
        raise NotFoundError("no provider of texts keeps a list that could be asked")
    try:
        found = compare(desk.app.storage, desk.app.clinic, provider, asked, desk.now)
    except DeliveryError as error:
        raise FollowupError(f"the provider's list cannot be had: {error}; nothing was compared") from error
    if as_json:
        print_json(_told(found))
    else:
        _show(found)
    click.get_current_context().exit(DIFFERENT if found else 0)


def _day(typed: str | None) -> date | None:
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise InputError("--day is a date like 2026-11-01") from None


def _told(found: Findings) -> dict[str, object]:
    return {
        "day": found.day.isoformat(),
        "listed": found.listed,
        "ghosts": list(found.ghosts),
        "missing": list(found.missing),
        "doubled": [{"message": message, "sid": sid} for message, sid in found.doubled],
        "in_doubt": [{"message": message, "sid": sid} for message, sid in found.in_doubt],
    }


def _show(found: Findings) -> None:
    screen.say(f"{found.day} by UTC: the provider lists {found.listed} texts of ours.", "bold")
    lines = [
        *(f"{sid}: sent by this sender, and not by followup" for sid in found.ghosts),
        *(f"message {message}: taken by our record, and unknown to the provider" for message in found.missing),
        *(f"message {message}: its words went once more, as {sid}" for message, sid in found.doubled),
        *(f"message {message}: in doubt here, and there as {sid}" for message, sid in found.in_doubt),
    ]
    for line in lines:
        screen.say(f"  {line}", "red")
    screen.say(f"{len(lines)} differences." if lines else "Both agree.", "bold red" if lines else "green")
