"""What goes wrong at a provider or at the database ends in an explained state; nobody else's message suffers."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from databases import outsider
from world import EMAIL, NAME, NUMBER, World, person

from followup.care.delivery import Status
from followup.care.people import ConsentTo
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.errors import BusyError, MessageError
from followup.messages import find_messages_folder
from followup.sandbox import BlackHole, Close, Fault, Garbage, Refuse, SmtpClose, SmtpReply
from followup.sandbox.faults import Status as HttpStatus
from followup.sandbox.twilio_server import Event
from followup.storage.seal import Place

SMS_ONLY, MAIL_ONLY = (ConsentTo.SMS,), (ConsentTo.EMAIL,)
OTHER = "+12145550102"


@pytest.fixture(autouse=True)
def _nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG, "followup")
    yield
    said = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert not [word for word in (NAME, NUMBER, NUMBER[1:], EMAIL, "STOP=end") if word in said]


def other(world: World, **changes: object) -> int:
    """A second patient, with another number."""
    who = person("Otto Other", OTHER, None)
    return world.enroll(
        name="Otto Other", record_number="B-2", birth_date=date(1950, 2, 3), patient=who, **changes
    ).patient_id


@pytest.mark.parametrize(
    "fault",
    [
        Close("after reading"),
        Close("after accepting"),
        Close("mid reply"),
        Garbage("no sid"),
        Garbage("html"),
        Garbage("empty object"),
        Garbage("truncated"),
        HttpStatus(503),
    ],
    ids=repr,
)
def test_an_unclear_answer_is_doubt_that_the_providers_list_ends_and_never_a_second_text(
    world: World, fault: Fault
) -> None:
    world.twilio.next(fault, to=NUMBER)
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY), discharged_at=None)
    world.tick()
    row = world.row(enrolled.patient_id, "welcome")
    assert (row.status, row.reason) == (Status.IN_DOUBT, Reason.UNCLEAR_ANSWER)
    accepted = world.twilio.accepted(NUMBER)
    world.run_until(world.clock.utc() + timedelta(minutes=90), timedelta(minutes=5))
    row = world.row(enrolled.patient_id, "welcome")
    assert world.twilio.accepted(NUMBER) == accepted
    if accepted:
        assert row.status is Status.DELIVERED
        assert not world.tasks()
    else:
        assert (row.status, row.reason) == (Status.UNRESOLVED, Reason.NOT_FOUND)
        assert [t.message_id for t in world.tasks(TaskKind.UNRESOLVED)] == [row.id]


def test_a_provider_that_never_answers_is_doubt_after_the_deadline(world: World) -> None:
    world.twilio.next(BlackHole(), to=NUMBER)
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY))
    world.tick()
    assert world.row(enrolled.patient_id, "welcome").status is Status.IN_DOUBT


def test_a_refused_number_is_not_tried_again_and_the_mail_takes_over(world: World) -> None:
    world.twilio.always(Refuse(21211), to=NUMBER)
    enrolled = world.enroll()
    world.run_until(datetime(2026, 10, 31, 20, tzinfo=UTC))
    assert world.row(enrolled.patient_id, "welcome").status is Status.FAILED
    assert world.row(enrolled.patient_id, "day-1", "email").status is Status.SENT
    assert world.tasks(TaskKind.BAD_ADDRESS)


def test_21610_counts_as_stop_for_everybody_who_shares_the_number(world: World) -> None:
    husband = world.enroll(
        name="Henry Miller", record_number="B-9", birth_date=date(1940, 1, 1), patient=person("Henry Miller")
    )
    world.twilio.next(Refuse(21610), to=NUMBER)
    enrolled = world.enroll(patient=person(agreed=(ConsentTo.SMS, ConsentTo.EMAIL)))
    world.tick()
    for patient in (husband.patient_id, enrolled.patient_id):
        rows = [r for r in world.rows(patient) if r.channel == "sms" and not r.attempt]
        assert {r.reason for r in rows} == {Reason.OPTED_OUT}
        assert world.row(patient, "day-1", "email").status is Status.PLANNED


def test_a_blocked_account_stops_the_channel_charges_nobody_and_is_tried_again(world: World) -> None:
    world.twilio.next(HttpStatus(401))
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY))
    second = other(world)
    world.tick()
    rows = [world.row(patient, "welcome") for patient in (enrolled.patient_id, second)]
    refused = [r for r in rows if r.status is Status.RETRY_WAIT]
    assert refused
    assert {r.charged for r in refused} == {0}
    assert len(world.tasks(TaskKind.SENDER_PAUSED)) == 1
    world.run_until(world.clock.utc() + timedelta(minutes=40), timedelta(minutes=5))
    assert not world.tasks(TaskKind.SENDER_PAUSED)
    assert {world.row(p, "welcome").status for p in (enrolled.patient_id, second)} <= {
        Status.ACCEPTED,
        Status.SENT,
        Status.DELIVERED,
    }


def test_a_busy_provider_is_asked_again_and_nobody_is_charged(world: World) -> None:
    world.twilio.next(HttpStatus(429, retry_after=90))
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY))
    world.tick()
    row = world.row(enrolled.patient_id, "welcome")
    assert (row.status, row.charged) == (Status.RETRY_WAIT, 0)
    world.run_until(world.clock.utc() + timedelta(minutes=5))
    assert world.row(enrolled.patient_id, "welcome").attempt == 2
    assert world.twilio.accepted(NUMBER) == 1


def test_a_mail_server_that_hangs_up_before_the_dot_gets_the_mail_again(world: World) -> None:
    world.post.next(SmtpClose("DATA"))
    enrolled = world.enroll(patient=person(agreed=MAIL_ONLY))
    world.tick()
    assert world.row(enrolled.patient_id, "welcome", "email").status is Status.RETRY_WAIT
    world.run_until(world.clock.utc() + timedelta(minutes=5))
    assert world.row(enrolled.patient_id, "welcome", "email").status is Status.SENT
    assert world.post.accepted() == 1


@pytest.mark.parametrize("point", ["dot", "accepted"])
def test_a_mail_whose_dot_went_unanswered_is_sent_again_as_the_same_mail(world: World, point: str) -> None:
    world.post.next(SmtpClose(point))  # type: ignore[arg-type]  # one of its points
    enrolled = world.enroll(patient=person(agreed=MAIL_ONLY))
    world.tick()
    assert world.row(enrolled.patient_id, "welcome", "email").doubts == 1
    world.run_until(world.clock.utc() + timedelta(minutes=10), timedelta(minutes=1))
    assert world.row(enrolled.patient_id, "welcome", "email").status is Status.SENT
    assert len({mail.message_id for mail in world.post.mails}) == 1
    assert not world.tasks()


def test_a_refused_address_ends_with_a_task(world: World) -> None:
    world.post.next(SmtpReply("RCPT", 550, "5.1.1"))
    enrolled = world.enroll(patient=person(agreed=MAIL_ONLY))
    world.tick()
    assert world.row(enrolled.patient_id, "welcome", "email").status is Status.FAILED
    assert world.tasks(TaskKind.BAD_ADDRESS)


# The database is held, or refuses


def test_outcomes_are_kept_until_the_database_can_be_written_again(world: World) -> None:
    """Another program holds the database from the moment the provider has the text until long after."""
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY))
    held = threading.Event()
    released = threading.Event()
    path = world.app.config.database_url.removeprefix("sqlite:///")

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            held.set()
            released.wait(13)
            another.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    world.twilio.on_event(
        lambda event: (holder.start(), held.wait(10)) if event.point == "after accepting" else None
    )
    world.dispatcher.tick()
    released.set()
    holder.join()
    row = world.row(enrolled.patient_id, "welcome")
    assert (row.status, row.attempt) == (Status.ACCEPTED, 1)
    assert row.provider_id == world.twilio.messages[0].sid


def test_while_another_program_holds_the_database_nothing_is_sent_and_nothing_lost(world: World) -> None:
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY))
    path = world.app.config.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError):
            world.dispatcher.tick()
        another.execute("ROLLBACK")
    assert world.twilio.accepted() == 0
    world.tick()
    assert world.row(enrolled.patient_id, "welcome").sent_at is not None


def test_an_outcome_that_cannot_be_written_ends_in_doubt_and_its_group_is_kept(either_world: World) -> None:
    """The provider gives a text an id that another row bears: that outcome is refused, the others are not lost."""
    world = either_world
    first = world.enroll(patient=person(agreed=SMS_ONLY))
    second = other(world)
    bearer = world.row(second, "six-weeks")

    def give_away(event: Event) -> None:
        if event.point == "after accepting" and event.to == NUMBER:
            sid = next(sms.sid for sms in world.twilio.messages if sms.to == NUMBER)
            with outsider(world.app.config.database_url) as execute:
                execute(f"UPDATE messages SET provider_id = '{sid}' WHERE id = {bearer.id}")  # noqa: S608  a test's own values

    world.twilio.on_event(give_away)
    world.dispatcher.tick()
    assert world.row(first.patient_id, "welcome").status is Status.IN_DOUBT
    assert world.row(second, "welcome").status is Status.ACCEPTED


def test_what_was_claimed_and_never_recorded_is_named_in_doubt_by_the_next_round(world: World) -> None:
    """However it came about: a row in our own hand that nobody is sending is found, not left for ever."""
    enrolled = world.enroll(patient=person(agreed=SMS_ONLY))
    second = other(world, on=date(2026, 11, 10), discharged_at=None)
    dispatcher = world.dispatcher
    assert dispatcher.owner.acquire()
    with outsider(world.app.config.database_url) as execute:
        execute(
            f"UPDATE messages SET status = 'sending', owner = '{dispatcher.owner.name}', attempt = 1, "  # noqa: S608  a test's own value
            f"sent_at = '2026-10-30 19:00:00' WHERE patient_id = {enrolled.patient_id} AND step = 'welcome'"
        )
    world.dispatcher.tick()
    assert world.row(enrolled.patient_id, "welcome").status is Status.IN_DOUBT
    assert world.row(second, "welcome").attempt == 1


# Texts that cannot be made


@pytest.fixture
def spoil(tmp_path: Path) -> Callable[[str], None]:
    """Puts other words into the clinic's own copy of the going-home text."""

    def write(words: str) -> None:
        shutil.copytree(find_messages_folder(), tmp_path / "messages")
        (tmp_path / "messages/kyphoplasty/en/going-home.sms.j2").write_text(words)

    return write


@pytest.mark.parametrize("bomb", ["{% for a in range(99999999) %}x{% endfor %}", "{{ 'x' * 999999999 }}"])
def test_a_text_that_is_a_bomb_is_refused_at_the_door(
    make_world: Callable[..., World], sqlite_url: str, spoil: Callable[[str], None], bomb: str
) -> None:
    spoil(bomb)
    with pytest.raises(MessageError, match=r"going-home\.sms\.j2"):
        make_world(sqlite_url)


def test_a_text_that_cannot_be_made_ends_alone_with_a_task(
    make_world: Callable[..., World], sqlite_url: str, spoil: Callable[[str], None]
) -> None:
    """It prints a figure the clinic left blank: that row fails, the mail of the same step goes."""
    spoil("{{ clinic }}: No driving for {{ parameter.driving }}. {{ phone }}. 911. STOP=end")
    world = make_world(sqlite_url)
    enrolled = world.enroll()
    world.run_until(world.clock.utc() + timedelta(hours=1))
    row = world.row(enrolled.patient_id, "going-home")
    assert (row.status, row.reason) == (Status.FAILED, Reason.CANNOT_RENDER)
    assert world.row(enrolled.patient_id, "going-home", "email").status is Status.SENT
    assert world.tasks(TaskKind.CANNOT_RENDER)


def test_a_name_with_braces_that_another_program_entered_is_written_as_it_stands(world: World) -> None:
    """At our own door it is refused."""
    enrolled = world.enroll(patient=person(agreed=MAIL_ONLY))
    rename(world, enrolled.patient_id, "{{7*7}} Miller")
    world.tick()
    assert world.row(enrolled.patient_id, "welcome", "email").status is Status.SENT
    words = world.post.mails[0].message.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert "Hello {{7*7}}," in words


def rename(world: World, patient_id: int, name: str) -> None:
    """As a program would that has the keys and not our rules."""
    contact = world.contact(patient_id).id
    sealed = world.app.storage.sealer.seal(Place("contacts", "name", contact), name)
    with outsider(world.app.config.database_url) as execute:
        execute(f"UPDATE contacts SET name = x'{sealed.hex()}' WHERE id = {contact}")  # noqa: S608  a test's own values


def test_a_tampered_contact_ends_alone(either_world: World) -> None:
    """A name moved to another row does not open: that patient's texts fail with a task, the next patient's go."""
    world = either_world
    spoilt = world.enroll()
    sound = other(world)
    with outsider(world.app.config.database_url) as execute:
        execute(
            f"UPDATE contacts SET number = (SELECT number FROM contacts WHERE patient_id = {sound}) "  # noqa: S608  a test's own values
            f"WHERE patient_id = {spoilt.patient_id}"
        )
    world.dispatcher.tick()
    assert world.row(sound, "welcome").status is Status.ACCEPTED
    assert world.row(spoilt.patient_id, "welcome").reason is Reason.CANNOT_RENDER
    assert world.texts(OTHER) == world.texts(OTHER)[:1]
    assert world.tasks(TaskKind.CANNOT_RENDER)
