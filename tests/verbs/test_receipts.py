"""What the provider says became of messages: few lists, ranks that only rise, and a sender that is to blame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from world import World, numbered, person

from followup import receipts, settle
from followup.care.arrival import Bounce
from followup.care.delivery import Status
from followup.care.people import ChannelName
from followup.care.task import TaskKind
from followup.channels.remembered import Remembered
from followup.pausing import unpause
from followup.receipts import bounced
from followup.sandbox import Close, Event

MAIL_DOMAIN = "example.org"


def crowd(world: World, how_many: int) -> list[int]:
    return [
        world.enroll(
            name=numbered(place),
            record_number=f"R-{place}",
            patient=person(numbered(place), f"+1214556{place:04}", f"p{place}@example.org"),
        ).patient_id
        for place in range(how_many)
    ]


def requests(world: World) -> list[Event]:
    """Every request that the provider gets from now on."""
    asked: list[Event] = []
    world.twilio.on_event(lambda event: asked.append(event) if event.point == "after reading" else None)
    return asked


def test_a_whole_wave_is_looked_up_in_a_few_lists_and_not_one_by_one(either_world: World) -> None:
    world = either_world
    crowd(world, 60)
    world.dispatcher.tick()
    world.clock.advance(timedelta(minutes=2))
    asked = requests(world)
    receipts.poll(world.app.storage, world.clinic, world.app.ledgers, world.clock)
    assert len(asked) <= 3
    with world.app.storage.reading() as tx:
        assert tx.outbox.counts()[Status.DELIVERED] == 60


def test_receipts_and_doubt_are_looked_up_in_the_same_list(world: World) -> None:
    crowd(world, 20)
    world.twilio.next(*[Close("after accepting")] * 4)
    world.dispatcher.tick()
    world.clock.advance(timedelta(minutes=2))
    asked = requests(world)
    ledgers = {name: Remembered(ledger) for name, ledger in world.app.ledgers.items()}
    receipts.poll(world.app.storage, world.clinic, ledgers, world.clock)
    settle.settle(world.app.storage, world.clinic, ledgers, world.clock)
    assert len(asked) <= 3
    with world.app.storage.reading() as tx:
        assert Status.IN_DOUBT not in tx.outbox.counts()


def test_a_sender_that_is_not_registered_pauses_texts_and_staff_hear_at_once(world: World) -> None:
    patient = world.enroll().patient_id
    world.twilio.fate("+12145550101", "undelivered", 30034)
    world.run_until(world.clock.utc() + timedelta(minutes=30), timedelta(minutes=1))
    with world.app.storage.reading() as tx:
        assert ChannelName.SMS in tx.switches.paused_channels()
    (task,) = world.tasks(TaskKind.SENDER_PAUSED)
    assert task.detail["code"] == "30034"
    assert world.row(patient, "welcome").status is Status.UNDELIVERED
    with world.app.storage.transaction() as tx:
        assert unpause(tx, None, world.clock.utc(), "ann") == (ChannelName.SMS,)
    assert world.tasks(TaskKind.SENDER_PAUSED) == []


@pytest.mark.parametrize(("texts", "paused"), [(1, False), (2, False), (3, True)])
def test_one_filtered_text_is_a_task_and_three_pause_the_sender(world: World, texts: int, paused: bool) -> None:  # noqa: FBT001  a table of cases
    for place in range(texts):
        world.twilio.fate(f"+1214556{place:04}", "undelivered", 30007)
    crowd(world, 4)
    world.run_until(world.clock.utc() + timedelta(minutes=20), timedelta(minutes=2))
    with world.app.storage.reading() as tx:
        assert (ChannelName.SMS in tx.switches.paused_channels()) is paused
    assert len(world.tasks(TaskKind.UNDELIVERED)) == texts


def bounce(world: World, patient: int, *, status: str = "5.1.1", permanent: bool = True) -> Bounce:
    mail_id = (world.row(patient, "welcome", "email").provider_id or "").strip("<>").partition("@")[0]
    bad = status.startswith("5.1")
    return Bounce("dsn-1", mail_id, status, permanent, bad, datetime(2026, 10, 30, 20, tzinfo=UTC))


def test_a_mail_that_bounces_marks_the_address_bad_and_is_a_task(either_world: World) -> None:
    world = either_world
    patient = world.enroll().patient_id
    world.dispatcher.tick()
    found = bounce(world, patient)
    for _ in range(3):
        bounced(world.app.storage, world.clinic, found, MAIL_DOMAIN, world.clock.utc())
    row = world.row(patient, "welcome", "email")
    assert (row.status, row.code) == (Status.UNDELIVERED, "5.1.1")
    (task,) = world.tasks(TaskKind.BAD_ADDRESS)
    assert task.times == 1
    assert not world.contact(patient).may_use(ChannelName.EMAIL)


def test_a_mail_that_is_late_changes_nothing(world: World) -> None:
    patient = world.enroll().patient_id
    world.dispatcher.tick()
    late = bounce(world, patient, status="4.4.1", permanent=False)
    assert not bounced(world.app.storage, world.clinic, late, MAIL_DOMAIN, world.clock.utc())
    assert world.row(patient, "welcome", "email").status is Status.SENT
