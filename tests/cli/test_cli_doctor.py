"""`doctor`: each fault is named, with what to do about it."""

from __future__ import annotations

import base64
import http.server
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

import pytest
from cli_clinic import SandboxClinic

from followup.cli.examine import State, clock_against
from followup.clock import SystemClock
from followup.sandbox import SANDBOX_LOGIN, ImapSandbox


def faults(desk: SandboxClinic, *args: str) -> dict[str, str]:
    return {x["about"]: x["said"] for x in desk.told("doctor", *args) if x["state"] == "fault"}


def test_a_clinic_in_order_has_nothing_wrong(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("doctor")
    assert result.exit_code == 0, result.stdout
    assert "Twilio: reached" in result.stdout
    assert "mail server: reached" in result.stdout
    assert "fault" not in result.stdout.splitlines()[-1]


def test_it_sends_nothing(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.run("doctor")
    assert not sandbox_clinic.twilio.messages
    assert not sandbox_clinic.mail.mails


def test_a_wrong_token_is_found_before_a_patient_waits_for_a_text(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "secrets/twilio_auth_token").write_text("wrong")
    result = sandbox_clinic.run("doctor")
    assert result.exit_code == 1
    assert list(faults(sandbox_clinic)) == ["Twilio"]


def test_offline_asks_nobody(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "secrets/twilio_auth_token").write_text("wrong")
    assert sandbox_clinic.run("doctor", "--offline").exit_code == 0


def test_a_database_that_others_can_read_is_a_fault(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "followup.db").chmod(0o644)
    assert sandbox_clinic.run("doctor", "--offline").exit_code == 5
    assert "chmod 600" in faults(sandbox_clinic, "--offline")["permissions"]


def test_faults_of_the_configuration_are_told_alone(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "secrets/index_key").unlink()
    sandbox_clinic.config.write_text(sandbox_clinic.config.read_text().replace("America/Chicago", "Chicago"))
    found = sandbox_clinic.told("doctor")
    assert [x["about"] for x in found] == ["configuration", "configuration"]
    assert sandbox_clinic.run("doctor").exit_code == 5


def test_a_missing_database_says_what_makes_one(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "followup.db").unlink()
    assert sandbox_clinic.run("doctor", "--offline").exit_code == 6
    assert "followup migrate" in faults(sandbox_clinic, "--offline")["database"]


def test_a_damaged_database_is_a_fault(sandbox_clinic: SandboxClinic) -> None:
    path = sandbox_clinic.folder / "followup.db"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    assert sandbox_clinic.run("doctor", "--offline").exit_code == 6


def test_a_wrong_key_is_a_fault_once_somebody_is_enrolled(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.enroll()
    other = base64.b64encode(b"k" * 32).decode()
    (sandbox_clinic.folder / "secrets/keys").write_text(f"k1 {other}\n")
    assert sandbox_clinic.run("doctor", "--offline").exit_code == 6
    assert "does not open" in faults(sandbox_clinic, "--offline")["database"]


def test_a_spoiled_text_is_a_fault_with_its_file(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "messages/kyphoplasty/en/day-1.sms.j2").write_text("{% for x in y %}")
    assert sandbox_clinic.run("doctor", "--offline").exit_code == 5
    assert "kyphoplasty/en/day-1.sms.j2" in faults(sandbox_clinic, "--offline")["messages"]


def test_texts_nobody_approved_are_worth_knowing_in_trial(sandbox_clinic: SandboxClinic) -> None:
    notes = {x["about"]: x["said"] for x in sandbox_clinic.told("doctor", "--offline") if x["state"] == "note"}
    assert "plan approve kyphoplasty --language es" in notes["approvals of kyphoplasty in es"]
    assert "followup run" in notes["daemon"]


class _Elsewhen(http.server.BaseHTTPRequestHandler):
    off: ClassVar[timedelta]

    def do_HEAD(self) -> None:
        self.send_response_only(401)
        self.send_header("Date", format_datetime(SystemClock().utc() + self.off, usegmt=True))
        self.end_headers()


@pytest.mark.parametrize(("minutes", "state"), [(0, State.OK), (7, State.FAULT), (-7, State.FAULT)])
def test_a_clock_that_is_minutes_off_the_providers_is_a_fault(minutes: int, state: State) -> None:
    handler = type("Elsewhen", (_Elsewhen,), {"off": timedelta(minutes=minutes)})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found = clock_against(f"http://127.0.0.1:{server.server_port}", SystemClock())
        server.shutdown()
        thread.join()
    assert found.state is state


def test_a_provider_that_names_no_time_is_no_fault() -> None:
    class Still:
        def utc(self) -> datetime:
            return datetime(2026, 11, 1, tzinfo=UTC)

        def since_boot(self) -> float:
            return 0.0

        def monotonic(self) -> float:
            return 0.0

    assert clock_against("http://127.0.0.1:9", Still()).state is State.NOTE


def with_mailbox(desk: SandboxClinic, mailbox: ImapSandbox, password: str) -> None:
    table = f'[mailbox]\nhost = "127.0.0.1"\nport = {mailbox.port}\nsecurity = "plain"\nusername = "mailbox"\n'
    desk.config.write_text(f"{desk.config.read_text()}\n{table}")
    secret = desk.folder / "secrets/mailbox_password"
    secret.write_text(password)
    secret.chmod(0o600)


def test_the_mailbox_is_opened_where_one_is_configured(sandbox_clinic: SandboxClinic) -> None:
    assert "mailbox: " not in sandbox_clinic.run("doctor").stdout
    with ImapSandbox() as mailbox:
        with_mailbox(sandbox_clinic, mailbox, SANDBOX_LOGIN[1])
        assert "mailbox: reached" in sandbox_clinic.run("doctor").stdout
        mailbox.login = ("mailbox", "another")
        assert list(faults(sandbox_clinic)) == ["mailbox"]
    assert list(faults(sandbox_clinic)) == ["mailbox"]
