"""What the program says when something goes wrong that nobody thought of names no patient."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import canaries
import pytest
from acceptance_clinic import PATIENCE, Clinic, enrollment

AMISS = """
import gc, logging, sys, threading, warnings
from followup import __main__ as program
what = sys.stdin.read()
sys.argv = ["followup", "--json-help"]
try:
    program.main()
except SystemExit:
    pass
from followup import log
if {daemon}:
    log.to_stderr()
log.hide_values()

def fails():
    private = what
    raise ValueError(f"invalid literal: {{private!r}}")

class Closing:
    def __del__(self):
        fails()

thread = threading.Thread(target=fails)
thread.start()
thread.join()
Closing()
gc.collect()
warnings.warn(what, RuntimeWarning)
logging.getLogger("a.library").error("could not send %s", what)
logging.getLogger("sqlalchemy.pool").critical("could not read %s", what)
logging.getLogger("followup").error("%d", what)
try:
    fails()
except ValueError:
    logging.getLogger("another.library").exception("failed with %s", what)
try:
    fails()
except ValueError as error:
    log.fault("failed", error)
    raise KeyError(what) from error
"""


@pytest.mark.parametrize("daemon", [True, False])
def test_an_error_that_nobody_caught_is_told_by_class_and_place_and_never_in_its_own_words(
    *, daemon: bool
) -> None:
    """In the main thread, in another, while an object goes, as a warning, and by a library's log."""
    told = subprocess.run(
        [sys.executable, "-W", "always", "-c", AMISS.format(daemon=daemon)],
        input="Ruth Miller +12145550142",
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    said = told.stderr[told.stderr.index("ValueError") :]
    assert canaries.found(told.stderr + told.stdout) == []
    assert "Traceback" not in told.stderr
    assert said.count("ValueError at" if not daemon else '"event": "unexpected", "error": "ValueError"') >= 1
    assert said.count("KeyError") == 1
    assert "RuntimeWarning" in said or not daemon
    assert '"logger": "a.library"' in said


def test_a_daemon_that_is_killed_says_where_it_was_and_nobodys_name(clinic: Clinic) -> None:
    """Python's own last words, in development mode, while one patient's rows have been tampered with."""
    clinic.enroll()
    spoilt = clinic.enroll(
        name="Otto Other", record_number="B-2", mobile="214-555-0177", email=None, consent={"texts": True}
    )
    assert spoilt
    clinic.outsider("UPDATE contacts SET number = name WHERE id = (SELECT max(id) FROM contacts)")
    path = clinic.folder / "daemon.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-X", "faulthandler", "-m", "followup", "run"],
            cwd=clinic.folder,
            env=clinic.environ,
            stdin=subprocess.DEVNULL,
            stderr=log,
            stdout=log,
        )
        try:
            _wait_for('"event": "sent"', path)
            _wait_for("cannot", path)
            process.send_signal(signal.SIGABRT)
            assert process.wait(PATIENCE) == -signal.SIGABRT
        finally:
            process.kill()
            process.wait(PATIENCE)
    said = path.read_text()
    assert "Fatal Python error: Aborted" in said
    assert canaries.found(said, canaries.secrets_in(clinic.folder)) == []


def _wait_for(words: str, path: Path) -> None:
    for _ in range(PATIENCE * 5):
        if words in path.read_text():
            return
        sleep(0.2)
    raise AssertionError(f"never: {words}; the log: {path.read_text()}")


@pytest.mark.parametrize("words", [("status",), ("doctor", "--offline"), ("pause",), ("unpause",)])
def test_what_a_monitor_reads_names_nobody(clinic: Clinic, words: tuple[str, ...]) -> None:
    """Figures and states; a screen for staff may name who needs them, a metric never does."""
    clinic.enroll()
    told = clinic.run(*words)
    assert told.out
    people = [c for c in canaries.found(told.out) if c in {*canaries.PEOPLE, *canaries.RECORDS, "214-555"}]
    assert people == []
    if words[0] in {"status", "doctor"}:
        figures = clinic.run(*words, "--json")
        assert json.loads(figures.out)
        assert canaries.found(figures.out) == []


def test_the_environment_of_a_command_is_handed_on_to_nobody(clinic: Clinic) -> None:
    """A name typed at a prompt, or given as JSON, is in no variable and no argument while the command works."""
    process = subprocess.Popen(
        [sys.executable, "-m", "followup", "enroll", "--json"],
        cwd=clinic.folder,
        env=clinic.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(enrollment(clinic.today)).encode())
    process.stdin.flush()
    while b"followup" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
        os.sched_yield()
    seen = [Path(f"/proc/{process.pid}/{what}").read_bytes() for what in ("cmdline", "environ", "comm")]
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert json.loads(out)
    assert [canaries.found(part) for part in seen] == [[], [], []]
