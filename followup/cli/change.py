"""`followup change` and `followup undo`: one menu for everything that can change about a patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from followup.cli import ask, screen
from followup.cli.desk import Desk, pass_desk
from followup.cli.find import PATIENT, find, latest_procedure, line, look_up, which_contact
from followup.errors import RefusedError

if TYPE_CHECKING:
    from followup.care.people import ChannelName, ConsentTo, Contact, Patient
    from followup.replan import Replanned
    from followup.storage import Transaction
    from followup.storage.agreements import Consent

    Verb = Callable[[Transaction], Replanned]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One line of the menu: what it says, and what it asks before it is carried out."""

    words: str
    asks: Callable[[Desk, Patient], Verb]
    grave: bool = False
    """Enter alone does not carry it out."""


@click.command()
@PATIENT
@pass_desk
def change(desk: Desk, patient: str | None) -> None:
    """Change what is known about a patient; shows what it does to their messages before it is done."""
    who, facts = look_up(desk, patient)
    screen.say(line(who), "bold")
    picked = _MENU[ask.choice("Change", [choice.words for choice in _MENU])]
    confirm(desk, picked.asks(desk, facts), grave=picked.grave)


@click.command()
@PATIENT
@pass_desk
def undo(desk: Desk, patient: str | None) -> None:
    """Take back the latest change to a patient; shows what that does before it is done.

    What was sent cannot be called back, and a "stop" is only lifted by a new consent (`followup change`).
    """
    from followup.change import undo as verb

    patient_id = find(desk, patient)
    change, _ = desk.rehearse(lambda tx: verb(desk.hand(tx), patient_id))
    at = screen.when(change.at, desk.app.clinic.practice.zone)
    screen.say(f"The latest change: {change.action}, {at}, by {change.by}.")
    confirm(desk, lambda tx: verb(desk.hand(tx), patient_id)[1], grave=True)


def confirm(desk: Desk, verb: Verb, *, grave: bool = False) -> None:
    """Show the difference, ask, and only then do it; what is grave is not done by Enter alone."""
    seen = desk.rehearse(verb)
    if seen.changes:
        screen.show(screen.changes_table(seen.patient, seen.changes))
        screen.say(screen.legend(seen.changes), "dim")
    else:
        screen.say("No message changes.")
    if not ask.yes("Do it?", default=not grave):
        screen.say("Nothing was changed.")
        return
    desk.carry_out(verb)
    screen.say("Done.", "green")


def _number(desk: Desk, patient: Patient) -> Verb:
    from followup import addresses
    from followup.care.people import ConsentTo
    from followup.change import NewLine, number

    contact = which_contact(patient, "Whose?")
    country = desk.app.config.clinic.country
    new = ask.maybe("New number", lambda typed: addresses.number(typed, country))
    _from_to(contact.number, new)
    landline = new is not None and ask.yes("Is it a landline?", default=False)
    consent = _consent(desk, patient, contact, ConsentTo.SMS) if new and not landline else None
    line_ = NewLine(new, consent, landline=landline)
    return lambda tx: number(desk.hand(tx), patient, contact, line_)


def _email(desk: Desk, patient: Patient) -> Verb:
    from followup import addresses
    from followup.care.people import ConsentTo
    from followup.change import NewLine, email

    contact = which_contact(patient, "Whose?")
    new = ask.maybe("New e-mail address", addresses.address)
    _from_to(contact.email, new)
    line_ = NewLine(new, _consent(desk, patient, contact, ConsentTo.EMAIL) if new else None)
    return lambda tx: email(desk.hand(tx), patient, contact, line_)


def _from_to(old: str | None, new: str | None) -> None:
    screen.say(f"  {old or 'none'} -> {new or 'none'}", "dim")


def _consent(desk: Desk, patient: Patient, contact: Contact, about: ConsentTo) -> Consent:
    from followup.care.people import ConsentTo as About
    from followup.cli.enroll import ask_consents

    texts = about is About.SMS
    plan = _plan(desk, patient)
    return ask_consents(desk, plan, (contact.language, contact.role), texts=texts, mails=not texts)[0]


def _plan(desk: Desk, patient: Patient) -> str:
    """Whose words to use: of the patient's latest procedure."""
    known = [p.plan for p in patient.procedures if p.plan in desk.app.library.plans]
    return known[-1] if known else next(iter(desk.app.library.plans))


def _language(desk: Desk, patient: Patient) -> Verb:
    from followup.change import language

    contact = which_contact(patient, "Whose?")
    languages = list(desk.app.library.languages(_plan(desk, patient)))
    new = languages[ask.choice("Language", languages)]
    return lambda tx: language(desk.hand(tx), patient, contact, new)


def _zone(desk: Desk, patient: Patient) -> Verb:
    from followup.change import zone
    from followup.config import zone as read

    contact = which_contact(patient, "Whose?")
    new = ask.ask("Time zone", read, contact.zone.key)
    return lambda tx: zone(desk.hand(tx), patient, contact, new)


def _caregiver(desk: Desk, patient: Patient) -> Verb:
    from followup.change import add_caregiver
    from followup.cli.enroll import ask_caregiver

    person = ask_caregiver(desk, _plan(desk, patient))
    if person is None:
        raise RefusedError("without the patient's yes nobody is added")
    return lambda tx: add_caregiver(desk.hand(tx), patient, person)


def _date(desk: Desk, patient: Patient) -> Verb:
    from followup.change import move

    procedure = latest_procedure(patient)
    today = desk.now.astimezone(desk.app.clinic.practice.zone).date()
    with desk.app.storage.reading() as tx:
        changed = {row: found for row, _, found in tx.stale.changed_dates(patient.id)}
    if procedure.id in changed:
        screen.say(f"Another program changed it from {procedure.on} to {changed[procedure.id]}.", "yellow")
    default = str(changed.get(procedure.id, procedure.on))
    on = ask.ask("Procedure date", lambda typed: ask.day(typed, today), default)
    return lambda tx: move(desk.hand(tx), patient, procedure, on)


def _home(desk: Desk, patient: Patient) -> Verb:
    from followup.change import home
    from followup.cli.home import ask_since

    procedure = latest_procedure(patient)
    at = ask_since(desk, procedure.on)
    return lambda tx: home(desk.hand(tx), patient, procedure, at)


def _stayed(desk: Desk, patient: Patient) -> Verb:
    from followup.change import in_hospital

    procedure = latest_procedure(patient)
    return lambda tx: in_hospital(desk.hand(tx), patient, procedure, readmitted=False)


def _readmitted(desk: Desk, patient: Patient) -> Verb:
    from followup.change import in_hospital

    procedure = latest_procedure(patient)
    return lambda tx: in_hospital(desk.hand(tx), patient, procedure, readmitted=True)


def _cancelled(desk: Desk, patient: Patient) -> Verb:
    from followup.change import cancel

    procedure = latest_procedure(patient)
    return lambda tx: cancel(desk.hand(tx), patient, procedure)


def _hold(desk: Desk, patient: Patient) -> Verb:
    from followup.change import hold, lift_hold

    if patient.on_hold:
        screen.say("The patient is on hold; this lifts the hold.")
        return lambda tx: lift_hold(desk.hand(tx), patient)
    return lambda tx: hold(desk.hand(tx), patient)


def _died(desk: Desk, patient: Patient) -> Verb:
    from followup.change import died

    return lambda tx: died(desk.hand(tx), patient)


def _lines(patient: Patient) -> list[tuple[Contact, ChannelName]]:
    from followup.consent import ABOUT

    return [(c, channel) for c in patient.contacts for channel in ABOUT if c.address(channel)]


def _pick_line(patient: Patient, question: str) -> tuple[Contact, ChannelName]:
    lines = _lines(patient)
    if not lines:
        raise RefusedError("no number or e-mail address is known")
    return lines[ask.choice(question, [f"{channel} of the {c.role}: {c.name}" for c, channel in lines], 0)]


def _stop(desk: Desk, patient: Patient) -> Verb:
    from followup.consent import Line, opt_out

    contact, channel = _pick_line(patient, "Stop what?")
    stopped = Line(patient.id, contact, channel)

    def verb(tx: Transaction) -> Replanned:
        planned = opt_out(tx, desk.app.clinic, stopped, "staff", desk.now, desk.by)
        return next(r for r in planned if r.patient.id == patient.id)

    return verb


def _start(desk: Desk, patient: Patient) -> Verb:
    from followup.consent import ABOUT, Line, opt_in

    contact, channel = _pick_line(patient, "Which one do they want again?")
    consent = _consent(desk, patient, contact, ABOUT[channel])
    if not consent.given:
        raise RefusedError("without a new consent it stays off")
    line_ = Line(patient.id, contact, channel)

    def verb(tx: Transaction) -> Replanned:
        planned = opt_in(tx, desk.app.clinic, line_, consent, desk.now, desk.by)
        return next(r for r in planned if r.patient.id == patient.id)

    return verb


_MENU = (
    _Choice("number", _number),
    _Choice("e-mail", _email),
    _Choice("language", _language),
    _Choice("time zone", _zone),
    _Choice("add a caregiver", _caregiver),
    _Choice("procedure date", _date),
    _Choice("home", _home),
    _Choice("stayed overnight", _stayed),
    _Choice("readmitted", _readmitted),
    _Choice("procedure cancelled", _cancelled, grave=True),
    _Choice("hold, or lift the hold", _hold),
    _Choice("died", _died, grave=True),
    _Choice("stop texts or e-mails", _stop, grave=True),
    _Choice("wants texts or e-mails again (new consent)", _start),
)
