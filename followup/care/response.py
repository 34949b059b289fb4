"""What follows from something a patient wrote: tasks for people, a fixed answer, a stop, a hold.

Red flags come first, then opt-out, help, the open question, and whatever is left is words for a person. A reading
may mean several things ("STOP chest pain"): all of them count, and one answer goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from followup.care.meaning import FLAGS, PAIN, Meaning, Reading
from followup.care.message import Kind
from followup.care.pain import Course, Thresholds, assess
from followup.care.task import TaskKind

LATE = timedelta(minutes=60)
"""A text read so long after it was written gets no automatic answer; a red flag always does (CARE.md §0)."""


class Answer(StrEnum):
    """The fixed, approved answers; each is a text of messages/shared/<language>/."""

    RED_FLAG = "red-flag"
    SUICIDE = "red-flag-suicide"
    RED_FLAG_STOPPED = "red-flag-stopped"
    CALL_US = "answer-call-us"
    RECEIVED = "answer-received"
    HELP = "answer-help"
    STOPPED = "answer-stopped"

    @property
    def kind(self) -> Kind:
        """The kind of message that carries it."""
        return Kind.RED_FLAG if self in RED_FLAG_ANSWERS else Kind.ANSWER


RED_FLAG_ANSWERS = frozenset({Answer.RED_FLAG, Answer.SUICIDE, Answer.RED_FLAG_STOPPED})

CONFIRMS_A_STOP = frozenset({Answer.RED_FLAG_STOPPED, Answer.STOPPED})
"""The one message that an opted-out number may still get, beside a red flag's answer (47 CFR 64.1200(a)(12))."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most answers one number gets within each length of time."""

    most: tuple[tuple[int, timedelta], ...]
    valid_for: timedelta

    def allows(self, given: tuple[datetime, ...], now: datetime) -> bool:
        """Whether one more may go; `given` are the moments of those before it."""
        return all(sum(moment > now - length for moment in given) < count for count, length in self.most)


LIMITS = {
    Kind.ANSWER: Limit(((1, timedelta(hours=1)), (3, timedelta(hours=24))), valid_for=LATE),
    Kind.RED_FLAG: Limit(((1, timedelta(minutes=10)), (6, timedelta(hours=24))), valid_for=timedelta(minutes=10)),
}
"""CARE.md §0: an ordinary answer once an hour and three times a day, a red flag's once in ten minutes and six."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What else is known when a reply is read.

    `known`: it is known who wrote. `asked`: they were asked about their pain, and the question stands open or was
    answered within its time: of several answers each counts. `automatic`: the mail itself says that no person
    wrote it. `answerable`: there is somebody behind the address (a short code is a machine). `in_conversation`:
    staff are texting with them. `confirms_stops`: the carrier does not, so we do.
    """

    known: bool = True
    asked: bool = False
    late: bool = False
    automatic: bool = False
    media: bool = False
    answerable: bool = True
    stopped: bool = False
    in_conversation: bool = False
    confirms_stops: bool = False
    course: Course = field(default_factory=Course)
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Response:
    """All that follows. `answers_question`: it was a reply to what was asked, or makes asking again wrong."""

    tasks: tuple[TaskKind, ...] = ()
    answer: Answer | None = None
    stops: bool = False
    reopens: bool = False
    holds: bool = False
    wrong_number: bool = False
    answers_question: bool = False


_HARMLESS = frozenset({Meaning.THANKS, Meaning.AUTOMATIC})

_TASKS = {
    Meaning.CRITICAL: TaskKind.RED_FLAG,
    Meaning.DIED: TaskKind.DEATH,
    Meaning.IN_HOSPITAL: TaskKind.IN_HOSPITAL,
    Meaning.URGENT: TaskKind.WARNING_SIGN,
    Meaning.HELP: TaskKind.HELP,
    Meaning.WORSE: TaskKind.WORSE,
    Meaning.SAME: TaskKind.PAIN_NOTED,
    Meaning.CALL_ME: TaskKind.CALL_ME,
    Meaning.WRONG_NUMBER: TaskKind.BAD_ADDRESS,
    Meaning.UNREADABLE: TaskKind.UNREADABLE,
}
"""What each meaning asks of a person, in the order in which they count."""

_TOLD = frozenset(_TASKS) | {Meaning.OPT_OUT, Meaning.OPT_IN}
"""A person hears of these anyway: of an opt-out for each patient of the number, whoever wrote."""

_NO_ANSWER = frozenset(
    {Meaning.DIED, Meaning.IN_HOSPITAL, Meaning.OPT_OUT, Meaning.OPT_IN, Meaning.WRONG_NUMBER, Meaning.AUTOMATIC}
)
"""To these an automatic word would be wrong, or another says it (CARE.md §4)."""


def respond(reading: Reading, situation: Situation) -> Response:
    """What follows from a reply; pure, so that nothing depends on who carries it out."""
    meanings = reading.meanings
    if situation.automatic or (Meaning.AUTOMATIC in meanings and not meanings & FLAGS):
        # A machine's words are not a patient's; but one that speaks of an emergency is read the same day, and one
        # that unsubscribes is taken at its word.
        urgent = (TaskKind.WARNING_SIGN,) if meanings & FLAGS else ()
        return Response(urgent, stops=Meaning.OPT_OUT in meanings)
    return Response(
        tasks=tuple(dict.fromkeys(_tasks(reading, situation))),
        answer=_answer(reading, situation),
        stops=Meaning.OPT_OUT in meanings,
        reopens=Meaning.OPT_IN in meanings and Meaning.OPT_OUT not in meanings,
        holds=bool(meanings & {Meaning.DIED, Meaning.IN_HOSPITAL}),
        wrong_number=Meaning.WRONG_NUMBER in meanings and not meanings & FLAGS,
        # To be asked how the pain is would be heartless after an alarm, whoever it was about.
        answers_question=bool(meanings & FLAGS or (situation.asked and meanings & PAIN)),
    )


def _tasks(reading: Reading, situation: Situation) -> Iterator[TaskKind]:
    meanings = reading.meanings
    yield from (kind for meaning, kind in _TASKS.items() if meaning in meanings)
    if Meaning.OPT_IN in meanings and Meaning.OPT_OUT not in meanings:
        yield TaskKind.OPT_IN
    judged = None
    if reading.score is not None:
        judged = assess(reading.score, situation.course, situation.thresholds)
        if judged is not None:
            yield judged
    told = meanings & _TOLD or judged or (meanings & PAIN and situation.asked)
    harmless = meanings and meanings <= _HARMLESS and not situation.media
    if situation.late:
        yield TaskKind.LATE_REPLY
    if situation.in_conversation and not harmless:
        yield TaskKind.WROTE_BACK
    elif situation.media or not (told or harmless):
        yield TaskKind.UNREADABLE


def _answer(reading: Reading, situation: Situation) -> Answer | None:
    """The one answer that goes; None where silence is right."""
    meanings = reading.meanings
    if not situation.answerable:
        return None
    if Meaning.CRITICAL in meanings:
        return _red_flag(meanings)
    if situation.late or situation.in_conversation:
        return None
    if Meaning.OPT_OUT in meanings:
        return Answer.STOPPED if situation.confirms_stops and not situation.stopped else None
    said_nothing = meanings <= _HARMLESS | {Meaning.EMPTY} and not situation.media
    return None if situation.stopped or said_nothing or meanings & _NO_ANSWER else _ordinary(meanings, situation)


def _ordinary(meanings: frozenset[Meaning], situation: Situation) -> Answer | None:
    """A stranger is told how to get help if they ask for it, and nothing else."""
    if Meaning.URGENT in meanings and situation.known:
        return Answer.CALL_US
    if Meaning.HELP in meanings:
        return Answer.HELP
    return Answer.RECEIVED if situation.known else None


def _red_flag(meanings: frozenset[Meaning]) -> Answer:
    if Meaning.SUICIDE in meanings:
        return Answer.SUICIDE
    return Answer.RED_FLAG_STOPPED if Meaning.OPT_OUT in meanings else Answer.RED_FLAG
