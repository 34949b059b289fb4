"""The daemon dies with a message in hand: the next start names it in doubt, tells a person, sends it no more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fault_parts import PATIENCE, DaemonProcess, on_the_wire
from world import EMAIL, NAME, NUMBER, World, numbered, person

from followup.care.delivery import Status
from followup.care.people import ConsentTo
from followup.sandbox import SmtpEvent
from followup.sandbox.twilio_server import Event
from followup.storage.switches import Switch

PRIVATE = (NAME, "Miller", NUMBER, NUMBER[1:], EMAIL, "Lakeside IR:", "STOP=end", "sandbox")

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Auckland",
    "Asia/Tokyo",
    "Asia/Dhaka",
)
"""Wherever the sun stands, it is between noon and six in one of them."""


@pytest.fixture
def real_time(make_world: Callable[..., World], database_url: str) -> World:
    """A clinic at the real time, where it is early afternoon: daemons in other processes have no other clock."""
    now = datetime.now(UTC)  # noqa: TID251  the daemon in the other process reads the real clock
    zone = next(zone for zone in ZONES if 12 <= now.astimezone(ZoneInfo(zone)).hour < 18)
    return make_world(database_url, start=now, zone=zone)


def eventually(is_so: Callable[[], bool], what: str) -> None:
    waiting = threading.Event()
    for _ in range(PATIENCE * 20):
        if is_so():
            return
        waiting.wait(0.05)
    pytest.fail(f"it never happened: {what}")


def welcomed(world: World, *agreed: ConsentTo) -> int:
    """A patient whose only message due now is the welcome, by what they agreed to."""
    zone = world.app.clinic.practice.zone
    today = world.clock.utc().astimezone(zone).date()
    entered = world.enroll(on=today, discharged_at=None, patient=person(agreed=agreed, zone=zone.key))
    return entered.patient_id


@pytest.mark.parametrize("point", ["after reading", "after accepting", "after reply"])
def test_killed_while_a_text_is_on_the_wire(real_time: World, point: str) -> None:
    world = real_time
    patient = welcomed(world, ConsentTo.SMS)
    running: list[DaemonProcess] = []
    struck = threading.Event()

    def strike(event: Event) -> None:
        if event.point == point and event.method == "POST" and not struck.is_set():
            struck.set()
            running[0].kill_at_once()

    world.twilio.on_event(strike)
    log = world.folder / "daemon.log"
    with DaemonProcess(world.folder / "config.toml", log) as first:
        running.append(first)
        assert struck.wait(PATIENCE)
        first.ended()
    claimed = world.row(patient, "welcome")
    assert claimed.status in {Status.SENDING, Status.ACCEPTED}
    accepted = world.twilio.accepted()
    if claimed.status is Status.SENDING:
        in_doubt_after_the_next_start(world, patient, "sms")
    assert world.twilio.accepted() == accepted
    assert_nothing_private(log.read_text())


@pytest.mark.parametrize("point", ["dot", "accepted"])
def test_killed_while_a_mail_is_on_the_wire(real_time: World, point: str) -> None:
    world = real_time
    patient = welcomed(world, ConsentTo.EMAIL)
    running: list[DaemonProcess] = []
    struck = threading.Event()

    def strike(event: SmtpEvent) -> None:
        if event.point == point and not struck.is_set():
            struck.set()
            running[0].kill_at_once()

    world.post.on_event(strike)
    log = world.folder / "daemon.log"
    with DaemonProcess(world.folder / "config.toml", log) as first:
        running.append(first)
        assert struck.wait(PATIENCE)
        first.ended()
    assert world.row(patient, "welcome", "email").status is Status.SENDING
    kept = world.post.accepted()
    in_doubt_after_the_next_start(world, patient, "email")
    assert world.post.accepted() == kept
    assert_nothing_private(log.read_text())


def in_doubt_after_the_next_start(world: World, patient: int, channel: str) -> None:
    """The next daemon names the doubt, goes on with its rounds and does not blindly send it a second time."""
    with DaemonProcess(world.folder / "config.toml", world.folder / "daemon.log") as second:
        eventually(lambda: "doubted" in trail(world, patient, channel), "in doubt")
        before = ticked(world)
        eventually(lambda: ticked(world) not in {None, before}, "another round")
        second.terminate()
        assert second.ended() == 0
    row = world.row(patient, "welcome", channel)
    assert (row.attempt, row.doubts) == (1, 1)
    assert row.status in {Status.IN_DOUBT, Status.RETRY_WAIT}


def trail(world: World, patient: int, channel: str) -> list[str]:
    with world.app.storage.reading() as tx:
        return [move.action for move in tx.audit.moves_of(world.row(patient, "welcome", channel).id)]


def ticked(world: World) -> datetime | None:
    with world.app.storage.reading() as tx:
        setting = tx.switches.get(Switch.TICKED)
    return setting.at if setting else None


def assert_nothing_private(said: str) -> None:
    assert '"started"' in said
    assert not [word for word in PRIVATE if word in said]


def test_a_standby_takes_over_when_the_sender_is_killed(make_world: Callable[..., World], sqlite_url: str) -> None:
    """One sender an SQLite file: the second waits, and begins the moment the first is gone."""
    world = make_world(sqlite_url)
    config = world.folder / "config.toml"
    first_log, second_log = world.folder / "first.log", world.folder / "second.log"
    with DaemonProcess(config, first_log) as first:
        eventually(lambda: ticked(world) is not None, "the first one's round")
        with DaemonProcess(config, second_log) as second:
            eventually(lambda: "standing by" in second.said(), "standing by")
            before = ticked(world)
            first.kill()
            eventually(lambda: '"tick"' in second.said() or ticked(world) != before, "the second one's round")
            second.terminate()
            assert second.ended() == 0


def test_told_to_stop_while_sending_it_finishes_what_is_on_the_wire_and_claims_no_more(real_time: World) -> None:
    """SIGTERM with a text at the provider: its outcome is written down, and nothing is left in hand."""
    world = real_time
    patient = welcomed(world, ConsentTo.SMS)
    config, log = world.folder / "config.toml", world.folder / "daemon.log"
    with on_the_wire(world) as (taken, answer), DaemonProcess(config, log) as daemon:
        assert taken.wait(PATIENCE)
        late = other_patient(world)
        daemon.terminate()
        answer.wait(0.5)
        answer.set()
        assert daemon.ended() == 0
        assert '"stopped"' in daemon.said()
    row = world.row(patient, "welcome")
    assert (row.status, row.attempt) == (Status.ACCEPTED, 1)
    assert world.row(late, "welcome").status is Status.PLANNED
    assert world.twilio.accepted() == 1


def other_patient(world: World) -> int:
    zone = world.app.clinic.practice.zone
    today = world.clock.utc().astimezone(zone).date()
    who = person("Otto Other", "+12145550102", None, zone=zone.key)
    born = date(1950, 2, 3)
    return world.enroll(
        on=today, discharged_at=None, name="Otto Other", record_number="B-2", birth_date=born, patient=who
    ).patient_id


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_daemons_on_one_postgresql_send_each_text_once(real_time: World) -> None:
    """Both send; between them every patient gets one welcome."""
    world = real_time
    zone = world.app.clinic.practice.zone
    today = world.clock.utc().astimezone(zone).date()
    for number in range(40):
        who = person(numbered(number), f"+1214555{number:04d}", None, zone=zone.key)
        born = date(1940, 1, 1) + timedelta(days=number)
        named = {"name": numbered(number), "record_number": f"R-{number}", "birth_date": born}
        world.enroll(on=today, discharged_at=None, patient=who, **named)
    config = world.folder / "config.toml"
    with (
        DaemonProcess(config, world.folder / "one.log") as one,
        DaemonProcess(config, world.folder / "two.log") as two,
    ):
        eventually(lambda: world.twilio.accepted() >= 40, "every welcome")
        for name in ("one.log", "two.log"):
            log = world.folder / name
            eventually(lambda log=log: '"started"' in log.read_text(), "a daemon that can be told to stop")
        for daemon in (one, two):
            daemon.terminate()
        assert [one.ended(), two.ended()] == [0, 0]
    assert world.twilio.accepted() == 40
    assert world.twilio.duplicates() == {}
    with world.app.storage.reading() as tx:
        assert Status.SENDING not in tx.outbox.counts()
