"""What cannot be right is told in one clear line, with its exit code, and changes nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from acceptance_clinic import Clinic, enrollment

CANARIES = ("Ruth", "Miller", "555-0142", "5550142", "ruth@")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"mobile": "214-555-O142"}, "mobile: the number has letters"),
        ({"procedure_date": "2026-02-30"}, "procedure_date: this is not a day of the calendar"),
        ({"procedure_date": "2062-10-30", "home": "not yet"}, "is the year right?"),
        ({"plan": "kyphoplasti"}, "did you mean 'kyphoplasty'?"),
        ({"zone": "America/Chicgo"}, "America/Chicago"),
        ({"mobil": "214-555-0142"}, "mobile"),
        ({"language": "fr"}, "it has en, es"),
        ({"email": "ruth.example.org"}, "one @ in it"),
        ({"baseline_pain": 11}, "from 0 (none) to 10 (worst)"),
        ({"birth_date": "1748-03-07"}, "birth date: not in the last 120 years"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_enrollment_with_one_thing_wrong_says_what_would_be_right_and_enters_nothing(
    shared_clinic: Clinic, wrong: dict[str, Any], told: str
) -> None:
    before = shared_clinic.dump()
    said = shared_clinic.refuses(2, "enroll", "--json", typed=json.dumps(enrollment(shared_clinic.today, **wrong)))
    assert told in said
    assert len(said.splitlines()) == 1
    assert not [canary for canary in CANARIES if canary in said]
    assert shared_clinic.dump() == before


def test_all_that_is_wrong_is_told_at_once(shared_clinic: Clinic) -> None:
    wrong = {"mobile": "12", "email": "x", "zone": "Mars/Base", "procedure_date": "soon"}
    said = shared_clinic.refuses(2, "enroll", "--json", typed=json.dumps(enrollment(shared_clinic.today, **wrong)))
    assert [line.partition(":")[0] for line in said.splitlines()] == ["procedure_date", "mobile", "email", "zone"]


@pytest.mark.parametrize(
    ("code", "words", "typed", "told"),
    [
        (2, ("enroll", "--json"), '{"name": "Ruth', "not valid JSON"),
        (2, ("enroll", "--json"), "[]", "one JSON object"),
        (2, ("enroll", "--json"), '{"name": "Ruth", "name": "Ana"}', "stands twice"),
        (2, ("show", "Ruth Miller"), "", "leave it out, and it is asked for"),
        (2, ("why", "2145550142"), "", "leave it out, and it is asked for"),
        (2, ("enrol",), "", "did you mean 'enroll'?"),
        (2, ("tick", "--at", "2026-11-01T18:00"), "", "needs its zone"),
        (2, ("tick", "--at", "2026-02-30T18:00Z"), "", "--at is a moment like"),
        (2, ("tick", "--at", "9999-12-31T23:59Z"), "", "2000 to 2200"),
        (3, ("show", "Q2W3E"), "", "no patient was found"),
        (3, ("show", "9999"), "", "no patient was found"),
        (3, ("tasks", "77"), "", "77"),
        (5, ("--config", "nowhere.toml", "today"), "", "there is no file nowhere.toml"),
    ],
)
def test_a_wrong_command_is_told_in_a_line_with_its_own_exit_code(
    shared_clinic: Clinic, code: int, words: tuple[str, ...], typed: str, told: str
) -> None:
    before = shared_clinic.dump()
    said = shared_clinic.refuses(code, *words, typed=typed)
    assert told in said.splitlines()[-1]
    assert shared_clinic.dump() == before


def test_a_name_on_the_command_line_is_not_repeated(shared_clinic: Clinic) -> None:
    assert "Miller" not in shared_clinic.refuses(2, "show", "Ruth Miller")
    assert "Miller" not in shared_clinic.refuses(2, "show", "Ruth", "Miller")


def test_faults_of_the_files_are_all_told_before_anything_is_done(clinic: Clinic) -> None:
    before = clinic.dump()
    config = clinic.folder / "config.toml"
    whole = config.read_text(encoding="utf-8")

    config.write_text(whole[: len(whole) // 3], encoding="utf-8")
    said = clinic.refuses(5, "today")
    assert all(line.startswith(("config.toml", "secrets/")) for line in said.splitlines())

    config.write_text(whole.replace("zone = ", "zon = ", 1), encoding="utf-8")
    said = clinic.refuses(5, "enroll", "--json", typed=json.dumps(enrollment(clinic.today)))
    assert "did you mean" in said
    assert "zone" in said

    config.write_text(whole, encoding="utf-8")
    plan = clinic.folder / "messages/kyphoplasty/plan.toml"
    half = plan.read_text(encoding="utf-8")
    plan.write_text(half[: len(half) // 2 - 7], encoding="utf-8")
    assert "kyphoplasty/plan.toml: is not valid TOML" in clinic.refuses(5, "tick")

    plan.write_text(half.replace("valid_until", "valid_untl", 1), encoding="utf-8")
    said = clinic.refuses(5, "today")
    assert "did you mean 'valid_until'" in said

    plan.write_text(half, encoding="utf-8")
    text = clinic.folder / "messages/kyphoplasty/en/day-1.sms.j2"
    text.write_text("{{ clinic }}: {{ clinc_phone }}", encoding="utf-8")
    assert "clinc_phone" in clinic.run("plan", "check").out
    assert clinic.dump() == before


def test_a_database_that_is_missing_old_or_held_by_another_program_is_told_in_one_line(clinic: Clinic) -> None:
    clinic.outsider("UPDATE alembic_version SET version_num = '0000'")
    said = clinic.refuses(6, "run")
    assert said == "the database is of version 0000, this program needs 0004: run `followup migrate`"
    clinic.outsider("UPDATE alembic_version SET version_num = '0004'")

    with closing(sqlite3.connect(clinic.folder / "followup.db", isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        said = clinic.refuses(6, "enroll", "--json", typed=json.dumps(enrollment(clinic.today)))
        another.execute("ROLLBACK")
    assert said == "another program holds the database; try again in a moment"
    assert clinic.json("patients") == []

    Path(clinic.folder / "followup.db").unlink()
    assert clinic.refuses(6, "today") == "there is no database yet: run `followup migrate`"
