"""`init`: ten answers become a clinic that works, or nothing at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cli_clinic import answers, as_process, type_in

from followup.cli.week import week
from followup.config import load_config
from followup.errors import InputError

ACCOUNT = "AC" + "0" * 32
TYPED = [
    "Lakeside IR",
    "214-555-0100",
    "214-555-0199",
    "mon-fri 08:00-12:00 13:00-17:00, sun 12:00-16:00",
    "2026-12-25, 2027-01-01",
    "America/Chicago",
    "Pat Rivera, 214-555-0123, pat@clinic.example.org",
    "",
    ACCOUNT,
    "214-555-0142",
    "token-of-the-account",
    "smtp.example.org:465",
    "followup@clinic.example.org",
    "",
    "followup@clinic.example.org",
]
"""One answer a line, as they are typed; an empty line is Enter."""


def test_ten_typed_answers_make_a_clinic(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    result = type_in("init", "--folder", str(folder), typed="\n".join(TYPED) + "\n")
    assert result.exit_code == 0, result.output
    config = load_config(folder / "config.toml", {"FOLLOWUP_SMTP_PASSWORD": "later"})
    assert config.clinic.name == "Lakeside IR"
    assert config.clinic.staff[0].phone == "+12145550123"
    assert (config.smtp.port, config.smtp.security) == (465, "tls")
    assert config.secrets.twilio == "token-of-the-account"
    assert len(config.staffed.hours[0]) == 2


def test_a_password_that_was_skipped_is_named_with_the_place_it_belongs_in(tmp_path: Path) -> None:
    result = type_in("init", "--folder", str(tmp_path / "made"), typed="\n".join(TYPED) + "\n")
    assert "put it into secrets/smtp_password" in result.stdout
    assert "secrets/twilio_auth_token" not in result.stdout
    doctor = type_in("--config", str(tmp_path / "made/config.toml"), "doctor", "--offline")
    assert doctor.exit_code == 5
    assert "smtp_password" in doctor.stdout


def test_it_ends_with_the_next_three_commands(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    told = type_in("init", "--folder", str(folder), "--json", typed=json.dumps(answers())).stdout
    assert all(f"{folder / 'config.toml'} {command} " in told for command in ("doctor", "enroll", "live"))


@pytest.mark.parametrize(
    ("place", "wrong", "said"),
    [
        (0, "x" * 81, "1 to 80 characters"),
        (1, "214-CALL-NOW", "letters"),
        (3, "9 to 5", "these are no hours of a week"),
        (3, "mon-fri 05:00-07:00", "at no hour would somebody be there"),
        (4, "Christmas", "year first"),
        (5, "Chicago", "did you mean 'America/Chicago'?"),
        (6, "Pat Rivera", "write a name, a phone"),
        (8, "AC123", "as the Twilio console shows it"),
        (9, "555", "too few digits"),
        (11, "smtp.example.org:mail", "the port is a number"),
        (14, "followup at clinic", "@"),
    ],
)
def test_a_wrong_answer_is_met_at_once_with_one_line_and_asked_again(
    tmp_path: Path, place: int, wrong: str, said: str
) -> None:
    typed = [*TYPED[:place], wrong, *TYPED[place:]]
    result = type_in("init", "--folder", str(tmp_path / "made"), typed="\n".join(typed) + "\n")
    assert result.exit_code == 0, result.output
    assert said in result.stderr


def test_answers_broken_off_make_nothing(tmp_path: Path) -> None:
    result = type_in("init", "--folder", str(tmp_path / "made"), typed="\n".join(TYPED[:7]) + "\n")
    assert result.exit_code == 1
    assert not (tmp_path / "made").exists()


def test_as_a_process_it_makes_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    result = as_process("init", "--json", typed=json.dumps(answers()), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    modes = {
        path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "config.toml", tmp_path / "followup.db", *(tmp_path / "secrets").iterdir())
    }
    assert set(modes.values()) == {0o600}
    assert {"config.toml", "followup.db", "secrets/keys", "secrets/index_key"} <= set(modes)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert not list(tmp_path.glob(".followup-init-*"))


def test_two_clinics_never_share_a_key(tmp_path: Path) -> None:
    for name in ("one", "two"):
        type_in("init", "--folder", str(tmp_path / name), "--json", typed=json.dumps(answers()))
    assert (tmp_path / "one/secrets/keys").read_text() != (tmp_path / "two/secrets/keys").read_text()


@pytest.mark.parametrize("name", ["config.toml", "followup.db", "secrets", "messages"])
def test_nothing_that_exists_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    result = type_in("init", "--folder", str(tmp_path), "--json", typed=json.dumps(answers()))
    assert result.exit_code == 4
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_faulty_answers_are_told_all_at_once_and_leave_nothing_behind(tmp_path: Path) -> None:
    wrong = answers(zone="Chicago", office_phone="555", sms_sender="MG1")
    result = type_in("init", "--folder", str(tmp_path / "made"), "--json", typed=json.dumps(wrong))
    assert result.exit_code == 2
    assert all(x in result.stderr for x in ("clinic.zone", "clinic.phone", "twilio.messaging_service"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("{", "holds no JSON"),
        ("[]", "must be a table"),
        ('{"clinic": "Lakeside IR"}', "did you mean 'clinic_name'?"),
        ('{"clinic_name": "Lakeside IR"}', "office_phone: is missing"),
    ],
)
def test_json_that_cannot_be_right_is_refused(typed: str, said: str) -> None:
    result = type_in("init", "--json", typed=typed)
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_example_of_the_json_is_right(tmp_path: Path) -> None:
    example = type_in("init", "--json-help").stdout.partition("Also possible")[0]
    assert type_in("init", "--folder", str(tmp_path / "made"), "--json", typed=example).exit_code == 0


def test_hours_of_a_week_are_read_as_people_write_them() -> None:
    hours = week("Mon-Thu 8:00-12:00, 13:00-17:00; Friday 08:00-15:00  sat,sun 12:00-16:00")
    assert hours["monday"] == hours["thursday"] == "8:00-12:00, 13:00-17:00"
    assert hours["friday"] == "08:00-15:00"
    assert hours["saturday"] == hours["sunday"] == "12:00-16:00"


@pytest.mark.parametrize(
    "typed",
    ["", "mon", "8-5", "mon-fri", "xyz 08:00-17:00", "mon 17:00-08:00", "mon 08:00-17:00, mon-fri 09:00-17:00"],
)
def test_hours_that_are_none_are_refused(typed: str) -> None:
    with pytest.raises(InputError):
        week(typed)
