"""A clinic as `followup init` makes it, with the sandbox for providers, and a hand at its keyboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import canaries
from click.testing import CliRunner, Result

from followup.app import build_app
from followup.care.people import ChannelName
from followup.cli import followup
from followup.clock import SystemClock
from followup.going_live import record_heard
from followup.sandbox import SANDBOX_ACCOUNT, SANDBOX_TOKEN, SmtpSandbox, TwilioSandbox

SENDER = "+12145550150"


def answers(**other: object) -> dict[str, Any]:
    """What a clinic tells `init`, all right."""
    return {
        "clinic_name": "Lakeside IR",
        "office_phone": "214-555-0100",
        "after_hours_phone": "214-555-0199",
        "hours": "mon-fri 09:00-17:00, sun 12:00-16:00",
        "holidays": ["2026-12-25"],
        "zone": "America/Chicago",
        "staff": [{"name": "Pat Rivera", "phone": "214-555-0123", "email": "pat@clinic.example.org"}],
        "account_sid": SANDBOX_ACCOUNT,
        "sms_sender": SENDER,
        "mail_server": "smtp.example.org",
        "sender_address": "care@clinic.example.org",
        "twilio_auth_token": SANDBOX_TOKEN,
    } | other


def type_in(*args: str, typed: str = "") -> Result:
    """One command, with what is typed at its prompts."""
    result = CliRunner().invoke(followup, list(args), input=typed)
    canaries.hear(result.stderr, "a command")
    return result


def as_process(*args: str, typed: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One command as a process of its own, without a configuration from outside."""
    home = {"HOME": str(cwd)} if cwd else {}
    environ = {k: v for k, v in os.environ.items() if not k.startswith("FOLLOWUP_")} | home
    command = [sys.executable, "-m", "followup", *args]
    ended = subprocess.run(command, input=typed, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    canaries.hear(ended.stderr, "a command")
    return ended


@dataclass
class OperatorDesk:
    """A clinic's folder, and commands typed there."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def run(self, *args: str, typed: str = "") -> Result:
        return type_in("--config", str(self.config), "--by", "ann", *args, typed=typed)

    def told(self, *args: str) -> Any:
        """The JSON a command prints."""
        return json.loads(self.run(*args, "--json").stdout)

    def enroll(self, **other: object) -> None:
        """Somebody who lives here, whose procedure is in two days; `other` says what differs."""
        day = SystemClock().utc().date() + timedelta(days=2)
        entered = {
            "name": "Ruth Miller",
            "birth_date": "1948-03-07",
            "plan": "kyphoplasty",
            "procedure_date": day.isoformat(),
            "mobile": "214-555-0142",
            "consent": {"texts": True},
        } | other
        entering = as_process("--config", str(self.config), "enroll", "--json", typed=json.dumps(entered))
        assert entering.returncode == 0, entering.stderr

    def make_ready(self) -> None:
        """All that `live` wants, but for what it asks for itself: texts approved, tests heard."""
        app = build_app(self.config)
        now = app.clock.utc()
        for language in app.library.languages("kyphoplasty"):
            app.library.approve("kyphoplasty", language, "Ann Lee", now.date())
        with app.storage.transaction() as tx:
            for channel in (ChannelName.SMS, ChannelName.EMAIL):
                record_heard(tx, channel, now, "ann")
        app.close()


Open = Callable[..., OperatorDesk]


@dataclass
class SandboxClinic(OperatorDesk):
    """A clinic with its providers."""

    twilio: TwilioSandbox
    mail: SmtpSandbox
