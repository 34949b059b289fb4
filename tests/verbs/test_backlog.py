"""The daemon was away for an hour, a night or a week: what patients get then, and what staff are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from world import NURSE, PROCEDURE_DAY, START, World, person

from followup import backlog
from followup.care.delivery import Status
from followup.care.local_time import local_day
from followup.care.message import Kind, Text
from followup.care.people import ChannelName, ConsentTo
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.change import hold, lift_hold
from followup.replan import PROGRAM, replan
from followup.storage import Transaction
from followup.storage.backlog import Backlog
from followup.storage.outbox_rows import Entry, NewMessage
from followup.storage.switches import Switch
from followup.storage.tables import messages

CHICAGO = ZoneInfo("America/Chicago")
SMS_ONLY = [ConsentTo.SMS]


def number(n: int) -> str:
    return f"+1214555{n:04}"


def enroll(world: World, n: int, on: date = PROCEDURE_DAY) -> int:
    """One patient of many, who is written to by text alone."""
    who = person(f"Pat {'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[n % 26]}", number(100 + n), email=None, agreed=SMS_ONLY)
    entered = world.enroll(patient=who, record_number=f"R-{n}", on=on, birth_date=date(1940, 1, 1 + n % 28))
    return entered.patient_id


def rounds(world: World) -> None:
    """What a daemon does in its rounds, the backlog among them, in the order of `rounds.py`."""
    storage, owner, now = world.app.storage, world.app.owner, world.clock.utc()
    backlog.take_stock(storage, owner, now)
    backlog.let_go(storage, world.clinic, owner, now)
    world.tick()
    with storage.transaction() as tx:
        tx.switches.set(Switch.TICKED, "", world.clock.utc(), PROGRAM)


def run(world: World, until: datetime, step: timedelta = timedelta(minutes=30)) -> None:
    """The daemon runs until then."""
    while world.clock.utc() < until:
        rounds(world)
        world.clock.move_to(min(until, world.clock.utc() + step, next_turn(world)))
    rounds(world)


def next_turn(world: World) -> datetime:
    now = world.clock.utc()
    with world.app.storage.reading() as tx:
        coming = [e.due_at for e in tx.outbox.between(now, now + timedelta(days=1)) if e.due_at > now]
    return min(coming, default=now + timedelta(days=1))


def away(world: World, until: datetime) -> None:
    """The daemon is stopped after a last round, and started again then."""
    rounds(world)
    world.clock.move_to(until)


SATURDAY_NOON = datetime(2026, 10, 31, 18, 0, tzinfo=UTC)
"""13:00 in Chicago; the texts of the first day were due at 10:00."""


def away_on_the_first_day(world: World) -> datetime:
    """All of the day of the procedure was said; then nothing runs until noon of the next day, which it is now."""
    run(world, START + timedelta(hours=1))
    away(world, SATURDAY_NOON)
    return SATURDAY_NOON


def say(world: World, message: int, status: str) -> None:
    """What a crash, or settling, would make of a message."""
    with world.app.storage.transaction() as tx:
        values = {"status": status, "owner": "dead"}
        tx.connection.execute(update(messages).where(messages.c.id == message).values(values))


def waiting(world: World, patient: int) -> list[Entry]:
    return [e for e in world.rows(patient) if e.status in {Status.PLANNED, Status.RETRY_WAIT}]


def held(world: World) -> list[Entry]:
    with world.app.storage.reading() as tx:
        return tx.backlog.held()


@contextmanager
def looking(world: World) -> Iterator[tuple[Transaction, Backlog]]:
    with world.app.storage.reading() as tx:
        yield tx, tx.backlog


def local_hours(world: World) -> list[int]:
    return [sms.created.astimezone(CHICAGO).hour for sms in world.twilio.messages]


def test_a_short_absence_is_no_outage(either_world: World) -> None:
    world = either_world
    enroll(world, 1)
    away(world, START + timedelta(minutes=59))
    assert backlog.take_stock(world.app.storage, world.app.owner, world.clock.utc()) == 0
    assert not held(world)


def test_the_first_start_of_all_holds_nothing(either_world: World) -> None:
    enroll(either_world, 1)
    assert backlog.take_stock(either_world.app.storage, either_world.app.owner, either_world.clock.utc()) == 0


def test_what_is_overdue_is_held_until_it_gets_its_turn(either_world: World) -> None:
    world = either_world
    patient = enroll(world, 1)
    now = away_on_the_first_day(world)
    assert backlog.take_stock(world.app.storage, world.app.owner, now) == 1
    assert backlog.take_stock(world.app.storage, world.app.owner, now) == 0
    before = len(world.twilio.messages)
    world.tick()
    assert len(world.twilio.messages) == before
    assert world.row(patient, "day-1").held_back
    assert backlog.let_go(world.app.storage, world.clinic, world.app.owner, now) == 1
    world.tick()
    assert world.row(patient, "day-1").status is Status.ACCEPTED
    with looking(world) as (tx, _):
        assert tx.switches.get(Switch.BACKLOG) is None


@pytest.mark.parametrize("days", [0, 6, 19])
def test_after_a_night_a_week_or_three_only_what_is_true_goes_by_day_one_a_day(world: World, days: int) -> None:
    """None at night, one purpose per patient and day, the rest on one list; it comes back at three at night."""
    patients = [enroll(world, n, PROCEDURE_DAY - timedelta(days=n % 3)) for n in range(6)]
    run(world, START + timedelta(hours=4))
    sent_before = len(world.twilio.messages)
    away(world, START + timedelta(days=days, hours=13))
    end = world.clock.utc() + timedelta(days=4)
    came_back = world.clock.utc()
    run(world, end)
    assert all(9 <= hour < 20 for hour in local_hours(world))
    late = [sms for sms in world.twilio.messages[sent_before:] if sms.created >= came_back]
    assert late
    days_of = [(sms.to, local_day(sms.created, CHICAGO)) for sms in late]
    assert len(days_of) == len(set(days_of))
    rows = [row for patient in patients for row in world.rows(patient)]
    assert not [row for row in rows if row.status is Status.PLANNED and row.due_at < end]
    assert not [row for row in rows if row.held_back]
    outlasted = [row for row in rows if row.status is Status.EXPIRED]
    assert {row.reason for row in outlasted} <= {Reason.OUTAGE}
    found = world.tasks(TaskKind.OUTAGE)
    assert sum(len(steps) for task in found for steps in task.detail["missed"].values()) == len(outlasted)
    assert len(found) <= 1
    assert not world.tasks(TaskKind.NOT_SENT)


def test_what_a_week_has_outlasted_is_one_task_that_names_everybody(world: World) -> None:
    patients = [enroll(world, n) for n in range(4)]
    run(world, START + timedelta(hours=1))
    away(world, START + timedelta(days=7))
    rounds(world)
    (task,) = world.tasks(TaskKind.OUTAGE)
    assert sorted(task.detail["patients"]) == sorted(patients)
    assert all("day-1 by sms" in task.detail["missed"][str(patient)] for patient in patients)
    assert task.patient_id is None


def test_many_patients_are_not_written_to_in_the_same_minute(world: World) -> None:
    for n in range(40):
        enroll(world, n)
    away_on_the_first_day(world)
    came_back = SATURDAY_NOON
    run(world, came_back + timedelta(hours=1))
    texts = world.twilio.messages
    moments = sorted(sms.created for sms in texts if sms.created >= came_back)
    assert len(moments) == 40
    assert moments[-1] - moments[0] >= timedelta(minutes=25)
    assert all(later - earlier <= timedelta(minutes=2) for earlier, later in pairwise(moments))


def test_a_turn_survives_a_change_of_other_facts(either_world: World) -> None:
    world = either_world
    patients = [enroll(world, n) for n in range(5)]
    away_on_the_first_day(world)
    backlog.take_stock(world.app.storage, world.app.owner, world.clock.utc())
    backlog.let_go(world.app.storage, world.clinic, world.app.owner, world.clock.utc())
    turns = {patient: world.row(patient, "day-1").due_at for patient in patients}
    assert len(set(turns.values())) == 5
    for patient in patients:
        with world.app.storage.transaction() as tx:
            replan(tx, world.clinic, patient, world.clock.utc())
    assert {patient: world.row(patient, "day-1").due_at for patient in patients} == turns


def test_who_has_a_message_in_doubt_waits_until_it_is_settled(world: World) -> None:
    patient, other = enroll(world, 1), enroll(world, 2)
    now = away_on_the_first_day(world)
    welcome = world.row(patient, "welcome").id
    say(world, welcome, "in_doubt")
    backlog.take_stock(world.app.storage, world.app.owner, now)
    assert backlog.let_go(world.app.storage, world.clinic, world.app.owner, now) == 1
    assert world.row(patient, "day-1").held_back
    assert not world.row(other, "day-1").held_back
    say(world, welcome, "accepted")
    assert backlog.let_go(world.app.storage, world.clinic, world.app.owner, now) == 1
    assert not world.row(patient, "day-1").held_back


def test_a_page_to_staff_goes_at_once_or_is_outlasted(world: World) -> None:
    now = world.clock.utc()
    with world.app.storage.transaction() as tx:
        for key, hours in (("short", 2), ("long", 48)):
            tx.outbox.add_message(
                NewMessage(
                    Kind.ALERT,
                    f"alert:{key}",
                    ChannelName.SMS,
                    now + timedelta(minutes=1),
                    now + timedelta(hours=hours),
                    "+12145550123",
                    Text("Task 7."),
                ),
                now,
            )
    away(world, START + timedelta(hours=12))
    rounds(world)
    assert world.texts("+12145550123") == ["Task 7."]
    (task,) = world.tasks(TaskKind.OUTAGE)
    assert task.detail["pages"] == 1


def test_facts_may_end_what_is_held_back_and_bring_it_back(either_world: World) -> None:
    world = either_world
    patient = enroll(world, 1)
    away_on_the_first_day(world)
    backlog.take_stock(world.app.storage, world.app.owner, world.clock.utc())
    with world.hand(patient) as (hand, who):
        hold(hand, who)
    assert world.row(patient, "day-1").status is Status.SUPPRESSED
    backlog.let_go(world.app.storage, world.clinic, world.app.owner, world.clock.utc())
    with world.hand(patient) as (hand, who):
        lift_hold(hand, who)
    assert not world.row(patient, "day-1").held_back
    assert world.row(patient, "day-1").status is Status.PLANNED


def test_a_person_may_let_everything_go_without_turns(either_world: World) -> None:
    world = either_world
    patients = [enroll(world, n) for n in range(4)]
    now = away_on_the_first_day(world)
    backlog.take_stock(world.app.storage, world.app.owner, now)
    backlog.let_go(world.app.storage, world.clinic, world.app.owner, now)
    with world.app.storage.transaction() as tx:
        released = backlog.release(tx, world.clinic, now, NURSE)
    assert released.placed == (now, now, now)  # the first had its turn already
    assert {world.row(patient, "day-1").due_at for patient in patients} == {now}


def test_the_stock_tells_what_is_held_since_when_and_why(either_world: World) -> None:
    world = either_world
    enroll(world, 1)
    away(world, datetime(2026, 11, 2, 18, 0, tzinfo=UTC))
    now = world.clock.utc()
    count = backlog.take_stock(world.app.storage, world.app.owner, now)
    with looking(world) as (tx, _):
        found = backlog.stock(tx)
    assert (found.away_since, found.held_since, len(found.held)) == (START, now, count)
    assert not found.expired
    backlog.let_go(world.app.storage, world.clinic, world.app.owner, now)
    with looking(world) as (tx, _):
        found = backlog.stock(tx)
    assert not found.held
    assert found.expired
