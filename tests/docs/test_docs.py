"""The pages say what the program does: what can be compared is compared."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from followup.cli import SECTIONS, followup
from followup.config.sections import Settings
from followup.messages import plan_file

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLE = (ROOT / "config.example.toml").read_text()
WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_page_of_states_is_what_its_script_prints() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "docs" / "make_states.py"], check=True, capture_output=True, text=True
    )
    assert printed.stdout == (ROOT / "docs" / "states.md").read_text()


# Links


def _anchor(heading: str) -> str:
    """How a heading is linked to: lower case, no punctuation, dashes for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    return {_anchor(heading) for heading in re.findall(r"(?m)^#+ (.+)$", page.read_text())}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name) if name else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(target)
    assert broken == []


# Commands


def _code(page: Path) -> Iterator[str]:
    """What stands in code spans, and lines of code blocks that begin with a command."""
    text = page.read_text()
    blocks = re.findall(r"(?s)```[a-z]*\n(.*?)```", text)
    yield from (line.removeprefix("$ ") for block in blocks for line in block.splitlines())
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", text)))


def _commands(page: Path) -> list[str]:
    return [code for code in _code(page) if re.match(r"followup( --?\w| [a-z]|$)", code)]


def _wrong(command: str) -> str:
    """The first word that the program does not know; empty for a command that exists."""
    context = click.Context(followup)
    here: click.Command = followup
    words = shlex.split(command)[1:]
    while words:
        word = words.pop(0)
        known = {name: option for option in here.params for name in option.opts}
        if word.startswith("-"):
            if word not in known and word not in {"-h", "--help"}:
                return word
            option = known.get(word)
            if isinstance(option, click.Option) and not option.is_flag:
                words = words[1:]
        elif isinstance(here, click.Group):
            found = here.get_command(context, word) if word in here.list_commands(context) else None
            if found is None:
                return word
            here = found
    return ""


@each_page
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    assert [(command, _wrong(command)) for command in _commands(page) if _wrong(command)] == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert _wrong("followup plan aprove kyphoplasty") == "aprove"
    assert _wrong("followup why 0142 --verbose") == "--verbose"
    assert _commands(ROOT / "README.md") != []


def test_the_readme_names_every_command() -> None:
    shown = {" ".join(command.split()[:2]) for command in _commands(ROOT / "README.md")}
    assert {f"followup {name}" for section in SECTIONS.values() for name in section} <= shown


def test_the_readme_shows_the_two_commands_each_on_a_line_of_its_own() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/followup demo" in lines
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest" in lines


def test_the_readmes_calendar_is_what_preview_prints(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text()
    shown = re.search(r"(?s)## The kyphoplasty calendar.*?`(followup [^`]+)`.*?```text\n(.*?)```", page)
    assert shown is not None
    printed = subprocess.run(
        [sys.executable, "-m", *shlex.split(shown[1])],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "COLUMNS": "160", "PATH": ""},
    )
    assert printed.stdout == shown[2]


# Settings


def _settings(model: type[BaseModel], table: str = "") -> Iterator[tuple[str, str]]:
    """Every setting as (table, key); free tables, as [parameters], have no key."""
    for key, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, UnionType):  # of an optional table, the table
            inner = get_args(inner)[0]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{table}.{key}" if table else key)
        elif table:
            yield table, key
        else:
            yield key, ""


SETTINGS = set(_settings(Settings))


def _mentioned(page: Path) -> set[tuple[str, str]]:
    """Settings as pages write them, `[caps] mode`; a row from `monday` to `sunday` stands for the week."""
    text = page.read_text()
    found = set(re.findall(r"`\[([a-z_.]+)\](?: ([a-z_0-9]+))?`", text))
    weeks = re.findall(r"`\[([a-z_.]+)\] monday` … `sunday`", text)
    return found | {(table, day) for table in weeks for day in WEEK}


@each_page
def test_every_setting_that_is_mentioned_exists(page: Path) -> None:
    tables = {(table, "") for table, _ in SETTINGS}
    assert _mentioned(page) - SETTINGS - tables == set()


def test_the_operators_guide_explains_every_setting() -> None:
    assert SETTINGS - _mentioned(ROOT / "docs" / "guides" / "operator.md") == set()


def _explained(example: str) -> set[tuple[str, str]]:
    """The settings that stand below a comment in words, in their own table and paragraph."""
    found, table, words = set(), "", False
    for line in example.splitlines():
        if header := re.fullmatch(r"(# )?\[([a-z_]+(?:\.hours|\.on_call)?)(?:\.[a-z]+)*\]", line):
            table, words = header[2], words and bool(header[1])
            found |= {(table, "")} if words else set()
        elif setting := re.match(r"(?:# )?([a-z_0-9]+) = ", line):
            found |= {(table, setting[1])} if words else set()
        else:
            words = bool(line) and (words or line.startswith("# "))
    return found


LOGGED = re.compile(r"""(?:log\.(?:event|fault)|_log_tally)\(\s*"([^"]+)\"""")
OF_OTHERS = re.compile(r"""(?:\bfault\(|_logger\.warning\(|"event": )"([^"]+)\"""")
"""What `log.py` itself writes for the program's own faults and for libraries."""


def test_the_operators_guide_explains_every_log_line_and_no_other() -> None:
    guide = (ROOT / "docs/guides/operator.md").read_text()
    table = guide.partition("## Log lines")[2].partition("\n## ")[0]
    explained = {
        name for row in re.findall(r"(?m)^\| (`.+?`) \|", table) for name in re.findall(r"`([^`]+)`", row)
    }
    sources = (ROOT / "followup").rglob("*.py")
    logged = {name for path in sources for name in LOGGED.findall(path.read_text())}
    logged |= set(OF_OTHERS.findall((ROOT / "followup/log.py").read_text()))
    assert explained == logged


def test_the_example_explains_every_setting_in_a_comment_above_it() -> None:
    assert SETTINGS - _explained(EXAMPLE) == set()


def test_a_setting_without_a_comment_would_be_noticed() -> None:
    assert _explained("[smtp]\n# The mail server.\nhost = 1\n\nport = 2\n[caps]\nmode = 3\n") == {("smtp", "host")}


def test_the_example_is_toml_with_its_comments_taken_away() -> None:
    tomllib.loads(re.sub(r"(?m)^# ((?:[a-z_0-9]+ = |\[).*)$", r"\1", EXAMPLE).replace("# ]", "]"))


# Plans


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("`name`", plan_file._PlanTable),  # noqa: SLF001  the closed schema is the thing compared
        ("`[[restriction]]`:", plan_file._RestrictionTable),  # noqa: SLF001  same
        ("`[[step]]`:", plan_file._StepTable),  # noqa: SLF001  same
        ("## Bounds", plan_file._BoundTable),  # noqa: SLF001  same
    ],
    ids=["plan", "restriction", "step", "bound"],
)
def test_the_guide_to_care_plans_explains_every_key_and_no_other(heading: str, model: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "guides" / "care-plans.md").read_text()
    rest = page[page.index(heading if heading.startswith(("#", "`[")) else "| Key |") :]
    table = re.search(r"(?m)(?:^\|.*\n)+", rest)
    assert table is not None
    assert set(re.findall(r"(?m)^\| `([a-z_]+)` \|", table[0])) == set(model.model_fields)


def test_every_decision_is_in_the_list_and_says_context_decision_and_consequences() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text()))
    pages = {page.name: page.read_text() for page in folder.glob("[0-9]*.md")}
    assert listed == set(pages)
    for text in pages.values():
        assert re.findall(r"(?m)^## (.+)$", text) == ["Context", "Decision", "Consequences"]
