"""A nursery of daemons that drain one database together: imports once, then forks a child for every life.

    python drain_worker.py config.toml MOMENT < commands > answers

`born` forks a child and answers with its pid: on a clock that stands at MOMENT it rescues and drains until it is
told to stop (SIGTERM) or killed. `ended PID` answers with how that child ended.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

from kill_worker import APART

from followup import log
from followup.app import App, build_app
from followup.care.people import ChannelName
from followup.rounds import Rounds
from followup.sandbox.simulated_clock import SimulatedClock

PAUSE = 0.05
"""Seconds between two rounds of one child."""


def main() -> None:
    """Until standard input ends."""
    log.to_stderr()
    logging.getLogger("followup").setLevel(logging.WARNING)
    config, clock = Path(sys.argv[1]), SimulatedClock(datetime.fromisoformat(sys.argv[2]))
    app = build_app(config, clock)
    app.library, app.clinic  # noqa: B018  read before the first fork, so that a child need not
    from followup.channels import twilio_http  # noqa: F401, PLC0415  the same, for imports
    from followup.dispatch import Dispatcher  # noqa: F401, PLC0415  the same

    for line in sys.stdin:
        match line.split():
            case ["born"]:
                # No two begin in one millisecond: ids are made from it.
                clock.advance(APART)
                answer = str(_born(app))
            case ["ended", pid]:
                answer = str(os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1]))
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


def _born(app: App) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _live(app)
        code = 0
    finally:
        os._exit(code)


def _live(app: App) -> None:
    rounds = Rounds(app)
    signal.signal(signal.SIGTERM, lambda *_: rounds.stopping.set())
    with closing(app):
        while not rounds.stopping.is_set():
            rounds.rescue()
            rounds.drain(ChannelName.SMS)
            rounds.stopping.wait(PAUSE)


if __name__ == "__main__":
    main()
