"""An owner stopped in mid-send keeps what it has in hand; when it goes on, it asks again before it writes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import fault_table
import pytest
from fault_parts import PATIENCE, DaemonProcess
from test_killed_in_mid_send import eventually, real_time, ticked, welcomed
from world import World

from followup import change
from followup.care.delivery import Status
from followup.care.people import ConsentTo
from followup.sandbox import SmtpEvent
from followup.sandbox.twilio_server import Event

__all__ = ["real_time"]

UNDER_WAY = frozenset({Status.SENDING, Status.PLANNED})


class Stopper:
    """Stops the daemon when a provider sees a point, once."""

    def __init__(self, point: str) -> None:
        self.point = point
        self.daemon: DaemonProcess | None = None
        self.struck = threading.Event()

    def text(self, event: Event) -> None:
        if event.method == "POST" or event.point == "connected":
            self.see(event.point)

    def mail(self, event: SmtpEvent) -> None:
        self.see(event.point)

    def see(self, point: str) -> None:
        if point == self.point and self.daemon and not self.struck.is_set():
            self.struck.set()
            os.kill(self.daemon.pid, signal.SIGSTOP)


@pytest.mark.parametrize(
    ("channel", "point"),
    [
        ("sms", "before reading"),
        ("sms", "after reading"),
        ("sms", "after accepting"),
        ("sms", "before reply"),
        ("sms", "after reply"),
        ("email", "MAIL"),
        ("email", "dot"),
        ("email", "accepted"),
        ("email", "answered"),
    ],
)
def test_a_stopped_owner_keeps_its_lock_and_ends_what_it_had_begun_once(
    real_time: World, channel: str, point: str
) -> None:
    world, stopper = real_time, Stopper(point)
    agreed = ConsentTo.SMS if channel == "sms" else ConsentTo.EMAIL
    patient = welcomed(world, agreed)
    (world.twilio.on_event(stopper.text) if channel == "sms" else world.post.on_event(stopper.mail))
    with DaemonProcess(world.folder / "config.toml", world.folder / "daemon.log") as daemon:
        stopper.daemon = daemon
        assert stopper.struck.wait(PATIENCE)
        nobody_else_owns_it(world)
        daemon.resume()
        eventually(lambda: world.row(patient, "welcome", channel).status not in UNDER_WAY, "it goes on")
        daemon.terminate()
        assert daemon.ended() == 0
    row = world.row(patient, "welcome", channel)
    assert (row.attempt, row.doubts) == (1, 0)
    assert world.twilio.accepted() + world.post.accepted() == 1
    fault_table.tried("SIGSTOP of the owner", tried=1, planned=1, accepted=1)


def nobody_else_owns_it(world: World) -> None:
    """On SQLite a second process waits; on PostgreSQL it may send, and takes nothing from the living."""
    if world.app.storage.engine.dialect.name == "sqlite":
        assert not world.app.owner.acquire()
    else:
        assert world.app.owner.acquire()
        with world.app.storage.transaction() as tx:
            names = tx.sending.owners()
            assert world.app.owner.living(names) >= names
        world.app.owner.release()


def test_an_owner_that_was_stopped_before_its_mail_asks_again_when_it_wakes(real_time: World) -> None:
    """It had connected when a nurse put the patient on hold, and was stopped: nothing is handed over."""
    world, stopper = real_time, Stopper("connect")
    patient = welcomed(world, ConsentTo.EMAIL)

    def put_on_hold(event: SmtpEvent) -> None:
        if event.point == "connect" and not stopper.struck.is_set():
            with world.hand(patient) as (hand, facts):
                change.hold(hand, facts)

    world.post.on_event(put_on_hold)
    world.post.on_event(stopper.mail)
    with DaemonProcess(world.folder / "config.toml", world.folder / "daemon.log") as daemon:
        stopper.daemon = daemon
        assert stopper.struck.wait(PATIENCE)
        daemon.resume()
        eventually(lambda: world.row(patient, "welcome", "email").status is not Status.SENDING, "it let go")
        daemon.terminate()
        assert daemon.ended() == 0
    assert world.post.accepted() == 0
    fault_table.tried("SIGSTOP of the owner", tried=1, planned=1)


def test_a_standby_takes_over_when_a_stopped_owner_is_killed(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url)
    config = world.folder / "config.toml"
    with DaemonProcess(config, world.folder / "first.log") as first:
        eventually(lambda: ticked(world) is not None, "the first one's round")
        with DaemonProcess(config, world.folder / "second.log") as second:
            eventually(lambda: "standing by" in second.said(), "standing by")
            os.kill(first.pid, signal.SIGSTOP)
            before = ticked(world)
            assert not world.app.owner.acquire()
            first.kill()
            eventually(lambda: ticked(world) != before, "the second one's round")
            second.terminate()
            assert second.ended() == 0
    fault_table.tried("SIGSTOP of the owner", tried=1)
