"""The clinic's care plans and words: loaded once, checked, signed, and filled in for one reader at a time."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Self

from followup.care.message import Text
from followup.care.people import ChannelName, Role
from followup.care.plan import CarePlan
from followup.care.practice import Practice
from followup.care.reply import Vocabulary
from followup.care.response import Answer
from followup.errors import Fault, InputError, MessageError, NotFoundError
from followup.messages.approvals import (
    Approval,
    Approvals,
    SheetText,
    fingerprint,
    read_approvals,
    write_approvals,
)
from followup.messages.check import Finding, Severity, check, orphans
from followup.messages.contents import (
    CONSENT,
    CONSENT_OF_CAREGIVER,
    CORRECTION,
    Contents,
    answer_text,
    dates_in,
    read_contents,
    unfit,
)
from followup.messages.folder import SHARED
from followup.messages.sample import in_use, sample
from followup.messages.sms_text import plain
from followup.messages.template import clean
from followup.messages.words import Called
from followup.messages.writing import (
    Chooser,
    Chosen,
    ClinicWords,
    Opening,
    Speaking,
    dates,
    frequency,
    message_subject,
    paths,
    tidy,
    write,
    write_shared,
)

MOST_TEXTS = 4096
"""Kept at once: a wave tells many the same."""

_OfStep = tuple[str, str, str, Role, ChannelName]


def _of_step(speaking: Speaking) -> _OfStep:
    """What a message is made of, whoever reads it."""
    return speaking.plan, speaking.step, speaking.language, speaking.role, speaking.channel


@dataclass(frozen=True, slots=True)
class _Making:
    """What a message is made of, whoever reads it: the version of its texts, the restrictions they name."""

    version: str
    restrictions: frozenset[str]


class MessageLibrary:
    """What may be said, in the clinic's own signed words.

    A text that was ever approved is used as it was approved, parameters included, whatever has been edited since;
    one never approved is used as it stands, without its optional sentences.
    """

    def __init__(self, contents: Contents, clinic: ClinicWords, approvals: Approvals) -> None:
        self._contents = contents
        self._clinic = clinic
        self._approvals = approvals
        self._chosen: dict[tuple[str, str, str], Chosen] = {}
        self._makings: dict[_OfStep, _Making] = {}
        self._texts: dict[tuple[object, ...], Text] = {}
        self._vocabularies: dict[str | None, Vocabulary] = {}

    @classmethod
    def load(cls, folder: Path, clinic: ClinicWords) -> Self:
        """The folder, ready for use. Raises MessageError with every fault that makes it unusable."""
        library = cls.open_to_check(folder, clinic)
        if library.faults:
            raise MessageError(list(library.faults))
        return library

    @classmethod
    def open_to_check(cls, folder: Path, clinic: ClinicWords) -> Self:
        """As `load`, but what is wrong is kept in `faults` for `check` to tell with the rest.

        Raises MessageError if there is no such folder.
        """
        if not folder.is_dir():
            raise MessageError([Fault(folder.name, "is no folder of messages")])
        contents = read_contents(folder)
        approvals, faults = read_approvals(folder)
        faults += [fault for a in approvals.by_path.values() for fault in unfit(contents, a.path, a.text)]
        return cls(replace(contents, faults=(*contents.faults, *faults)), clinic, approvals)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What makes the folder unusable."""
        return self._contents.faults

    @property
    def plans(self) -> Mapping[str, CarePlan]:
        """Every plan by its key."""
        return self._contents.plans

    def languages(self, plan: str) -> tuple[str, ...]:
        """The languages a plan has texts in; NotFoundError for an unknown plan."""
        self._known(plan)
        return self._contents.languages[plan]

    def render(self, speaking: Speaking) -> Text:
        """The words for one reader, in the version that counts. Raises MessageError if they cannot be made."""
        if speaking.channel is not ChannelName.SMS:
            return self._written(speaking)
        # No text message holds a name: all who are told the same, and of the same dates, get these words.
        key = (*_of_step(speaking), tuple(sorted(speaking.until.items())))
        if key not in self._texts:
            if len(self._texts) >= MOST_TEXTS:
                self._texts.clear()
            self._texts[key] = self._written(speaking)
        return self._texts[key]

    def _written(self, speaking: Speaking) -> Text:
        return write(self._contents, self._clinic, speaking, self._chooser(speaking.plan, speaking.language))

    def version(self, speaking: Speaking) -> str:
        """Twelve hex digits for the texts and parameters that `render` uses. Raises MessageError like it."""
        return self._making(speaking).version

    def restrictions_named(self, speaking: Speaking) -> frozenset[str]:
        """The restrictions whose end the words of `render` tell the reader. Raises MessageError like it."""
        return self._making(speaking).restrictions

    def _making(self, speaking: Speaking) -> _Making:
        """What a message is made of does not depend on its reader, and is looked up for each message sent."""
        key = _of_step(speaking)
        if key not in self._makings:
            choose = self._chooser(speaking.plan, speaking.language)
            chosen = {path: choose(path) for path in paths(self._contents, speaking)}
            marks = [f"{fingerprint(c.text, c.parameters)}{c.approved:d}" for c in chosen.values()]
            named = frozenset().union(*(dates_in(path, c.text) for path, c in chosen.items()))
            self._makings[key] = _Making(hashlib.sha256("".join(marks).encode()).hexdigest()[:12], named)
        return self._makings[key]

    def check(self, plan: str | None, practice: Practice, *, mailbox: bool = False) -> list[Finding]:
        """All that is wrong or worth knowing, of one plan or of all; the practice's hours and zone are used.

        `mailbox`: somebody reads what patients answer by e-mail.
        """
        if plan is not None and plan not in self._contents.languages:
            raise NotFoundError(self._no_plan(plan))
        found = [Finding(f.where, f.what, Severity.FAULT) for f in self.faults]
        for key in [plan] if plan is not None else list(self.plans):
            found += check(self._contents, self._clinic, key, practice, mailbox=mailbox)
        found += orphans(self._contents, tuple(self._approvals.by_path))
        return list(dict.fromkeys(found))

    def sheet(self, plan: str, language: str, step: str | None = None) -> list[SheetText]:
        """The texts that one signature would cover, as they stand now.

        Raises NotFoundError for an unknown plan, language or step.
        """
        self._known(plan, language, step)
        return [
            SheetText(
                path=path,
                text=self._contents.texts[path],
                parameters=self._in_use(plan, language, path),
                sample=sample(self._contents, self._clinic, plan, language, path),
                approval=self._approvals.get(path),
            )
            for path in self._contents.covered(plan, language, step)
        ]

    def approve(self, plan: str, language: str, by: str, on: date, step: str | None = None) -> list[str]:
        """Signs each text that waits for it; the paths of those that did.

        Raises NotFoundError as `sheet` does, InputError without a name, RefusedError where the folder cannot be
        written.
        """
        self._known(plan, language, step)
        if not clean(by):
            raise InputError("an approval needs the name of the person who gives it")
        waiting = self.unapproved(plan, language, step)
        fresh = {path: self._signed(plan, language, path, by, on) for path in waiting}
        if fresh:
            recorded, faults = read_approvals(self._contents.folder)
            if faults:
                raise MessageError(faults)
            self._approvals = recorded.with_(fresh)
            self._chosen.clear()
            self._makings.clear()
            self._texts.clear()
            write_approvals(self._contents.folder, self._approvals)
        return waiting

    def approved(self, plan: str, language: str) -> bool:
        """Whether every text of that language, as it stands now, is signed."""
        return not self.unapproved(plan, language)

    def unapproved(self, plan: str, language: str, step: str | None = None) -> list[str]:
        """The paths of the texts that wait for a signature: new, or changed since the last."""
        self._known(plan, language, step)
        return [path for path in self._contents.covered(plan, language, step) if self._waits(plan, language, path)]

    def never_approved(self, plan: str, language: str) -> list[str]:
        """The paths that nobody has ever signed in any version: without these a language cannot go live."""
        self._known(plan, language)
        return [p for p in self._contents.covered(plan, language) if self._approvals.get(p) is None]

    def consent_script(self, plan: str, language: str, role: Role = Role.PATIENT) -> str:
        """What staff read aloud at enrollment before they ask this person for consent."""
        self._known(plan, language)
        name = CONSENT if role is Role.PATIENT else CONSENT_OF_CAREGIVER
        path = f"{SHARED}/{language}/{name}"
        return tidy(write_shared(path, self._clinic, frequency(self.plans[plan]), self._chooser(plan, language)))

    def answer(self, language: str, answer: Answer, opens: Opening | None, *, texting: bool = True) -> Text:
        """A fixed answer to somebody who has just written; `opens` if nobody is at the clinic now.

        Raises MessageError if that language has none.
        """
        choose = self._chooser(SHARED, language)
        extra: dict[str, object] = {"texting": texting}
        if opens is not None:
            extra["opens"] = dates(language, choose).opens(opens.at, opens.now)
        path = f"{SHARED}/{language}/{answer_text(answer, closed=opens is not None)}"
        words = plain(write_shared(path, self._clinic, extra, choose))
        return Text(words) if texting else Text(f"{words}\n", message_subject(language, self._clinic, choose))

    def vocabulary(self, plan: str | None) -> Vocabulary:
        """What a reply is read with: all languages, the clinic's additions, and those of this plan if it is known.

        Raises MessageError where the folder has faults.
        """
        if self.faults:
            raise MessageError(list(self.faults))
        if plan not in self._vocabularies:
            self._vocabularies[plan] = self._contents.reply_words.vocabulary(plan)
        return self._vocabularies[plan]

    def correction(self, language: str, restriction: str, until: date) -> Text:
        """A draft for staff: the date a patient was told has changed. `until` is the restriction's new end."""
        choose = self._chooser(SHARED, language)
        path = f"{SHARED}/{language}/{CORRECTION}"
        said = dates(language, choose).said(until, short=True)
        extra = {"restriction": self._called(restriction, language).rule, "date": said}
        return Text(plain(write_shared(path, self._clinic, extra, choose)))

    def _chooser(self, plan: str, language: str) -> Chooser:
        """An approved text wins over the one in the folder: an edit waits for a signature.

        Raises MessageError where the folder has faults: a text that was refused is never filled in.
        """
        if self.faults:
            raise MessageError(list(self.faults))

        def choose(path: str) -> Chosen:
            key = (plan, language, path)
            if key not in self._chosen:
                self._chosen[key] = self._choose(plan, language, path)
            return self._chosen[key]

        return choose

    def _choose(self, plan: str, language: str, path: str) -> Chosen:
        approval = self._approvals.get(path)
        if approval is not None:
            return Chosen(approval.text, approval.parameters, approved=True)
        return Chosen(self._contents.source(path), self._in_use(plan, language, path), approved=False)

    def _in_use(self, plan: str, language: str, path: str) -> dict[str, str]:
        return in_use(self._contents, self._clinic, plan, language, path)

    def _signed(self, plan: str, language: str, path: str, by: str, on: date) -> Approval:
        return Approval(path, self._contents.texts[path], self._in_use(plan, language, path), clean(by), on)

    def _waits(self, plan: str, language: str, path: str) -> bool:
        approval = self._approvals.get(path)
        now = fingerprint(self._contents.texts[path], self._in_use(plan, language, path))
        return approval is None or approval.hash != now

    def _called(self, restriction: str, language: str) -> Called:
        try:
            return self._contents.words.restrictions[restriction][language]
        except KeyError:
            raise MessageError(
                [Fault("vocabulary/restrictions.toml", f"has no restriction '{restriction}' in '{language}'")]
            ) from None

    def _known(self, plan: str, language: str | None = None, step: str | None = None) -> None:
        if plan not in self.plans:
            raise NotFoundError(self._no_plan(plan))
        spoken = self._contents.languages[plan]
        if language is not None and language not in spoken:
            raise NotFoundError(f"the plan {plan} has no texts in '{language}'; it has: {', '.join(spoken)}")
        steps = [s.key for s in self.plans[plan].steps]
        if step is not None and step not in steps:
            raise NotFoundError(f"the plan {plan} has no step '{step}'; it has: {', '.join(steps)}")

    def _no_plan(self, plan: str) -> str:
        near = difflib.get_close_matches(plan, self.plans, n=1)
        meant = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(self.plans) or 'none'}"
        return f"no plan is called '{plan[:40]}'; {meant}"
