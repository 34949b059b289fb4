"""What is wrong in a config.toml is said in words a receptionist can act on, all of it at once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from followup.config import load_config
from followup.errors import ConfigError

NUMBER_FORM = "write its digits alone, for example 214-555-0100"
WITH_AREA = "write it with its area code, for example 214-555-0100"
HOURS_FORM = 'write it by the 24-hour clock, for example "09:00-17:00"'
OVER_MIDNIGHT = "write those before midnight as ending at 24:00, and the rest on the next day"
NO_DOMAIN = "the part after the @ is no domain that can get mail; it looks like example.org"
EVERY_DAY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TWILIO_URL = (
    "must be https://api.twilio.com, another https address under twilio.com, or, for the sandbox, "
    "http:// to this machine (127.0.0.1)"
)

FAULTS: list[tuple[str, object, str]] = [
    ("clinic.name", None, "is missing"),
    ("clinic.name", "", "must be one line of 1 to 80 characters"),
    ("clinic.name", "x" * 81, "must be one line of 1 to 80 characters"),
    ("clinic.name", 7, 'must be text in quotes: "…"'),
    ("clinic.name", "Lakeside\r\nBcc: all", "holds a line break or an invisible character; type it anew"),
    ("clinic.name", "Lakeside\u2028IR", "holds a line break or an invisible character; type it anew"),
    ("clinic.phone", None, "is missing"),
    ("clinic.after_hours_phone", None, "is missing"),
    (
        "clinic.phone",
        "214-555-O1OO",
        f"the number has letters, an extension or other signs in it; {NUMBER_FORM}",
    ),
    ("clinic.phone", "555-0100", f"the number lacks its area code; {WITH_AREA}"),
    ("clinic.phone", "214-555-010", f"the number has too few digits; {WITH_AREA}"),
    ("clinic.phone", "214-555-01000", f"the number has too many digits; {WITH_AREA}"),
    (
        "clinic.phone",
        "114-555-0100",
        "no number begins like this one; check its area code and the three digits after it",
    ),
    ("clinic.zone", "America/Chicgo", "there is no time zone of this name; did you mean 'America/Chicago'?"),
    ("clinic.zone", "EST", "there is no time zone of this name; did you mean 'America/New_York'?"),
    ("clinic.country", "us", 'must be a country in two capital letters, for example "US"'),
    ("clinic.phon", "x", "unknown key; did you mean 'phone'?"),
    ("clinic.hours", None, "is missing"),
    ("clinic.hours.mondays", [], "unknown key; did you mean 'monday'?"),
    ("clinic.hours.monday", "9-5", f"these are no hours; {HOURS_FORM}"),
    ("clinic.hours.monday", 9, f"these are no hours; {HOURS_FORM}, or [] for a closed day"),
    ("clinic.hours.monday", "09:00-25:00", f"there is no such time of day; {HOURS_FORM}"),
    (
        "clinic.hours.monday",
        "9:00-5:00",
        "these hours end before they begin; by the 24-hour clock the end would be 17:00",
    ),
    (
        "clinic.hours.monday",
        "22:00-06:00",
        f"these hours end before they begin; {OVER_MIDNIGHT}",
    ),
    (
        "clinic.hours.monday",
        ["08:00-12:00", "11:00-17:00"],
        "two stretches of one day overlap; write them one after the other",
    ),
    (
        "send_window.monday",
        "07:00-20:00",
        "the law allows messages from 08:00 to 21:00 only; stay inside these hours",
    ),
    (
        "send_window.monday",
        "09:00-21:30",
        "the law allows messages from 08:00 to 21:00 only; stay inside these hours",
    ),
    (
        "send_window.monday",
        "09:00-24:00",
        "the law allows messages from 08:00 to 21:00 only; stay inside these hours",
    ),
    (
        "send_window.monday",
        "09:00-12:59",
        "leaves less than 4 hours for messages; open it longer, or close the day with []",
    ),
    (
        "send_window.monday",
        ["08:00-12:00", "13:00-20:00"],
        'messages may go in one stretch a day; write one, for example "09:00-20:00"',
    ),
    ("caps.mode", "unlimited", "must be 'consent' or 'exemption'"),
    ("caps.per_day", 3, "must be a whole number of texts from 1 to 2"),
    ("caps.per_7_days", 0, "must be a whole number of texts from 1 to 6"),
    (
        "twilio.account_sid",
        "AC123",
        "must be AC and 32 digits or letters a to f, as the Twilio console shows it",
    ),
    (
        "twilio.api_key",
        "AC" + "0" * 32,
        "must be SK and 32 digits or letters a to f, as the Twilio console shows it",
    ),
    ("twilio.base_url", "http://sms.example.org", TWILIO_URL),
    (
        "smtp.host",
        "https://smtp.example.org",
        "must be the bare name of the mail server, for example smtp.example.org",
    ),
    ("smtp.port", 0, "must be a whole number from 1 to 65535"),
    ("smtp.port", True, "must be a whole number from 1 to 65535"),
    ("smtp.security", "ssl", "must be 'starttls', 'tls' or 'plain'"),
    (
        "smtp.security",
        "plain",
        '"plain" can be read by others on its way; write "starttls", or "tls" for port 465',
    ),
    ("smtp.ca_file", "no-such.pem", "is no file of certificates (PEM) that can be read"),
    ("smtp.sender_address", "followup.example.org", "an e-mail address has one @ in it: name@example.org"),
    (
        "smtp.reply_to",
        "nurses@example",
        "the part after the @ is no domain that can get mail; it looks like example.org",
    ),
    ("database.url", "mysql://localhost/f", "must begin with sqlite:/// or postgresql+psycopg://"),
    (
        "database.url",
        "sqlite:///:memory:",
        "must name a file, for example sqlite:///followup.db; a database in memory would be lost",
    ),
    (
        "database.url",
        "postgresql://f:hunter2hunter2@127.0.0.1/f",
        "holds a password; take it out, and put it into secrets/database_password",
    ),
    (
        "database.url",
        "postgresql://f@db.example.org/f",
        "goes to another machine unprotected; add ?sslmode=verify-full",
    ),
    (
        "database.url",
        "postgresql://f@127.0.0.1/f?host=db.example.org",
        "goes to another machine unprotected; add ?sslmode=verify-full",
    ),
    (
        "database.url",
        "postgresql://f@127.0.0.1/f?hostaddr=192.0.2.1",
        "has an unknown option after the ?; known: host, sslcert, sslkey, sslmode, sslrootcert",
    ),
    (
        "database.url",
        "postgresql://f@127.0.0.1:many/f",
        "cannot be read; write postgresql+psycopg://user@host/database",
    ),
    ("messages.folder", "nowhere", "there is no such folder beside this file"),
    (
        "parameters.kyphoplasty.en.driving",
        "24\nhours",
        "holds a line break or an invisible character; type it anew",
    ),
    ("daemon.tick_seconds", 4, "must be a whole number of seconds from 5 to 60"),
    ("daemon.tick_seconds", "15", "must be a whole number of seconds from 5 to 60"),
    ("daemon.poll_seconds", 301, "must be a whole number of seconds from 5 to 300"),
    ("daemon.in_flight", 257, "must be a whole number of messages from 1 to 256"),
    (
        "daemon.ping_url",
        "ftp://ping.example.org/",
        "must be an https:// address of a host with a name, or http:// to this machine (127.0.0.1)",
    ),
    ("pain.urgent_score", 11, "must be a whole number from 1 to 10"),
    ("pain.urgent_rise", 1.5, "must be a whole number from 1 to 10"),
    ("dæmon", {}, "unknown key; did you mean 'daemon'?"),
]


@pytest.mark.parametrize(("setting", "value", "what"), FAULTS)
def test_a_wrong_setting_is_named_with_what_would_be_right(
    clinic: Any, setting: str, value: object, what: str
) -> None:
    clinic.set(setting, value)
    clinic.secret("twilio_api_key_secret", "so that a wrong api_key is the only fault")
    faults = clinic.faults()
    assert faults == {f"config.toml: {setting}": what}
    if isinstance(value, str) and len(value) > 7 and "plain" not in value:
        assert value not in str(faults).replace("214-555-0100", "")


@pytest.mark.parametrize(
    ("setting", "value", "where", "what"),
    [
        ("clinic.holidays", ["christmas"], "clinic.holidays[1]", "must be a date, year first: 2026-12-25"),
        ("clinic.holidays", ["2026-02-30"], "clinic.holidays[1]", "must be a date, year first: 2026-12-25"),
        ("trial.allow", [7], "trial.allow[1]", 'must be text in quotes: "…"'),
        (
            "clinic.holidays",
            [dt.datetime(2026, 12, 25, 9)],  # noqa: DTZ001  a local date-time is what TOML may hold
            "clinic.holidays[1]",
            "must be a date, year first: 2026-12-25",
        ),
        ("clinic.staff", [{"name": "Pat"}], "clinic.staff[1]", "needs a phone, an email, or both"),
        ("clinic.staff", [{"phone": "2145550100"}], "clinic.staff[1].name", "is missing"),
        ("trial.allow", ["someone@"], "trial.allow[1]", NO_DOMAIN),
        (
            "twilio.sender_number",
            None,
            "twilio.messaging_service",
            "is missing, and so is sender_number; write one of the two",
        ),
        (
            "twilio.messaging_service",
            "MG" + "0" * 32,
            "twilio.messaging_service",
            "stands beside sender_number; write only one of the two",
        ),
        (
            "send_window",
            {day: [] for day in EVERY_DAY},
            "send_window",
            'no day is open; open at least one, for example monday = "09:00-20:00"',
        ),
        (
            "clinic.hours",
            {"monday": "05:00-09:00", "tuesday": "20:00-24:00"},
            "clinic.hours",
            "no question could ever be asked: nobody is there while messages may go ([send_window])",
        ),
        ("clinic", "Lakeside", "clinic", "must be a table"),
    ],
)  # fmt: skip
def test_a_fault_of_a_list_or_of_two_settings_is_named_too(
    clinic: Any, setting: str, value: object, where: str, what: str
) -> None:
    clinic.set(setting, value)
    assert clinic.faults() == {f"config.toml: {where}": what}


def test_a_list_written_without_brackets_is_named(clinic: Any) -> None:
    clinic.set("clinic.holidays", "2026-12-25")
    faults = clinic.faults()
    assert list(faults) == ["config.toml: clinic.holidays"]
    assert faults["config.toml: clinic.holidays"].startswith("must be a list")


def test_caps_may_go_down_but_not_above_their_mode(clinic: Any) -> None:
    clinic.set("caps", {"mode": "exemption", "per_day": 2, "per_7_days": 3})
    assert clinic.faults() == {"config.toml: caps.per_day": 'must be 1 or less with mode = "exemption"'}


def test_all_faults_of_all_kinds_are_said_at_once(clinic: Any) -> None:
    """Nobody should have to correct a file once per mistake."""
    clinic.set("clinic.zone", "Amerika/Chicago")
    clinic.set("clinic.phone", "214-555-0l00")
    clinic.set("clinic.hours", {"monday": "06:00-08:00"})
    clinic.set("send_windows", {"monday": "09:00-20:00"})
    clinic.set("twilio.base_url", "http://169.254.169.254")
    clinic.set("twilio.api_key", "SK-wrong")
    clinic.set("smtp.ca_file", "missing.pem")
    clinic.set("messages.folder", "missing")
    clinic.set("daemon.tick_seconds", 900)
    (clinic.secrets_folder / "smtp_password").unlink()
    clinic.secret("index_key", "short\n")
    faults = clinic.faults()
    assert set(faults) == {
        "config.toml: clinic.zone",
        "config.toml: clinic.phone",
        "config.toml: clinic.hours",
        "config.toml: send_windows",
        "config.toml: twilio.base_url",
        "config.toml: twilio.api_key",
        "config.toml: smtp.ca_file",
        "config.toml: messages.folder",
        "config.toml: daemon.tick_seconds",
        "secrets/twilio_api_key_secret",
        "secrets/smtp_password",
        "secrets/index_key",
    }


def test_two_lines_of_an_error_are_two_faults(clinic: Any) -> None:
    clinic.set("clinic.name", None)
    clinic.set("smtp.port", 0)
    with pytest.raises(ConfigError) as caught:
        clinic.load()
    assert str(caught.value).splitlines() == [
        "config.toml: clinic.name: is missing",
        "config.toml: smtp.port: must be a whole number from 1 to 65535",
    ]
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.9])
def test_a_half_written_file_is_refused(clinic: Any, share: float) -> None:
    """An editor that died in mid-save: either no TOML at all, or tables missing; never a configuration."""
    whole = clinic.path.read_text()
    clinic.text(whole[: int(len(whole) * share)])
    assert all(where.startswith("config.toml") for where in clinic.faults())


def test_a_file_that_is_no_toml_says_so_and_nothing_about_its_secrets(clinic: Any) -> None:
    clinic.text('[clinic]\nname = "Lakeside')
    (clinic.secrets_folder / "keys").unlink()
    faults = clinic.faults()
    assert list(faults) == ["config.toml"]
    assert faults["config.toml"].startswith("is not valid TOML: ")


def test_an_empty_file_names_every_table_that_must_be_there(clinic: Any) -> None:
    clinic.text("")
    assert clinic.faults() == {f"config.toml: {table}": "is missing" for table in ("clinic", "twilio", "smtp")}


def test_an_impossible_date_is_refused_with_its_line(clinic: Any) -> None:
    clinic.text(clinic.path.read_text().replace("2026-11-26", "2026-02-30"))
    assert "line" in clinic.faults()["config.toml"]


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^config\.toml: cannot be read: no such file"):
        load_config(tmp_path / "config.toml", {})
