"""`followup calls`: the call sheet, to work through by phone with a pen."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from followup.cli import screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from followup.calls import Call, Phone, Script, Sheet
    from followup.storage.tasks import Task

WIDE = 79
"""Letters of a line: it fits a terminal of 80 columns, and paper."""

FORM = "Pain 0\N{EN DASH}10: ____   Reached: yes / no   Time: ____"
_COMMANDS = re.compile(r"followup (?:done \d+|answer \w+ SCORE --by-phone|change \w+|tasks)")
_GLUE = "\N{NO-BREAK SPACE}"
MOST_QUOTED = 3
"""Of what somebody wrote, the newest; `followup tasks NUMBER` has all of it."""


@click.command()
@AS_JSON
@pass_desk
def calls(desk: Desk, *, as_json: bool) -> None:
    """The call sheet: everybody to phone today, the most urgent first, with what to say. It can be printed."""
    from followup.calls import sheet

    app = desk.app
    with app.storage.reading() as tx:
        made = sheet(tx, app.clinic, app.library, desk.now)
    zone = app.clinic.practice.zone
    if as_json:
        print_json(_json(made, zone))
        return
    for words in _printed(made, app.config.clinic.name, zone):
        click.echo(words)


def _printed(sheet: Sheet, clinic: str, zone: ZoneInfo) -> Iterator[str]:
    here = sheet.made_at.astimezone(zone)
    yield f"{clinic}: call sheet, {here:%A %Y-%m-%d}"
    yield f"Made {screen.when(sheet.made_at, zone)} ({sheet.made_at:%Y-%m-%dT%H:%M:%SZ})."
    if not sheet.calls and not sheet.without_number:
        yield "Nobody is to be phoned."
    else:
        yield f"To call: {len(sheet.calls)}. Without a number: {len(sheet.without_number)}."
        yield "It names patients: keep it with you, shred it later. It was true when made."
    for place, call in enumerate((*sheet.calls, *sheet.without_number), 1):
        if call is next(iter(sheet.without_number), None):
            yield f"\n{'=' * WIDE}\nNo number is known\n{'=' * WIDE}"
        yield f"\n{'-' * WIDE}"
        yield from _block(call, place, sheet.made_at, zone)
    if sheet.died:
        yield f"\nLeft out, since they are recorded as died: {sheet.died} (`followup tasks`)."


def _block(call: Call, place: int, now: datetime, zone: ZoneInfo) -> Iterator[str]:
    """One person: whom to ask for, where, why, what to say, and room for what was said."""
    yield f"[ ] {place}. {_by_when(call, now, zone)}"
    yield from _indented(_who(call))
    yield from (line for phone in call.phones for line in _indented(_phone(phone), "   Call "))
    if not call.phones:
        yield from _indented(_no_number(call))
    for task in call.tasks:
        yield ""
        yield from _indented(f"Task {task.number}: {task.kind.sentence}")
        yield from (line for words in _known(task, zone) for line in _indented(words, "     "))
    for script in call.scripts:
        if not script.not_now:
            yield f"\n   Say ({script.step}):"
            yield from _said(script)
    if held := [script for script in call.scripts if script.not_now]:
        yield ""
        for script in held:
            yield from _indented(f"Do not say now ({script.step}): {script.not_now}.")
    yield f"\n   {FORM}\n"
    yield from _indented(_recorded(call), "   Then: ")


def _by_when(call: Call, now: datetime, zone: ZoneInfo) -> str:
    if call.level.value == "critical":
        return "CRITICAL: at once"
    late = " (late)" if call.due_at < now else ""
    return f"{call.level.upper()}: by {screen.when(call.due_at, zone)}{late}"


def _who(call: Call) -> str:
    from followup.cli.find import line

    if call.who is None:
        return "Somebody unknown: ask who it is and whom it is about. Check name and birth date."
    return line(call.who)


def _phone(phone: Phone) -> str:
    notes = [phone.name] if phone.whose == "caregiver" else []
    notes += [f"speaks {phone.language}"] if phone.language else []
    notes += ["they wrote from here"] if phone.wrote else []
    notes += ["no text reaches it: it may be wrong"] if phone.doubtful else []
    return f"{phone.number}  " + ", ".join([phone.whose, *notes])


def _no_number(call: Call) -> str:
    mail = f" E-mail: {call.email}." if call.email else ""
    if call.who is None:
        return f"They wrote by e-mail: answer there.{mail}"
    return (
        f"Look for a number in the chart, or ask whoever referred them; enter it with "
        f"`followup change {call.who.short_id}`, “number”.{mail}"
    )


def _known(task: Task, zone: ZoneInfo) -> Iterator[str]:
    """What else is known of a task, in plain words."""
    if task.acknowledged_by:
        yield f"In hand: {task.acknowledged_by}"
    for part in task.parts[:MOST_QUOTED]:
        if "said" in part:
            written = screen.when(datetime.fromisoformat(part["written"]), zone)
            yield f"“{part['said'] or '(nothing)'}” ({part['wrote']}, {written})"
        elif part.get("score") is not None:
            yield f"pain {part['score']} of 10" + _before(part)
        if part.get("shared"):
            yield "The number is shared: ask whom it is about."
    for restriction, dates in task.detail.get("dates", {}).items():
        now = dates["now"] or "no longer in force"
        yield f"{restriction.replace('_', ' ')}: they were told {dates['told']}, now it is {now}"
    steps = dict.fromkeys(step for part in task.parts for step in _steps(part))
    if steps:
        yield f"About: {', '.join(steps)}"


def _before(part: Mapping[str, Any]) -> str:
    known = [("before the procedure", part.get("before")), ("least since", part.get("least_since"))]
    return "".join(f", {score} {when}" for when, score in known if score is not None)


def _steps(part: Mapping[str, Any]) -> list[str]:
    channel = f" by {part['channel']}" if "channel" in part else ""
    return [
        *(f"{step}{channel}" for step in ([part["step"]] if "step" in part else [])),
        *part.get("steps", []),
        *part.get("missed", []),
    ]


def _said(script: Script) -> Iterator[str]:
    for words in script.words.rstrip().splitlines():
        yield from _indented(words, "   | ") if words else ["   |"]


def _recorded(call: Call) -> str:
    """The commands that put down what came of it."""
    said = [f"followup done {task.number}" for task in call.tasks]
    if call.who is not None:
        said.append(f"followup answer {call.who.short_id} SCORE --by-phone")
    return ", ".join(said)


def _indented(words: str, first: str = "   ") -> list[str]:
    """Wrapped; what follows stands below the words. A command is never torn apart."""
    kept = _COMMANDS.sub(lambda found: found[0].replace(" ", _GLUE), words)
    after = first if "|" in first else " " * len(first)
    lines = textwrap.wrap(
        kept, WIDE, initial_indent=first, subsequent_indent=after, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_GLUE, " ") for line in lines]


def _json(sheet: Sheet, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "made_at": _utc(sheet.made_at),
        "calls": [_call_json(call, zone) for call in sheet.calls],
        "without_number": [_call_json(call, zone) for call in sheet.without_number],
        "died": sheet.died,
    }


def _call_json(call: Call, zone: ZoneInfo) -> dict[str, Any]:
    who = call.who
    return {
        "patient": who.short_id if who else None,
        "name": who.name if who else None,
        "birth_date": who.birth_date if who else None,
        "record_number": who.record_number if who else None,
        "level": call.level,
        "due_at": _utc(call.due_at),
        "numbers": [
            {
                "number": phone.number,
                "whose": phone.whose,
                "name": phone.name or None,
                "language": phone.language or None,
                "wrote": phone.wrote,
                "doubtful": phone.doubtful,
            }
            for phone in call.phones
        ],
        "email": call.email,
        "tasks": [
            {
                "task": task.number,
                "kind": task.kind,
                "level": task.level,
                "due_at": _utc(task.due_at),
                "why": task.kind.sentence,
                "known": list(_known(task, zone)),
            }
            for task in call.tasks
        ],
        "scripts": [
            {"step": s.step, "words": s.words or None, "not_now": s.not_now or None, "asks": s.asks}
            for s in call.scripts
        ],
    }


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
