"""The mail server keeps what the standard library's client gives it, in clear and over TLS."""

from __future__ import annotations

import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import trustme

from followup.sandbox import SmtpSandbox

PATIENT, OTHER = "patient@mail.example", "other@mail.example"


def letter(number: int = 1, to: str = PATIENT, text: str = "You may rest.\n.a line with a dot\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "clinic@clinic.example", to
    message["Subject"], message["Message-ID"] = "A note from your clinic", f"<r{number}@clinic.example>"
    message.set_content(text)
    return message


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def line_to(server: SmtpSandbox) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", server.port, timeout=10)


def test_a_mail_is_kept_with_its_envelope_and_its_exact_words(mail: SmtpSandbox, clock: Any) -> None:
    with line_to(mail) as line:
        line.send_message(letter(), "bounce+1@clinic.example", [PATIENT])
    (kept,) = mail.mails
    assert (kept.envelope_from, kept.envelope_to) == ("bounce+1@clinic.example", (PATIENT,))
    assert (kept.received, kept.over_tls, kept.user) == (clock.moment, False, None)
    assert (kept.message["Subject"], kept.message_id) == ("A note from your clinic", "<r1@clinic.example>")
    assert kept.message.get_content() == "You may rest.\n.a line with a dot\n"
    assert b"\r\n.a line with a dot\r\n" in kept.raw


def test_several_mails_follow_each_other_on_one_connection(mail: SmtpSandbox) -> None:
    with line_to(mail) as line:
        for number, to in ((1, PATIENT), (2, OTHER), (2, OTHER)):
            line.send_message(letter(number, to))
    assert (mail.accepted(), mail.accepted(OTHER), mail.connections) == (3, 2, 1)
    assert mail.duplicates() == {"<r2@clinic.example>": 2}


def test_the_extensions_a_modern_client_asks_for_are_offered(mail: SmtpSandbox) -> None:
    with line_to(mail) as line:
        line.ehlo()
        offered = {
            name
            for name in ("pipelining", "8bitmime", "size", "smtputf8", "starttls", "auth")
            if line.has_extn(name)
        }
    assert offered == {"pipelining", "8bitmime", "size", "smtputf8"}


def test_commands_may_come_all_at_once(mail: SmtpSandbox) -> None:
    with line_to(mail) as line:
        line.ehlo()
        line.send(f"MAIL FROM:<a@clinic.example>\r\nRCPT TO:<{PATIENT}>\r\nDATA\r\n".encode())
        assert [line.getreply()[0] for _ in range(3)] == [250, 250, 354]
        line.send(b".\r\n")
        assert line.getreply()[0] == 250
    assert mail.mails[0].raw == b""


def test_a_mail_outside_ascii_arrives_whole(mail: SmtpSandbox) -> None:
    with line_to(mail) as line:
        line.send_message(
            letter(text="Puede descansar, señor Peña.\n"), mail_options=["SMTPUTF8", "BODY=8BITMIME"]
        )
    assert "señor Peña" in mail.mails[0].message.get_content()


def test_starttls_turns_the_line_to_tls(certificate: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with SmtpSandbox(tls="starttls", certificate=certificate) as server, line_to(server) as line:
        line.starttls(context=trust)
        line.send_message(letter())
    assert [kept.over_tls for kept in server.mails] == [True]


def test_tls_from_the_first_byte(certificate: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with (
        SmtpSandbox(tls="tls", certificate=certificate) as server,
        smtplib.SMTP_SSL("127.0.0.1", server.port, timeout=10, context=trust) as line,
    ):
        line.send_message(letter())
    assert [kept.over_tls for kept in server.mails] == [True]


def test_a_certificate_in_a_file_serves_as_well(
    authority: trustme.CA, trust: ssl.SSLContext, tmp_path: Any
) -> None:
    pem = tmp_path / "mail.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    with SmtpSandbox(tls="starttls", certificate=pem) as server, line_to(server) as line:
        line.starttls(context=trust)
        line.send_message(letter())
    assert server.accepted() == 1


def test_who_does_not_trust_the_certificate_sends_nothing(certificate: ssl.SSLContext) -> None:
    with SmtpSandbox(tls="starttls", certificate=certificate) as server:
        line = line_to(server)
        with pytest.raises(ssl.SSLCertVerificationError):
            line.starttls(context=ssl.create_default_context())
        line.close()
        assert server.accepted() == 0


def test_tls_without_a_certificate_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="certificate"):
        SmtpSandbox(tls="tls")


def test_who_must_log_in_is_heard_only_after_it() -> None:
    with SmtpSandbox(login=("clinic", "secret")) as server, line_to(server) as line:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            line.send_message(letter())
        assert refused.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
            line.login("clinic", "guess")
        assert wrong.value.smtp_code == 535
        line.login("clinic", "secret")
        line.send_message(letter())
    assert [kept.user for kept in server.mails] == ["clinic"]


def test_a_password_is_not_asked_for_before_starttls(certificate: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with (
        SmtpSandbox(tls="starttls", certificate=certificate, login=("clinic", "secret")) as server,
        line_to(server) as line,
    ):
        line.ehlo()
        assert not line.has_extn("auth")
        line.starttls(context=trust)
        line.login("clinic", "secret")


def test_both_ways_to_log_in_work() -> None:
    with SmtpSandbox(login=("clinic", "secret")) as server, line_to(server) as line:
        line.ehlo()
        line.user, line.password = "clinic", "secret"
        assert line.auth("PLAIN", line.auth_plain)[0] == 235
        assert line.auth("LOGIN", line.auth_login)[0] == 235


def test_a_greylisting_server_takes_a_recipient_after_the_wait(clock: Any) -> None:
    with SmtpSandbox(greylist=timedelta(minutes=5), now=clock) as server, line_to(server) as line:
        for minutes in (0, 4):
            clock.forward(minutes=minutes)
            with pytest.raises(smtplib.SMTPRecipientsRefused) as later:
                line.send_message(letter())
            assert later.value.recipients[PATIENT][0] == 451
        clock.forward(minutes=1)
        line.send_message(letter())
    assert server.accepted() == 1


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("FOO", 500),
        ("RCPT TO:<a@b.example>", 503),
        ("DATA", 503),
        ("STARTTLS", 502),
        ("AUTH PLAIN x", 503),
        ("NOOP", 250),
    ],
)
def test_a_command_out_of_turn_is_told_so(mail: SmtpSandbox, command: str, code: int) -> None:
    with line_to(mail) as line:
        line.ehlo()
        assert line.docmd(command)[0] == code


def test_a_mail_too_big_is_refused_by_its_announcement(mail: SmtpSandbox) -> None:
    with line_to(mail) as line:
        line.ehlo()
        assert line.docmd(f"MAIL FROM:<a@clinic.example> SIZE={10**9}")[0] == 552


def test_a_line_without_end_is_refused_and_hung_up_on(mail: SmtpSandbox) -> None:
    with line_to(mail) as line:
        line.ehlo()
        line.send(b"NOOP " + b"x" * 5000)
        assert line.getreply()[0] == 500
        with pytest.raises(smtplib.SMTPServerDisconnected):
            line.noop()
