"""The fault matrix, the mails' half: what a server answers at each verb, where a line breaks, how it is secured.

Each goes through the whole house: dispatcher, settling, breakers.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from matrix_parts import MAIL_ONLY, enroll, everything, given_up, wait, watched
from world import World, person

from followup.app import build_app
from followup.care.delivery import Status
from followup.care.people import ChannelName
from followup.care.task import TaskKind
from followup.sandbox import SmtpClose, SmtpHide, SmtpReply, SmtpReset, SmtpSandbox
from followup.sandbox.smtp_faults import SmtpFault

BEFORE_THE_DOT = ("connect", "EHLO", "MAIL", "RCPT", "DATA")
BEFORE_A_RECIPIENT = ("connect", "EHLO", "MAIL")
NAMED = ("RCPT", "DATA", "dot")
LOGIN = ("clinic", "pass wörd of the clinic")


@pytest.fixture
def house(world: World) -> Iterator[World]:
    with watched(world, "mails") as counted:
        yield counted


def status(world: World, patient: int) -> tuple[Status, int, int]:
    """Of the patient's first mail; how many attempts there were, and how many were charged."""
    row = world.row(patient, "welcome", "email")
    return row.status, row.attempt, row.charged


# Replies


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
@pytest.mark.parametrize("code", [421, 450, 451, 452])
def test_a_server_that_asks_to_come_back_later_is_asked_again_and_nobody_is_charged(
    house: World, at: str, code: int
) -> None:
    house.post.next(SmtpReply(at, code, "4.3.0"))  # type: ignore[arg-type]  # one of its points
    patient = enroll(house, agreed=MAIL_ONLY)
    house.tick()
    assert status(house, patient) == (Status.RETRY_WAIT, 1, 0)
    wait(house, 30)
    assert status(house, patient) == (Status.SENT, 2, 1)
    assert (house.post.accepted(), house.tasks()) == (1, [])


@pytest.mark.parametrize("code", [421, 450, 451, 452])
def test_a_mail_put_off_after_its_dot_was_not_taken_and_goes_again(house: World, code: int) -> None:
    house.post.next(SmtpReply("dot", code, "4.3.0"))
    patient = enroll(house, agreed=MAIL_ONLY)
    house.tick()
    assert status(house, patient) == (Status.RETRY_WAIT, 1, 1)
    wait(house, 30)
    assert status(house, patient) == (Status.SENT, 2, 2)
    assert house.post.accepted() == 1


@pytest.mark.parametrize("at", BEFORE_A_RECIPIENT)
@pytest.mark.parametrize("code", [500, 530, 550, 554])
def test_a_refusal_before_a_recipient_is_named_stops_the_sender_and_costs_nobody_an_attempt(
    house: World, at: str, code: int
) -> None:
    house.post.always(SmtpReply(at, code, "5.7.1"))  # type: ignore[arg-type]  # one of its points
    patients = [enroll(house, place, MAIL_ONLY) for place in range(3)]
    house.tick()
    assert [sender.channel for sender in given_up(house)] == [ChannelName.EMAIL]
    assert len(house.tasks(TaskKind.SENDER_PAUSED)) == 1
    assert {status(house, patient)[2] for patient in patients} == {0}
    house.post.clear()
    wait(house, 60)
    assert {status(house, patient)[0] for patient in patients} == {Status.SENT}
    assert house.tasks() == []
    assert house.post.duplicates() == {}


@pytest.mark.parametrize("at", NAMED)
@pytest.mark.parametrize(("code", "enhanced", "bad"), [(550, "5.1.1", True), (554, "5.7.1", False)])
def test_a_mail_that_is_refused_for_good_ends_alone_with_a_task(
    house: World, at: str, code: int, enhanced: str, *, bad: bool
) -> None:
    fault = SmtpReply(at, code, enhanced)  # type: ignore[arg-type]  # one of its points
    house.post.always(fault, to="p0@example.org")
    refused, other = enroll(house, 0, MAIL_ONLY), enroll(house, 1, MAIL_ONLY)
    wait(house, 30)
    assert status(house, refused)[:2] == (Status.FAILED, 1)
    assert status(house, other)[0] is Status.SENT
    kind = TaskKind.BAD_ADDRESS if bad else TaskKind.UNDELIVERED
    assert [task.patient_id for task in house.tasks()] == [refused]
    assert [task.patient_id for task in house.tasks(kind)] == [refused]
    assert given_up(house) == []


def test_an_address_that_cannot_be_written_down_costs_nobody_else_their_mail(house: World) -> None:
    """A server that knows only ASCII; the address lies in the database already."""
    house.post.always(SmtpHide("SMTPUTF8"))
    poisoned = enroll(house, 0, MAIL_ONLY, patient=person(email="zoë@example.org", number=None, agreed=MAIL_ONLY))
    other = enroll(house, 1, MAIL_ONLY)
    house.tick()
    assert status(house, poisoned)[0] is Status.FAILED
    assert status(house, other)[0] is Status.SENT
    assert [task.patient_id for task in house.tasks()] == [poisoned]


# Greylisting


@pytest.mark.parametrize("closed_for", [timedelta(minutes=5), timedelta(hours=6)], ids=str)
def test_a_server_that_takes_no_mail_of_a_stranger_at_first_gets_it_when_it_is_ready(
    house: World, closed_for: timedelta
) -> None:
    house.post.greylist = closed_for
    patient = enroll(house, agreed=MAIL_ONLY)
    wait(house, 60 * 24, 15)
    assert status(house, patient)[::2] == (Status.SENT, 1)
    assert house.post.accepted() == 1


def test_a_server_that_is_never_ready_ends_with_a_task_once_the_mail_is_past_its_end(house: World) -> None:
    house.post.greylist = timedelta(days=30)
    patient = enroll(house, agreed=MAIL_ONLY)
    end = house.row(patient, "welcome", "email").valid_until
    house.run_until(end + timedelta(hours=1))
    assert status(house, patient)[0] is Status.EXPIRED
    assert [task.patient_id for task in house.tasks(TaskKind.NOT_SENT)] == [patient]
    assert house.post.accepted() == 0


# Lines that break


@pytest.mark.parametrize("at", [*BEFORE_THE_DOT, "body"])
@pytest.mark.parametrize("how", [SmtpClose, SmtpReset])
def test_a_line_that_breaks_before_the_dot_is_certain_and_the_mail_goes_again(
    house: World, at: str, how: Callable[..., SmtpFault]
) -> None:
    house.post.next(how(at))
    patient = enroll(house, agreed=MAIL_ONLY)
    house.tick()
    row = house.row(patient, "welcome", "email")
    # A mail as short as ours lies wholly in the system's buffers: its dot is written before the break is heard of.
    assert row.status is Status.RETRY_WAIT
    assert not row.doubts or at == "body"
    wait(house, 30)
    assert status(house, patient)[0] is Status.SENT
    assert (house.post.accepted(), house.tasks()) == (1, [])


@pytest.mark.parametrize("at", ["dot", "accepted"])
@pytest.mark.parametrize("how", [SmtpClose, SmtpReset])
def test_a_line_that_breaks_after_the_dot_is_doubt_and_the_same_mail_goes_again(
    house: World, at: str, how: Callable[..., SmtpFault]
) -> None:
    house.post.next(how(at))
    patient = enroll(house, agreed=MAIL_ONLY)
    house.tick()
    assert house.row(patient, "welcome", "email").doubts == 1
    wait(house, 30)
    assert status(house, patient)[0] is Status.SENT
    assert Counter(mail.message_id for mail in house.post.mails).most_common() == [
        (house.post.mails[0].message_id, 1 + (at == "accepted"))
    ]


# Encryption and the way in


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(house: World, authority: trustme.CA) -> Iterator[Callable[..., World]]:
    """The same clinic, whose mail server wants encryption and a password."""
    with ExitStack() as stack:

        def opened(certificate_for: str = "localhost", password: str = LOGIN[1]) -> World:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert(certificate_for).configure_cert(context)
            post = stack.enter_context(
                SmtpSandbox(tls="starttls", certificate=context, login=LOGIN, now=house.clock.elsewhere)
            )
            authority.cert_pem.write_to_path(house.folder / "authority.pem")
            config = _with_smtp(house.folder / "config.toml", house.post.port, post.port)
            _write_secret(house.folder / "secrets" / "smtp_password", password)
            app = stack.enter_context(closing(build_app(config, house.clock)))
            return replace(house, app=app, post=post, clinic=app.clinic, dispatcher=app.dispatcher)

        yield opened


def _with_smtp(config: Path, plain: int, port: int) -> Path:
    text = config.read_text()
    wanted = f'port = {port}\nusername = "{LOGIN[0]}"\nca_file = "authority.pem"\n'
    changed = text.replace(f"port = {plain}\n", wanted).replace('security = "plain"', 'security = "starttls"')
    config.write_text(changed.replace('host = "127.0.0.1"', 'host = "localhost"'))
    return config


def _write_secret(path: Path, secret: str) -> None:
    path.touch(0o600)
    path.write_text(secret + "\n")


def _stopped_and_then_mended(world: World, mend: Callable[[], object]) -> None:
    """No mail, the sender stopped, one task, nobody charged; once it is mended, everybody's mail goes."""
    patients = [enroll(world, place, MAIL_ONLY) for place in range(2)]
    world.tick()
    assert world.post.accepted() == 0
    assert [sender.channel for sender in given_up(world)] == [ChannelName.EMAIL]
    assert len(world.tasks(TaskKind.SENDER_PAUSED)) == 1
    assert {row.charged for row in everything(world)} == {0}
    mend()
    wait(world, 60)
    assert {status(world, patient)[0] for patient in patients} == {Status.SENT}
    assert world.tasks() == []
    assert world.post.duplicates() == {}
    assert {(mail.over_tls, mail.user) for mail in world.post.mails} == {(True, LOGIN[0])}


@pytest.mark.parametrize(
    "fault",
    [
        SmtpHide("STARTTLS"),
        SmtpReply("STARTTLS", 454),
        SmtpReply("STARTTLS", 502),
        SmtpReply("AUTH", 535, "5.7.8"),
        SmtpHide("AUTH"),
    ],
    ids=repr,
)
def test_a_server_that_offers_no_encryption_or_refuses_the_clinic_gets_no_mail(
    secured: Callable[..., World], fault: SmtpFault
) -> None:
    world = secured()
    points: list[str] = []
    world.post.on_event(lambda event: points.append(event.point))
    world.post.always(fault)

    def mend() -> None:
        assert "MAIL" not in points
        world.post.clear()

    _stopped_and_then_mended(world, mend)


def test_a_server_with_another_names_certificate_gets_no_mail_and_hears_no_password(
    secured: Callable[..., World],
) -> None:
    world = secured("mail.example.org")
    points: list[str] = []
    world.post.on_event(lambda event: points.append(event.point))
    patient = enroll(world, agreed=MAIL_ONLY)
    world.tick()
    assert not {"AUTH", "MAIL"} & set(points)
    assert [sender.channel for sender in given_up(world)] == [ChannelName.EMAIL]
    assert status(world, patient)[2] == 0
    assert len(world.tasks(TaskKind.SENDER_PAUSED)) == 1


def test_a_wrong_password_stops_the_sender(secured: Callable[..., World]) -> None:
    world = secured(password="not the clinic's password")
    patient = enroll(world, agreed=MAIL_ONLY)
    world.tick()
    assert [sender.channel for sender in given_up(world)] == [ChannelName.EMAIL]
    assert status(world, patient) == (Status.RETRY_WAIT, 1, 0)
    assert len(world.tasks(TaskKind.SENDER_PAUSED)) == 1


@pytest.mark.parametrize("fault", [SmtpReply("AUTH", 454, "4.7.0"), SmtpReply("STARTTLS", 421)], ids=repr)
def test_a_way_in_that_is_shut_for_now_is_tried_again_and_nobody_is_charged(
    secured: Callable[..., World], fault: SmtpFault
) -> None:
    world = secured()
    world.post.next(fault)
    patient = enroll(world, agreed=MAIL_ONLY)
    world.tick()
    assert status(world, patient) == (Status.RETRY_WAIT, 1, 0)
    wait(world, 30)
    assert status(world, patient) == (Status.SENT, 2, 1)
    assert world.tasks() == []
