"""`followup live`: the checklist that ends the trial."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import click

from followup.cli import ask, screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.errors import InputError, RefusedError

if TYPE_CHECKING:
    from followup.going_live import Item, Outlook

_CAMPAIGN = re.compile(r"[A-Za-z0-9]{5,40}")


@click.command()
@click.option("--status", "only_status", is_flag=True, help="Show the checklist; ask and change nothing.")
@click.option("--back-to-trial", is_flag=True, help="Write to the trial list only, again.")
@click.option("--offline", is_flag=True, help="With --status: do not ask Twilio and the mail server.")
@AS_JSON
@pass_desk
def live(desk: Desk, *, only_status: bool, back_to_trial: bool, offline: bool, as_json: bool) -> None:
    """Show what is still to be done, ask for what only you know, and let messages go to patients.

    Until then only the staff and the trial list of config.toml are written to. Exit code 4 while something is
    missing.
    """
    from followup.going_live import require

    if back_to_trial:
        _back(desk)
        return
    if only_status or as_json:
        _show(desk, _items(desk, offline=offline), as_json=as_json)
        return
    _require_trial(desk)
    _ask_for_missing(desk)
    items = _items(desk, offline=False)
    _show(desk, items, as_json=False)
    require(items)
    _go(desk)


def _require_trial(desk: Desk) -> None:
    from followup.storage.switches import Switch

    with desk.app.storage.reading() as tx:
        if tx.switches.get(Switch.LIVE):
            raise RefusedError("this clinic is live already; `followup live --back-to-trial` is the way back")


def _items(desk: Desk, *, offline: bool) -> list[Item]:
    """The checklist, and whether the doctor finds anything wrong."""
    from followup.cli.examine import State, examine
    from followup.going_live import Item, checklist

    with desk.app.storage.reading() as tx:
        items = checklist(tx, desk.app.library, desk.app.staff)
    faults = sum(f.state is State.FAULT for f in examine(desk.app, offline=offline))
    said = f"{faults} faults: followup doctor" if faults else "nothing is wrong"
    return [*items, Item("doctor", not faults, said)]


def _show(desk: Desk, items: list[Item], *, as_json: bool) -> None:
    from followup.storage.switches import Switch

    with desk.app.storage.reading() as tx:
        since = tx.switches.get(Switch.LIVE)
    if as_json:
        told = [{"about": i.about, "done": i.done, "said": i.said} for i in items]
        print_json({"live_since": since.at.isoformat() if since else None, "checklist": told})
        return
    for item in items:
        screen.say(f"[{'x' if item.done else ' '}] {item.about}: {item.said}", "green" if item.done else "yellow")
    zone = desk.app.config.clinic.zone
    screen.say(f"Live since {screen.when(since.at, zone)}, by {since.by}." if since else "In trial.", "bold")


def _ask_for_missing(desk: Desk) -> None:
    """What no program can know; an answer is kept at once, so that the rest can follow another day."""
    from followup.going_live import agreements, record_agreements, record_campaign
    from followup.storage.switches import Switch

    with desk.app.storage.reading() as tx:
        signed, campaign = agreements(tx), tx.switches.get(Switch.CAMPAIGN)
    if signed.missing:
        twilio = signed.twilio or _ask_day(desk, "Business associate agreement with Twilio: signed on")
        mail = signed.mail or _ask_day(desk, "The same with your mail provider: signed on")
        known = replace(signed, twilio=twilio, mail=mail)
        if known != signed:
            desk.carry_out(lambda tx: record_agreements(tx, known, desk.now, desk.by))
    if campaign is None:
        question = "Registration of the sender: 10DLC campaign id, or the day your toll-free number was verified"
        registered = ask.maybe(question, lambda typed: _registered(desk, typed))
        if registered:
            desk.carry_out(lambda tx: record_campaign(tx, registered, desk.now, desk.by))


def _ask_day(desk: Desk, question: str) -> date | None:
    return ask.maybe(question, lambda typed: _past(desk, typed))


def _past(desk: Desk, typed: str) -> date:
    today = desk.now.astimezone(desk.app.config.clinic.zone).date()
    found = ask.day(typed, today)
    if found > today:
        raise InputError("this day is still to come; Enter if it is not signed yet")
    return found


def _registered(desk: Desk, typed: str) -> str:
    if _CAMPAIGN.fullmatch(typed) and not typed.isdecimal():
        return f"campaign {typed}"
    try:
        return f"toll-free, verified {_past(desk, typed)}"
    except InputError as error:
        raise InputError("type a campaign id (letters and digits, as Twilio shows it) or a past day") from error


def _go(desk: Desk) -> None:
    from followup.going_live import go_live

    clinic = desk.app.clinic
    seen = desk.rehearse(lambda tx: go_live(tx, clinic, desk.now, desk.by))
    for line in _outlook(desk, seen):
        screen.say(line, "yellow")
    if not ask.yes("Write to patients from now on?", default=False):
        screen.say("Still in trial; nothing was let go.")
        return
    desk.carry_out(lambda tx: go_live(tx, clinic, desk.now, desk.by))
    screen.say("Live. The way back: followup live --back-to-trial; at once: followup pause", "bold green")


def _outlook(desk: Desk, seen: Outlook) -> list[str]:
    soon = ", ".join(f"{count} by {channel}" for channel, count in seen.soon.items()) or "none"
    lines = [f"{seen.waited} messages waited for this. Due within the hour: {soon}."]
    with desk.app.storage.reading() as tx:
        heard = desk.app.dispatcher.hears(tx, desk.now)
    if not all(heard.values()):
        lines.append(
            f"Answers are not being read: start `followup run`, or questions ({seen.questions} of them within the "
            "hour) become call tasks."
        )
    return lines


def _back(desk: Desk) -> None:
    from followup.going_live import back_to_trial

    held = desk.rehearse(lambda tx: back_to_trial(tx, desk.app.clinic, desk.now, desk.by))
    screen.say(f"{held} planned messages would wait; only the trial list is written to.", "yellow")
    if not ask.yes("Back to trial?", default=True):
        screen.say("Still live.")
        return
    desk.carry_out(lambda tx: back_to_trial(tx, desk.app.clinic, desk.now, desk.by))
    screen.say("In trial.", "bold")
