"""What the tests of the command line work with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_clinic import Open, OperatorDesk, SandboxClinic, answers, type_in

from followup.sandbox import SmtpSandbox, TwilioSandbox


@pytest.fixture
def open_clinic(tmp_path: Path) -> Open:
    """Makes a clinic from its answers."""

    def made(**other: object) -> OperatorDesk:
        folder = tmp_path / "clinic"
        result = type_in("init", "--folder", str(folder), "--json", typed=json.dumps(answers(**other)))
        assert result.exit_code == 0, result.output
        return OperatorDesk(folder)

    return made


@pytest.fixture(scope="session")
def new_clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; its mail server is at port 1, and so is its Twilio."""
    folder = tmp_path_factory.mktemp("new") / "clinic"
    here = answers(mail_server="127.0.0.1", mail_port=1, mail_security="plain", sms_base_url="http://127.0.0.1:1")
    before = os.umask(0o077)
    result = type_in("init", "--folder", str(folder), "--json", typed=json.dumps(here))
    os.umask(before)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def sandbox_clinic(new_clinic: Path, tmp_path: Path) -> Iterator[SandboxClinic]:
    folder = tmp_path / "sandbox-clinic"
    shutil.copytree(new_clinic, folder)
    with TwilioSandbox() as twilio, SmtpSandbox() as mail:
        desk = SandboxClinic(folder, twilio, mail)
        text = desk.config.read_text().replace("http://127.0.0.1:1", twilio.base_url)
        desk.config.write_text(text.replace("port = 1\n", f"port = {mail.port}\n"))
        yield desk


@pytest.fixture(autouse=True)
def _own_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command without --config finds none; what it writes is for its owner alone, as in the real program."""
    monkeypatch.delenv("FOLLOWUP_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    yield
    os.umask(before)
