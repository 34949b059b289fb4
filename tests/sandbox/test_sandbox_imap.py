"""The mailbox that stands in speaks IMAP with any client, and breaks off where it is told to."""

from __future__ import annotations

import datetime as dt
import email
import imaplib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC
from email import policy
from typing import Any

import pytest
import trustme
from test_sandbox_mail import letter, line_to

from followup.sandbox import SANDBOX_LOGIN, ImapCut, ImapNo, ImapSandbox, ImapSay, SmtpSandbox

RAW = b"From: patient@mail.example\nSubject: Re: a note\n\nIt is an 8.\n"
ON_WIRE = RAW.replace(b"\n", b"\r\n")
NOW = dt.datetime(2026, 11, 1, 18, 0, tzinfo=UTC)


@pytest.fixture
def mailbox(clock: Any) -> Iterator[ImapSandbox]:
    with ImapSandbox(now=clock) as sandbox:
        yield sandbox


def open_box(server: ImapSandbox, *, readonly: bool = True) -> imaplib.IMAP4:
    line = imaplib.IMAP4("127.0.0.1", server.port, timeout=10)
    line.login(*SANDBOX_LOGIN)
    line.select("INBOX", readonly=readonly)
    return line


def test_the_standard_librarys_client_finds_and_fetches_a_mail(mailbox: ImapSandbox) -> None:
    uid = mailbox.deliver(RAW)
    with open_box(mailbox) as line:
        assert line.uid("SEARCH", "SINCE", "1-Nov-2026")[1] == [str(uid).encode()]
        assert line.uid("SEARCH", "SINCE", "2-Nov-2026")[1] == [b""]
        whole, rest = line.uid("FETCH", str(uid), "(INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[])")[1]
    assert (whole[1], rest) == (ON_WIRE, b")")
    assert b'INTERNALDATE " 1-Nov-2026 18:00:00 +0000"' in whole[0]
    assert f"RFC822.SIZE {len(ON_WIRE)}".encode() in whole[0]


def test_parts_of_a_mail_can_be_fetched(mailbox: ImapSandbox) -> None:
    mailbox.deliver(RAW)
    with open_box(mailbox) as line:
        parts = {
            part: line.uid("FETCH", "1:*", f"(BODY.PEEK[{part})")[1][0][1]
            for part in ("HEADER]", "TEXT]", "TEXT]<3.2>", "]<0.4>")
        }
    assert parts == {
        "HEADER]": ON_WIRE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
        "TEXT]": b"It is an 8.\r\n",
        "TEXT]<3.2>": b"is",
        "]<0.4>": b"From",
    }


@pytest.mark.parametrize(
    ("what", "readonly", "seen"),
    [("BODY[]", False, True), ("BODY[]", True, False), ("BODY.PEEK[]", False, False)],
)
def test_only_who_may_write_and_does_not_peek_marks_a_mail_as_read(
    mailbox: ImapSandbox, what: str, *, readonly: bool, seen: bool
) -> None:
    mailbox.deliver(RAW)
    with open_box(mailbox, readonly=readonly) as line:
        line.uid("FETCH", "1", f"({what})")
    assert mailbox.mails[0].seen is seen


def test_a_mailbox_that_was_rebuilt_has_other_numbers(mailbox: ImapSandbox) -> None:
    numbers = []
    for _ in range(2):
        mailbox.deliver(RAW)
        with open_box(mailbox) as line:
            numbers.append(line.response("UIDVALIDITY")[1])
        mailbox.renumber()
    assert numbers == [[b"1"], [b"2"]]
    assert [one.uid for one in mailbox.mails] == [1, 2]


def test_a_client_that_types_by_hand_is_understood(mailbox: ImapSandbox) -> None:
    with socket.create_connection(("127.0.0.1", mailbox.port), timeout=10) as line, line.makefile("rwb") as file:
        assert file.readline().startswith(b"* OK [CAPABILITY IMAP4rev1 ")
        for typed, answer in [
            (b"1 noop", b"1 OK NOOP done"),
            (b"2 select inbox", b"2 BAD Log in first"),
            (b"3 frobnicate", b"3 BAD Unknown command"),
            (b'4 login "mailbox" {24+}\r\nsandbox-mailbox-password', b"4 OK LOGIN done"),
            (b"5 uid fetch 1 BODY[]", b"5 BAD Select first"),
            (b"6 examine Archive", b"6 NO [NONEXISTENT] No such folder"),
        ]:
            file.write(typed + b"\r\n")
            file.flush()
            assert file.readline().rstrip() == answer
        file.write(b"7 logout\r\n")
        file.flush()
        assert file.readlines() == [b"* BYE\r\n", b"7 OK LOGOUT\r\n"]


def test_a_wrong_password_is_refused(mailbox: ImapSandbox) -> None:
    line = imaplib.IMAP4("127.0.0.1", mailbox.port, timeout=10)
    with line, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        line.login("mailbox", "wrong")


def test_faults_strike_where_they_are_meant_to(mailbox: ImapSandbox) -> None:
    mailbox.deliver(RAW)
    mailbox.next(ImapNo("UID SEARCH", "SERVERBUG"), ImapSay("NOOP", b"TAG BAD no\r\n"))
    with open_box(mailbox) as line:
        assert line.uid("SEARCH", "ALL")[0] == "NO"
        assert line.uid("SEARCH", "ALL")[1] == [b"1"]
        with pytest.raises(imaplib.IMAP4.error, match="BAD"):
            line.noop()
    mailbox.always(ImapCut(20))
    for _ in range(2):
        with pytest.raises(imaplib.IMAP4.abort):
            imaplib.IMAP4("127.0.0.1", mailbox.port, timeout=10)
    mailbox.clear()
    with open_box(mailbox) as line:
        assert line.noop()[0] == "OK"


def test_it_can_be_spoken_to_over_tls_from_the_first_byte_or_later() -> None:
    authority = trustme.CA()
    certificate, trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(certificate)
    authority.configure_trust(trust)
    with (
        ImapSandbox(tls="tls", certificate=certificate) as server,
        imaplib.IMAP4_SSL("127.0.0.1", server.port, ssl_context=trust, timeout=10) as line,
    ):
        assert line.login(*SANDBOX_LOGIN)[0] == "OK"
    with (
        ImapSandbox(tls="starttls", certificate=certificate) as server,
        imaplib.IMAP4("127.0.0.1", server.port, timeout=10) as line,
    ):
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            line.login(*SANDBOX_LOGIN)
        line.starttls(trust)
        assert line.login(*SANDBOX_LOGIN)[0] == "OK"


def test_tls_needs_a_certificate() -> None:
    with pytest.raises(ValueError, match="certificate"):
        ImapSandbox(tls="tls")


@pytest.mark.parametrize(
    ("status", "action", "told"),
    [("5.1.1", "", "failed"), ("4.4.1", "", "delayed"), ("2.0.0", "", "delivered"), ("4.4.7", "failed", "failed")],
)
def test_a_mail_that_was_kept_can_bounce(mail: SmtpSandbox, status: str, action: str, told: str) -> None:
    with line_to(mail) as line:
        line.sendmail(
            "clinic+b-1@clinic.example",
            ["patient@mail.example"],
            letter().as_bytes(),
            ["ENVID=b-1+2Bx", "RET=HDRS"],
            ["NOTIFY=FAILURE,DELAY"],
        )
    (kept,) = mail.mails
    assert (kept.envelope_id, kept.notify) == ("b-1+x", "FAILURE,DELAY")
    bounce: Any = email.message_from_bytes(mail.bounce(kept, status, action), policy=policy.default)
    assert (bounce["To"], bounce["Return-Path"]) == ("clinic+b-1@clinic.example", "<>")
    assert bounce.get_content_type() == "multipart/report"
    _, report, returned = bounce.iter_parts()
    about, recipient = report.get_payload()
    assert about["Original-Envelope-Id"] == "b-1+x"
    assert (recipient["Action"], recipient["Status"]) == (told, status)
    assert "<r1@clinic.example>" in returned.get_content()
    assert "You may rest" not in bounce.as_string()
