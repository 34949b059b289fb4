"""Everything the messages/ folder holds, read once, with every reason for which it could not be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from followup.care.people import ChannelName, Role
from followup.care.plan import CarePlan, Step
from followup.care.response import Answer
from followup.errors import Fault, MessageError
from followup.messages.folder import SHARED, Files, read_files
from followup.messages.plan_file import read_plan
from followup.messages.reply_words import ReplyWords, read_reply_words
from followup.messages.template import FRAMES, Uses, read_template
from followup.messages.words import MONTHS, SUBJECTS, Months, Subjects, Words, read_words
from followup.toml_file import parse

ENDINGS = {
    ChannelName.SMS: ("sms.j2",),
    ChannelName.EMAIL: ("email.txt.j2", "email.html.j2"),
    ChannelName.PHONE: ("phone.j2",),
}

CLOSED = "closed"
"""Stands in the name of an answer's text that is used while nobody is at the clinic."""

HAS_CLOSED = frozenset({Answer.CALL_US, Answer.RECEIVED})
"""These say something else then: when the office opens, and who answers until it does."""

CONSENT, CORRECTION = "consent.txt.j2", "correction.sms.j2"
CONSENT_OF_CAREGIVER = "consent.caregiver.txt.j2"
_ANSWERING = frozenset({"clinic", "phone", "after_hours_phone", "texting"})


def answer_text(answer: Answer, *, closed: bool) -> str:
    """The name of an answer's text, with the clinic open or closed."""
    return f"{answer}.{CLOSED}.sms.j2" if closed and answer in HAS_CLOSED else f"{answer}.sms.j2"


ANSWERS = {answer_text(answer, closed=False): _ANSWERING for answer in Answer} | {
    answer_text(answer, closed=True): _ANSWERING | {"opens"} for answer in Answer if answer in HAS_CLOSED
}
"""The fixed answers, with the names each may use; `texting`: it goes as a text, not as a mail."""

FIXED = {
    **ANSWERS,
    CORRECTION: frozenset({"clinic", "phone", "restriction", "date"}),
    CONSENT: frozenset({"clinic", "phone", "after_hours_phone", "count", "weeks"}),
    CONSENT_OF_CAREGIVER: frozenset({"clinic", "phone", "after_hours_phone", "count", "weeks"}),
    **dict.fromkeys(FRAMES.values(), frozenset({"clinic", "phone", "phone_link", "after_hours_phone"})),
}
"""The shared texts that every language must have, with the names each may use."""

_ALWAYS = frozenset({"clinic", "phone", "after_hours_phone", "approved", "count", "weeks"})


@dataclass(frozen=True, slots=True)
class Contents:
    """The folder in memory. `texts` holds templates and word files by path; `uses` what each template uses."""

    folder: Path
    plans: Mapping[str, CarePlan]
    languages: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, str]
    uses: Mapping[str, Uses]
    words: Words
    reply_words: ReplyWords = field(default_factory=ReplyWords)
    refused: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()

    def source(self, path: str) -> str:
        """A text that may be filled in. Raises MessageError for one that is missing or was refused."""
        if path not in self.texts:
            raise MessageError([Fault(path, "is missing")])
        if path in self.refused:
            raise MessageError([Fault(path, "was refused")])
        return self.texts[path]

    def path(self, plan: str, language: str, message: str, role: Role, ending: str) -> str:
        """The text's path: the caregiver's own where there is one. Raises MessageError if there is none."""
        home, _, name = message.rpartition("/")
        stem = f"{home or plan}/{language}/{name}"
        named = [f"{stem}.caregiver.{ending}"] if role is Role.CAREGIVER else []
        for path in [*named, f"{stem}.{ending}"]:
            if path in self.texts:
                return path
        raise MessageError([Fault(f"{stem}.{ending}", "is missing")])

    def own_texts(self, plan: str, language: str, step: Step) -> tuple[str, ...]:
        """The paths of all texts of one step, the caregiver's own ones included."""
        found = [
            self.path(plan, language, step.message, role, ending)
            for channel in step.channels
            for role in Role
            if not (channel is ChannelName.PHONE and role is Role.CAREGIVER)
            for ending in ENDINGS[channel]
        ]
        return tuple(dict.fromkeys(found))

    def used(self) -> set[str]:
        """Every path that some step, or the shared frame of things, could use."""
        found = set()
        for plan, languages in self.languages.items():
            for language in languages:
                found |= {f"{SHARED}/{language}/{name}" for name in (*FIXED, SUBJECTS, MONTHS)}
                for step in self.plans[plan].steps if plan in self.plans else ():
                    home, _, name = step.message.rpartition("/")
                    stem = f"{home or plan}/{language}/{name}"
                    endings = [e for channel in step.channels for e in ENDINGS[channel]]
                    found |= {f"{stem}.{ending}" for ending in endings}
                    found |= {f"{stem}.caregiver.{ending}" for ending in endings if ending != "phone.j2"}
        return found

    def covered(self, plan: str, language: str, step: str | None = None) -> tuple[str, ...]:
        """The paths one signature covers: a step's texts, or all of the plan's and the shared ones it uses."""
        steps = [s for s in self.plans[plan].steps if step in {None, s.key}]
        own = [path for s in steps for path in self.own_texts(plan, language, s)]
        shared = [f"{SHARED}/{language}/{name}" for name in (*FIXED, SUBJECTS, MONTHS)] if step is None else []
        return tuple(dict.fromkeys([*own, *(path for path in shared if path in self.texts)]))


def read_contents(folder: Path) -> Contents:
    """Reads all of it; never raises for what is wrong inside, but collects it in `faults`."""
    files, faults = read_files(folder)
    words, more = read_words(folder, files.shared)
    faults += more
    reply_words, more = read_reply_words(folder, files.shared, files.plans)
    faults += more
    plans = {}
    for key in files.plans:
        plan, more = read_plan(folder, key, words.restrictions)
        faults += more
        if plan is not None:
            plans[key] = plan
    faults += _missing_languages(files, words)
    uses, refused = _read_all(files, plans)
    texts = {**files.templates, **words.shared}
    contents = Contents(folder, plans, files.plans, texts, uses, words, reply_words, frozenset(refused))
    told = [fault for found in refused.values() for fault in found]
    return replace(contents, faults=(*faults, *told, *_missing_texts(contents)))


def _read_all(files: Files, plans: Mapping[str, CarePlan]) -> tuple[dict[str, Uses], dict[str, list[Fault]]]:
    """What each template uses; and the faults of those that must not be filled in."""
    uses: dict[str, Uses] = {}
    refused: dict[str, list[Fault]] = {}
    for path, text in files.templates.items():
        uses[path], faults = read_template(path, text, allowed(path))
        plan = plans.get(path.partition("/")[0])
        faults += _unknown_keys(path, uses[path], plan) if plan else []
        if faults:
            refused[path] = faults
    return uses, refused


@lru_cache(maxsize=4096)
def dates_in(path: str, text: str) -> frozenset[str]:
    """The restrictions whose end a text tells."""
    return frozenset() if path.endswith(".toml") else frozenset(read_template(path, text, allowed(path))[0].until)


def unfit(contents: Contents, path: str, text: str) -> list[Fault]:
    """Why a signed text can no longer be used in place of the one in the folder."""
    if path not in contents.texts or text == contents.texts[path]:
        return []
    where = f"approvals.toml: {path}"
    if path.endswith(".toml"):
        return parse(text, Months if path.endswith(MONTHS) else Subjects, shown_as=where)[1]
    uses, faults = read_template(path, text, allowed(path))
    plan = contents.plans.get(path.partition("/")[0])
    faults += _unknown_keys(path, uses, plan) if plan else []
    return [Fault(f"approvals.toml: {fault.where}", fault.what) for fault in faults]


def allowed(path: str) -> frozenset[str]:
    """The names a text may use. No text message holds the patient's name; a shared one knows no plan's limits."""
    home, _, name = path.rpartition("/")
    shared = home.startswith(f"{SHARED}/")
    if shared and name in FIXED:
        return FIXED[name]
    names = _ALWAYS if shared else _ALWAYS | {"until", "parameter"}
    if ".email." in name:
        return names | {"name", "phone_link"}
    return names | {"name"} if name.endswith(".phone.j2") else names


def _unknown_keys(path: str, uses: Uses, plan: CarePlan) -> Iterator[Fault]:
    limits = {r.key for r in plan.restrictions}
    for key in sorted(uses.until - limits):
        known = ", ".join(sorted(limits)) or "none"
        yield Fault(path, f"undefined placeholder until.{key}; this plan's restrictions: {known}")
    for key in sorted(uses.parameters - set(plan.parameters)):
        known = ", ".join(plan.parameters) or "none"
        yield Fault(path, f"undefined placeholder parameter.{key}; this plan's parameters: {known}")


def _missing_languages(files: Files, words: Words) -> Iterator[Fault]:
    for plan, languages in files.plans.items():
        if not languages:
            yield Fault(plan, 'has no texts; put them in a folder per language, as "en"')
    for language in sorted({x for languages in files.plans.values() for x in languages}):
        if language not in files.shared:
            yield Fault(f"{SHARED}/{language}", "is missing; every language needs its shared texts")
        if language not in words.wording:
            yield Fault(f"vocabulary/wording.toml: language.{language}", "is missing")
        for key, called in words.restrictions.items():
            if language not in called:
                yield Fault(f"vocabulary/restrictions.toml: restriction.{key}.{language}", "is missing")


def _missing_texts(contents: Contents) -> list[Fault]:
    missing = {
        stem
        for key, plan in contents.plans.items()
        for language in contents.languages[key]
        for stem in _wanted(key, language, plan)
        if stem not in contents.texts
    }
    return [Fault(path, "is missing") for path in sorted(missing)]


def _wanted(key: str, language: str, plan: CarePlan) -> Iterator[str]:
    for step in plan.steps:
        home, _, name = step.message.rpartition("/")
        for channel in step.channels:
            for ending in ENDINGS[channel]:
                yield f"{home or key}/{language}/{name}.{ending}"
    for name in FIXED:
        yield f"{SHARED}/{language}/{name}"
