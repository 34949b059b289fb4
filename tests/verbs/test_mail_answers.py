"""Answers by e-mail come in by the same door as texts: read, answered, and their bounces matched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from world import EMAIL, World, person

from followup.care.delivery import Status
from followup.care.people import ChannelName, ConsentTo
from followup.care.task import TaskKind
from followup.sandbox import Mail


@pytest.fixture
def by_mail(make_world: Callable[..., World], sqlite_url: str) -> World:
    """A clinic with a mailbox, and a patient who agreed to e-mail alone."""
    world = make_world(sqlite_url, mailbox=True)
    world.enroll(patient=person(number=None, agreed=[ConsentTo.EMAIL]))
    return world


def patient_of(world: World) -> int:
    with world.app.storage.reading() as tx:
        return tx.register.all_ids()[0]


def asked(world: World) -> Mail:
    """The mail that asks about pain has just come."""
    world.run_until(world.clock.utc() + timedelta(days=2, hours=21, minutes=30))
    return next(mail for mail in world.post.mails if "question" in str(mail.message["Subject"]))


def answer(words: str, to: Mail | None = None, sender: str = EMAIL, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, "care@example.org", "Re: A question"
    if to is not None:
        mail["In-Reply-To"] = str(to.message["Message-ID"])
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    quoted = "\n".join(f"> {line}" for line in ("No feeling in your legs? chest pain? Call 911.", "STOP"))
    mail.set_content(f"{words}\n\nOn Monday Lakeside IR wrote:\n{quoted}\n")
    return mail.as_bytes()


def kinds(world: World) -> set[TaskKind]:
    return {task.kind for task in world.tasks()}


def mails_to(world: World, address: str = EMAIL) -> list[str]:
    return [
        mail.message.get_content() if not mail.message.is_multipart() else ""
        for mail in world.post.mails
        if address in mail.envelope_to
    ]


def test_a_score_by_mail_closes_the_question_and_what_we_wrote_ourselves_is_not_read(by_mail: World) -> None:
    world = by_mail
    question = asked(world)
    world.mail_in(answer("8", question))
    row = world.row(patient_of(world), "pain-check", "email")
    assert row.answered
    assert kinds(world) == {TaskKind.HIGH_PAIN}
    assert "Thank you." in mails_to(world)[-1]
    assert "STOP" not in mails_to(world)[-1]


def test_a_red_flag_by_mail_is_answered_by_mail_and_paged(by_mail: World) -> None:
    world = by_mail
    asked(world)
    world.mail_in(answer("I cant feel my legs since this morning"))
    assert TaskKind.RED_FLAG in kinds(world)
    assert "Call 911 now" in mails_to(world)[-1]


def test_unsubscribe_by_mail_stops_mails_and_tells_staff(by_mail: World) -> None:
    world = by_mail
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = EMAIL, "care@example.org", "unsubscribe"
    world.mail_in(mail.as_bytes())
    with world.app.storage.reading() as tx:
        assert tx.agreements.stopped(ChannelName.EMAIL, EMAIL)
    assert TaskKind.OPT_OUT in kinds(world)


def test_an_absence_notice_is_neither_read_nor_answered(by_mail: World) -> None:
    world = by_mail
    asked(world)
    before = len(world.post.mails)
    world.mail_in(
        answer("I am on holiday until the 8th. In an emergency call 911.", Auto_Submitted="auto-replied")
    )
    assert len(world.post.mails) == before
    assert TaskKind.RED_FLAG not in kinds(world)
    assert not world.row(patient_of(world), "pain-check", "email").answered


def test_a_bounce_in_the_mailbox_ends_the_mail_and_marks_the_address(by_mail: World) -> None:
    world = by_mail
    world.tick()
    first = world.post.mails[0]
    world.mail_in(world.post.bounce(first, "5.1.1"))
    row = world.row(patient_of(world), "welcome", "email")
    assert (row.status, row.code) == (Status.UNDELIVERED, "5.1.1")
    assert TaskKind.BAD_ADDRESS in kinds(world)


def test_a_mailbox_that_cannot_be_read_stops_questions_by_mail(by_mail: World) -> None:
    world = by_mail
    world.run_until(world.clock.utc() + timedelta(days=2, hours=19))
    (world.folder / "mail" / "new").rename(world.folder / "mail" / "gone")
    world.run_until(world.clock.utc() + timedelta(hours=3), timedelta(minutes=10))
    assert world.row(patient_of(world), "pain-check", "email").reason == "nobody_listens"
    assert TaskKind.CALL in kinds(world)
