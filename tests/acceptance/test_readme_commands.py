"""Every command line that the README and the guides show can be typed as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from followup.cli import followup

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))]
_SHOWN = re.compile(r"^(?:\$ )?(?:.*&& )?(?:\.venv/bin/)?followup(?P<words> [^`\n]*)?$", re.MULTILINE)
_FENCED = re.compile(r"^```(?:sh|console|bash|text)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:\.venv/bin/)?followup(?: [^`\n]*)?)`")


def _lines(page: Path) -> list[str]:
    """Command lines in fenced blocks and between backticks, without comments."""
    text = page.read_text(encoding="utf-8")
    shown = [line for block in _FENCED.findall(text) for line in block.splitlines()] + _INLINE.findall(text)
    found = [_SHOWN.fullmatch(line.partition("  #")[0].strip()) for line in shown]
    return sorted({(match["words"] or "").strip() for match in found if match})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_shown_is_one_that_the_program_has(page: Path) -> None:
    for line in _lines(page):
        _understood(shlex.split(line), f"{page.name}: followup {line}")


def test_the_readme_shows_the_commands_of_every_day() -> None:
    shown = {line.split()[0] for line in _lines(ROOT / "README.md") if line}
    assert {"demo", "init", "enroll", "run"} <= shown


def _understood(words: list[str], where: str) -> None:
    """Follow the words through the groups; the last command knows every option and takes as many arguments."""
    command: click.Command = followup
    context = click.Context(command, info_name="followup")
    while isinstance(command, click.Group):
        while words and words[0].startswith("-"):
            option = next((p for p in command.params if words[0] in (*p.opts, *p.secondary_opts)), None)
            assert option or words[0] in {"--help", "--version"}, f"{where}: no option {words[0]}"
            takes = isinstance(option, click.Option) and not option.is_flag
            words = words[2:] if takes else words[1:]
        if not words:
            return
        found = command.get_command(context, words[0])
        assert found is not None, f"{where}: no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    # Words in capitals or in brackets stand for something: PATIENT, [STEP], NUMBER.
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
    assert {w.partition("=")[0] for w in words if w.startswith("--")} <= known, where
