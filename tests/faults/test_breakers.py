"""A sender that fails is left alone, tried again by one message, and costs no patient an attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from world import World, numbered, person

from followup.care.delivery import Status
from followup.care.people import ChannelName, ConsentTo
from followup.care.task import TaskKind
from followup.channels.slots import Slots
from followup.dispatch import Tally
from followup.pausing import unpause
from followup.sandbox import Delay, Reset, SmtpReply
from followup.sandbox.faults import Status as HttpStatus
from followup.storage.breakers import GivenUp

SMS_ONLY, MAIL_ONLY = (ConsentTo.SMS,), (ConsentTo.EMAIL,)


def crowd(world: World, count: int, agreed: tuple[ConsentTo, ...] = SMS_ONLY) -> list[int]:
    """So many patients who are all to be welcomed now."""
    return [
        world.enroll(
            name=numbered(number),
            record_number=f"R-{number}",
            birth_date=date(1940, 1, 1) + timedelta(days=number),
            patient=person(numbered(number), f"+1214555{number:04d}", f"p{number}@example.org", agreed=agreed),
            discharged_at=None,
        ).patient_id
        for number in range(count)
    ]


def given_up(world: World) -> list[GivenUp]:
    with world.app.storage.reading() as tx:
        return tx.breakers.given_up()


def statuses(world: World, patients: list[int], channel: str = "sms") -> list[Status]:
    return [world.row(patient, "welcome", channel).status for patient in patients]


def charged(world: World, patients: list[int], channel: str = "sms") -> int:
    return sum(world.row(patient, "welcome", channel).charged for patient in patients)


def wait(world: World, minutes: int) -> datetime:
    world.run_until(world.clock.utc() + timedelta(minutes=minutes), timedelta(minutes=1))
    return world.clock.utc()


def test_one_answer_that_refuses_the_account_stops_its_channel_and_no_other(world: World) -> None:
    texted, mailed = crowd(world, 3), world.enroll(patient=person(agreed=MAIL_ONLY)).patient_id
    world.twilio.always(HttpStatus(401))
    world.tick()
    (sender,) = given_up(world)
    assert (sender.channel, sender.code) == (ChannelName.SMS, "20003")
    assert world.row(mailed, "welcome", "email").status is Status.SENT
    assert [task.kind for task in world.tasks(TaskKind.SENDER_PAUSED)] == [TaskKind.SENDER_PAUSED]
    assert charged(world, texted) == 0


def test_while_it_fails_one_message_at_a_time_tries_it_less_and_less_often(world: World) -> None:
    patients = crowd(world, 3)
    world.twilio.always(HttpStatus(401))
    world.tick()
    tried = sum(world.row(patient, "welcome").attempt for patient in patients)
    wait(world, 60)
    more = sum(world.row(patient, "welcome").attempt for patient in patients) - tried
    assert 3 <= more <= 8
    assert charged(world, patients) == 0


def test_when_it_works_again_everybody_gets_their_text_and_the_task_closes_itself(world: World) -> None:
    patients = crowd(world, 20)
    world.twilio.always(HttpStatus(401))
    world.tick()
    world.twilio.clear()
    wait(world, 60)
    assert set(statuses(world, patients)) == {Status.DELIVERED}
    assert world.twilio.duplicates() == {}
    assert given_up(world) == []
    assert world.tasks() == []


def test_five_mails_in_a_row_that_the_server_hangs_up_on_stop_it(world: World) -> None:
    patients = crowd(world, 8, MAIL_ONLY)
    world.post.always(SmtpReply("connect", 421))
    world.tick()
    assert [sender.channel for sender in given_up(world)] == [ChannelName.EMAIL]
    assert charged(world, patients, "email") == 0
    world.post.clear()
    wait(world, 60)
    assert set(statuses(world, patients, "email")) == {Status.SENT}


def test_a_provider_that_is_down_costs_nobody_an_attempt_and_is_a_red_status(world: World) -> None:
    patients = crowd(world, 8)
    world.twilio.always(Reset("before reading"))
    world.tick()
    assert [sender.channel for sender in given_up(world)] == [ChannelName.SMS]
    doubted = [status for status in statuses(world, patients) if status is Status.IN_DOUBT]
    assert len(doubted) <= len(patients)


def test_what_happened_to_a_sender_is_known_to_the_next_process(world: World) -> None:
    crowd(world, 3)
    world.twilio.always(HttpStatus(403))
    world.tick()
    before = world.twilio.accepted()
    world.twilio.clear()
    fresh = type(world.dispatcher.senders)(world.clinic, world.dispatcher.senders.accounts, 64)
    with world.app.storage.transaction() as tx:
        assert fresh.room(tx, ChannelName.SMS, world.clock.utc()) == 0
        assert fresh.room(tx, ChannelName.EMAIL, world.clock.utc()) == 64
    assert world.twilio.accepted() == before


def test_a_person_who_has_mended_it_need_not_wait(world: World) -> None:
    patients = crowd(world, 3)
    world.twilio.next(HttpStatus(401))
    world.tick()
    assert given_up(world)
    with world.app.storage.transaction() as tx:
        assert unpause(tx, None, world.clock.utc(), "ann") == (ChannelName.SMS,)
    assert world.tasks(TaskKind.SENDER_PAUSED) == []
    wait(world, 40)
    assert set(statuses(world, patients)) == {Status.DELIVERED}


def test_what_is_claimed_and_not_on_the_wire_when_a_sender_is_given_up_is_not_sent(world: World) -> None:
    crowd(world, 16)
    # Four go at once, so that more is claimed than has a slot; one answer refuses the account; the rest is slow.
    world.twilio.next(HttpStatus(401), to="+12145550004")
    for number in range(5, 16):
        world.twilio.always(Delay(0.4, accepted=True), to=f"+1214555{number:04d}")
    few = Slots(world.app.channels[ChannelName.SMS], 4)
    alone = replace(world.dispatcher, slots={ChannelName.SMS: few})
    alone.drain(ChannelName.SMS, Tally())
    few.close()
    assert [sender.channel for sender in given_up(world)] == [ChannelName.SMS]
    assert 4 <= world.twilio.accepted() <= 9
    world.twilio.clear()
    wait(world, 60)
    assert world.twilio.duplicates() == {}
    assert world.twilio.accepted() == 16
