"""One mailbox, as a maildir and by IMAP: everything that came is told, nothing in it is changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from channel_parts import PRIVATE, Bare, outcome
from mail_corpus import MAIL_ID, PATIENT, PLAIN, POSTFIX, TOKEN

from followup.care.arrival import Arrival, Bounce
from followup.channels import Inbox
from followup.channels.imap import ImapMailbox, ImapServer
from followup.channels.mail import OurMails
from followup.channels.mailbox import KEPT, LARGEST_WHOLE, Mailbox
from followup.channels.maildir import Maildir
from followup.errors import ConfigError, SenderBlocked, Unavailable
from followup.sandbox import SANDBOX_LOGIN, ImapCut, ImapNo, ImapSandbox, ImapSay, ImapSilent

OURS = OurMails("clinic@clinic.example")
NOW = dt.datetime(2026, 11, 2, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOBODY = 65534


def words(number: int) -> bytes:
    return f"From: {PATIENT}\nSubject: Re: x\n\nanswer {number}\n".encode()


def imap_server(port: int, **changes: Any) -> ImapServer:
    settings = {"host": "127.0.0.1", "port": port, "security": "plain", **changes}
    login = dict(zip(("username", "password"), SANDBOX_LOGIN, strict=True))
    return ImapServer(**{**login, **settings})


def reading(port: int, longest: timedelta = timedelta(seconds=20), **changes: Any) -> Mailbox:
    return Mailbox(ImapMailbox(imap_server(port, **changes), longest), OURS)


def told(mailbox: Mailbox, since: dt.datetime = NOW - MINUTE) -> list[str]:
    return [one.words for one in mailbox.arrived(since) if isinstance(one, Arrival)]


# What both kinds promise


class Place(Protocol):
    """A place mails lie in, as the tests fill it."""

    def deliver(self, raw: bytes, received: dt.datetime) -> None: ...

    def mailbox(self) -> Mailbox: ...

    def looks(self) -> object: ...


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("new", "cur", "tmp"):
            (path / name).mkdir(parents=True)
        self.count = 0

    def deliver(self, raw: bytes, received: dt.datetime) -> None:
        self.count += 1
        path = self.path / "new" / f"{int(received.timestamp())}.M{self.count}P1.host"
        path.write_bytes(raw)
        os.utime(path, (received.timestamp(), received.timestamp()))

    def mailbox(self) -> Mailbox:
        return Mailbox(Maildir(self.path), OURS)

    def looks(self) -> object:
        return sorted((str(p), p.stat().st_mtime_ns, p.read_bytes()) for p in self.path.rglob("*") if p.is_file())


class Remote:
    def __init__(self, server: ImapSandbox) -> None:
        self.server = server

    def deliver(self, raw: bytes, received: dt.datetime) -> None:
        self.server.deliver(raw, received)

    def mailbox(self) -> Mailbox:
        return reading(self.server.port)

    def looks(self) -> object:
        return [(one.uid, one.seen, one.raw) for one in self.server.mails]


@pytest.fixture
def imap() -> Iterator[ImapSandbox]:
    with ImapSandbox() as server:
        yield server


@pytest.fixture(params=["maildir", "IMAP"])
def place(request: pytest.FixtureRequest, tmp_path: Path, imap: ImapSandbox) -> Place:
    return Folder(tmp_path / "Maildir") if request.param == "maildir" else Remote(imap)


def test_it_is_an_inbox(place: Place) -> None:
    mailbox = place.mailbox()
    assert isinstance(mailbox, Inbox)
    assert mailbox.on_loopback
    mailbox.check()
    mailbox.close()


def test_answers_and_bounces_are_told_the_oldest_first_with_the_moment_they_came(place: Place) -> None:
    place.deliver(POSTFIX, NOW + 2 * MINUTE)
    place.deliver(PLAIN, NOW)
    answer, bounce = place.mailbox().arrived(NOW - MINUTE)
    assert isinstance(answer, Arrival)
    assert (answer.address, answer.words, answer.written_at) == (PATIENT, "It is an 8.", NOW)
    assert isinstance(bounce, Bounce)
    assert (bounce.mail_id, bounce.received_at) == (MAIL_ID, NOW + 2 * MINUTE)


def test_an_empty_mailbox_tells_nothing(place: Place) -> None:
    assert place.mailbox().arrived(NOW) == ()


def test_what_came_before_is_not_told_and_what_came_at_that_moment_is(place: Place) -> None:
    for number in (-1, 0, 1):
        place.deliver(words(number), NOW + number * MINUTE)
    assert told(place.mailbox(), NOW) == ["answer 0", "answer 1"]


def test_nothing_in_it_is_moved_marked_or_deleted(place: Place) -> None:
    place.deliver(PLAIN, NOW)
    before = place.looks()
    place.mailbox().arrived(NOW - MINUTE)
    assert place.looks() == before


def test_what_is_asked_for_again_is_told_again_with_the_same_id(place: Place) -> None:
    """Whoever asked may not have been able to store it."""
    place.deliver(PLAIN, NOW)
    mailbox = place.mailbox()
    first = mailbox.arrived(NOW - MINUTE)
    assert first == mailbox.arrived(NOW - MINUTE) == place.mailbox().arrived(NOW - MINUTE)


def test_what_appears_late_with_an_old_date_is_told_to_who_has_looked_before(place: Place) -> None:
    """Somebody moves a mail here from another folder, or the mail server delivers slowly."""
    mailbox = place.mailbox()
    assert told(mailbox) == []
    place.deliver(words(1), NOW - timedelta(hours=3))
    assert told(mailbox) == ["answer 1"]


def test_what_was_told_long_ago_is_forgotten_and_not_told_anew(place: Place) -> None:
    place.deliver(words(1), NOW)
    mailbox = place.mailbox()
    assert told(mailbox) == ["answer 1"]
    assert told(mailbox, NOW + KEPT) == ["answer 1"]
    assert told(mailbox, NOW + KEPT + MINUTE) == []
    assert told(mailbox, NOW + KEPT + MINUTE) == []


def test_a_mail_with_a_large_picture_is_read_at_both_ends(place: Place) -> None:
    boundary = b"\n--b\n"
    picture = boundary + b"Content-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\n" + b"QUJD" * 18 + b"\n"
    head = f"From: {PATIENT}\nSubject: Re: x\nContent-Type: multipart/mixed; boundary=b\n".encode()
    lines = (b"QUJD" * 18 + b"\n") * (LARGEST_WHOLE // 60)
    place.deliver(
        head + boundary + b"\nfirst words\n" + picture + lines + boundary + b"\nlast words\n--b--\n", NOW
    )
    (came,) = place.mailbox().arrived(NOW)
    assert isinstance(came, Arrival)
    assert (came.words, came.media) == ("first words\n\nlast words", 1)


def test_a_mail_of_one_endless_line_is_told_for_a_person_to_look_at(place: Place) -> None:
    place.deliver(f"From: {PATIENT}\nSubject: Re: x\n\n".encode() + b"x" * (LARGEST_WHOLE + 100), NOW)
    (came,) = place.mailbox().arrived(NOW)
    assert isinstance(came, Arrival)
    assert (came.address, came.media) == (PATIENT, 1)


# The maildir


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "Maildir")


def test_a_mail_that_a_reader_has_opened_is_still_told_once(folder: Folder) -> None:
    folder.deliver(words(1), NOW)
    mailbox = folder.mailbox()
    mailbox.arrived(NOW)
    (path,) = (folder.path / "new").iterdir()
    path.rename(folder.path / "cur" / f"{path.name}:2,S")
    assert told(mailbox) == ["answer 1"]
    assert told(folder.mailbox()) == ["answer 1"]


def test_a_name_without_a_moment_leaves_the_files_own(folder: Folder) -> None:
    path = folder.path / "cur" / "letter"
    path.write_bytes(words(1))
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    (came,) = folder.mailbox().arrived(NOW)
    assert isinstance(came, Arrival)
    assert came.written_at == NOW


def test_what_is_no_mail_is_passed_over(folder: Folder) -> None:
    (folder.path / "new" / ".hidden").write_bytes(words(1))
    (folder.path / "new" / "a-folder").mkdir()
    os.mkfifo(folder.path / "new" / "a-pipe")
    (folder.path / "tmp" / "half").write_bytes(words(2))
    assert folder.mailbox().arrived(NOW - timedelta(days=1)) == ()


def test_a_link_is_not_followed_to_other_files(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(words(1))
    (folder.path / "new" / "1793635200.link").symlink_to(tmp_path / "secret")
    assert folder.mailbox().arrived(NOW - timedelta(days=1)) == ()


@contextlib.contextmanager
def as_somebody_else() -> Iterator[None]:
    """Without the right of root to read everything; whoever is not root has none to lay down."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_mail_that_may_not_be_read_is_said_and_not_passed_over() -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        folder = Folder(Path(open_to_all) / "Maildir")
        folder.deliver(words(1), NOW)
        for one in (Path(open_to_all), *Path(open_to_all).rglob("*")):
            one.chmod(0o755)
        with as_somebody_else():
            assert told(folder.mailbox()) == ["answer 1"]
        (path,) = (folder.path / "new").iterdir()
        path.chmod(0)
        with as_somebody_else():
            assert isinstance(outcome(lambda: folder.mailbox().arrived(NOW)), SenderBlocked)


def test_a_maildir_that_is_gone_is_said(folder: Folder) -> None:
    mailbox = folder.mailbox()
    (folder.path / "new").rmdir()
    assert isinstance(outcome(lambda: mailbox.arrived(NOW)), SenderBlocked)
    assert isinstance(outcome(mailbox.check), SenderBlocked)


# IMAP


def test_a_mail_is_fetched_once(imap: ImapSandbox) -> None:
    mailbox = reading(imap.port)
    for number in range(3):
        imap.deliver(words(number), NOW)
        mailbox.arrived(NOW - MINUTE)
    fetched = [command for command in imap.commands if "BODY.PEEK[]" in command]
    assert fetched == [f"UID FETCH {uid} (BODY.PEEK[])" for uid in (1, 2, 3)]
    assert "SELECT" not in " ".join(imap.commands)


def test_the_day_before_is_searched_too_for_servers_in_another_zone(imap: ImapSandbox) -> None:
    reading(imap.port).arrived(dt.datetime(2026, 11, 1, 0, 5, tzinfo=UTC))
    assert "UID SEARCH SINCE 31-Oct-2026" in imap.commands


def test_a_mailbox_numbered_anew_loses_no_mail_and_tells_the_same_ids(imap: ImapSandbox) -> None:
    for number in range(3):
        imap.deliver(words(number), NOW + number * MINUTE)
    mailbox = reading(imap.port)
    first = mailbox.arrived(NOW)
    imap.renumber()
    imap.deliver(words(3), NOW + 3 * MINUTE)
    assert mailbox.arrived(NOW)[:3] == first
    assert told(mailbox, NOW) == [f"answer {number}" for number in range(4)]


def test_a_mail_deleted_meanwhile_is_not_missed(imap: ImapSandbox) -> None:
    imap.deliver(words(1), NOW)
    imap.deliver(words(2), NOW)
    imap.next(ImapSay("UID SEARCH", b"* SEARCH 1 2 3\r\nTAG OK done\r\n"))
    imap.remove(1)
    assert told(reading(imap.port)) == ["answer 2"]


def test_a_long_list_is_read_bit_by_bit_over_several_questions(imap: ImapSandbox) -> None:
    for number in range(20):
        imap.deliver(words(number), NOW + number * MINUTE)
    mailbox = reading(imap.port)
    imap.always(ImapCut(2600))
    failed = 0
    while isinstance(outcome(lambda: mailbox.arrived(NOW)), Unavailable):
        failed += 1
    assert failed > 1
    assert told(mailbox, NOW) == [f"answer {number}" for number in range(20)]
    fetched = [command for command in imap.commands if "BODY.PEEK[]" in command]
    assert len(fetched) <= 20 + failed


@pytest.mark.parametrize("after", [0, 1, 30, 90, 150, 250, 330, 400, 450])
def test_a_line_that_breaks_anywhere_is_tried_again_later(imap: ImapSandbox, after: int) -> None:
    imap.deliver(words(1), NOW)
    mailbox = reading(imap.port)
    imap.next(ImapCut(after))
    assert isinstance(outcome(lambda: mailbox.arrived(NOW)), Unavailable)
    assert told(mailbox, NOW) == ["answer 1"]


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ()])
@pytest.mark.parametrize("login", [("nurse", 'pass"wörd\\'), ("nurse o'", "wrong")])
def test_a_wrong_password_blocks_and_a_right_one_is_said_in_any_letters(
    mechanisms: tuple[str, ...], login: tuple[str, str]
) -> None:
    with ImapSandbox(mechanisms=mechanisms, login=("nurse", 'pass"wörd\\')) as server:
        mailbox = reading(server.port, username=login[0], password=login[1])
        result = outcome(mailbox.check)
    assert result is None if login[0] == "nurse" else isinstance(result, SenderBlocked)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INUSE"])
@pytest.mark.parametrize("at", ["AUTHENTICATE", "EXAMINE"])
def test_a_refusal_that_will_pass_blocks_nobody(imap: ImapSandbox, at: str, code: str) -> None:
    imap.next(ImapNo(at, code))
    assert isinstance(outcome(reading(imap.port).check), Unavailable)


def test_a_folder_that_is_not_there_is_for_a_person(imap: ImapSandbox) -> None:
    assert isinstance(outcome(reading(imap.port, folder="Answers").check), SenderBlocked)


@pytest.mark.parametrize("at", ["UID SEARCH", "UID FETCH"])
def test_a_question_refused_is_asked_again(imap: ImapSandbox, at: str) -> None:
    imap.deliver(words(1), NOW)
    imap.next(ImapNo(at))
    mailbox = reading(imap.port)
    assert isinstance(outcome(lambda: mailbox.arrived(NOW)), Unavailable)
    assert told(mailbox, NOW) == ["answer 1"]


@pytest.mark.parametrize("at", ["connect", "CAPABILITY", "AUTHENTICATE", "UID FETCH"])
def test_a_server_that_falls_silent_is_given_up_at_the_deadline(imap: ImapSandbox, at: str) -> None:
    imap.deliver(words(1), NOW)
    imap.next(ImapSilent(at))
    assert isinstance(outcome(lambda: reading(imap.port, timedelta(seconds=0.5)).arrived(NOW)), Unavailable)


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("connect", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("connect", b"* BYE too many\r\n"),
        ("connect", b"* OK " + b"x" * 3_000_000),
        ("CAPABILITY", b"* CAPABILITY IMAP2\r\nTAG OK\r\n"),
        ("CAPABILITY", b"\xff\xfe\r\n"),
        ("AUTHENTICATE", b"* BYE\r\n"),
        ("AUTHENTICATE", b"+ !!!\r\n"),
        ("EXAMINE", b"TAG BAD\r\n"),
        ("UID SEARCH", b"* SEARCH 1 \xff\r\nTAG OK\r\n"),
        ("UID FETCH", b'* 1 FETCH (UID 1 INTERNALDATE "99-Foo-2026 00:00:00 +0000" RFC822.SIZE 9)\r\nTAG OK\r\n'),
        ("UID FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE 9)\r\nTAG OK\r\n"),
        ("UID FETCH", b"* 1 FETCH (BODY[] {99999999999}\r\n"),
        ("UID FETCH", b"* 1 FETCH (" + b"x" * 3_000_000),
    ],
)
def test_a_server_that_talks_nonsense_is_not_believed(imap: ImapSandbox, at: str, answer: bytes) -> None:
    imap.deliver(words(1), NOW)
    imap.next(ImapSay(at, answer))
    mailbox = reading(imap.port, timedelta(seconds=5))
    assert isinstance(outcome(lambda: mailbox.arrived(NOW)), Unavailable)
    assert told(mailbox, NOW) == ["answer 1"]


def test_nobody_listening_is_no_connection(closed_port: int) -> None:
    assert isinstance(outcome(reading(closed_port).check), Unavailable)


def test_a_server_that_lets_us_in_unasked_is_not_trusted(bare: Callable[..., Bare]) -> None:
    """With it, somebody on the line could keep us from encrypting."""

    def serve(connection: socket.socket, server: Bare) -> None:
        connection.sendall(b"* PREAUTH ready\r\n")
        tag = connection.recv(100).split()[0]
        connection.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK done\r\n")
        server.heard += connection.recv(100)

    server = bare(serve)
    assert isinstance(outcome(reading(server.port, security="starttls").check), SenderBlocked)
    assert server.heard == b""


# Encryption


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_mailbox_is_read_over_verified_encryption(
    certificate: ssl.SSLContext, ca_file: Path, security: Any
) -> None:
    with ImapSandbox(tls=security, certificate=certificate) as server:
        server.deliver(words(1), NOW)
        mailbox = reading(server.port, host="localhost", security=security, ca_file=ca_file)
        assert told(mailbox) == ["answer 1"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("fault", ["name", "authority"])
def test_a_server_that_cannot_prove_itself_hears_no_password(
    certificate: ssl.SSLContext, ca_file: Path, security: Any, fault: str
) -> None:
    host, trusted = ("127.0.0.1", ca_file) if fault == "name" else ("localhost", None)
    with ImapSandbox(tls=security, certificate=certificate) as server:
        mailbox = reading(server.port, host=host, security=security, ca_file=trusted)
        assert isinstance(outcome(mailbox.check), SenderBlocked)
        assert not [command for command in server.commands if command in {"LOGIN", "AUTHENTICATE"}]


def test_encryption_that_is_not_offered_is_not_done_without(imap: ImapSandbox, ca_file: Path) -> None:
    result = outcome(reading(imap.port, host="localhost", security="starttls", ca_file=ca_file).check)
    assert isinstance(result, SenderBlocked)
    assert "AUTHENTICATE" not in imap.commands


def test_a_line_that_breaks_within_the_handshake_is_tried_again(bare: Callable[..., Bare], ca_file: Path) -> None:
    server = bare(lambda connection, _: connection.recv(1) and None)
    result = outcome(reading(server.port, host="localhost", security="tls", ca_file=ca_file).check)
    assert isinstance(result, Unavailable)


def test_a_file_without_certificates_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.touch()
    with pytest.raises(ConfigError):
        reading(993, security="tls", ca_file=path)


def test_no_repr_and_no_error_shows_what_is_private(imap: ImapSandbox) -> None:
    server = imap_server(imap.port)
    imap.deliver(PLAIN, NOW)
    shown = repr(server) + repr(reading(imap.port).arrived(NOW))
    assert not [word for word in (SANDBOX_LOGIN[1], PATIENT, "an 8", TOKEN, *PRIVATE) if word in shown]
    with contextlib.suppress(SenderBlocked):
        reading(imap.port, password="canary-of-the-mailbox").check()
