"""The sheet somebody signs: each text that waits, as patients would read it, its optional sentences marked."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from followup.cli import screen
from followup.errors import MessageError
from followup.messages.contents import (
    ANSWERS,
    CONSENT,
    CORRECTION,
    ENDINGS,
    Contents,
    read_contents,
)
from followup.messages.sample import SAMPLE_DAY, SAMPLE_OPENINGS, as_it_stands, attempt, readers
from followup.messages.writing import dates, frequency, write_shared

if TYPE_CHECKING:
    from followup.cli.shelf import Shelf
    from followup.messages import SheetText
    from followup.messages.writing import Chooser

_SPOKEN_OR_SENT = (*ANSWERS, CONSENT, CORRECTION)
_WORD = re.compile(r"\s*\S+")


def show_sheet(place: Shelf, plan: str, language: str, step: str | None) -> None:
    """Print every text that waits for a signature."""
    contents = read_contents(place.folder)
    for text in place.library.sheet(plan, language, step):
        if text.changed:
            screen.say(f"\n{text.path}  {_since(text)}", "bold")
            screen.say(_shown(_Pen(place, contents, plan, language), text))
    if blank := _blank(place, plan, language):
        screen.say(f"\nWithout a value, so their sentences stay out: {', '.join(blank)}.", "yellow")


def _since(text: SheetText) -> str:
    if text.approval is None:
        return "(new)"
    return f"(changed since {text.approval.on}, when {text.approval.by} approved it)"


def _blank(place: Shelf, plan: str, language: str) -> list[str]:
    given = place.words.given(plan, language)
    return [name for name in place.library.plans[plan].parameters if name not in given]


class _Pen:
    """Writes one language's texts as they stand today, signed or not."""

    def __init__(self, place: Shelf, contents: Contents, plan: str, language: str) -> None:
        self._place = place
        self._contents = contents
        self._plan = plan
        self._language = language

    def written(self, path: str, *, approved: bool) -> str:
        """The words; empty for a frame, a word list and HTML."""
        choose = as_it_stands(self._contents, self._place.words, self._plan, self._language, approved=approved)
        if path.rpartition("/")[2] in _SPOKEN_OR_SENT:
            return self._fixed(path, choose)
        for reader in readers(self._contents, self._plan, self._language):
            message = self._contents.plans[self._plan].step(reader.step).message
            ending = ENDINGS[reader.channel][0]
            if self._contents.path(self._plan, self._language, message, reader.role, ending) == path:
                return attempt(self._contents, self._place.words, reader, choose)[0].plain
        return ""

    def _fixed(self, path: str, choose: Chooser) -> str:
        called = next(iter(self._contents.words.restrictions.values()))[self._language]
        months, opening = dates(self._language, choose), SAMPLE_OPENINGS[0]
        extra = {
            **frequency(self._contents.plans[self._plan]),
            "restriction": called.rule,
            "date": months.said(SAMPLE_DAY, short=True),
            "opens": months.opens(opening, opening),
            "texting": True,
        }
        try:
            return write_shared(path, self._place.words, extra, choose)
        except MessageError:
            return ""


def _shown(pen: _Pen, text: SheetText) -> str:
    if text.path.endswith(".html.j2"):
        return "The HTML form of this e-mail; read it in a browser before you sign."
    full = pen.written(text.path, approved=True)
    return marked(pen.written(text.path, approved=False), full) if full else text.text.strip()


def marked(without: str, full: str) -> str:
    """The full text, with what is missing from the other between [+ and +], and what it replaces left out."""
    short, long = _WORD.findall(without), _WORD.findall(full)
    said = []
    for change, _, _, start, end in difflib.SequenceMatcher(None, short, long, autojunk=False).get_opcodes():
        words = "".join(long[start:end])
        if change == "equal" or not words:
            said.append(words)
            continue
        lead = words[: len(words) - len(words.lstrip())]
        said.append(f"{lead}[+ {words.lstrip()} +]")
    return "".join(said).strip()
