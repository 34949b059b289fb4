"""What a configured mailbox changes: it is opened, and mails are handed over so that they can come back to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_clinic import SandboxClinic

from followup.app import build_app
from followup.care.arrival import Arrival
from followup.channels import Inbox


@pytest.fixture
def maildir(sandbox_clinic: SandboxClinic) -> Path:
    folder = sandbox_clinic.folder / "Maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    text = sandbox_clinic.config.read_text()
    sandbox_clinic.config.write_text(f'{text}\n[mailbox]\nmaildir = "Maildir"\n')
    return folder


def test_without_one_nothing_is_read_and_mails_come_from_the_plain_address(sandbox_clinic: SandboxClinic) -> None:
    app = build_app(sandbox_clinic.config)
    assert app.mailbox is None
    app.close()
    assert sandbox_clinic.run("send-test", "--email", typed="y\n").exit_code == 0
    assert [mail.envelope_from for mail in sandbox_clinic.mail.mails] == ["care@clinic.example.org"]


def test_with_one_a_mail_names_itself_to_whoever_cannot_deliver_it(
    sandbox_clinic: SandboxClinic, maildir: Path
) -> None:
    assert maildir.is_dir()
    assert sandbox_clinic.run("send-test", "--email", typed="y\n").exit_code == 0
    (mail,) = sandbox_clinic.mail.mails
    assert re.fullmatch(r"care\+b-[0-9a-f]{32}@clinic\.example\.org", mail.envelope_from)
    assert mail.message_id.startswith(f"<{mail.envelope_from[7:39]}@")


def test_a_maildir_is_read_beside_whoever_delivers_into_it(sandbox_clinic: SandboxClinic, maildir: Path) -> None:
    (maildir / "new" / "letter").write_bytes(b"From: patient@home.example\nSubject: Re: x\n\nAn 8.\n")
    app = build_app(sandbox_clinic.config)
    assert isinstance(app.mailbox, Inbox)
    (came,) = app.mailbox.arrived(app.clock.utc().replace(year=2020))
    assert isinstance(came, Arrival)
    assert came.words == "An 8."
    app.close()


def test_the_doctor_says_when_the_maildir_cannot_be_read(sandbox_clinic: SandboxClinic, maildir: Path) -> None:
    assert "mailbox: reached" in sandbox_clinic.run("doctor").stdout
    (maildir / "cur").rmdir()
    result = sandbox_clinic.run("doctor")
    assert result.exit_code == 5
    assert "mailbox.maildir: is no maildir" in result.stdout
