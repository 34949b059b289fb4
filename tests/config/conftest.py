"""A clinic's folder: config.toml and secrets, all right, for a test to spoil."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from followup.config import Config, load_config
from followup.errors import ConfigError

SECRETS = {
    "twilio_auth_token": "canary-of-the-auth-token\n",
    "smtp_password": "canary of the mail password\n",
    "keys": f"k1 {base64.b64encode(b'canary-of-the-sealing-key-012345').decode()}\n",
    "index_key": f"{base64.b64encode(b'canary-of-the-index-key-01234567').decode()}\n",
}


def _settings() -> dict[str, Any]:
    return {
        "clinic": {
            "name": "Lakeside IR",
            "phone": "214-555-0100",
            "after_hours_phone": "214-555-0199",
            "zone": "America/Chicago",
            "holidays": [dt.date(2026, 11, 26)],
            "hours": {"monday": ["08:00-12:00", "13:00-17:00"], "sunday": "12:00-16:00"},
        },
        "twilio": {"account_sid": "AC" + "0" * 32, "sender_number": "(214) 555-0142"},
        "smtp": {
            "host": "smtp.example.org",
            "username": "followup@clinic.example.org",
            "sender_address": "followup@clinic.example.org",
        },
    }


class ClinicFolder:
    """Settings by dotted path, secrets by name; everything is written anew before it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.toml"
        self.secrets_folder = folder / "secrets"
        self.secrets_folder.mkdir(mode=0o700)
        self.settings = _settings()
        self.environ: dict[str, str] = {}
        for name, text in SECRETS.items():
            self.secret(name, text)
        self.set("clinic.country", "US")

    def secret(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.secrets_folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def set(self, dotted: str, value: object) -> None:
        *tables, key = dotted.split(".")
        table = self.settings
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
        self.path.write_text(tomli_w.dumps(self.settings))

    def text(self, text: str) -> None:
        self.path.write_text(text)

    def load(self) -> Config:
        return load_config(self.path, self.environ)

    def faults(self) -> dict[str, str]:
        """What is wrong, by where."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        return {fault.where: fault.what for fault in caught.value.faults}


@pytest.fixture
def clinic(tmp_path: Path) -> ClinicFolder:
    return ClinicFolder(tmp_path)
