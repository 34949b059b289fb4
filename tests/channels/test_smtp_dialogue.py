"""Every verb of the dialogue with the mail server, and everything that can go wrong at it."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from channel_parts import ADDRESS, WORDS, a_mail, a_mail_server, an_hour, mailing, outcome

from followup.care.attempt import Receipt
from followup.channels.smtp_email import SmtpEmail
from followup.errors import ConfigError, Rejected, SenderBlocked, Unavailable, Uncertain
from followup.sandbox.smtp_faults import SmtpClose, SmtpDelay, SmtpHide, SmtpReply, SmtpReset
from followup.sandbox.smtp_server import SmtpSandbox

BEFORE_THE_DOT = ["connect", "EHLO", "MAIL", "RCPT", "DATA"]
LOGIN = ("clinic", "pass wörd")


@pytest.fixture(params=["at once", "one by one"])
def post(request: pytest.FixtureRequest) -> Iterator[SmtpSandbox]:
    """Once taking MAIL and RCPT at once, and once each by itself."""
    with SmtpSandbox() as sandbox:
        if request.param == "one by one":
            sandbox.always(SmtpHide("PIPELINING"))
        yield sandbox


def send(email: SmtpEmail, address: str = ADDRESS) -> Any:
    return outcome(lambda: email.send(a_mail(address), an_hour))


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
@pytest.mark.parametrize("code", [421, 450, 451, 452])
def test_a_server_that_asks_to_come_back_later_has_nothing_and_costs_no_attempt(
    email: SmtpEmail, post: SmtpSandbox, at: Any, code: int
) -> None:
    post.next(SmtpReply(at, code, "4.3.0"))
    result = send(email)
    assert isinstance(result, Unavailable)
    assert (result.code, result.charged) == (f"{code} 4.3.0" if at != "connect" else result.code, False)
    assert post.accepted() == 0
    assert isinstance(send(email), Receipt)


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
@pytest.mark.parametrize("how", [SmtpClose, SmtpReset])
def test_a_line_that_breaks_before_the_mail_is_certain_and_costs_no_attempt(
    email: SmtpEmail, post: SmtpSandbox, at: Any, how: Callable[[Any], SmtpClose]
) -> None:
    post.next(how(at))
    result = send(email)
    assert isinstance(result, Unavailable)
    assert not result.charged
    assert isinstance(send(email), Receipt)


def test_a_line_that_breaks_within_the_mail_is_certain_and_costs_an_attempt(bare: Any) -> None:
    def serve(connection: socket.socket, server: Any) -> None:
        for reply in RIGHT[:5]:
            connection.sendall(reply)
            server.heard += connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = bare(serve)
    with mailing(server.port) as email:
        # So long that it cannot all lie in the system's buffers.
        result = outcome(lambda: email.send(a_mail(words="long " * 1_000_000), an_hour))
    assert isinstance(result, Unavailable)
    assert result.charged


@pytest.mark.parametrize("how", [SmtpClose, SmtpReset])
def test_a_line_that_breaks_after_the_dot_is_doubt(
    email: SmtpEmail, post: SmtpSandbox, how: Callable[[Any], SmtpClose]
) -> None:
    post.next(how("dot"))
    assert isinstance(send(email), Uncertain)
    assert post.accepted() == 0
    assert isinstance(send(email), Receipt)


@pytest.mark.parametrize("how", [SmtpClose, SmtpReset])
def test_a_mail_that_was_kept_without_a_word_is_doubt(
    email: SmtpEmail, post: SmtpSandbox, how: Callable[[Any], SmtpClose]
) -> None:
    post.next(how("accepted"))
    assert isinstance(send(email), Uncertain)
    assert post.accepted() == 1


@pytest.mark.parametrize("at", ["connect", "EHLO", "MAIL"])
@pytest.mark.parametrize("code", [500, 501, 530, 535, 550, 553, 554])
def test_a_refusal_before_a_recipient_is_named_blocks_the_sender(
    email: SmtpEmail, post: SmtpSandbox, at: Any, code: int
) -> None:
    post.next(SmtpReply(at, code, "5.7.1"))
    assert isinstance(send(email), SenderBlocked)
    assert post.accepted() == 0


@pytest.mark.parametrize(
    ("code", "enhanced", "bad"),
    [
        *((550, "5.1.1", True), (550, "5.1.2", True), (553, "5.1.3", True), (550, "5.1.10", True)),
        *((550, "", True), (551, "", True), (553, "", True), (550, "5.0.0", True), (550, "5.2.1", True)),
        *((552, "5.2.2", False), (550, "5.7.1", False), (554, "5.7.1", False), (554, "", False)),
        *((550, "5.7.26", False), (500, "", False), (550, "5.4.1", False), (571, "", False)),
        # An enhanced code of another class is not believed.
        (550, "4.7.1", True),
    ],
)
@pytest.mark.parametrize("at", ["RCPT", "DATA", "dot"])
def test_a_refused_recipient_is_rejected_and_the_codes_tell_whether_the_address_is_bad(
    email: SmtpEmail, post: SmtpSandbox, at: Any, code: int, enhanced: str, *, bad: bool
) -> None:
    post.next(SmtpReply(at, code, enhanced))
    result = send(email)
    assert isinstance(result, Rejected)
    assert result.bad_address is bad
    assert result.code == (f"{code} {enhanced}" if enhanced and not enhanced.startswith("4") else str(code))
    assert post.accepted() == 0
    assert isinstance(send(email), Receipt)


@pytest.mark.parametrize(("code", "enhanced"), [(530, "5.7.0"), (535, "5.7.8"), (550, "5.1.8"), (553, "5.1.7")])
@pytest.mark.parametrize("at", ["RCPT", "DATA", "dot"])
def test_a_refusal_that_speaks_of_us_blocks_the_sender_even_late(
    email: SmtpEmail, post: SmtpSandbox, at: Any, code: int, enhanced: str
) -> None:
    post.next(SmtpReply(at, code, enhanced))
    assert isinstance(send(email), SenderBlocked)


def test_a_mail_that_is_too_big_is_rejected_and_does_not_block_the_sender(
    email: SmtpEmail, post: SmtpSandbox
) -> None:
    post.next(SmtpReply("MAIL", 552, "5.3.4"))
    result = send(email)
    assert isinstance(result, Rejected)
    assert not result.bad_address


@pytest.mark.parametrize("code", [421, 450, 451, 452])
def test_a_mail_put_off_after_the_dot_was_not_taken_and_costs_an_attempt(
    email: SmtpEmail, post: SmtpSandbox, code: int
) -> None:
    post.next(SmtpReply("dot", code, "4.3.0"))
    result = send(email)
    assert isinstance(result, Unavailable)
    assert result.charged
    assert post.accepted() == 0


def test_an_address_may_be_greylisted_and_another_goes_meanwhile(email: SmtpEmail, post: SmtpSandbox) -> None:
    post.next(SmtpReply("RCPT", 451, "4.7.1"), to=ADDRESS)
    assert isinstance(send(email), Unavailable)
    assert isinstance(send(email, "other@example.org"), Receipt)


def scripted(*replies: bytes, up_to: bytes = b"\r\n") -> Callable[[socket.socket, Any], None]:
    """Serve: greet with the first reply, then one more for each line, and for the whole mail the last."""

    def serve(connection: socket.socket, server: Any) -> None:
        connection.sendall(replies[0])
        for index, reply in enumerate(replies[1:], start=1):
            ended = b"\r\n.\r\n" if index == 5 else up_to
            heard = b""
            while not heard.endswith(ended):
                part = connection.recv(65536)
                if not part:
                    return
                heard += part
            server.heard += heard
            connection.sendall(reply)

    return serve


RIGHT = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 ok\r\n")
NO_REPLY = [
    b"",
    b"\r\n",
    b"canary\r\n",
    b"2",
    b"\xff\xff\xff \r\n",
    b"999 no\r\n",
    b"250" + b"x" * 10_000 + b"\r\n",
]


@pytest.mark.parametrize("wrong", NO_REPLY, ids=["nothing", "line", "word", "cut", "bytes", "999", "endless"])
@pytest.mark.parametrize("step", range(len(RIGHT)))
def test_a_reply_that_cannot_be_read_is_certain_before_the_dot_and_doubt_after_it(
    bare: Any, step: int, wrong: bytes
) -> None:
    server = bare(scripted(*RIGHT[:step], wrong))
    with mailing(server.port) as email:
        assert isinstance(send(email), Uncertain if step == len(RIGHT) - 1 else Unavailable)


@pytest.mark.parametrize("step", range(len(RIGHT)))
def test_a_reply_cut_at_any_byte_never_becomes_a_receipt(bare: Any, step: int) -> None:
    for length in range(3):
        server = bare(scripted(*RIGHT[:step], RIGHT[step][:length]))
        with mailing(server.port) as email:
            assert isinstance(send(email), Uncertain if step == len(RIGHT) - 1 else Unavailable)


def test_the_dot_follows_a_mail_that_is_already_wholly_there(bare: Any) -> None:
    server = bare(scripted(*RIGHT))
    with mailing(server.port) as email:
        send(email)
    verbs = server.heard.split(b"\r\n")[:4]
    assert [verb.split(b" ")[0].lower() for verb in verbs] == [b"ehlo", b"mail", b"rcpt", b"data"]
    assert server.heard.endswith(b"\r\n.\r\n")
    assert server.heard.count(b"\r\n.\r\n") == 1


@pytest.mark.parametrize(
    "words", [".", "..", ".\n.\n", "a\n.\nb", "a\r\n.\r\nMAIL FROM:<x>", "\n", "a\r.\rb", "\x00.\x7f"]
)
def test_lines_that_begin_with_a_dot_arrive_as_written(email: SmtpEmail, post: SmtpSandbox, words: str) -> None:
    email.send(a_mail(words=words), an_hour)
    plain, _ = post.mails[0].message.iter_parts()
    got = plain.get_payload(decode=True).decode()
    assert got.splitlines() == words.splitlines()
    assert post.accepted() == 1


def test_an_address_beyond_ascii_goes_where_the_server_takes_it(email: SmtpEmail, post: SmtpSandbox) -> None:
    email.send(a_mail("zoë@exämple.org"), an_hour)
    email.send(a_mail(), an_hour)
    assert [mail.envelope_to for mail in post.mails] == [("zoë@exämple.org",), (ADDRESS,)]
    assert str(post.mails[0].message["To"]) == "zoë@exämple.org"


def test_an_address_beyond_ascii_is_rejected_where_the_server_does_not_take_it(
    email: SmtpEmail, post: SmtpSandbox
) -> None:
    post.always(SmtpHide("SMTPUTF8"))
    result = send(email, "zoë@example.org")
    assert isinstance(result, Rejected)
    assert not result.bad_address
    assert isinstance(send(email), Receipt)


def test_after_a_hundred_mails_the_connection_is_renewed(email: SmtpEmail, post: SmtpSandbox) -> None:
    for number in range(101):
        email.send(a_mail(id_=number), an_hour)
    assert (post.accepted(), post.connections) == (101, 2)


def letting_in(security: Any, certificate: ssl.SSLContext) -> SmtpSandbox:
    return SmtpSandbox(tls=security, certificate=certificate, login=LOGIN)


def guarded(security: Any, ca_file: Path | None, **changes: Any) -> dict[str, Any]:
    login = {"username": LOGIN[0], "password": LOGIN[1]}
    return {"host": "localhost", "security": security, "ca_file": ca_file, **login, **changes}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_and_as_the_clinics_user(
    security: Any, certificate: ssl.SSLContext, ca_file: Path
) -> None:
    with letting_in(security, certificate) as post, mailing(post.port, **guarded(security, ca_file)) as email:
        email.check()
        for number in range(3):
            email.send(a_mail(id_=number), an_hour)
    assert [(mail.over_tls, mail.user) for mail in post.mails] == [(True, LOGIN[0])] * 3
    # One for the check, one kept for the three mails.
    assert post.connections == 2


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_whose_certificate_cannot_be_trusted_blocks_the_sender_and_hears_nothing(
    security: Any, certificate: ssl.SSLContext
) -> None:
    with letting_in(security, certificate) as post, mailing(post.port, **guarded(security, None)) as email:
        assert isinstance(send(email), SenderBlocked)
        assert isinstance(outcome(email.check), SenderBlocked)
    assert post.accepted() == 0


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_for_another_name_blocks_the_sender(
    security: Any, certificate: ssl.SSLContext, ca_file: Path
) -> None:
    with (
        letting_in(security, certificate) as post,
        mailing(post.port, **guarded(security, ca_file, host="127.0.0.1")) as email,
    ):
        assert isinstance(send(email), SenderBlocked)


@pytest.mark.parametrize("fault", [SmtpHide("STARTTLS"), SmtpReply("STARTTLS", 454), SmtpReply("STARTTLS", 502)])
def test_where_encryption_is_stripped_away_no_mail_goes_in_clear(
    fault: Any, certificate: ssl.SSLContext, ca_file: Path
) -> None:
    with letting_in("starttls", certificate) as post, mailing(post.port, **guarded("starttls", ca_file)) as email:
        points = []
        post.on_event(lambda event: points.append(event.point))
        post.next(fault)
        assert isinstance(send(email), SenderBlocked)
        assert not {"AUTH", "MAIL"} & set(points)


def test_a_server_in_clear_where_encryption_is_expected_blocks_the_sender(
    post: SmtpSandbox, ca_file: Path
) -> None:
    with mailing(post.port, **guarded("tls", ca_file)) as email:
        assert isinstance(send(email), SenderBlocked)


def test_replies_smuggled_in_before_the_encryption_are_not_believed(
    bare: Any, certificate: ssl.SSLContext, ca_file: Path
) -> None:
    """Somebody on the way adds "offers AUTH" to the last reply in clear; only what comes encrypted counts."""

    def serve(connection: socket.socket, server: Any) -> None:
        connection.sendall(b"220 hi\r\n")
        connection.recv(65536)
        connection.sendall(b"250-hi\r\n250 STARTTLS\r\n")
        connection.recv(65536)
        connection.sendall(b"220 go\r\n250-hi\r\n250 AUTH PLAIN\r\n")
        with certificate.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(65536)
            encrypted.sendall(b"250 hi\r\n")
            server.heard += encrypted.recv(65536)

    server = bare(serve)
    with mailing(server.port, **guarded("starttls", ca_file)) as email:
        assert isinstance(send(email), SenderBlocked | Unavailable)
    assert b"AUTH" not in server.heard


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (SmtpReply("AUTH", 535, "5.7.8"), SenderBlocked),
        (SmtpReply("AUTH", 534, "5.7.9"), SenderBlocked),
        (SmtpReply("AUTH", 500), SenderBlocked),
        (SmtpHide("AUTH"), SenderBlocked),
        (SmtpReply("AUTH", 454, "4.7.0"), Unavailable),
        (SmtpReply("AUTH", 421), Unavailable),
        (SmtpClose("AUTH"), Unavailable),
        (SmtpReset("AUTH"), Unavailable),
        (SmtpReply("STARTTLS", 421), Unavailable),
        (SmtpClose("STARTTLS"), Unavailable),
    ],
)
def test_a_server_that_does_not_let_us_in_gets_no_mail_and_is_asked_once(
    fault: Any, kind: type[Exception], certificate: ssl.SSLContext, ca_file: Path
) -> None:
    with letting_in("starttls", certificate) as post, mailing(post.port, **guarded("starttls", ca_file)) as email:
        points = []
        post.on_event(lambda event: points.append(event.point))
        post.next(fault)
        assert isinstance(send(email), kind)
        assert points.count("AUTH") <= 1
        assert post.accepted() == 0
        assert isinstance(send(email), Receipt)


def test_a_wrong_password_blocks_the_sender(certificate: ssl.SSLContext, ca_file: Path) -> None:
    wrong = guarded("starttls", ca_file, password="canary")
    with letting_in("starttls", certificate) as post, mailing(post.port, **wrong) as email:
        assert isinstance(send(email), SenderBlocked)
        assert isinstance(outcome(email.check), SenderBlocked)


def test_a_server_that_only_knows_login_is_logged_in_to(bare: Any) -> None:
    replies = (
        b"220 hi\r\n",
        b"250-hi\r\n250 AUTH LOGIN\r\n",
        b"334 VXNlcg==\r\n",
        b"334 UGFzcw==\r\n",
        b"235 in\r\n",
    )

    def serve(connection: socket.socket, server: Any) -> None:
        connection.sendall(replies[0])
        for reply in replies[1:]:
            server.heard += connection.recv(65536)
            connection.sendall(reply)
        server.heard += connection.recv(65536)
        connection.sendall(b"250 ok\r\n")

    server = bare(serve)
    with mailing(server.port, username="clinic", password="secret") as email:
        email.check()
    assert server.heard.split(b"\r\n")[1:5] == [b"AUTH LOGIN", b"Y2xpbmlj", b"c2VjcmV0", b"noop"]


def test_a_server_that_trickles_is_waited_for(email: SmtpEmail, post: SmtpSandbox) -> None:
    post.next(SmtpDelay("MAIL", 0.2), SmtpDelay("accepted", 0.2))
    assert isinstance(send(email), Receipt)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"host": "mail.example.org", "security": "plain"}, "security"),
        ({"security": "none"}, "security"),
        ({"port": 0}, "port"),
        ({"username": "clinic"}, "password"),
        ({"sender_address": "clinic@clinic.example\r\nBcc: x@y.z"}, "sender_address"),
        ({"sender_name": "Clinic\nBcc: x@y.z"}, "sender_name"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"unsubscribe_address": "a b@c"}, "unsubscribe_address"),
    ],
)
def test_a_wrong_mail_server_is_refused_with_the_name_of_the_setting(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        a_mail_server(**{"port": 25, **changes})
    assert [fault.where for fault in caught.value.faults] == [where]


def test_authorities_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match="ca_file"), mailing(25, security="tls", ca_file=path):
            pass


def test_the_password_is_never_shown() -> None:
    assert "canary" not in repr(a_mail_server(25, username="clinic", password="canary"))
    assert WORDS not in repr(a_mail())
