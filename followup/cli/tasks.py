"""`followup tasks`, `done`, `answer`: what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from followup.cli import ask, screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.cli.find import PATIENT, find, line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from followup.storage.tasks import Task


@click.command()
@click.argument("number", type=int, required=False)
@AS_JSON
@pass_desk
def tasks(desk: Desk, number: int | None, *, as_json: bool) -> None:
    """What waits for a person, the most urgent first; one task with all that is known, by its NUMBER."""
    zone = desk.app.clinic.practice.zone
    with desk.app.storage.reading() as tx:
        found = [tx.tasks.get(number)] if number is not None else tx.tasks.open_tasks()
        known = tx.register.identities({t.patient_id for t in found if t.patient_id})
    if as_json:
        print_json([_json(t, known[t.patient_id].short_id if t.patient_id else None) for t in found])
        return
    if number is not None:
        _show_one(desk, found[0])
        return
    if not found:
        screen.say("Nothing waits for a person.")
        return
    names = {patient: f"{who.short_id} {who.name}" for patient, who in known.items()}
    screen.show(screen.tasks_table(found, names, zone))
    screen.say("One in full: followup tasks NUMBER. To close it: followup done NUMBER.", "dim")


def _show_one(desk: Desk, task: Task) -> None:
    """Everything a person needs for the call: who, which number, what to say."""
    zone = desk.app.clinic.practice.zone
    times = f", {task.times} times" if task.times > 1 else ""
    screen.say(f"Task {task.number} ({task.level}{times}), opened {screen.when(task.opened_at, zone)}", "bold")
    screen.say(task.kind.sentence)
    if task.patient_id:
        with desk.app.storage.reading() as tx:
            who = tx.register.identities([task.patient_id])[task.patient_id]
            patient = tx.register.patient(task.patient_id)
        screen.say(line(who))
        for contact in patient.contacts:
            screen.say(f"{contact.role}: {contact.name}, {contact.number or 'no number'}, {contact.language}")
    for words in [*_told(desk, task.detail), *_listed(desk, task.detail)]:
        screen.say(words)
    if task.closed_at:
        note = f": {task.note}" if task.note else ""
        screen.say(f"Closed {screen.when(task.closed_at, zone)} by {task.closed_by}{note}", "green")


def _told(desk: Desk, detail: Mapping[str, Any]) -> list[str]:
    """What the task knows, in words; what came before it was joined stands below."""
    lines = [
        f"{key.replace('_', ' ')}: {_plain(detail[key])}" for key in _PLAIN if detail.get(key) not in ("", None)
    ]
    if script := detail.get("script"):
        lines += ["", "Say:", str(script)]
    for restriction, dates in detail.get("dates", {}).items():
        now = dates["now"] or "no longer in force"
        lines.append(f"{restriction.replace('_', ' ')}: the patient was told {dates['told']}, now it is {now}")
        lines += _draft(desk, restriction, dates["now"])
    for earlier in detail.get("earlier", []):
        lines += ["", "Before that:", *_told(desk, earlier)]
    return lines


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _listed(desk: Desk, detail: Mapping[str, Any]) -> list[str]:
    """The patients a task of the whole practice is about."""
    with desk.app.storage.reading() as tx:
        known = tx.register.identities(detail.get("patients", []))
    missed = detail.get("missed", {})
    return [": ".join([line(who), *missed.get(str(patient), [])]) for patient, who in known.items()]


_PLAIN = (
    "step",
    "channel",
    "steps",
    "code",
    "reason",
    "score",
    "earlier_scores",
    "planned",
    "found",
    "day",
)


def _draft(desk: Desk, restriction: str, until: str) -> list[str]:
    """Words to correct a date with, as a text would say them."""
    from datetime import date

    from followup.errors import FollowupError

    if not until:
        return []
    try:
        words = desk.app.library.correction("en", restriction, date.fromisoformat(until)).plain
    except FollowupError:
        return []
    return [f"Draft: {words}"]


@click.command()
@click.argument("number", type=int)
@click.option("--note", is_flag=True, help="Ask for a note.")
@pass_desk
def done(desk: Desk, number: int, *, note: bool) -> None:
    """Close task NUMBER; shows first what that lets go. For a call, asks whether somebody was reached."""
    from followup.care.task import TaskKind
    from followup.worklist import Done
    from followup.worklist import done as close

    with desk.app.storage.reading() as tx:
        task = tx.tasks.get(number)
    _show_one(desk, task)
    question = {
        TaskKind.CALL: "Was somebody reached, and the script said?",
        TaskKind.UNRESOLVED: "Did the message arrive?",
    }.get(task.kind)
    reached = question is None or ask.yes(question, default=None)
    how = Done(ask.ask("Note", str) if note else "", reached)
    seen = desk.rehearse(lambda tx: close(tx, desk.app.clinic, number, how, desk.now, desk.by))
    if seen and seen.changes:
        screen.show(screen.changes_table(seen.patient, seen.changes))
        if not ask.yes("Close the task?", default=True):
            screen.say("Nothing was changed.")
            return
    desk.carry_out(lambda tx: close(tx, desk.app.clinic, number, how, desk.now, desk.by))
    screen.say(f"Task {number} is closed.", "green")


@click.command()
@PATIENT
@click.argument("score", type=int, required=False)
@pass_desk
def answer(desk: Desk, patient: str | None, score: int | None) -> None:
    """Record a pain SCORE (0 to 10) that PATIENT gave on the phone; it closes the open question."""
    from followup.care.pain import Thresholds
    from followup.worklist import Said
    from followup.worklist import answer as record

    patient_id = find(desk, patient)
    with desk.app.storage.reading() as tx:
        facts = tx.register.patient(patient_id)
        who = tx.register.identities([patient_id])[patient_id]
    screen.say(line(who), "bold")
    given = score if score is not None else ask.ask("Pain now, 0 (none) to 10 (worst)", ask.score)
    pain = desk.app.config.pain
    thresholds = Thresholds(pain.urgent_score, pain.urgent_rise)
    said = Said(desk.now, desk.by)
    seen = desk.rehearse(lambda tx: record(tx, desk.app.clinic, facts, given, thresholds, said))
    if seen.replanned.changes:
        screen.show(screen.changes_table(seen.replanned.patient, seen.replanned.changes))
    if not ask.yes(f"Record pain {given} of 10?", default=True):
        screen.say("Nothing was recorded.")
        return
    made = desk.carry_out(lambda tx: record(tx, desk.app.clinic, facts, given, thresholds, said))
    screen.say("The question is answered." if made.question else "Recorded; no question was open.", "green")
    if made.task:
        screen.say(f"A task is open: {made.task.sentence}", "yellow")


def _json(task: Task, short_id: str | None) -> dict[str, Any]:
    return {
        "task": task.number,
        "kind": task.kind,
        "level": task.level,
        "patient": short_id,
        "opened_at": f"{task.opened_at:%Y-%m-%dT%H:%M:%SZ}",
        "due_at": f"{task.due_at:%Y-%m-%dT%H:%M:%SZ}",
        "times": task.times,
        "closed": task.closed_at is not None,
    }
