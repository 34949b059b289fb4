"""A nursery of daemons: imports and reads everything once, then forks a child for every life that a test will end.

    python kill_worker.py config.toml < commands > answers

`run MOMENT COUNT CHANNEL` forks so many children, each on a clock that stands at MOMENT: one waits until it owns
the sending, does the rounds once, sending by this channel only, and ends. The answer is a line with their pids.
`wait` answers when all have ended, with how.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from followup import log
from followup.app import App, build_app
from followup.care.people import ChannelName
from followup.rounds import Rounds
from followup.sandbox.simulated_clock import SimulatedClock

LONGEST_WAIT = 20
"""Seconds a child waits for its turn to own the sending."""

APART = timedelta(milliseconds=1)
"""No two children begin in one millisecond: ids are made from it, and on a clock that stands they would meet."""


def main() -> None:
    """Until standard input ends."""
    log.to_stderr()
    logging.getLogger("followup").setLevel(logging.WARNING)
    config, clock = Path(sys.argv[1]), SimulatedClock(datetime.fromisoformat("2000-01-01T00:00:00+00:00"))
    app = build_app(config, clock)
    app.library, app.clinic  # noqa: B018  read before the first fork, so that a child need not
    from followup.channels import smtp_email, twilio_http  # noqa: F401, PLC0415  the same, for imports
    from followup.dispatch import Dispatcher  # noqa: F401, PLC0415  the same

    children: list[int] = []
    births = 0
    for line in sys.stdin:
        match line.split():
            case ["run", moment, count, channel]:
                children = []
                for _ in range(int(count)):
                    at = datetime.fromisoformat(moment) + births * APART
                    children.append(_born(app, clock, at, ChannelName(channel)))
                    births += 1
                _say(" ".join(str(pid) for pid in children))
            case ["wait"]:
                _say(" ".join(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) for pid in children))


def _born(app: App, clock: SimulatedClock, moment: datetime, channel: ChannelName) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        clock.move_to(moment)
        _live(app, channel)
        code = 0
    finally:
        os._exit(code)


def _live(app: App, channel: ChannelName) -> None:
    """One owner's rounds; a standby takes its turn as soon as the owner is gone."""
    until = time.monotonic() + LONGEST_WAIT
    while not app.owner.acquire():
        if time.monotonic() > until:
            return
        time.sleep(0.01)
    rounds = Rounds(app)
    rounds.keep_generation()
    rounds.rescue()
    rounds.tick()
    rounds.let_go()
    rounds.drain(channel)
    rounds.poll()


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
