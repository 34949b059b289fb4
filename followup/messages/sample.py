"""Texts as they would read today, signed or not: for the sheet somebody signs, and for checking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from followup.care.message import Text
from followup.care.people import ChannelName, Role
from followup.errors import Fault, MessageError
from followup.messages.contents import ENDINGS, Contents
from followup.messages.writing import Chooser, Chosen, ClinicWords, Speaking, write

SAMPLE_DAY = date(2026, 12, 28)
"""Two digits of day and, in every shipped language, no month that is longer."""

SAMPLE_OPENINGS = tuple(datetime(2026, 12, day, 10, 30, tzinfo=UTC) for day in range(21, 28))
"""One of each weekday: whichever is the longest word, a text must have room for it."""

SAMPLE_NAME = "Maria"


def in_use(contents: Contents, clinic: ClinicWords, plan: str, language: str, path: str) -> dict[str, str]:
    """The parameters that this text uses and the clinic has set."""
    used = contents.uses[path].parameters if path in contents.uses else set()
    return {name: value for name, value in clinic.given(plan, language).items() if name in used}


def as_it_stands(contents: Contents, clinic: ClinicWords, plan: str, language: str, *, approved: bool) -> Chooser:
    """Every text as it lies in the folder, as if all or none of it were signed."""

    def choose(path: str) -> Chosen:
        return Chosen(contents.source(path), in_use(contents, clinic, plan, language, path), approved)

    return choose


def readers(contents: Contents, plan: str, language: str) -> Iterator[Speaking]:
    """One reader for each step, channel and role; nobody calls a caregiver."""
    until = {r.key: SAMPLE_DAY for r in contents.plans[plan].restrictions}
    for step in contents.plans[plan].steps:
        for channel in step.channels:
            for role in Role:
                if channel is not ChannelName.PHONE or role is Role.PATIENT:
                    yield Speaking(plan, step.key, language, role, channel, until, SAMPLE_NAME)


def sample(contents: Contents, clinic: ClinicWords, plan: str, language: str, path: str) -> str:
    """What a reader of this text would get once it is signed; empty for a frame, a word file and HTML."""
    choose = as_it_stands(contents, clinic, plan, language, approved=True)
    for reader in readers(contents, plan, language):
        message = contents.plans[plan].step(reader.step).message
        ending = ENDINGS[reader.channel][0]
        if contents.path(plan, language, message, reader.role, ending) == path:
            return attempt(contents, clinic, reader, choose)[0].plain
    return ""


def attempt(
    contents: Contents, clinic: ClinicWords, reader: Speaking, choose: Chooser
) -> tuple[Text, tuple[Fault, ...]]:
    """The words, and why there are none."""
    try:
        return write(contents, clinic, reader, choose), ()
    except MessageError as error:
        return Text(""), error.faults
