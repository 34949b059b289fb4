"""Each fault of the mail server at each point, as a client sees it, and whether the mail counts all the same."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from followup.sandbox import SmtpClose, SmtpDelay, SmtpEvent, SmtpHide, SmtpReply, SmtpReset, SmtpSandbox
from followup.sandbox.smtp_faults import Point

SENDER, PATIENT, OTHER = "clinic@clinic.example", "patient@mail.example", "other@mail.example"
WORDS = b"Message-ID: <r1@clinic.example>\r\nSubject: A note\r\n\r\nYou may rest.\r\n"


def deliver(server: SmtpSandbox, to: str = PATIENT, timeout: float = 10) -> tuple[str, int]:
    """Speak command by command; the last one said and its answer, 0 = the line broke, -1 = no answer in time."""
    line = smtplib.SMTP(timeout=timeout)
    said, code = "connect", 0
    steps: list[tuple[str, Callable[[], tuple[int, bytes]]]] = [
        ("connect", lambda: line.connect("127.0.0.1", server.port)),
        ("EHLO", line.ehlo),
        ("MAIL", lambda: line.mail(SENDER)),
        ("RCPT", lambda: line.rcpt(to)),
        ("DATA", lambda: line.docmd("DATA")),
        ("dot", lambda: give_words(line)),
    ]
    try:
        for name, step in steps:
            said = name
            code, _ = step()
            if code >= 400:
                break
    except TimeoutError:
        return said, -1
    except smtplib.SMTPServerDisconnected as gone:
        return said, -1 if isinstance(gone.__context__, TimeoutError) else 0
    except ConnectionError:
        return said, 0
    finally:
        line.close()
    return said, code


def give_words(line: smtplib.SMTP) -> tuple[int, bytes]:
    line.send(WORDS + b".\r\n")
    return line.getreply()


@pytest.mark.parametrize("at", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("code", [421, 451, 550])
def test_a_refusal_at_any_command_keeps_nothing(mail: SmtpSandbox, at: Point, code: int) -> None:
    mail.next(SmtpReply(at, code, f"{code // 100}.7.1", "Not now"))
    assert deliver(mail) == (at, code)
    assert mail.accepted() == 0
    assert deliver(mail) == ("dot", 250)


def test_a_refusal_carries_its_enhanced_code_and_text(mail: SmtpSandbox) -> None:
    mail.next(SmtpReply("RCPT", 550, "5.1.1", "No such user"))
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=10) as line:
        line.ehlo()
        line.mail(SENDER)
        assert line.rcpt(PATIENT) == (550, b"5.1.1 No such user")


@pytest.mark.parametrize("cut", [SmtpClose, SmtpReset])
@pytest.mark.parametrize(
    ("at", "said", "count"),
    [
        ("connect", "connect", 0),
        ("EHLO", "EHLO", 0),
        ("MAIL", "MAIL", 0),
        ("RCPT", "RCPT", 0),
        ("DATA", "DATA", 0),
        ("body", "dot", 0),
        ("dot", "dot", 0),
        ("accepted", "dot", 1),
    ],
)
def test_the_line_may_break_at_any_point(
    mail: SmtpSandbox, cut: type[SmtpClose | SmtpReset], at: Point, said: str, count: int
) -> None:
    mail.next(cut(at))
    assert deliver(mail) == (said, 0)
    assert mail.accepted() == count


def test_a_line_that_breaks_in_a_long_mail_never_sees_its_dot(mail: SmtpSandbox) -> None:
    mail.next(SmtpClose("body"))
    line = smtplib.SMTP("127.0.0.1", mail.port, timeout=10)
    line.ehlo()
    line.mail(SENDER)
    line.rcpt(PATIENT)
    line.docmd("DATA")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        line.send(b"a long line\r\n" * 2_000_000)
    line.close()
    assert mail.accepted() == 0


@pytest.mark.parametrize(("at", "count"), [("RCPT", 0), ("accepted", 1)])
def test_an_answer_may_come_too_late(mail: SmtpSandbox, at: Point, count: int) -> None:
    mail.next(SmtpDelay(at, 3600))
    assert deliver(mail, timeout=1) == ("dot" if at == "accepted" else at, -1)
    assert mail.accepted() == count


def test_a_late_answer_is_still_the_right_one(mail: SmtpSandbox) -> None:
    mail.next(SmtpDelay("dot", 0.05))
    assert deliver(mail) == ("dot", 250)


def test_a_fault_for_one_recipient_leaves_others_alone(mail: SmtpSandbox) -> None:
    mail.next(SmtpReply("RCPT", 550), to=PATIENT)
    mail.next(SmtpReply("dot", 451), to=OTHER)
    assert [deliver(mail, OTHER), deliver(mail, PATIENT), deliver(mail, PATIENT)] == [
        ("dot", 451),
        ("RCPT", 550),
        ("dot", 250),
    ]


def test_a_standing_fault_strikes_until_cleared(mail: SmtpSandbox) -> None:
    mail.always(SmtpReply("MAIL", 421))
    assert [deliver(mail), deliver(mail)] == [("MAIL", 421), ("MAIL", 421)]
    mail.clear()
    assert deliver(mail) == ("dot", 250)


@pytest.fixture
def tls_mail() -> Any:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with SmtpSandbox(tls="starttls", certificate=context, login=("clinic", "secret")) as server:
        yield server


def test_starttls_may_be_refused(tls_mail: SmtpSandbox) -> None:
    tls_mail.next(SmtpReply("STARTTLS", 454, "4.7.0", "TLS not available"))
    with smtplib.SMTP("127.0.0.1", tls_mail.port, timeout=10) as line:
        line.ehlo()
        assert line.docmd("STARTTLS")[0] == 454


def test_starttls_may_be_stripped_on_the_way_while_the_password_is_still_asked_for(tls_mail: SmtpSandbox) -> None:
    tls_mail.always(SmtpHide("STARTTLS"))
    with smtplib.SMTP("127.0.0.1", tls_mail.port, timeout=10) as line:
        line.ehlo()
        assert (line.has_extn("starttls"), line.has_extn("auth")) == (False, True)
        assert line.docmd("STARTTLS")[0] == 502


def test_a_right_password_may_be_refused_for_now() -> None:
    with SmtpSandbox(login=("clinic", "secret")) as server:
        server.always(SmtpReply("AUTH", 454, "4.7.0", "Try later"))
        with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as line:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                line.login("clinic", "secret")
            assert refused.value.smtp_code == 454


@pytest.mark.parametrize(
    "wrong",
    [
        lambda server: server.next(SmtpReply("MAIL", 450), to=PATIENT),
        lambda _: SmtpReply("body", 450),
        lambda _: SmtpClose("sometime"),  # type: ignore[arg-type]  # the mistake under test
    ],
)
def test_a_fault_that_cannot_strike_is_refused(mail: SmtpSandbox, wrong: Callable[[SmtpSandbox], object]) -> None:
    with pytest.raises(ValueError, match=r"recipient|answer|one of"):
        wrong(mail)


def test_a_listener_is_told_every_point_of_a_dialogue_in_order() -> None:
    told: list[SmtpEvent] = []
    with SmtpSandbox() as mail:
        mail.on_event(told.append)
        deliver(mail)
    assert [event.point for event in told] == [
        "connect",
        "EHLO",
        "MAIL",
        "RCPT",
        "DATA",
        "body",
        "dot",
        "accepted",
        "answered",
    ]
    assert [event.to for event in told[3:]] == [PATIENT] * 6
