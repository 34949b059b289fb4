"""`followup enroll`: a patient and a procedure, by prompts or as JSON on standard input."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import click

from followup.cli import ask, screen
from followup.cli.desk import Desk, pass_desk, print_json
from followup.errors import InputError

if TYPE_CHECKING:
    from followup.care.people import Role
    from followup.enroll import Enrolled
    from followup.entered import Enrollment, NewPerson
    from followup.storage import Transaction
    from followup.storage.agreements import Consent

METHOD = "said aloud"
"""How consent is given at the prompt: the script was read, the answer heard."""


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Read one enrollment as JSON from standard input, answer in JSON."
)
@click.option("--json-help", is_flag=True, help="Show what that JSON holds.")
@pass_desk
def enroll(desk: Desk, *, as_json: bool, json_help: bool) -> None:
    """Enter a patient and a procedure.

    Asks for everything, shows what would be sent and when, and only then enters it. Who the patient is is never
    given on the command line.
    """
    from followup.cli.enroll_json import EXAMPLE, read, told

    if json_help:
        click.echo(EXAMPLE)
    elif as_json:
        entered = read(desk, sys.stdin.buffer.read().decode("utf-8", errors="replace"))
        print_json(told(desk, desk.carry_out(lambda tx: _enroll(desk, tx, entered))))
    else:
        _by_prompts(desk)


def _enroll(desk: Desk, tx: Transaction, entered: Enrollment) -> Enrolled:
    from followup.enroll import enroll as enter

    languages = desk.app.library.languages(entered.plan) if entered.plan in desk.app.library.plans else ()
    return enter(tx, desk.app.clinic, entered, desk.now, desk.by, languages)


def _by_prompts(desk: Desk) -> None:
    entered = _ask_everything(desk)
    seen = desk.rehearse(lambda tx: _enroll(desk, tx, entered))
    if seen.known:
        screen.say("This patient is enrolled for this procedure already; nothing was changed.", "yellow")
        return
    screen.say()
    screen.show(screen.changes_table(seen.replanned.patient, seen.replanned.changes))
    screen.say(screen.legend(seen.replanned.changes), "dim")
    _warn(desk, seen)
    if not ask.yes("Enroll?", default=True):
        screen.say("Nothing was entered.")
        return
    done = desk.carry_out(lambda tx: _enroll(desk, tx, entered))
    with desk.app.storage.reading() as tx:
        who = tx.directory.identities([done.patient_id])[done.patient_id]
    screen.say(f"Enrolled. The patient's id is {who.short_id}.", "bold green")
    _tell_of_first(desk, done)
    _ask_about_welcome(desk, done)


def _tell_of_first(desk: Desk, done: Enrolled) -> None:
    """When the first message goes, since staff may be on the phone with the patient."""
    from followup.cli.pulse import pulse

    going = [r for r in done.replanned.timeline if r.goes and r.key.procedure == done.procedure_id]
    if not pulse(desk.app, desk.now).alive:
        screen.say("The daemon does not run: nothing goes before `followup run` is started.", "yellow")
    elif going and going[0].due_at > desk.now:
        zone = done.replanned.patient.contact(going[0].key.contact).zone
        screen.say(f"The first message goes {screen.when(going[0].due_at, zone)}.")


def _warn(desk: Desk, seen: Enrolled) -> None:
    """What staff should know before they say yes."""
    from followup.care.people import Bar, ChannelName

    patient = seen.replanned.patient
    if not patient.procedure(seen.procedure_id).discharged_at:
        screen.say("Texts about care at home wait until somebody records who is home (`followup home`).", "dim")
    with desk.app.storage.reading() as tx:
        if desk.app.clinic.in_trial(tx):
            screen.say("TRIAL: only numbers on the trial list are really written to (`followup live`).", "yellow")
    for contact in patient.contacts:
        for channel, bar in contact.bars.items():
            if bar is Bar.OPTED_OUT:
                screen.say(
                    f"The {contact.role}'s {channel} has opted out and stays off; see `followup change`.", "yellow"
                )
        if not any(contact.may_use(c) for c in (ChannelName.SMS, ChannelName.EMAIL)):
            screen.say(f"The {contact.role} gets no text or e-mail; steps for a call become tasks.", "yellow")


def _ask_about_welcome(desk: Desk, done: Enrolled) -> None:
    """Staff often have the patient on the phone: a number typed wrong shows at once."""
    from followup.care.people import ChannelName
    from followup.cli.pulse import pulse

    welcome = [
        r for r in done.replanned.timeline if r.goes and r.due_at <= desk.now and r.key.channel is ChannelName.SMS
    ]
    if not welcome or not pulse(desk.app, desk.now).alive:
        return
    typed = ask.ask("Did the welcome text arrive? [Y/n/later]", _heard, "y")
    if typed == "n":
        desk.carry_out(lambda tx: _not_heard(desk, tx, done))
        screen.say("A task is open: check the number (`followup change`).")
    elif typed == "y":
        desk.carry_out(lambda tx: tx.audit.write(desk.now, desk.by, "welcome heard", patient_id=done.patient_id))


def _heard(typed: str) -> str:
    short = typed.lower()[:1]
    if short not in ("y", "n", "l"):
        raise InputError("y, n or later")
    return short


def _not_heard(desk: Desk, tx: Transaction, done: Enrolled) -> None:
    from followup.care.task import TaskKind, new_task

    staffed = desk.app.clinic.practice.staffed
    tx.tasks.open(new_task(TaskKind.BAD_ADDRESS, desk.now, staffed, done.patient_id, step="welcome"), desk.now)


def _ask_everything(desk: Desk) -> Enrollment:
    from followup.addresses import person_name
    from followup.entered import Enrollment
    from followup.storage.directory import Person

    today = desk.now.astimezone(desk.app.clinic.practice.zone).date()
    name = ask.ask("Patient's name", person_name)
    born = ask.ask("Birth date (1948-03-07 or 3/7/1948)", lambda typed: ask.day(typed, today))
    record = ask.maybe("Record number", str)
    known = desk.rehearse(lambda tx: tx.directory.same_person(Person(name, born, record)))
    if known is not None and not _is_the_same(desk, known, name):
        raise click.Abort
    plan = _ask_plan(desk)
    on = ask.ask("Procedure date", lambda typed: _procedure_day(typed, today), "today")
    patient, caregivers = (None, ()) if known else _ask_people(desk, plan, name)
    pain = ask.ask("Pain before the procedure, 0 to 10 (Enter = not asked)", lambda t: ask.score(t) if t else None)
    entered = Enrollment(plan, on, known, name, born, record, patient, caregivers, pain)
    return _ask_home(desk, entered, today) if on <= today else entered


def _is_the_same(desk: Desk, known: int, name: str) -> bool:
    """Enter says yes only where the name is the one on record: a slip in a record number must not."""
    from followup.cli.find import line
    from followup.storage.directory import same_name

    with desk.app.storage.reading() as tx:
        who = tx.directory.identities([known])[known]
    screen.say(f"Enrolled already: {line(who)}", "yellow")
    sure = same_name(who.name) == same_name(name)
    return ask.yes("Is it this patient? Add a procedure?", default=True if sure else None)


def _procedure_day(typed: str, today: date) -> date:
    from followup.entered import procedure_date_faults

    on = ask.day(typed, today)
    if faults := list(procedure_date_faults(on, today)):
        raise InputError(faults[0])
    return on


def _ask_plan(desk: Desk) -> str:
    plans = desk.app.library.plans
    own = [key for key, plan in plans.items() if not plan.example] or list(plans)
    if len(own) == 1:
        screen.say(f"Care plan: {plans[own[0]].name}")
        return own[0]
    return own[ask.choice("Care plan", [plans[key].name for key in own], 0)]


def _ask_people(desk: Desk, plan: str, name: str) -> tuple[NewPerson, tuple[NewPerson, ...]]:
    from followup.care.people import Role

    patient = ask_person(desk, plan, name, Role.PATIENT)
    caregivers: tuple[NewPerson, ...] = ()
    while ask.yes("Add a caregiver?", default=False):
        caregiver = ask_caregiver(desk, plan)
        caregivers += (caregiver,) if caregiver else ()
    return patient, caregivers


def ask_caregiver(desk: Desk, plan: str) -> NewPerson | None:
    """Somebody who cares for the patient; without the patient's yes nobody is asked for."""
    from followup.addresses import person_name
    from followup.care.people import ConsentTo, Role
    from followup.storage.agreements import Consent

    if not ask.yes("Ask the patient: may we share with this person?", default=None):
        return None
    name = ask.ask("Caregiver's name", person_name)
    person = ask_person(desk, plan, name, Role.CAREGIVER)
    agreed = Consent(
        ConsentTo.SHARE,
        given=True,
        method=METHOD,
        wording=wording(desk, plan, person.contact.language, Role.CAREGIVER),
    )
    return replace(person, consents=(*person.consents, agreed))


def ask_person(desk: Desk, plan: str, name: str, role: Role) -> NewPerson:
    """How somebody is reached, in which language and zone, and what they agree to."""
    from followup.addresses import address, number
    from followup.entered import NewPerson
    from followup.storage.register import NewContact

    country = desk.app.config.clinic.country
    mobile = ask.maybe("Mobile number", lambda typed: number(typed, country))
    landline = None if mobile else ask.maybe("Landline", lambda typed: number(typed, country))
    email = ask.maybe("E-mail", address)
    language = _ask_language(desk, plan)
    zone = _ask_zone(desk)
    contact = NewContact(role, name, language, zone, mobile or landline, email, bool(landline))
    consents = ask_consents(desk, plan, (language, role), texts=bool(mobile), mails=bool(email))
    return NewPerson(contact, consents)


def _ask_language(desk: Desk, plan: str) -> str:
    languages = desk.app.library.languages(plan)
    return (
        languages[0]
        if len(languages) == 1
        else ask.ask(f"Language ({', '.join(languages)})", lambda typed: _language(typed, languages), languages[0])
    )


def _language(typed: str, languages: tuple[str, ...]) -> str:
    if typed.lower() not in languages:
        raise InputError(f"this plan has {', '.join(languages)}")
    return typed.lower()


def _ask_zone(desk: Desk) -> str:
    from followup.config import zone

    return ask.ask("Time zone", zone, desk.app.clinic.practice.zone.key).key


def ask_consents(
    desk: Desk, plan: str, asked_of: tuple[str, Role], *, texts: bool, mails: bool
) -> tuple[Consent, ...]:
    """Read the script of that language and role aloud; nothing is asked for a channel that is not there."""
    from followup.care.people import ConsentTo
    from followup.storage.agreements import Consent

    asked = [(ConsentTo.SMS, "texts")] * texts + [(ConsentTo.EMAIL, "e-mails")] * mails
    if not asked:
        return ()
    screen.say()
    screen.say(desk.app.library.consent_script(plan, *asked_of), "italic")
    screen.say()
    version = wording(desk, plan, *asked_of)
    given = [(about, ask.yes(f"Agreed to {what}?", default=None)) for about, what in asked]
    return tuple(Consent(about, yes, METHOD, version) for about, yes in given)


def wording(desk: Desk, plan: str, language: str, role: Role) -> str:
    """Which version of the script was read: a consent must show what was agreed to."""
    import hashlib

    script = desk.app.library.consent_script(plan, language, role)
    return f"{language}:{hashlib.sha256(script.encode()).hexdigest()[:12]}"


def _ask_home(desk: Desk, entered: Enrollment, today: date) -> Enrollment:
    """Only "yes" is a discharge."""
    from followup.cli.home import ask_since

    options = "y = yes, n = not yet, o = stays overnight"
    typed = ask.ask(f"Home already? ({options})", _home_answer, "n" if entered.on == today else "y")
    if typed == "o":
        return replace(entered, in_hospital=True)
    if typed == "n":
        return entered
    return replace(entered, discharged_at=ask_since(desk, entered.on))


def _home_answer(typed: str) -> str:
    short = typed.lower()[:1]
    if short not in ("y", "n", "o"):
        raise InputError("y, n or o")
    return short
