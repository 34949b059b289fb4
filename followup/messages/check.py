"""What is wrong with a plan's words and times, all of it at once, each with its file and the reason."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from followup.care.message import Text
from followup.care.people import ChannelName
from followup.care.plan import Step
from followup.care.practice import Practice
from followup.care.response import CONFIRMS_A_STOP
from followup.errors import MessageError
from followup.messages.contents import ANSWERS, CORRECTION, ENDINGS, Contents, answer_text
from followup.messages.folder import SHARED
from followup.messages.reach import Reach, reach
from followup.messages.sample import SAMPLE_DAY, SAMPLE_OPENINGS, as_it_stands, attempt, readers
from followup.messages.sms_text import plain, replaced, segments
from followup.messages.template import is_html
from followup.messages.words import SUBJECTS, Wording, subjects
from followup.messages.writing import Chooser, ClinicWords, Speaking, dates, write_shared

MOST_WORDS = 12
"""Words in a sentence (CARE.md §5)."""

LONG_NAME, LONG_PHONE = "Twenty-letter clinic", "(214) 555-0100"
"""A text that fits with a name of 20 letters fits most clinics."""

EMERGENCY, STOP_WORD = "911", "STOP"
_QUOTES = "'\"\u2019\u201d\u00bb"
_ACTIVE = re.compile(r"(?i)<\s*(script|img|link|iframe|form|object|video|svg)|https?:|@import|url\(|\son\w+\s*=")
_TAG_END = re.compile(r"(?i)</(p|h1|h2|li|div|td|title)>|<br>")


class Severity(StrEnum):
    """A fault must be mended before anything is sent; a notice is worth knowing."""

    FAULT = "fault"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: the file (and key or line), what it is, and how bad."""

    where: str
    what: str
    severity: Severity = Severity.FAULT

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.what}"


def check(
    contents: Contents, clinic: ClinicWords, plan: str, practice: Practice, *, mailbox: bool
) -> Iterator[Finding]:
    """Everything about one plan whose file could be read; what could not be is told by `Contents.faults`."""
    if plan not in contents.plans:
        return
    found = list(reach(contents.plans[plan], practice))
    yield from _reaches(plan, found)
    for language in contents.languages[plan]:
        if language not in contents.words.wording:
            continue
        room = _Room(contents, clinic, plan, language)
        for reader in readers(contents, plan, language):
            yield from room.texts(reader, mailbox=mailbox)
        yield from room.shared()
        yield from room.late_dates(found)
        yield from room.parameters()


def orphans(contents: Contents, signed: tuple[str, ...]) -> Iterator[Finding]:
    """Signatures under texts that are not there, and texts that no plan uses."""
    for path in signed:
        if path not in contents.texts:
            yield Finding(
                "approvals.toml", f"holds a signature under {path}, which is no text here", Severity.NOTICE
            )
    for path in sorted(set(contents.texts) - contents.used()):
        if path.partition("/")[0] in {SHARED, *contents.plans}:
            yield Finding(path, "is used by no step", Severity.NOTICE)


def _reaches(plan: str, found: list[Reach]) -> Iterator[Finding]:
    for each in found:
        where = f"{plan}/plan.toml: step[{each.step.key}]"
        if each.fault:
            yield Finding(where, each.fault)
        elif each.closed_weekdays:
            days = ", ".join(each.closed_weekdays)
            yield Finding(where, f"is never sent after a procedure on {days}", Severity.NOTICE)


@dataclass(frozen=True, slots=True)
class _Room:
    """One language of one plan, under examination."""

    contents: Contents
    clinic: ClinicWords
    plan: str
    language: str

    @property
    def _wording(self) -> Wording:
        return self.contents.words.wording[self.language]

    def texts(self, reader: Speaking, *, mailbox: bool) -> Iterator[Finding]:
        """One message in its two states: as shipped, and with every optional sentence."""
        step = self.contents.plans[self.plan].step(reader.step)
        try:
            paths = [self._path(step, reader, ending) for ending in ENDINGS[reader.channel]]
        except MessageError:
            return  # a missing text is among the contents' own faults
        found = []
        for approved in (False, True):
            found += list(self._state(reader, paths, approved=approved))
        if reader.channel is ChannelName.EMAIL and (step.asks or step.nudges) and not mailbox:
            found += self._deaf(paths[0])
        yield from dict.fromkeys(found)

    def shared(self) -> Iterator[Finding]:
        """The fixed answers, the correction and the subject lines."""
        choose = as_it_stands(self.contents, self.clinic, self.plan, self.language, approved=True)
        for name, extra in self._fixed(choose):
            path = f"{SHARED}/{self.language}/{name}"
            if path in self.contents.texts:
                with suppress(MessageError):  # among the contents' own faults
                    yield from self._sms(path, write_shared(path, self.clinic, extra, choose), "")
        yield from self._subjects()

    def _fixed(self, choose: Chooser) -> Iterator[tuple[str, dict[str, object]]]:
        """Each fixed text with values as long as they get."""
        try:
            said = dates(self.language, choose)
        except MessageError:
            return  # among the contents' own faults
        for opens in {said.opens(moment, moment) for moment in SAMPLE_OPENINGS}:
            yield from ((name, {"texting": True, "opens": opens}) for name in ANSWERS)
        for called in self.contents.words.restrictions.values():
            if self.language in called:
                rule, day = called[self.language].rule, said.said(SAMPLE_DAY, short=True)
                yield CORRECTION, {"restriction": rule, "date": day}

    def late_dates(self, found: list[Reach]) -> Iterator[Finding]:
        """A date printed where it may be over by the time the text goes."""
        days = {r.key: r.days for r in self.contents.plans[self.plan].restrictions}
        for each in found:
            for path in self._own(each.step):
                uses = self.contents.uses.get(path)
                for key in sorted(uses.bare if uses else ()):
                    if key in days and each.last_day >= days[key]:
                        what = (
                            f"tells until.{key}, over on day {days[key]}, but may be sent on day {each.last_day}"
                        )
                        yield Finding(path, f"{what}; put it inside {{% if until.{key} %}}")

    def parameters(self) -> Iterator[Finding]:
        """Figures the clinic has not given, whose sentences stay out, and figures that no text may use."""
        given = self.clinic.given(self.plan, self.language)
        known = self.contents.plans[self.plan].parameters
        where = f"parameters.{self.plan}.{self.language}"
        for name in known:
            if name not in given:
                yield Finding(
                    f"configuration: {where}.{name}", "is not set: its sentences stay out", Severity.NOTICE
                )
        for name in sorted(set(given) - set(known)):
            nearest = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean '{nearest[0]}'?" if nearest else ""
            yield Finding(f"configuration: {where}.{name}", f"is none of this plan's parameters{meant}")

    def _path(self, step: Step, reader: Speaking, ending: str) -> str:
        return self.contents.path(self.plan, self.language, step.message, reader.role, ending)

    def _own(self, step: Step) -> tuple[str, ...]:
        try:
            return self.contents.own_texts(self.plan, self.language, step)
        except MessageError:
            return ()

    def _state(self, reader: Speaking, paths: list[str], *, approved: bool) -> Iterator[Finding]:
        choose = as_it_stands(self.contents, self.clinic, self.plan, self.language, approved=approved)
        text, reasons = attempt(self.contents, self.clinic, reader, choose)
        if reasons:
            told = tuple(f.where for f in self.contents.faults)
            yield from (Finding(r.where, r.what) for r in reasons if not any(w.startswith(r.where) for w in told))
            return
        if reader.channel is not ChannelName.SMS:
            yield from self._long_texts(paths, text)
            return
        yield from self._sms(paths[0], text.plain, self._with_all(paths[0], approved=approved))
        wide = replace(self.clinic, name=LONG_NAME, phone=LONG_PHONE)
        if len(self.clinic.name) < len(LONG_NAME):
            again, _ = attempt(self.contents, wide, reader, choose)
            if segments(again.plain).count > 1 and segments(text.plain).count == 1:
                yield Finding(paths[0], "would not fit a clinic name of 20 characters", Severity.NOTICE)

    def _with_all(self, path: str, *, approved: bool) -> str:
        uses = self.contents.uses.get(path)
        return " with every optional sentence" if approved and uses and uses.optional else ""

    def _long_name(self) -> str:
        """Why a text may be too long though nobody has touched it."""
        letters, room = len(self.clinic.name), len(LONG_NAME)
        return f"; the clinic's name has {letters} letters, texts have room for {room}" if letters > room else ""

    def _sms(self, path: str, text: str, state: str) -> Iterator[Finding]:
        words = plain(text)
        yield from _cost(path, words, state + self._long_name())
        yield from self._sentences(path, words)
        stopped = {answer_text(answer, closed=False) for answer in CONFIRMS_A_STOP}
        stop = [] if path.rpartition("/")[2] in stopped else [STOP_WORD]
        wanted = [self.clinic.name, self.clinic.phone, EMERGENCY, *stop]
        for missing in [w for w in wanted if plain(w) not in words]:
            named = {self.clinic.name: "the clinic's name", self.clinic.phone: "the clinic's phone"}
            yield Finding(path, f"does not hold {named.get(missing, missing)}")
        if hits := _holds(words, self._wording.ceilings):
            yield Finding(path, f"says '{hits[0]}'; a date is a floor: say \"before … at least\"")
        if odd := replaced(self.contents.texts[path]):
            shown = " ".join(f"U+{ord(letter):04X}" for letter in odd)
            yield Finding(path, f"has characters exchanged for plain ones when sent: {shown}", Severity.NOTICE)

    def _long_texts(self, paths: list[str], text: Text) -> Iterator[Finding]:
        for path, words in zip(paths, (text.plain, text.html), strict=False):
            if is_html(path) and (found := _ACTIVE.search(words)):
                yield Finding(path, f"holds '{found[0].strip()}': no links, pictures or scripts from elsewhere")
            yield from self._sentences(path, _read_aloud(words) if is_html(path) else words)
            if self.clinic.phone not in words:
                yield Finding(path, "does not hold the clinic's phone")
            if paths[0].endswith(".email.txt.j2") and EMERGENCY not in words:
                yield Finding(path, f"does not hold {EMERGENCY}")

    def _sentences(self, path: str, words: str) -> Iterator[Finding]:
        for sentence in sentences(words, self.clinic.name):
            count = len(_words(sentence))
            if count > MOST_WORDS:
                yield Finding(path, f'has a sentence of {count} words, {MOST_WORDS} at most: "{sentence}"')

    def _deaf(self, path: str) -> list[Finding]:
        uses = self.contents.uses.get(path)
        if uses is None or "phone" in uses.names:
            return []
        return [Finding(path, "asks by e-mail where nobody reads answers; it must say whom to call")]

    def _subjects(self) -> Iterator[Finding]:
        path = f"{SHARED}/{self.language}/{SUBJECTS}"
        if path not in self.contents.texts:
            return
        lines = subjects(self.contents.texts[path])
        name = re.findall(r"\w{4,}", self.contents.plans[self.plan].name)
        for key, line in (("message", lines.message), ("question", lines.question)):
            if hits := _holds(line, (*self._wording.health, *name)):
                yield Finding(f"{path}: {key}", f"says '{hits[0]}'; a subject shows on locked screens")


def _cost(path: str, words: str, state: str) -> Iterator[Finding]:
    cost = segments(words)
    if cost.forced_by:
        letters = " ".join(cost.forced_by)
        yield Finding(path, f"{letters} forces UCS-2: {cost.count} segments ({cost.characters} characters){state}")
    elif cost.count > 1:
        yield Finding(path, f"takes {cost.count} segments ({cost.characters} characters, 160 at most){state}")


def sentences(text: str, clinic: str) -> list[str]:
    """The sentences of a text; the clinic's name in front, an empty line and a list's dash end one too.

    The clinic's name counts as one word, however many it has.
    """
    text = text.replace(plain(clinic), "Clinic").removeprefix("Clinic: ")
    pieces = re.split(rf"(?<=[.!?])\s+|(?<=[.!?][{_QUOTES}])\s+|\n\s*\n|\n(?=- )", text)
    return [" ".join(piece.split()) for piece in pieces if piece.strip()]


def _words(sentence: str) -> list[str]:
    return re.findall(rf"[^\W_]+(?:[{_QUOTES}&.,:/@-][^\W_]+)*", sentence)


def _holds(text: str, words: tuple[str, ...]) -> list[str]:
    return [w for w in words if re.search(rf"\b{re.escape(w)}\b", text, re.IGNORECASE)]


def _read_aloud(html: str) -> str:
    """What is left of a page without its head and tags; each block is a paragraph."""
    body = re.sub(r"(?s)<head>.*?</head>", "", html)
    return re.sub(r"<[^>]+>", " ", _TAG_END.sub("\n\n", body))
