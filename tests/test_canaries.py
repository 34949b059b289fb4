"""The search for leaks finds what is planted for it; and a run in which everything fails leaks nothing."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import canaries
import pytest
from databases import outsider
from world import EMAIL, NAME, NUMBER, World, person

from followup.care.task import TaskKind
from followup.errors import FollowupError
from followup.sandbox import Close, Garbage, Refuse, SmtpClose, SmtpReply

PLANTED = {
    "a log line": """
from followup import log
log.event("sent", to=NAME)
""",
    "an error in a log line": """
from followup import log
from followup.errors import InputError
log.fault("failed", InputError("no number like " + NUMBER))
""",
    "standard error": """
import canaries
canaries.hear("cannot write to " + ADDRESS, "followup run")
""",
    "a file": """
(tmp_path / "daemon.log").write_text("welcome " + NAME)
""",
    "a database that is not sealed": """
import sqlite3
from contextlib import closing
with closing(sqlite3.connect(tmp_path / "followup.db")) as db:
    db.executescript(f"CREATE TABLE t (c); INSERT INTO t VALUES ('{NAME}');")
""",
    "a secret in a log": """
(tmp_path / "secrets").mkdir()
(tmp_path / "secrets" / "smtp_password").write_text("correct-horse-battery")
(tmp_path / "daemon.log").write_text("login with correct-horse-battery failed")
""",
    "a text in a file": """
(tmp_path / "spool").write_text("Lakeside" + " IR: You will get reminders")
""",
    "a command line": """
import subprocess, sys
subprocess.run([sys.executable, "-V", NAME], check=False, env={})
""",
    "a variable": """
import subprocess, sys
subprocess.run([sys.executable, "-V"], check=False, env={"WHO": NAME})
""",
    "a title taken later": """
import subprocess, sys, time
code = "import ctypes, time; ctypes.CDLL(None).prctl(15, bytes([82, 117, 116, 104]), 0, 0, 0); time.sleep(60)"
running = subprocess.Popen([sys.executable, "-c", code], env={})
import canaries
while not canaries.WATCH._leaks:
    time.sleep(0.05)
running.kill()
running.wait()
""",
    "a folder shared by tests": """
(tmp_path_factory.mktemp("shared") / "note").write_text(NAME)
""",
}

HARMLESS = """
from followup import log
log.event("sent", channel="sms", accepted=1)
(tmp_path / "config.toml").write_text("name = " + NAME)
(tmp_path / "daemon.log").write_text('{"event": "sent", "accepted": 1}')
print(NAME, NUMBER)
"""

TEST = """
NAME, NUMBER, ADDRESS = "Ru" + "th", "+1214" + "5550101", "ruth@" + "example.org"

def test_planted(tmp_path, tmp_path_factory):
    {body}
"""


def run_of(body: str) -> tuple[int, str]:
    """A run of pytest with one test, and what it said; nothing of it stays."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "test_planted.py")
        source.write_text(TEST.format(body="    ".join(body.strip().splitlines(keepends=True))))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n0",
            "-p",
            "canaries",
            "-p",
            "no:randomly",
            "-c",
            os.devnull,
        ]
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent), canaries.ON_PURPOSE: "yes"}
        environ.pop("PYTEST_ADDOPTS", None)
        ended = subprocess.run(
            [*command, f"--rootdir={folder}", f"--basetemp={Path(folder, 'made')}", str(source)],
            capture_output=True,
            text=True,
            env=environ,
            cwd=folder,
            check=False,
        )
        return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("body", PLANTED.values(), ids=PLANTED)
def test_a_leak_that_is_planted_fails_the_run_and_says_where_it_is(body: str) -> None:
    code, said = run_of(body)
    assert code == 1, said
    assert "this leaked:" in said
    assert "holds" in said


def test_where_nothing_leaks_the_run_passes() -> None:
    code, said = run_of(HARMLESS)
    assert code == 0, said
    assert "leaked" not in said


UNDISTURBED = 60.0
"""Seconds that a thread may go on unless it waits for something: no two may begin to be traced at the same moment,
and this process is listened to (`canaries.py`) within each of these moments."""


@contextmanager
def every_error() -> Iterator[list[str]]:
    """The text of each error of ours that is raised meanwhile, in whatever thread, caught or not."""
    said: list[str] = []

    def trace(_frame: FrameType, event: str, given: Any) -> Any:
        if event == "exception" and isinstance(given[1], FollowupError):
            said.append(str(given[1]))
        return trace

    before, interval = sys.gettrace(), sys.getswitchinterval()
    sys.setswitchinterval(UNDISTURBED)
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        yield said
    finally:
        sys.settrace(before)
        threading.settrace(before)  # type: ignore[arg-type]  # None takes it away
        sys.setswitchinterval(interval)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[str]]]:
    """Every line that this program logs, with its fields."""
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, handler = logging.getLogger("followup"), Kept()
    logger.addHandler(handler)
    yield lambda: [f"{record.getMessage()} {record.__dict__}" for record in records]
    logger.removeHandler(handler)


def faulty(world: World) -> None:
    """Refused and broken off by both providers, a text that cannot be filled in, rows tampered with."""
    for fault in (Refuse(21211), Close("after accepting"), Garbage("truncated"), Refuse(21614), Refuse(20003)):
        world.twilio.next(fault)
    refused = f"no such user {EMAIL} ({NAME})"
    for reply in (
        SmtpReply("RCPT", 550, "5.1.1", refused),
        SmtpClose("dot"),
        SmtpReply("DATA", 451, "4.3.0", refused),
    ):
        world.post.next(reply)
    patients = [world.enroll().patient_id]
    for number, name in enumerate(("Otto Other", "Otto Berg", "John Baker", "Ines Soto"), start=2):
        who = person(name, f"+1214555010{number}", f"p{number}@example.org")
        patients.append(world.enroll(name=name, record_number=f"B-{number}", patient=who).patient_id)
    with outsider(world.app.config.database_url) as execute:
        execute(f"UPDATE contacts SET name = number WHERE patient_id = {patients[3]}")  # noqa: S608  a test's own values
        execute(f"UPDATE contacts SET zone = 'No/Where' WHERE patient_id = {patients[4]}")  # noqa: S608  same
    world.run_until(world.clock.utc() + timedelta(days=3), timedelta(minutes=20))


def test_a_run_in_which_everything_fails_names_nobody_in_any_error_or_log_line(
    world: World, lines: Callable[[], list[str]]
) -> None:
    with every_error() as errors:
        faulty(world)
    assert world.tasks(TaskKind.BAD_ADDRESS)
    assert world.tasks(TaskKind.CANNOT_RENDER)
    assert errors
    assert lines()
    assert [error for error in errors if canaries.found(error)] == []
    assert [line for line in lines() if canaries.found(line) or NUMBER in line] == []


def test_no_mails_subject_names_anybody_but_the_clinic(world: World) -> None:
    world.enroll()
    world.run_until(world.clock.utc() + timedelta(days=3))
    subjects = [str(mail.message["Subject"]) for mail in world.post.mails]
    assert subjects
    assert {canary for subject in subjects for canary in canaries.found(subject)} <= {"Lakeside IR"}
