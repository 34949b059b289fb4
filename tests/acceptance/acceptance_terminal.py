"""A terminal with somebody at it: a pseudo-terminal on which a command asks and a person types."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from acceptance_clinic import FOLLOWUP, PATIENCE, Clinic

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """One command at a terminal."""

    def __init__(self, screen: int, process: subprocess.Popen[bytes]) -> None:
        self._screen = screen
        self._process = process
        self._shown = b""
        self._read_to = 0

    @property
    def shown(self) -> str:
        """All that has been on the screen, without colours, as one reads it."""
        return _COLOURS.sub("", self._shown.decode(errors="replace")).replace("\r\n", "\n")

    def sees(self, words: str) -> None:
        """Wait until `words` appear, after what was seen before."""
        while (found := self.shown.find(words, self._read_to)) < 0:
            assert self._more(), f"{words!r} never came; the screen shows:\n{self.shown}"
        self._read_to = found + len(words)

    def types(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._screen, line.encode() + b"\n")

    def asks(self, words: str, answer: str = "") -> None:
        """Wait for a question and answer it; Enter alone by default."""
        self.sees(words)
        self.types(answer)

    def interrupts(self) -> None:
        """Press Ctrl-C: what the terminal makes of it is a signal.

        Enter after it wakes a program that was caught between its question and its waiting for the answer.
        """
        self._process.send_signal(signal.SIGINT)
        self.types("")

    def ends(self) -> int:
        """Wait for the command to end; returns its exit code."""
        while self._more():
            pass
        return self._process.wait(PATIENCE)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], PATIENCE)
        assert ready, f"the command hangs; the screen shows:\n{self.shown}"
        try:
            read = os.read(self._screen, 65536)
        except OSError:  # Linux says EIO once the last program has left a terminal
            return False
        self._shown += read
        return bool(read)


@contextmanager
def _heard_by_children(number: signal.Signals) -> Iterator[None]:
    """A run of the tests in a shell's background ignores Ctrl-C, and its children would with it."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def terminal(clinic: Clinic, *words: str) -> Iterator[Terminal]:
    """`followup …` at a terminal 200 columns wide."""
    ours, theirs = pty.openpty()
    environ = clinic.environ | {"TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"}
    with _heard_by_children(signal.SIGINT):
        process = subprocess.Popen(
            [*FOLLOWUP, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=clinic.folder,
            env=environ,
            start_new_session=True,
        )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(ours)
