"""A clock that is set, a machine that sleeps, hours missing or come twice: nothing at night, nothing twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from world import NUMBER, World, person

from followup.care.clock_guard import Suspicion
from followup.care.delivery import Status
from followup.care.people import ConsentTo
from followup.care.task import TaskKind
from followup.rounds import Rounds
from followup.storage.switches import Setting, Switch

CHICAGO = ZoneInfo("America/Chicago")
NIGHT = datetime(2026, 10, 31, 3, tzinfo=CHICAGO)


def rounds(world: World) -> Rounds:
    """The daemon's rounds on the world's clock, begun as the daemon begins them."""
    made = Rounds(world.app)
    made.begin()
    made.once()
    return made


def clock_switch(world: World) -> Setting | None:
    with world.app.storage.reading() as tx:
        return tx.switches.get(Switch.CLOCK)


def pass_time(world: World, by: timedelta, step: timedelta = timedelta(seconds=15)) -> None:
    """The daemon's rounds at its own pace, for so long."""
    beat, end = Rounds(world.app), world.clock.utc() + by
    while world.clock.utc() < end:
        world.clock.advance(step)
        beat.watch_clock()
        beat.tick()
        beat.once()


@pytest.mark.parametrize(
    "step",
    [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-1), timedelta(days=1), -timedelta(days=20000)],
    ids=["an hour back", "an hour forward", "a day back", "a day forward", "to 1972"],
)
def test_after_the_clock_was_set_nothing_goes_until_it_has_been_steady(world: World, step: timedelta) -> None:
    beat = rounds(world)
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS]), discharged_at=None).patient_id
    world.clock.step(step)
    beat.watch_clock()
    beat.once()
    assert world.texts() == []
    said = clock_switch(world)
    assert said is not None
    assert Suspicion(said.value) in {Suspicion.STEPPED, Suspicion.CONTRADICTED}
    assert world.row(patient, "welcome").attempt == 0


def test_a_clock_that_was_put_right_again_is_believed_and_everything_goes_once(world: World) -> None:
    beat = rounds(world)
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS]), discharged_at=None).patient_id
    world.clock.step(timedelta(hours=6))
    beat.watch_clock()
    assert world.texts() == []
    world.clock.step(timedelta(hours=-6))
    pass_time(world, timedelta(minutes=4))
    assert clock_switch(world) is None
    assert world.row(patient, "welcome").attempt == 1
    assert len(world.texts()) == 1
    assert world.tasks(TaskKind.CLOCK) == []


def test_a_jump_into_the_morning_by_night_sends_nothing_while_the_provider_knows_better(world: World) -> None:
    """The machine believes that it is ten in the morning; at the provider it is four hours earlier, and dark."""
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id
    world.run_until(NIGHT.astimezone(UTC))
    rounds(world)
    before = world.twilio.accepted()
    world.clock.step(timedelta(hours=7))
    pass_time(world, timedelta(minutes=5))
    assert world.twilio.accepted() == before
    assert world.row(patient, "day-1").attempt == 0
    assert [task.kind for task in world.tasks(TaskKind.CLOCK)] == [TaskKind.CLOCK]


def test_a_machine_that_sleeps_over_the_night_sends_in_the_morning_and_nothing_that_is_over(world: World) -> None:
    patient = world.enroll(patient=person(agreed=[ConsentTo.SMS])).patient_id
    rounds(world)
    world.clock.sleep(datetime(2026, 10, 31, 9, 30, tzinfo=CHICAGO) - world.clock.utc())
    pass_time(world, timedelta(hours=1), timedelta(minutes=1))
    assert clock_switch(world) is None
    assert world.row(patient, "going-home").status in {Status.EXPIRED, Status.DELIVERED, Status.ACCEPTED}
    assert world.row(patient, "day-1").attempt == 1
    sent = [sms.created.astimezone(CHICAGO) for sms in world.twilio.messages if sms.to == NUMBER]
    assert all(9 <= moment.hour < 20 for moment in sent)


@pytest.mark.parametrize(
    ("on", "zone"),
    [
        (date(2026, 3, 6), "America/Chicago"),
        (date(2026, 10, 30), "America/Chicago"),
        (date(2027, 10, 1), "Australia/Lord_Howe"),
        (date(2027, 4, 2), "Australia/Lord_Howe"),
        (date(2028, 2, 27), "America/Chicago"),
    ],
    ids=["clocks go forward", "clocks go back", "half an hour forward", "half an hour back", "leap day"],
)
def test_through_the_days_that_clocks_change_each_text_goes_once_at_its_local_hour(
    make_world: object, sqlite_url: str, on: date, zone: str
) -> None:
    place = ZoneInfo(zone)
    start = datetime(on.year, on.month, on.day, 14, tzinfo=place).astimezone(UTC)
    world: World = make_world(sqlite_url, start=start, zone=zone)  # type: ignore[operator]  # the fixture's function
    who = person(zone=zone, agreed=[ConsentTo.SMS])
    world.enroll(on=on, patient=who)
    rounds(world)
    pass_time(world, timedelta(days=4), timedelta(minutes=20))
    sent = [sms.created.astimezone(place) for sms in world.twilio.messages if sms.to == NUMBER]
    assert world.twilio.duplicates() == {}
    assert len(sent) >= 3
    for moment in sent:
        assert (12 if moment.weekday() == 6 else 9) <= moment.hour < 20


def test_new_rules_of_time_zones_place_what_is_unsent_anew(world: World) -> None:
    patient = world.enroll().patient_id
    rounds(world)
    with world.app.storage.transaction() as tx:
        tx.switches.set(Switch.TZDATA, "the rules of last year", world.clock.utc(), "followup")
    Rounds(world.app).begin()
    with world.app.storage.reading() as tx:
        assert tx.stale.patients(10) == [patient]
    world.tick()
    with world.app.storage.reading() as tx:
        assert tx.stale.patients(10) == []


def test_a_start_on_a_clock_that_is_behind_what_is_recorded_waits(world: World) -> None:
    rounds(world)
    beat = Rounds(world.app)
    beat.tick()
    world.clock.step(timedelta(hours=-3))
    beat.begin()
    said = clock_switch(world)
    assert said is not None
    assert Suspicion(said.value) in {Suspicion.BEHIND, Suspicion.CONTRADICTED}
    assert not world.app.timekeeper.look().trusted
