"""What the tests of the words share: a clinic, its hours, readers, and an edited copy of the shipped folder."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

from followup.care.local_time import SendWindow, StaffedHours
from followup.care.people import ChannelName, Role
from followup.care.practice import Practice
from followup.messages import ClinicWords, Finding, MessageLibrary, Severity, Speaking

CHICAGO = ZoneInfo("America/Chicago")
WINDOW = SendWindow({**dict.fromkeys(range(6), (time(9), time(20))), 6: (time(12), time(20))})
WEEKDAYS = StaffedHours(dict.fromkeys(range(5), ((time(8), time(17)),)), CHICAGO)
UNTIL = {"rest": date(2026, 11, 1), "hard_effort": date(2026, 12, 11), "heavy_lifting": date(2026, 12, 11)}

FIGURES = {
    "en": {"driving": "24 hours now", "shower": "after 1 day", "lifting_weight": "10 pounds", "fever": "100.4 F"},
    "es": {"driving": "24 horas mas", "shower": "tras un día", "lifting_weight": "10 libras", "fever": "100.4 F"},
}
"""As long as a figure is likely to be: 12 characters where a text message holds it."""


def clinic(
    name: str = "Twenty-letter clinic",
    phone: str = "(214) 555-0100",
    figures: dict[str, dict[str, str]] | None = None,
) -> ClinicWords:
    return ClinicWords(name, phone, "(214) 555-0199", {"kyphoplasty": figures or {}})


def practice(library: MessageLibrary, window: SendWindow = WINDOW, staffed: StaffedHours = WEEKDAYS) -> Practice:
    return Practice(CHICAGO, window, staffed, library.plans)


def speaking(
    step: str,
    language: str = "en",
    role: Role = Role.PATIENT,
    channel: ChannelName = ChannelName.SMS,
    until: dict[str, date] | None = None,
    name: str = "Maria",
) -> Speaking:
    return Speaking("kyphoplasty", step, language, role, channel, UNTIL if until is None else until, name)


def edit(folder: Path, path: str, old: str, new: str) -> None:
    """Exchanges words in a copied file; the old ones must be there."""
    text = (folder / path).read_text(encoding="utf-8")
    assert old in text, f"{path} does not hold {old!r}"
    (folder / path).write_text(text.replace(old, new), encoding="utf-8")


def findings(folder: Path, words: ClinicWords | None = None, **rules: bool) -> list[Finding]:
    library = MessageLibrary.open_to_check(folder, words or clinic())
    return library.check(None, practice(library), **rules)


def faults(folder: Path, words: ClinicWords | None = None) -> list[str]:
    return [f"{f.where}: {f.what}" for f in findings(folder, words) if f.severity is Severity.FAULT]


def notices(folder: Path, words: ClinicWords | None = None) -> list[str]:
    return [f"{f.where}: {f.what}" for f in findings(folder, words) if f.severity is Severity.NOTICE]
