"""The reply words of messages/: vocabulary/replies.<language>.toml, the clinic's additions and each plan's."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from followup.care.meaning import Meaning
from followup.care.phrases import PhraseError, is_name, parse
from followup.care.reply_words import words_of
from followup.care.vocabulary import Vocabulary
from followup.care.word_lists import WordLists, without
from followup.errors import Fault
from followup.messages.folder import LANGUAGE, VOCABULARY
from followup.toml_file import TomlTable, read

CLINIC_FILE, PLAN_FILE = "replies.clinic.toml", "vocabulary.toml"

_PHRASES = frozenset({"questions", "symptoms", "reactions"})
"""Lists of small words whose entries may be longer than one word."""

_ANYTHING = "anything"
"""Under this key stands what looks like several meanings and has none."""

_FOUND_BY_PHRASE = frozenset(Meaning) - {Meaning.SCORE, Meaning.EMPTY, Meaning.UNREADABLE, Meaning.THANKS}


def _by_phrase(meaning: Meaning) -> Meaning:
    if meaning not in _FOUND_BY_PHRASE:
        raise ValueError("is no meaning that phrases can have")
    return meaning


def _by_phrase_or_anything(key: str) -> str:
    if key != _ANYTHING and key not in _FOUND_BY_PHRASE:
        raise ValueError("is no meaning that phrases can have")
    return key


_Line = Annotated[str, Field(min_length=1, max_length=100)]
_Lines = tuple[_Line, ...]
_ByMeaning = Mapping[Annotated[Meaning, AfterValidator(_by_phrase)], _Lines]
_Shielded = Annotated[str, AfterValidator(_by_phrase_or_anything)]
_Digit = Annotated[str, Field(pattern=r"^(10|[0-9])$")]


class _SmallWords(TomlTable):
    fillers: _Lines = ()
    barriers: _Lines = ()
    polite: _Lines = ()
    negators: _Lines = ()
    denied_through: _Lines = ()
    symptoms: _Lines = ()
    joins: _Lines = ()
    contrasts: _Lines = ()
    questions: _Lines = ()
    reactions: _Lines = ()
    before_score: _Lines = ()
    after_score: _Lines = ()
    pain: _Lines = ()
    out_of: _Lines = ()
    up_to: _Lines = ()
    units: _Lines = ()
    heat: _Lines = ()
    known: _Lines = ()


class _ReplyFile(TomlTable):
    """One language's words, or a clinic's own."""

    names: Mapping[Annotated[str, Field(pattern=r"^[A-Z][A-Z_]+$")], _Lines] = Field(default_factory=dict)
    anywhere: _ByMeaning = Field(default_factory=dict)
    whole: _ByMeaning = Field(default_factory=dict)
    clause: _ByMeaning = Field(default_factory=dict)
    asked: _ByMeaning = Field(default_factory=dict)
    harmless: Mapping[_Shielded, _Lines] = Field(default_factory=dict)
    numbers: Mapping[_Digit, _Lines] = Field(default_factory=dict)
    small_words: _SmallWords = _SmallWords()

    def lists(self) -> WordLists:
        return WordLists(
            anywhere=self.anywhere,
            whole=self.whole,
            clause=self.clause,
            asked=self.asked,
            harmless={None if key == _ANYTHING else Meaning(key): lines for key, lines in self.harmless.items()},
            names=self.names,
            numbers=tuple(self.numbers.get(str(n), ()) for n in range(11)),
            **self.small_words.model_dump(),
        )


class _PlanFile(_ReplyFile):
    """A plan's own words, and those of `anywhere` that say nothing after its procedure."""

    remove: _ByMeaning = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """All word lists of the folder. `shared`: the languages' and the clinic's; then each plan's own."""

    shared: tuple[WordLists, ...] = ()
    plans: Mapping[str, WordLists] = field(default_factory=dict)
    removed: Mapping[str, Mapping[Meaning, tuple[str, ...]]] = field(default_factory=dict)

    def vocabulary(self, plan: str | None) -> Vocabulary:
        """All that applies to a patient of this plan, or to somebody of whom no plan is known."""
        if plan is None or plan not in self.plans:
            return Vocabulary.of(self.shared)
        return Vocabulary.of([*(without(one, self.removed[plan]) for one in self.shared), self.plans[plan]])


def read_reply_words(
    folder: Path, languages: Iterable[str], plans: Iterable[str]
) -> tuple[ReplyWords, list[Fault]]:
    """Every list that can be used, and a fault for each phrase that cannot.

    A language that the program speaks without understanding its answers is a fault.
    """
    found, faults = _read_shared(folder)
    spoken = {f"{VOCABULARY}/replies.{language}.toml" for language in languages}
    faults += [
        Fault(path, "is missing; red flags of this language are read by it")
        for path in sorted(spoken - set(found))
    ]
    own: dict[str, _PlanFile] = {}
    for plan in plans:
        where = f"{plan}/{PLAN_FILE}"
        if (folder / where).is_file():
            file, more = read(folder / where, _PlanFile, shown_as=where)
            faults += more
            if file is not None:
                own[plan] = file
    files: dict[str, _ReplyFile] = found | {f"{plan}/{PLAN_FILE}": file for plan, file in own.items()}
    wrong = [fault for path, file in files.items() for fault in _faults(path, file, files)]
    wrong += [fault for plan, file in own.items() for fault in _unknown(plan, file, found)]
    if wrong:
        return ReplyWords(), faults + wrong
    return ReplyWords(
        tuple(file.lists() for file in found.values()),
        {plan: file.lists() for plan, file in own.items()},
        {plan: file.remove for plan, file in own.items()},
    ), faults


def _read_shared(folder: Path) -> tuple[dict[str, _ReplyFile], list[Fault]]:
    """The files beside each other in vocabulary/, the clinic's own the last."""
    found: dict[str, _ReplyFile] = {}
    faults: list[Fault] = []
    paths = sorted(
        (folder / VOCABULARY).glob("replies.*.toml"), key=lambda path: (path.name == CLINIC_FILE, path.name)
    )
    for path in paths:
        where = f"{VOCABULARY}/{path.name}"
        if path.name != CLINIC_FILE and not LANGUAGE.fullmatch(path.name.split(".")[1]):
            faults.append(Fault(where, 'is of no language; name it "replies.en.toml", or "replies.clinic.toml"'))
            continue
        file, more = read(path, _ReplyFile, shown_as=where)
        faults += more
        if file is not None:
            found[where] = file
    return found, faults


def _faults(where: str, file: _ReplyFile, all_files: Mapping[str, _ReplyFile]) -> Iterator[Fault]:
    """What the schema cannot see: phrases that are none, names nobody explains, two words where one belongs."""
    names = {name for each in all_files.values() for name in each.names}
    for key, phrases in _phrase_lists(file):
        for source in phrases:
            try:
                used = {symbol for symbol in parse(source).symbols if is_name(symbol)}
            except PhraseError as error:
                yield Fault(f"{where}: {key}", f"'{source}' {error}")
                continue
            for name in sorted(used - names):
                yield Fault(f"{where}: {key}", f"'{source}' uses {name}, which stands under no [names]")
            if used and key.startswith("names."):
                yield Fault(f"{where}: {key}", f"'{source}' uses another name; write out its words")
    for key, words in file.small_words.model_dump().items():
        if key in _PHRASES:
            continue
        for word in words:
            if len(words_of(word)) != 1:
                yield Fault(f"{where}: small_words.{key}", f"'{word}' must be one word")


def _phrase_lists(file: _ReplyFile) -> Iterator[tuple[str, tuple[str, ...]]]:
    for table in ("anywhere", "whole", "clause", "asked"):
        yield from ((f"{table}.{meaning}", phrases) for meaning, phrases in getattr(file, table).items())
    yield from ((f"names.{name}", phrases) for name, phrases in file.names.items())
    yield from ((f"harmless.{key}", phrases) for key, phrases in file.harmless.items())
    yield "small_words.questions", file.small_words.questions
    yield "small_words.symptoms", file.small_words.symptoms


def _unknown(plan: str, file: _PlanFile, shared: Mapping[str, _ReplyFile]) -> Iterator[Fault]:
    """Phrases taken out that are not in: nobody must believe that they are out."""
    for meaning, phrases in file.remove.items():
        known = {phrase for each in shared.values() for phrase in each.anywhere.get(meaning, ())}
        for phrase in phrases:
            if phrase not in known:
                near = difflib.get_close_matches(phrase, known, n=1)
                meant = f"; did you mean '{near[0]}'?" if near else ""
                yield Fault(f"{plan}/{PLAN_FILE}: remove.{meaning}", f"'{phrase}' stands in no list{meant}")
