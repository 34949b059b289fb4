"""`[mailbox]`: one place that mail comes in at, a maildir or IMAP, and every fault of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

IMAP = {"host": "imap.example.org", "username": "nurses@clinic.example.org"}
NEEDS_HOST = "belongs to host, and a maildir has none; leave it out"


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    return tmp_path / "Maildir"


def faults(clinic: Any) -> dict[str, str]:
    return {where.removeprefix("config.toml: mailbox."): what for where, what in clinic.faults().items()}


def test_without_the_table_no_mail_is_read_and_no_password_is_asked_for(clinic: Any) -> None:
    config = clinic.load()
    assert (config.mailbox, config.mailbox_login) == (None, None)


def test_a_maildir_lies_beside_the_file_and_needs_no_password(clinic: Any, maildir: Path) -> None:
    clinic.set("mailbox.maildir", "Maildir")
    config = clinic.load()
    assert (config.mailbox.maildir, config.mailbox_login) == (str(maildir), None)
    clinic.set("mailbox.maildir", str(maildir))
    assert clinic.load().mailbox == config.mailbox


@pytest.mark.parametrize("missing", ["new", "cur"])
def test_a_folder_that_is_no_maildir_is_a_fault(clinic: Any, maildir: Path, missing: str) -> None:
    (maildir / missing).rmdir()
    clinic.set("mailbox.maildir", "Maildir")
    assert faults(clinic) == {"maildir": "is no maildir: a folder with new/ and cur/ in it"}


def test_a_mailbox_by_imap_needs_its_password(clinic: Any) -> None:
    clinic.set("mailbox", dict(IMAP))
    assert list(clinic.faults()) == ["secrets/mailbox_password"]
    clinic.secret("mailbox_password", "canary of the mailbox")
    config = clinic.load()
    assert config.mailbox_login == ("nurses@clinic.example.org", "canary of the mailbox")
    assert "canary" not in repr(config)
    assert (config.mailbox.port, config.mailbox.security, config.mailbox.folder) == (993, "tls", "INBOX")


def test_the_port_is_the_usual_one_of_its_security(clinic: Any) -> None:
    clinic.secret("mailbox_password", "x")
    clinic.set("mailbox", {**IMAP, "security": "starttls"})
    assert clinic.load().mailbox.port == 143
    clinic.set("mailbox.port", 1143)
    assert clinic.load().mailbox.port == 1143


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ({}, {"host": "is missing, and so is maildir; write one of the two"}),
        ({"port": 1}, {"host": "is missing, and so is maildir; write one of the two"}),
        ({"host": "imap.example.org"}, {"username": "is missing: a mailbox is read with a login"}),
        (
            {"maildir": "Maildir", **IMAP, "port": 993, "folder": "INBOX"},
            {
                "host": "stands beside maildir; write only one of the two",
                "username": NEEDS_HOST,
                "port": NEEDS_HOST,
                "folder": NEEDS_HOST,
            },
        ),
        (
            {**IMAP, "security": "plain", "port": 0, "folder": "Eingänge", "user": "x"},
            {
                "security": '"plain" can be read by others on its way; write "tls", or "starttls" for port 143',
                "port": "must be a whole number from 1 to 65535",
                "folder": 'must be the name as the mail server lists it, in plain letters, for example "INBOX"',
                "user": "unknown key; did you mean 'username'?",
            },
        ),
        (
            {**IMAP, "folder": 'IN"\r\nA LOGOUT'},
            {"folder": "holds a line break or an invisible character; type it anew"},
        ),
        ({**IMAP, "ca_file": "no.pem"}, {"ca_file": "is no file of certificates (PEM) that can be read"}),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_told_at_once(
    clinic: Any, maildir: Path, table: dict[str, object], wrong: dict[str, str]
) -> None:
    assert maildir.is_dir()
    clinic.secret("mailbox_password", "x")
    clinic.set("mailbox", table)
    assert faults(clinic) == wrong


@pytest.mark.parametrize("host", ["imaps://imap.example.org", "imap.example.org:993", "169.254.169.254", ""])
def test_a_mailbox_is_at_a_bare_name(clinic: Any, host: str) -> None:
    clinic.secret("mailbox_password", "x")
    clinic.set("mailbox", {**IMAP, "host": host})
    assert list(faults(clinic)) == ["host"]


def test_only_a_mailbox_on_this_machine_is_read_in_clear(clinic: Any) -> None:
    clinic.secret("mailbox_password", "x")
    clinic.set("mailbox", {**IMAP, "host": "127.0.0.1", "security": "plain"})
    assert clinic.load().mailbox.security == "plain"
