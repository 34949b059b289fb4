"""A daemon in a process of its own, which a test can kill as the machine would, and a text held on its way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from world import World

from followup.sandbox.twilio_server import Event

PATIENCE = 60
"""Seconds after which something that should have happened is taken not to; nothing is measured by it."""

DAEMON = """
import sys
from pathlib import Path
from followup import log
from followup.app import build_app
from followup.daemon import Daemon
log.to_stderr()
app = build_app(Path(sys.argv[1]))
try:
    Daemon(app).run()
finally:
    app.close()
"""


class DaemonProcess:
    """`followup run` without the command line: until it is told to stop, or killed."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        self._out = log.open("ab")
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(config)], stdout=self._out, stderr=self._out, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._out.close()

    def kill(self) -> None:
        """As a power cut would: no handler runs."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def kill_at_once(self) -> None:
        """From within a provider's thread: it does not wait for the end."""
        os.kill(self._process.pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        return self._process.pid

    def resume(self) -> None:
        """After it was stopped."""
        self._process.send_signal(signal.SIGCONT)

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(PATIENCE)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def said(self) -> str:
        """Everything it logged."""
        return self._log.read_text()


@contextmanager
def on_the_wire(world: World) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The provider has taken the next text and waits with its answer: `taken` is set then, `answer` ends it."""
    taken, answer = threading.Event(), threading.Event()

    def hold(event: Event) -> None:
        if event.point == "after accepting" and not taken.is_set():
            taken.set()
            answer.wait(PATIENCE)

    world.twilio.on_event(hold)
    try:
        yield taken, answer
    finally:
        answer.set()
