"""Four daemons drain one PostgreSQL, killed and restarted at random: nobody is texted twice, nobody is forgotten.

`FOLLOWUP_DRAIN` is how many messages there are; `FOLLOWUP_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from databases import emptied
from world import World, person

from followup import settle
from followup.care.delivery import UNSENT, WITH_PROVIDER, Status
from followup.enroll import enroll_in_chunks
from followup.entered import Enrollment
from followup.messages import find_messages_folder
from followup.storage.heartbeat import beating

MESSAGES = int(os.environ.get("FOLLOWUP_DRAIN", "20000"))
DAEMONS = 4
DAY_0 = date(2026, 10, 26)
ENROLLED = datetime(2026, 10, 26, 19, 0, tzinfo=UTC)
DUE = datetime(2026, 10, 30, 15, 0, tzinfo=UTC)
"""Friday, 10:00 in Chicago: day 4's text is due, and eight hours are left for settling."""

PLANS = {"careful": "true", "ordinary": "false"}
"""Two plans of one text each; whether it is critical."""

_PLAN = """
name = "{name}"
parameters = ["lifting_weight"]
[[restriction]]
key = "hard_effort"
days = 42
[[restriction]]
key = "heavy_lifting"
days = 42
[[step]]
key = "activity"
day = 4
at = 10:00:00
valid_until = [{{ day = 6, at = 20:00:00 }}]
channels = ["sms"]
critical = {critical}
"""


def write_plans(folder: Path) -> None:
    """The two plans beside the shipped ones, in kyphoplasty's words."""
    messages = folder / "messages"
    shutil.copytree(find_messages_folder(), messages)
    for name, critical in PLANS.items():
        (messages / name / "en").mkdir(parents=True)
        (messages / name / "plan.toml").write_text(_PLAN.format(name=name.title(), critical=critical))
        shutil.copy(messages / "kyphoplasty/en/activity.sms.j2", messages / name / "en")


def entries(count: int) -> Iterator[Enrollment]:
    for number in range(count):
        letters = "".join("ABCDEFGHIJ"[int(digit)] for digit in str(number))
        yield Enrollment(
            plan=plan_of(number),
            on=DAY_0,
            name=f"Ruth {letters}",
            birth_date=date(1944, 5, 6),
            patient=person(f"Ruth {letters}", number_of(number), None),
            discharged_at=ENROLLED,
        )


def plan_of(number: int) -> str:
    return sorted(PLANS)[number % 2]


def number_of(number: int) -> str:
    return f"+1214{2000000 + number:07d}"


@dataclass
class Daemons:
    """The daemons that are alive, and whoever forks them."""

    nursery: subprocess.Popen[str]
    alive: list[int] = field(default_factory=list)

    def ask(self, words: str) -> int:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(words + "\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    def born(self) -> None:
        self.alive.append(self.ask("born"))

    def end(self, pid: int, how: signal.Signals) -> int:
        """How a child ended that was sent this signal."""
        self.alive.remove(pid)
        os.kill(pid, how)
        return self.ask(f"ended {pid}")


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Callable[[Path], Daemons]]:
    started: list[Daemons] = []

    def start(config: Path) -> Daemons:
        command = [sys.executable, str(Path(__file__).with_name("drain_worker.py")), str(config), DUE.isoformat()]
        with (tmp_path / "nursery.log").open("w") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        started.append(Daemons(process))
        return started[-1]

    yield start
    for one in started:
        for pid in list(one.alive):
            one.end(pid, signal.SIGKILL)
        assert one.nursery.stdin
        assert one.nursery.stdout
        one.nursery.stdin.close()
        one.nursery.wait(30)
        one.nursery.stdout.close()


def statuses(world: World) -> Counter[Status]:
    with world.app.storage.reading() as tx:
        return Counter(tx.outbox.counts())


def anything_due(world: World) -> bool:
    with world.app.storage.reading() as tx:
        return tx.sending.anything_due(DUE + timedelta(seconds=30))


@pytest.fixture
def group(make_world: Callable[..., World], tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """A hospital group on PostgreSQL."""
    write_plans(tmp_path)
    return make_world(emptied(request.getfixturevalue("_postgresql")), start=ENROLLED)


@pytest.mark.timeout(1500)
def test_four_daemons_killed_at_random_text_everybody_once_or_tell_a_person(
    group: World, daemons: Callable[[Path], Daemons], tmp_path: Path
) -> None:
    dice = random.Random(int(os.environ.get("FOLLOWUP_SEED", "5")))  # noqa: S311  a test's dice
    world = group
    clinic = world.app.clinic
    for _ in enroll_in_chunks(world.app.storage, clinic, entries(MESSAGES), world.clock.utc, "test"):
        pass
    world.clock.move_to(DUE)  # the provider's clock, too
    nursery = daemons(tmp_path / "config.toml")
    for _ in range(DAEMONS):
        nursery.born()
    ends: Counter[int] = Counter()
    most = 0
    while anything_due(world):
        time.sleep(dice.uniform(0.5, 4))
        with world.app.storage.reading() as tx:
            most = max(most, len(beating(tx.connection)))
        how = signal.SIGTERM if dice.random() < 0.2 else signal.SIGKILL
        ends[nursery.end(dice.choice(nursery.alive), how)] += 1
        nursery.born()
    for pid in list(nursery.alive):
        ends[nursery.end(pid, signal.SIGTERM)] += 1

    world.clock.move_to(DUE + timedelta(minutes=1))
    settle_all(world)

    rows = [entry for found in of_everybody(world).values() for entry in found]
    sent = Counter(sms.to for sms in world.twilio.messages)
    tasks = {task.message_id for task in world.tasks()}
    assert len(rows) == MESSAGES
    assert ends[-signal.SIGKILL] > 0
    assert ends[0] > 0, "none ended as it should"
    assert set(ends) <= {0, -signal.SIGKILL}
    assert most > 1, "they never ran together"
    assert max(sent.values()) == 1
    assert len(sent) == sum(entry.status in WITH_PROVIDER for entry in rows)
    assert all(sent[number_of(n)] == 1 for n in range(MESSAGES) if plan_of(n) == "careful")
    assert all(entry.status in WITH_PROVIDER or entry.status is Status.UNRESOLVED for entry in rows)
    assert all(entry.id in tasks for entry in rows if entry.status is Status.UNRESOLVED)


def settle_all(world: World) -> None:
    """What the dead had in hand is looked for until nothing is in doubt, and a critical text goes once more."""
    storage, owner = world.app.storage, world.app.owner
    assert owner.acquire()
    settle.rescue(storage, world.app.clinic, owner, world.clock.utc())
    for _ in range(40):
        while settle.settle(storage, world.app.clinic, world.app.ledgers, world.clock) == settle.BATCH:
            pass
        world.dispatcher.tick()
        found = statuses(world)
        if not any(found[status] for status in (*UNSENT, Status.IN_DOUBT, Status.SENDING)):
            return
        world.clock.advance(timedelta(minutes=11))
    pytest.fail(f"not settled: {statuses(world)}")


def of_everybody(world: World) -> dict[int, list]:  # type: ignore[type-arg]  # rows of the outbox
    with world.app.storage.reading() as tx:
        return tx.outbox.of_patients(tx.register.all_ids())
