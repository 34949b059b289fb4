"""`followup tasks`, `tasks ack`, `done`, `answer`: what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from followup.cli import ask, screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.cli.find import PATIENT, facts_of, line, look_up

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from followup.care.pain import Thresholds
    from followup.storage.tasks import Task
    from followup.worklist import Answered, Scored


@click.command()
@click.argument("words", nargs=-1, metavar="[NUMBER | ack NUMBER]")
@AS_JSON
@pass_desk
def tasks(desk: Desk, words: tuple[str, ...], *, as_json: bool) -> None:
    """What waits for a person, the most urgent first; one task with all that is known, by its NUMBER.

    With `ack NUMBER` a critical task is in your hands: nobody is paged about it any more. It stays open until
    `followup done`.
    """
    match words:
        case ():
            _list(desk, None, as_json=as_json)
        case (number,) if number.isdecimal():
            _list(desk, int(number), as_json=as_json)
        case ("ack", number) if number.isdecimal():
            _acknowledge(desk, int(number))
        case _:
            raise click.UsageError("after `tasks` comes nothing, a number, or `ack` and a number")


def _acknowledge(desk: Desk, number: int) -> None:
    from followup.staff import acknowledge

    if desk.carry_out(lambda tx: acknowledge(tx, number, desk.now, desk.by)):
        screen.say(f"Task {number} is yours. When it is done: followup done {number}", "green")
    else:
        screen.say(f"Nobody is paged about task {number} now.", "yellow")


def _list(desk: Desk, number: int | None, *, as_json: bool) -> None:
    zone = desk.app.clinic.practice.zone
    with desk.app.storage.reading() as tx:
        found = [tx.tasks.get(number)] if number is not None else tx.tasks.open_tasks()
        known = tx.directory.identities({t.patient_id for t in found if t.patient_id})
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
        who, patient = facts_of(desk, task.patient_id)
        screen.say(line(who))
        for contact in patient.contacts:
            screen.say(f"{contact.role}: {contact.name}, {contact.number or 'no number'}, {contact.language}")
    for words in [*_wrote(task.detail, zone), *_told(desk, task.detail), *_listed(desk, task.detail)]:
        screen.say(words)
    if task.acknowledged_at:
        screen.say(f"In hand: {task.acknowledged_by}, {screen.when(task.acknowledged_at, zone)}", "green")
    elif task.pages:
        screen.say(
            f"Paged {task.pages} times; nobody has taken it (followup tasks ack {task.number}).", "bold red"
        )
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
    zone = desk.app.clinic.practice.zone
    for earlier in detail.get("earlier", []):
        lines += ["", "Before that:", *_wrote(earlier, zone), *_told(desk, earlier)]
    return lines


def _wrote(detail: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    """Their words, who wrote from where, and both times: one read late was written long before."""
    from datetime import datetime

    if "said" not in detail:
        return []
    written, read = (screen.when(datetime.fromisoformat(detail[key]), zone) for key in ("written", "read"))
    return [
        f"They wrote: {detail['said'] or '(nothing)'}",
        f"From {detail['address']} ({detail['wrote']}), written {written}, read {read}",
    ]


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _listed(desk: Desk, detail: Mapping[str, Any]) -> list[str]:
    """The patients a task of the whole practice is about."""
    with desk.app.storage.reading() as tx:
        known = tx.directory.identities(detail.get("patients", []))
    missed = detail.get("missed", {})
    return [": ".join([line(who), *missed.get(str(patient), [])]) for patient, who in known.items()]


_PLAIN = (
    "step",
    "channel",
    "steps",
    "code",
    "reason",
    "score",
    "before",
    "least_since",
    "media",
    "shared",
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
    """Close task NUMBER; shows first what that lets go.

    For a call it asks whether somebody was reached and, where the step asks for the pain, what they said.
    """
    from followup.care.task import TaskKind
    from followup.worklist import Done, asks_pain
    from followup.worklist import done as close

    with desk.app.storage.reading() as tx:
        task = tx.tasks.get(number)
        asks = asks_pain(tx, desk.app.clinic, task)
    _show_one(desk, task)
    question = {
        TaskKind.CALL: "Was somebody reached, and the script said?",
        TaskKind.UNRESOLVED: "Did the message arrive?",
    }.get(task.kind)
    reached = question is None or ask.yes(question, default=None)
    pain = _pain(desk) if asks and reached else None
    how = Done(ask.ask("Note", str) if note else "", reached, pain, task.times)
    seen = desk.rehearse(lambda tx: close(tx, desk.app.clinic, number, how, desk.now, desk.by))
    if seen.replanned and seen.replanned.changes:
        screen.show(screen.changes_table(seen.replanned.patient, seen.replanned.changes))
        if not ask.yes("Close the task?", default=True):
            screen.say("Nothing was changed.")
            return
    closed = desk.carry_out(lambda tx: close(tx, desk.app.clinic, number, how, desk.now, desk.by))
    screen.say(f"Task {number} is closed.", "green")
    if closed.answered:
        _say_answered(closed.answered)


def _pain(desk: Desk) -> Scored | None:
    """What the patient said to the question of the script; it may be that they did not say."""
    from followup.worklist import Scored

    question = "Pain now, 0 (none) to 10 (worst); Enter = they did not say"
    score = ask.ask(question, lambda typed: ask.score(typed) if typed else None)
    return None if score is None else Scored(score, _thresholds(desk))


def _thresholds(desk: Desk) -> Thresholds:
    from followup.care.pain import Thresholds

    pain = desk.app.config.pain
    return Thresholds(pain.urgent_score, pain.urgent_rise)


def _say_answered(made: Answered) -> None:
    screen.say("The question is answered." if made.question else "Recorded; no question was open.", "green")
    if made.task:
        screen.say(f"A task is open: {made.task.sentence}", "yellow")


@click.command()
@PATIENT
@click.argument("score", type=int, required=False)
@click.option("--by-phone", is_flag=True, help="As it was said on the phone; it is the only way there is.")
@pass_desk
def answer(desk: Desk, patient: str | None, score: int | None, *, by_phone: bool) -> None:  # noqa: ARG001  says how
    """Record a pain SCORE (0 to 10) that PATIENT gave on the phone; it closes the open question."""
    from followup.worklist import Said
    from followup.worklist import answer as record

    who, facts = look_up(desk, patient)
    screen.say(line(who), "bold")
    given = score if score is not None else ask.ask("Pain now, 0 (none) to 10 (worst)", ask.score)
    thresholds = _thresholds(desk)
    said = Said(desk.now, desk.by)
    seen = desk.rehearse(lambda tx: record(tx, desk.app.clinic, facts, given, thresholds, said))
    if seen.replanned.changes:
        screen.show(screen.changes_table(seen.replanned.patient, seen.replanned.changes))
    if not ask.yes(f"Record pain {given} of 10?", default=True):
        screen.say("Nothing was recorded.")
        return
    made = desk.carry_out(lambda tx: record(tx, desk.app.clinic, facts, given, thresholds, said))
    _say_answered(made)


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
