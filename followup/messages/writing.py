"""From a text and what is known about its reader to the words that go out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from followup.care.message import Text
from followup.care.people import ChannelName, Role
from followup.care.plan import CarePlan, Step
from followup.errors import Fault, MessageError
from followup.messages.contents import ENDINGS, Contents
from followup.messages.folder import SHARED
from followup.messages.sms_text import plain
from followup.messages.template import View, clean, fill_in, frame_of
from followup.messages.words import MONTHS, SUBJECTS, Months, months, subjects

_US_NUMBER = 10


@dataclass(frozen=True, slots=True)
class ClinicWords:
    """What texts say about the clinic. `parameters`: by plan, language and name; a blank value counts as none."""

    name: str
    phone: str
    after_hours_phone: str
    parameters: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def given(self, plan: str, language: str) -> dict[str, str]:
        """The parameters that are set, on one line each."""
        values = self.parameters.get(plan, {}).get(language, {})
        return {name: clean(value) for name, value in values.items() if clean(value)}


@dataclass(frozen=True, slots=True)
class Speaking:
    """What a text may know: the step, its reader, and until when each restriction in force holds.

    `until` is the first local day on which a restriction no longer holds, merged over the patient's procedures;
    one that is over is left out. `name` is the patient's first name, for call scripts and an e-mail's greeting.
    """

    plan: str
    step: str
    language: str
    role: Role
    channel: ChannelName
    until: Mapping[str, date]
    name: str = ""

    def __repr__(self) -> str:
        return f"<Speaking {self.plan} {self.step} {self.language} {self.role} {self.channel}>"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One text as it is to be used: its source, its parameters, and whether somebody has signed them."""

    text: str
    parameters: Mapping[str, str]
    approved: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """When somebody is at the clinic again, and now; both by the reader's clock."""

    at: datetime
    now: datetime


Chooser = Callable[[str], Chosen]
"""From a text's path to the version that counts."""


def known_step(contents: Contents, speaking: Speaking) -> Step:
    """The step spoken of. Raises MessageError if plan, step or language is not there."""
    plan = contents.plans.get(speaking.plan)
    if plan is None or speaking.language not in contents.languages[speaking.plan]:
        raise MessageError([Fault(speaking.plan, f"has no plan of that name in '{speaking.language}'")])
    try:
        return plan.step(speaking.step)
    except KeyError:
        raise MessageError([Fault(f"{speaking.plan}/plan.toml", f"has no step '{speaking.step}'")]) from None


def paths(contents: Contents, speaking: Speaking) -> tuple[str, ...]:
    """The texts that this message is made of, the frame, subject and month names included."""
    step = known_step(contents, speaking)
    own = [
        contents.path(speaking.plan, speaking.language, step.message, speaking.role, ending)
        for ending in ENDINGS[speaking.channel]
    ]
    names = [MONTHS, *([SUBJECTS] if speaking.channel is ChannelName.EMAIL else [])]
    frames = filter(None, map(frame_of, own))
    return (*own, *(f"{SHARED}/{speaking.language}/{name}" for name in [*frames, *names]))


def write(contents: Contents, clinic: ClinicWords, speaking: Speaking, choose: Chooser) -> Text:
    """The message's words. Raises MessageError if a text is missing or a value it prints is not known."""
    step = known_step(contents, speaking)
    values = _values(contents, clinic, speaking, choose)
    filled = [
        _fill(contents.path(speaking.plan, speaking.language, step.message, speaking.role, ending), values, choose)
        for ending in ENDINGS[speaking.channel]
    ]
    match speaking.channel:
        case ChannelName.SMS:
            return Text(plain(filled[0]))
        case ChannelName.PHONE:
            return Text(tidy(filled[0]))
        case ChannelName.EMAIL:
            return Text(tidy(filled[0]), _subject(clinic, speaking, step, choose), filled[1])


def write_shared(path: str, clinic: ClinicWords, extra: Mapping[str, object], choose: Chooser) -> str:
    """A shared text that belongs to no step."""
    return _fill(path, {**_clinic_values(clinic), **extra}, choose)


def dates(language: str, choose: Chooser) -> Months:
    """How dates are said in that language."""
    return months(choose(f"{SHARED}/{language}/{MONTHS}").text)


def frequency(plan: CarePlan) -> dict[str, object]:
    """How many texts a patient is going to get, and over how many weeks (two at least: texts say the plural)."""
    texts = [s for s in plan.steps if ChannelName.SMS in (s.channels if s.also else s.channels[:1])]
    days = max((s.day for s in plan.steps), default=0)
    return {"count": str(len(texts)), "weeks": str(max(2, -(-days // 7)))}


def tidy(text: str) -> str:
    """At most one empty line in a row, none at either end."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _values(contents: Contents, clinic: ClinicWords, speaking: Speaking, choose: Chooser) -> dict[str, object]:
    said = dates(speaking.language, choose)
    short = speaking.channel is ChannelName.SMS
    until = {key: said.said(day, short=short) for key, day in speaking.until.items()}
    return {
        **_clinic_values(clinic),
        **frequency(contents.plans[speaking.plan]),
        "name": clean(speaking.name),
        "until": View(until),
    }


def _clinic_values(clinic: ClinicWords) -> dict[str, object]:
    return {
        "clinic": clean(clinic.name),
        "phone": clean(clinic.phone),
        "phone_link": _link(clinic.phone),
        "after_hours_phone": clean(clinic.after_hours_phone),
    }


def _link(phone: str) -> str:
    """What stands behind `tel:`; ten digits are a number of the United States."""
    digits = re.sub(r"[^0-9]", "", phone)
    if phone.strip().startswith("+"):
        return f"+{digits}"
    return f"+1{digits}" if len(digits) == _US_NUMBER else digits


def _fill(path: str, values: Mapping[str, object], choose: Chooser) -> str:
    chosen = choose(path)
    frame_name = frame_of(path)
    frame = choose(f"{SHARED}/{path.split('/')[1]}/{frame_name}").text if frame_name else ""
    own = {"approved": chosen.approved, "parameter": View(chosen.parameters)}
    return fill_in(path, chosen.text, {**values, **own}, frame=frame)


def _subject(clinic: ClinicWords, speaking: Speaking, step: Step, choose: Chooser) -> str:
    if not (step.asks or step.nudges):
        return message_subject(speaking.language, clinic, choose)
    path = f"{SHARED}/{speaking.language}/{SUBJECTS}"
    return clean(fill_in(path, subjects(choose(path).text).question, _clinic_values(clinic)))


def message_subject(language: str, clinic: ClinicWords, choose: Chooser) -> str:
    """The subject of a mail that tells."""
    path = f"{SHARED}/{language}/{SUBJECTS}"
    return clean(fill_in(path, subjects(choose(path).text).message, _clinic_values(clinic)))
