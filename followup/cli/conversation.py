"""`followup text` and `followup conversation`: a person writes to a patient, and the program waits meanwhile."""

from __future__ import annotations

import click

from followup.cli import ask, screen
from followup.cli.desk import Desk, pass_desk
from followup.cli.find import PATIENT, line, look_up, which_contact


@click.command("text")
@PATIENT
@pass_desk
def text(desk: Desk, patient: str | None) -> None:
    """Text PATIENT in your own words; asks for them. What the program would say waits until you have done."""
    from followup.conversation import Draft, compose, say

    who, facts = look_up(desk, patient)
    screen.say(line(who), "bold")
    _show_last(desk, facts.id)
    contact = which_contact(facts, "To whom?")
    draft = Draft(desk.app.config.clinic.name, facts, contact, ask.ask("Your text", str))
    with desk.app.storage.reading() as tx:
        made = compose(tx, desk.app.clinic, draft, desk.now)
    cost = made.cost
    parts = "1 segment" if cost.count == 1 else f"{cost.count} segments"
    screen.say(f"To {contact.number} ({contact.role}), {parts}: {made.words}")
    if made.due_at > desk.now:
        screen.say(f"It is no hour to begin: it goes {screen.when(made.due_at, contact.zone)}.", "yellow")
    if not ask.yes("Send it?", default=True):
        screen.say("Nothing was sent.")
        return
    desk.carry_out(lambda tx: say(tx, facts, contact, made, desk.now, desk.by))
    screen.say("On its way. When you have done: followup conversation close " + who.short_id, "green")


def _show_last(desk: Desk, patient_id: int) -> None:
    """What was said lately, so that the answer fits."""
    zone = desk.app.clinic.practice.zone
    with desk.app.storage.reading() as tx:
        for reply in tx.inbox.of_patient(patient_id)[-3:]:
            screen.say(f"{screen.when(reply.written_at, zone)}  they wrote: {reply.words}")


@click.group("conversation")
def conversation() -> None:
    """Texting with patients in your own words."""


@conversation.command("close")
@PATIENT
@pass_desk
def close_(desk: Desk, patient: str | None) -> None:
    """You have done: what the program had to say to PATIENT goes again."""
    from followup.conversation import close

    who, facts = look_up(desk, patient)
    desk.carry_out(lambda tx: close(tx, facts, desk.now, desk.by))
    screen.say(f"Closed: what waited for {who.short_id} goes again while it still holds.", "green")


@conversation.command("list")
@pass_desk
def list_(desk: Desk) -> None:
    """The conversations that are open, and since when."""
    zone = desk.app.clinic.practice.zone
    with desk.app.storage.reading() as tx:
        found = tx.register.conversations()
        known = tx.directory.identities([patient for patient, _, _ in found])
    if not found:
        screen.say("No conversation is open.")
    for patient, since, by in found:
        screen.say(f"{line(known[patient])}: since {screen.when(since, zone)}, {by}")
