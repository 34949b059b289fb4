"""The layers and rooms of the house, as its imports show them."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import followup

HOUSE = Path(followup.__file__).parent
ROOT = HOUSE.parent
FILES = sorted(path for path in HOUSE.rglob("*.py"))

ONLY_IN: dict[str, tuple[str, ...]] = {
    "twilio": ("channels/twilio_sms.py", "channels/twilio_http.py"),
    "imaplib": ("channels/imap.py",),
    "smtplib": ("channels/smtp_email.py",),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "psycopg": ("storage/",),
    "sqlite3": ("storage/",),
    "jinja2": ("messages/",),
    "apscheduler": ("daemon.py",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "cryptography": ("storage/seal.py",),
}
"""Where a library may be imported; a folder ends with a slash."""

DRAWERS = {"utils", "util", "common", "helpers", "helper", "models", "base", "manager", "misc", "core", "tools"}
LONGEST = 375
"""Lines of a module, which is to be read in one go; a migration is history, and as long as it was."""


def test_imports_go_only_downwards_and_no_room_imports_its_neighbour() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", "pyproject.toml", "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_in_its_room(library: str) -> None:
    found = {_name(path) for path in FILES if library in _libraries(path)}
    assert {name for name in found if not name.startswith(ONLY_IN[library])} == set()
    assert found or library in {"psycopg", "sqlite3"}, f"{library} is imported nowhere: this rule is of no use"


def test_the_rules_import_the_standard_library_and_their_errors_alone() -> None:
    for path in FILES:
        if _name(path).startswith("care/"):
            outside = _libraries(path) - set(sys.stdlib_module_names) - {"followup"}
            assert outside == set(), _name(path)
            inside = {m for m in _modules(path) if m.split(".")[0] == "followup"}
            assert {m for m in inside if not m.startswith(("followup.care", "followup.errors"))} == set(), _name(
                path
            )


def test_the_rules_touch_no_clock_file_network_database_or_log() -> None:
    forbidden = {
        "time",
        "os",
        "io",
        "pathlib",
        "socket",
        "http",
        "urllib",
        "sqlite3",
        "logging",
        "random",
        "secrets",
    }
    for path in FILES:
        if _name(path).startswith("care/"):
            assert _libraries(path) & forbidden == set(), _name(path)


def test_the_sandbox_imports_nothing_of_the_house() -> None:
    for path in FILES:
        if _name(path).startswith("sandbox/"):
            inside = {m for m in _modules(path) if m.split(".")[0] == "followup"}
            assert {m for m in inside if not m.startswith("followup.sandbox")} == set(), _name(path)


def test_the_real_clock_is_made_in_one_place_of_wiring_and_at_the_command_line() -> None:
    makers = {_name(path) for path in FILES if _calls(path, "SystemClock")}
    assert {name for name in makers if name != "app.py" and not name.startswith("cli/")} == set()


def test_time_is_read_in_the_clock_and_in_the_sandbox_alone() -> None:
    readers = {_name(path) for path in FILES if _reads_time(path)}
    assert readers == {"clock.py", "sandbox/wall_clock.py"}


def test_every_module_is_named_after_what_it_does_and_can_be_read_in_one_go() -> None:
    assert {_name(path) for path in FILES if path.stem in DRAWERS} == set()
    long = {
        _name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
        if "migrations" not in path.parts
    }
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def _name(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _modules(path: Path) -> frozenset[str]:
    """Every module that is imported, for types only or inside a function too."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say where they lead"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def _libraries(path: Path) -> set[str]:
    return {module.split(".")[0] for module in _modules(path)}


def _calls(path: Path, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(_tree(path))
    )


CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


def _reads_time(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCKS
        for node in ast.walk(_tree(path))
    )
