"""The files under messages/: where the folder is, which files count, and nothing from outside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from followup.errors import Fault, NotFoundError

PACKAGE = Path(__file__).resolve().parent.parent
KEY = re.compile(r"[a-z0-9-]{1,40}")
"""What plans, steps, messages and languages may be called; nothing else ever becomes part of a path."""

LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?")
SHARED, VOCABULARY = "shared", "vocabulary"
LARGEST_TEMPLATE = 20_000
"""Bytes. The longest shipped text is a third of it."""

_MOST_FILES = 5_000
_TEMPLATE = re.compile(r"[a-z0-9-]{1,40}(\.[a-z]{1,10}){1,3}\.j2")


def find_messages_folder(package: Path = PACKAGE) -> Path:
    """The shipped messages: inside an installed wheel as `_messages`, else beside the package in a checkout.

    Raises NotFoundError if neither is there.
    """
    for folder in (package / "_messages", package.parent / "messages"):
        if folder.is_dir():
            return folder
    raise NotFoundError("the shipped messages/ folder was not found; install followup again")


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in the folder: templates by path (`kyphoplasty/en/day-1.sms.j2`), and each plan's languages."""

    templates: dict[str, str]
    plans: dict[str, tuple[str, ...]]
    shared: tuple[str, ...]


def read_files(folder: Path) -> tuple[Files, list[Fault]]:
    """Every template below `folder`, and a fault for each file that cannot be trusted to be one."""
    faults: list[Fault] = []
    templates: dict[str, str] = {}
    languages: dict[str, tuple[str, ...]] = {}
    for home in _folders(folder, folder, faults):
        if home.name == VOCABULARY:
            list(_entries(folder, home, faults))
            continue
        if not KEY.fullmatch(home.name):
            faults.append(Fault(home.name, "must be named with a-z, 0-9 and - only, at most 40 of them"))
            continue
        languages[home.name] = _read_home(folder, home, templates, faults)
    shared = languages.pop(SHARED, ())
    return Files(templates, languages, shared), faults


def _read_home(folder: Path, home: Path, templates: dict[str, str], faults: list[Fault]) -> tuple[str, ...]:
    """The texts of one plan, or the shared ones; the languages it has."""
    spoken = []
    for language in _folders(folder, home, faults):
        if LANGUAGE.fullmatch(language.name):
            spoken.append(language.name)
            templates.update(_read_templates(folder, language, faults))
        else:
            faults.append(Fault(f"{home.name}/{language.name}", 'is no language; name it as "en" or "es"'))
    return tuple(spoken)


def _folders(folder: Path, parent: Path, faults: list[Fault]) -> list[Path]:
    return [path for path in _entries(folder, parent, faults) if path.is_dir()]


def _entries(folder: Path, parent: Path, faults: list[Fault]) -> Iterator[Path]:
    for count, path in enumerate(sorted(parent.iterdir())):
        where = path.relative_to(folder).as_posix()
        if count >= _MOST_FILES:
            faults.append(Fault(where, f"is one of more than {_MOST_FILES:,} files in one folder"))
            return
        if path.is_symlink():
            faults.append(Fault(where, "is a link; put the file itself here"))
        elif not path.name.startswith((".", "_")):
            yield path


def _read_templates(folder: Path, language: Path, faults: list[Fault]) -> dict[str, str]:
    found = {}
    for path in _entries(folder, language, faults):
        if path.suffix != ".j2":
            continue
        where = path.relative_to(folder).as_posix()
        text, reason = _read_template(path)
        if reason:
            faults.append(Fault(where, reason))
        else:
            found[where] = text
    return found


def _read_template(path: Path) -> tuple[str, str]:
    """The text, and why it cannot be used."""
    if not _TEMPLATE.fullmatch(path.name):
        return "", "must be named <message>.sms.j2, .email.txt.j2, .email.html.j2 or .phone.j2, in a-z, 0-9 and -"
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_TEMPLATE + 1)
        if len(raw) > LARGEST_TEMPLATE:
            return "", f"is larger than {LARGEST_TEMPLATE:,} bytes"
        return raw.decode("utf-8-sig").replace("\r\n", "\n"), ""
    except UnicodeDecodeError:
        return "", "is not UTF-8 text; save it as UTF-8"
    except OSError as error:
        return "", f"cannot be read: {(error.strerror or 'unknown reason').lower()}"
