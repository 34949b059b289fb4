"""What happens in the demo besides the messages: what staff do and patients say, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from followup.care.task import TaskKind
from followup.cli.demo.cast import ALBERT, ELEANOR, FRANK, HAROLD, JUNE, ROSA, RUTH, WALTER, Character
from followup.cli.demo.clinic import FIRST_DAY, DemoClinic
from followup.cli.demo.staff import Staff, at
from followup.storage.tasks import Task

CALLED_WITHIN = timedelta(minutes=40)
"""So long after a call task opens, the nurse of the demo calls."""

OUT_OF_SERVICE = 30005
"""Twilio's code for a number that is unknown or out of service."""

QUESTION = "pain-check"
SAID_WHEN_CALLED = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing that happens: when, in words for the screen, and the deed itself."""

    at: datetime
    words: str
    deed: Callable[[], object]


def scenes(clinic: DemoClinic, staff: Staff) -> list[Scene]:
    """The whole story, in order."""
    told = [*_first_day(staff), *_first_week(clinic, staff), *_later(staff)]
    return sorted(told, key=lambda scene: scene.at)


def _first_day(staff: Staff) -> list[Scene]:
    today, next_day = FIRST_DAY, FIRST_DAY + timedelta(days=1)
    home = at(today, 11, 45)
    ruth = Scene(
        at(today, 12),
        f"Ruth Miller enrolled: had her procedure, home since 11:45, {RUTH.agreed}",
        lambda: staff.enroll(RUTH, today, home),
    )
    others = [
        Scene(at(today, 12, 5 * (n + 1)), f"{who.name} enrolled: {who.agreed}", partial(staff.enroll, who, today))
        for n, who in enumerate((WALTER, ELEANOR, ROSA, FRANK, HAROLD, JUNE, ALBERT))
    ]
    evening = Scene(
        at(today, 17),
        "evening list: all are home but Walter Hayes, who stays overnight",
        lambda: staff.evening_list(WALTER),
    )
    morning = Scene(at(next_day, 9, 15), "evening list, next morning: Walter Hayes is home", staff.evening_list)
    silence = Scene(at(next_day, 9), "nobody has said yet whether Walter Hayes went home", lambda: None)
    return [ruth, *others, evening, silence, morning]


def _first_week(clinic: DemoClinic, staff: Staff) -> list[Scene]:
    asked = date(2026, 11, 2)
    said = ((RUTH, 2, 10, 20), (WALTER, 3, 10, 35), (ELEANOR, 5, 11, 5), (ROSA, 1, 11, 30), (ALBERT, 3, 13, 15))
    return [
        Scene(
            at(asked, 9),
            "June Parker's phone is out of service from today; nobody has told the clinic",
            lambda: clinic.twilio.fate(JUNE.number, "undelivered", OUT_OF_SERVICE),
        ),
        *(_saying(staff, at(asked, hour, minute), who, score) for who, score, hour, minute in said),
        _saying(staff, at(asked, 14, 20), JUNE, 8),
        Scene(
            at(date(2026, 11, 3), 9),
            "task closed: the nurse has looked at Eleanor Brooks's answer",
            lambda: staff.close(ELEANOR, TaskKind.PAIN_NOTED, "looked at"),
        ),
        Scene(
            at(date(2026, 11, 4), 15),
            "task closed: June Parker was seen at the clinic",
            lambda: staff.close(JUNE, TaskKind.HIGH_PAIN, "seen at the clinic"),
        ),
        Scene(
            at(date(2026, 11, 4), 15, 30),
            "task closed: Frank Osborne, called, says that he is well",
            lambda: staff.close(FRANK, TaskKind.NO_ANSWER, "called: well"),
        ),
    ]


def _saying(staff: Staff, moment: datetime, who: Character, score: int) -> Scene:
    return Scene(moment, f"{who.name} says on the phone: pain {score} of 10", lambda: staff.answers(who, score))


def _later(staff: Staff) -> list[Scene]:
    again = date(2026, 11, 20)
    return [
        Scene(at(date(2026, 11, 11), 14), "Frank Osborne wants no more texts", lambda: staff.stop_texts(FRANK)),
        Scene(
            at(again, 13),
            "Eleanor Brooks enrolled for a second session today, home since 12:45",
            lambda: staff.second_session(ELEANOR, again, at(again, 12, 45)),
        ),
        Scene(
            at(again, 13, 30),
            "task closed: Eleanor Brooks was told the new date on the phone",
            lambda: staff.close(ELEANOR, TaskKind.CORRECTION, "told the new date"),
        ),
        _saying(staff, at(date(2026, 11, 23), 10, 50), ELEANOR, 2),
        Scene(
            at(date(2026, 11, 24), 9, 30),
            "a call from his son: Albert Ross has died",
            lambda: staff.died(ALBERT),
        ),
    ]


def calls_due(staff: Staff) -> list[Scene]:
    """The calls that the nurse has yet to make."""
    return [
        Scene(task.opened_at + CALLED_WITHIN, _called(staff, task), partial(_call, staff, task))
        for task in staff.open_tasks()
        if task.kind is TaskKind.CALL
    ]


def _called(staff: Staff, task: Task) -> str:
    name = staff.patient_names()[task.patient_id or 0]
    said = f", and says: pain {SAID_WHEN_CALLED} of 10" if task.detail["step"] == QUESTION else ""
    return f"{name} called, hears the script ({task.detail['step']}){said}"


def _call(staff: Staff, task: Task) -> None:
    """Whoever is called is reached; a question gets its answer."""
    if task.detail["step"] == QUESTION:
        staff.answers(HAROLD, SAID_WHEN_CALLED)
    staff.finish(task, "reached")
