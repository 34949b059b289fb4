"""What happens in the demo besides the messages: what staff do and patients say, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from followup.care.task import TaskKind
from followup.cli.demo.cast import (
    ALICE,
    CARMEN,
    ELEANOR,
    FRANK,
    HAROLD,
    JUNE,
    NORA,
    ROSA,
    RUTH,
    WALTER,
    Character,
    Relative,
)
from followup.cli.demo.clinic import FIRST_DAY, DemoClinic
from followup.cli.demo.staff import Staff, at
from followup.storage.tasks import Task

CALLED_WITHIN = timedelta(minutes=40)
"""So long after a call task opens, the nurse of the demo calls."""

TAKEN_WITHIN = timedelta(minutes=2)
"""So long after a page somebody who is awake takes it."""

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
    told = [*_first_day(staff), *_first_week(clinic, staff), *_nights(clinic, staff), *_later(clinic, staff)]
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
        for n, who in enumerate((WALTER, ELEANOR, ROSA, FRANK, HAROLD, JUNE, ALICE))
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
    return [
        Scene(
            at(asked, 9),
            "June Parker's phone is out of service from today; nobody has told the clinic",
            lambda: clinic.twilio.fate(JUNE.number, "undelivered", OUT_OF_SERVICE),
        ),
        _texting(clinic, at(asked, 10, 20), RUTH, "8"),
        _texting(clinic, at(asked, 10, 35), WALTER, "better thanks"),
        _texting(clinic, at(asked, 11, 5), ELEANOR, "5"),
        _texting(clinic, at(asked, 11, 30), ROSA, "mejor, gracias"),
        _texting(clinic, at(asked, 12, 5), CARMEN, "6"),
        _texting(clinic, at(asked, 13, 15), ALICE, "3"),
        Scene(at(asked, 14, 20), "June Parker calls: pain 8 of 10", lambda: staff.answers(JUNE, 8)),
        _closing(staff, at(asked, 14, 45), RUTH, TaskKind.HIGH_PAIN, "seen at the clinic"),
        _closing(staff, at(date(2026, 11, 3), 9), ELEANOR, TaskKind.PAIN_NOTED, "looked at"),
        _closing(staff, at(date(2026, 11, 3), 9, 5), ROSA, TaskKind.PAIN_NOTED, "looked at, her daughter called"),
        _closing(staff, at(date(2026, 11, 4), 15), JUNE, TaskKind.HIGH_PAIN, "seen at the clinic"),
        _closing(staff, at(date(2026, 11, 4), 15, 30), FRANK, TaskKind.NO_ANSWER, "called: well"),
    ]


def _nights(clinic: DemoClinic, staff: Staff) -> list[Scene]:
    """What is written while nobody is at the desk."""
    night = date(2026, 11, 5)
    return [
        _texting(clinic, at(night, 1, 12), WALTER, "I cant feel my legs"),
        _closing(staff, at(night, 9), WALTER, TaskKind.RED_FLAG, "called at night; seen in hospital, home again"),
    ]


def _texting(clinic: DemoClinic, moment: datetime, who: Character | Relative, words: str) -> Scene:
    """Their phone writes to the number that wrote to them; it is read when the house next listens."""
    return Scene(moment, f"{who.title} texts “{words}”", partial(clinic.twilio.receive, who.number, words))


def _closing(staff: Staff, moment: datetime, who: Character, kind: TaskKind, note: str) -> Scene:
    return Scene(moment, f"task closed: {who.name}, {note}", partial(staff.close, who, kind, note))


def _later(clinic: DemoClinic, staff: Staff) -> list[Scene]:
    again, last = date(2026, 11, 20), date(2026, 11, 24)
    return [
        _texting(clinic, at(date(2026, 11, 11), 14), FRANK, "STOP"),
        Scene(
            at(again, 13),
            "Eleanor Brooks enrolled for a second session today, home since 12:45",
            lambda: staff.second_session(ELEANOR, again, at(again, 12, 45)),
        ),
        _closing(staff, at(again, 13, 30), ELEANOR, TaskKind.CORRECTION, "told the new date"),
        _texting(clinic, at(date(2026, 11, 23), 10, 50), ELEANOR, "2"),
        _texting(clinic, at(last, 9, 30), NORA, "mom passed away"),
        Scene(at(last, 10, 15), "Ann calls Nora Ross, gently: it is so", lambda: staff.died(ALICE)),
        _closing(staff, at(last, 10, 20), ALICE, TaskKind.DEATH, "confirmed by her daughter"),
        _texting(clinic, at(date(2027, 1, 1), 10, 30), ELEANOR, "may I lift my grandson now?"),
    ]


def deeds_due(clinic: DemoClinic, staff: Staff, tasks: Sequence[Task]) -> list[Scene]:
    """What follows from open tasks: calls that the nurse has yet to make, pages that somebody takes."""
    return [*_calls(staff, tasks), *_pages_taken(clinic, tasks)]


def _calls(staff: Staff, tasks: Sequence[Task]) -> list[Scene]:
    return [
        Scene(task.opened_at + CALLED_WITHIN, _called(staff, task), partial(_call, staff, task))
        for task in tasks
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


def _pages_taken(clinic: DemoClinic, tasks: Sequence[Task]) -> list[Scene]:
    """The first on call sleeps through every page; the next, once paged, texts the task's number back."""
    on_call = clinic.app.staff
    _, awake = on_call.pageable()
    return [
        Scene(
            task.page_at - on_call.repeat + TAKEN_WITHIN,
            f"{awake.name} texts back “{task.number}”",
            partial(clinic.twilio.receive, awake.phone or "", str(task.number)),
        )
        for task in tasks
        if task.page_at and task.pages > on_call.pages_each
    ]
