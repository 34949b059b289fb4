"""Secrets: where they are looked for, what is refused, and that they never show."""

from __future__ import annotations

import base64
import os
import traceback
from pathlib import Path
from typing import Any

import pytest

from followup.config import example_config, new_keys
from followup.errors import ConfigError


def test_a_secret_is_taken_from_systemd_first_then_a_file_then_the_environment(
    clinic: Any, tmp_path: Path
) -> None:
    clinic.environ["FOLLOWUP_TWILIO_AUTH_TOKEN"] = "from-the-environment"
    assert clinic.load().twilio_login == ("AC" + "0" * 32, "canary-of-the-auth-token")
    (clinic.secrets_folder / "twilio_auth_token").unlink()
    assert clinic.load().twilio_login[1] == "from-the-environment"
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "twilio_auth_token").write_text("from-systemd\n")
    clinic.environ["CREDENTIALS_DIRECTORY"] = str(credentials)
    assert clinic.load().twilio_login[1] == "from-systemd"
    assert clinic.load().smtp_login == ("followup@clinic.example.org", "canary of the mail password")


def test_an_api_key_is_used_with_its_own_secret(clinic: Any) -> None:
    clinic.set("twilio.api_key", "SK" + "1" * 32)
    assert set(clinic.faults()) == {"secrets/twilio_api_key_secret"}
    clinic.secret("twilio_api_key_secret", "of-the-key")
    assert clinic.load().twilio_login == ("SK" + "1" * 32, "of-the-key")


def test_a_mail_server_that_wants_no_login_needs_no_password(clinic: Any) -> None:
    clinic.set("smtp.username", None)
    (clinic.secrets_folder / "smtp_password").unlink()
    assert clinic.load().smtp_login is None


def test_every_missing_secret_is_named_with_the_ways_to_give_it(clinic: Any) -> None:
    folder = clinic.secrets_folder
    for path in folder.iterdir():
        path.unlink()
    faults = clinic.faults()
    assert set(faults) == {f"secrets/{n}" for n in ("twilio_auth_token", "smtp_password", "keys", "index_key")}
    assert faults["secrets/smtp_password"] == (
        f"is missing: put the password of the mail account into the file {folder / 'smtp_password'} "
        "(then `chmod 600` it), or give it as systemd credential smtp_password, "
        "or in the variable FOLLOWUP_SMTP_PASSWORD"
    )


def test_without_a_folder_of_secrets_all_may_come_from_the_environment(clinic: Any) -> None:
    for path in clinic.secrets_folder.iterdir():
        clinic.environ[f"FOLLOWUP_{path.name.upper()}"] = path.read_text()
        path.unlink()
    clinic.secrets_folder.rmdir()
    assert clinic.load().secrets.keys.current == "k1"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_secret_that_others_may_read_is_refused_with_the_command_that_mends_it(clinic: Any, mode: int) -> None:
    path = clinic.secret("smtp_password", "x", mode)
    assert clinic.faults() == {
        "secrets/smtp_password": f"others on this machine can read it; run: chmod 600 {path}"
    }


def test_a_narrower_mode_is_fine(clinic: Any) -> None:
    clinic.secret("smtp_password", "x", 0o400)
    assert clinic.load().smtp_login is not None


def test_a_folder_in_which_others_may_replace_secrets_is_refused(clinic: Any) -> None:
    clinic.secrets_folder.chmod(0o770)
    what = f"others on this machine can replace it; run: chmod 700 {clinic.secrets_folder}"
    assert set(clinic.faults().values()) == {what}


def test_a_secret_of_another_user_is_refused(clinic: Any) -> None:
    path = clinic.secrets_folder / "smtp_password"
    if os.geteuid() == 0:
        os.chown(path, 65534, -1)
    else:
        path.unlink()
        path.symlink_to("/etc/passwd")
    assert clinic.faults() == {
        "secrets/smtp_password": f"belongs to another user; as root, run: chown {os.geteuid()} {path}"
    }


def test_a_folder_or_a_pipe_in_the_place_of_a_secret_is_refused_and_does_not_hang(clinic: Any) -> None:
    for name, make in (("smtp_password", Path.mkdir), ("keys", os.mkfifo)):
        path = clinic.secrets_folder / name
        path.unlink()
        make(path)
        path.chmod(0o600)
    assert clinic.faults() == {"secrets/smtp_password": "is no file", "secrets/keys": "is no file"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("two\nlines", "must be one line without control characters"),
        ("x" * 70_000, "is far too large"),
    ],
)
def test_a_password_that_cannot_be_one_is_refused(clinic: Any, text: str, what: str) -> None:
    clinic.secret("smtp_password", text)
    assert clinic.faults() == {"secrets/smtp_password": what}


def test_a_password_that_is_no_text_is_refused_without_being_repeated(clinic: Any) -> None:
    (clinic.secrets_folder / "smtp_password").write_bytes(b"canary\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        clinic.load()
    shown = "".join(traceback.format_exception(caught.value))
    assert "secrets/smtp_password: is not text" in shown
    assert "canary" not in shown


def test_the_first_key_seals_and_the_retired_ones_still_open(clinic: Any) -> None:
    new, old = base64.b64encode(b"n" * 32).decode(), base64.b64encode(b"o" * 32).decode()
    clinic.secret("keys", f"2027-01 {new}\n\n2026-11 {old}\n")
    keys = clinic.load().secrets.keys
    assert keys.current == "2027-01"
    assert keys.sealing == {"2027-01": b"n" * 32, "2026-11": b"o" * 32}
    assert keys.index == b"canary-of-the-index-key-01234567"


KEY = base64.b64encode(b"k" * 32).decode()
LINE_FORM = "must be a key id of 1 to 16 letters or digits, a space, and 32 bytes in base64"


@pytest.mark.parametrize(
    ("keys", "where", "what"),
    [
        ("k1", "secrets/keys: line 1", LINE_FORM),
        (f"k1 {KEY}\nk2 short", "secrets/keys: line 2", LINE_FORM),
        (f"k1 {KEY}\nk2 not*base64*at*all", "secrets/keys: line 2", LINE_FORM),
        (f"{KEY}", "secrets/keys: line 1", LINE_FORM),
        (f"a-key-id-that-is-too-long {KEY}", "secrets/keys: line 1", LINE_FORM),
        (f"k1 {KEY}\nk1 {KEY}", "secrets/keys: line 2", "has the id of a line above it; every key has its own"),
    ],
)
def test_a_wrong_line_among_the_keys_is_named_and_not_repeated(
    clinic: Any, keys: str, where: str, what: str
) -> None:
    clinic.secret("keys", keys)
    assert clinic.faults() == {where: what}


def test_the_index_key_must_be_a_key_and_no_sealing_key(clinic: Any) -> None:
    clinic.secret("index_key", "canary")
    assert clinic.faults() == {"secrets/index_key": "must be one key: 32 bytes in base64"}
    clinic.secret("index_key", KEY)
    clinic.secret("keys", f"k1 {KEY}")
    assert clinic.faults() == {"secrets/index_key": "is also in secrets/keys; it must be a key of its own"}


def test_fresh_keys_are_read_back_and_are_never_the_same(clinic: Any) -> None:
    fresh, other = new_keys(), new_keys()
    assert not set(fresh.values()) & set(other.values())
    for name, text in fresh.items():
        clinic.secret(name, text)
    keys = clinic.load().secrets.keys
    assert keys.current == "k1"
    assert len(keys.index) == len(keys.sealing["k1"]) == 32


def test_no_secret_is_in_what_python_shows_of_a_configuration(clinic: Any) -> None:
    clinic.set("database.url", "postgresql://f@127.0.0.1/f")
    clinic.secret("database_password", "canary-of-the-database")
    clinic.set("daemon.ping_url", "https://ping.example.org/canary-of-the-watcher")
    config = clinic.load()
    assert "canary-of-the-database" in config.database_url
    for thing in (config, config.secrets, config.secrets.keys, config.daemon, [config], {"config": config}):
        for shown in (repr(thing), str(thing), f"{thing}"):
            assert "canary" not in shown
            assert base64.b64encode(b"canary")[:8].decode() not in shown


def test_no_secret_is_in_an_error_of_the_configuration(clinic: Any) -> None:
    clinic.secret("twilio_auth_token", "canary\x07of the token")
    clinic.secret("smtp_password", "canary\nof the password")
    clinic.secret("keys", f"k1 {KEY}\nk2 canary\n")
    clinic.secret("index_key", "canary")
    clinic.set("database.url", "postgresql://f:canary@db.example.org/f")
    with pytest.raises(ConfigError) as caught:
        clinic.load()
    assert len(caught.value.faults) == 5
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.faults)
    assert "canary" not in shown
    assert KEY not in shown


def test_the_example_has_no_secrets_and_says_how_to_get_some() -> None:
    with pytest.raises(ConfigError, match="is an example without secrets; run `followup init`"):
        example_config().secrets  # noqa: B018  asking is the deed
