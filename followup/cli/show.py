"""`followup show` and `followup patients`: facts and timeline of one patient, and who there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from followup.cli import ask, screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.cli.find import PATIENT, line, look_up

if TYPE_CHECKING:
    from followup.care.people import Contact, Patient, Procedure
    from followup.storage.directory import Identity
    from followup.storage.inbox import Reply
    from followup.storage.outbox_rows import Entry


@click.command()
@PATIENT
@AS_JSON
@click.option("--all", "everything", is_flag=True, help="Also what was set aside because it goes another way.")
@pass_desk
def show(desk: Desk, patient: str | None, *, as_json: bool, everything: bool) -> None:
    """One patient: who is written to, what was done, every message, open tasks."""
    who, facts = look_up(desk, patient)
    with desk.app.storage.reading() as tx:
        entries = tx.outbox.of_patients([facts.id]).get(facts.id, [])
        tasks = tx.tasks.open_tasks(facts.id)
        replies = tx.inbox.of_patient(facts.id)
    if as_json:
        print_json(_json(who, facts, entries, [t.number for t in tasks]))
        return
    screen.say(line(who), "bold")
    if facts.died:
        screen.say("Died: nothing is sent.", "bold red")
    if facts.in_conversation:
        screen.say("Staff are texting with them: what the program would say waits.", "yellow")
    if facts.on_hold:
        screen.say("On hold: nothing is sent.", "yellow")
    for contact in facts.contacts:
        screen.say(contact_line(contact))
    for procedure in facts.procedures:
        screen.say(procedure_line(desk, procedure))
        if pain := _pain(facts, procedure, replies):
            screen.say(pain)
    for reply in replies:
        screen.say(_said(desk, reply))
    screen.say()
    screen.show(screen.timeline_table(facts, entries if everything else told(entries)))
    if tasks:
        screen.say()
        screen.show(screen.tasks_table(tasks, {facts.id: who.short_id}, desk.app.clinic.practice.zone))


def _pain(patient: Patient, procedure: Procedure, replies: list[Reply]) -> str:
    """How it has gone: before the procedure, then every score with its day."""
    from followup.course import reported

    before = [] if procedure.baseline_pain is None else [f"{procedure.baseline_pain} before"]
    since = [f"{one.score} on day {one.day}" for one in reported(patient, procedure, replies)]
    return f"  pain: {', '.join(before + since)}" if before or since else ""


def _said(desk: Desk, reply: Reply) -> str:
    """Their words, and what they were taken to mean."""
    from followup.replan import PROGRAM

    when = screen.when(reply.written_at, desk.app.clinic.practice.zone)
    meant = f" ({reply.reading.replace('_', ' ').replace(',', ', ')})" if reply.reading else " (not read yet)"
    how = f" by {reply.channel}" if reply.by == PROGRAM else f" on the phone, taken down by {reply.by}"
    return f"{when}  they said{how}: {reply.words or '(nothing)'}{meant}"


def told(entries: list[Entry]) -> list[Entry]:
    """Without rows that only say "it goes by another channel"."""
    from followup.care.reason import Reason

    return [e for e in entries if e.reason not in (Reason.OTHER_CHANNEL, Reason.OTHER_CONTACT)]


def contact_line(contact: Contact) -> str:
    """How one contact is reached; a channel that may not be used says why."""
    from followup.care.people import ChannelName
    from followup.care.reason import Reason

    ways = []
    for channel, address in ((ChannelName.SMS, contact.number), (ChannelName.EMAIL, contact.email)):
        bar = contact.bars.get(channel)
        if address or bar is None:
            ways.append(f"{channel} {address}" + (f" [{Reason(bar.value).sentence}]" if bar else ""))
    reached = "; ".join(ways) or "no number, no address"
    return f"{contact.role}: {contact.name}, {reached}, {contact.language}, {contact.zone.key}"


def procedure_line(desk: Desk, procedure: Procedure) -> str:
    """What was done, and where the patient is."""
    from followup.care.people import Stay

    zone = desk.app.clinic.practice.zone
    if not procedure.standing:
        state = "cancelled"
    elif procedure.stay is Stay.HOME and procedure.discharged_at:
        state = f"home since {screen.when(procedure.discharged_at, zone)}"
    else:
        state = "in hospital" if procedure.stay is Stay.IN_HOSPITAL else "nobody has said whether home"
    pain = "" if procedure.baseline_pain is None else f", pain before: {procedure.baseline_pain}"
    question = (
        "; the date was changed by another program: see `followup tasks`" if procedure.date_in_question else ""
    )
    return f"{procedure.plan} on {procedure.on:%a %Y-%m-%d}: {state}{pain}{question}"


@click.command()
@AS_JSON
@click.option("--find", "search", is_flag=True, help="Ask for a name, birth date or record number first.")
@pass_desk
def patients(desk: Desk, *, as_json: bool, search: bool) -> None:
    """All patients, or those found; names are on the screen only."""
    with desk.app.storage.reading() as tx:
        ids = tx.register.all_ids()
        if search:
            words = ask.ask("Name, birth date or record number", ask.required)
            ids = tx.directory.find(words) or tx.directory.find_by_name(words)
        identities = tx.directory.identities(ids)
    if as_json:
        print_json([_identity_json(who) for who in identities.values()])
        return
    made = screen.table("Id", "Name", "Born", "Record")
    for who in sorted(identities.values(), key=lambda i: i.name.casefold()):
        made.add_row(who.short_id, who.name, str(who.birth_date), who.record_number or "")
    screen.show(made)
    screen.say("1 patient" if len(identities) == 1 else f"{len(identities)} patients", "dim")


def _identity_json(who: Identity) -> dict[str, Any]:
    return {
        "patient": who.short_id,
        "name": who.name,
        "birth_date": who.birth_date,
        "record_number": who.record_number,
    }


def _json(who: Identity, facts: Patient, entries: list[Entry], tasks: list[int]) -> dict[str, Any]:
    return {
        "patient": who.short_id,
        "died": facts.died,
        "on_hold": facts.on_hold,
        "procedures": [_procedure_json(p) for p in facts.procedures],
        "contacts": [_contact_json(c) for c in facts.contacts],
        "messages": [message_json(e) for e in entries],
        "open_tasks": tasks,
    }


def _procedure_json(procedure: Procedure) -> dict[str, Any]:
    return {
        "id": procedure.id,
        "plan": procedure.plan,
        "date": procedure.on,
        "stay": procedure.stay,
        "cancelled": not procedure.standing,
        "baseline_pain": procedure.baseline_pain,
    }


def _contact_json(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "role": contact.role,
        "language": contact.language,
        "zone": contact.zone.key,
        "bars": contact.bars,
    }


def message_json(entry: Entry) -> dict[str, Any]:
    """One message for a program: moments in UTC, no words and no addresses."""
    return {
        "id": entry.id,
        "key": entry.key,
        "procedure": entry.procedure_id,
        "contact": entry.contact_id,
        "step": entry.step,
        "channel": entry.channel,
        "status": entry.status,
        "reason": entry.reason,
        "held_by": entry.held_by,
        "not_before": _utc(entry.not_before),
        "due_at": _utc(entry.due_at),
        "valid_until": _utc(entry.valid_until),
        "sent_at": _utc(entry.sent_at) if entry.sent_at else None,
        "attempts": entry.attempt,
        "trial": entry.trial,
        "provider_id": entry.provider_id,
        "code": entry.code,
    }


def _utc(moment: Any) -> str:  # noqa: ANN401  a datetime
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
