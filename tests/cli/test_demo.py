"""The demo, as a visitor starts it: a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from followup.care.delivery import MOVES, SET_ASIDE, Status
from followup.cli.demo.cast import CAST, Character
from followup.cli.demo.screen import WIDTH


@dataclass(frozen=True)
class Run:
    """What one run left behind: its output, and the folder it was given for temporary files."""

    code: int
    out: str
    err: str
    temporary: Path
    group: int


def run(temporary: Path, *options: str) -> Run:
    """`followup demo` in a process group of its own, with its own folder for temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "followup", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), "COLUMNS": "70"},
        start_new_session=True,
    )
    out, err = process.communicate(timeout=240)
    return Run(process.returncode, out, err, temporary, process.pid)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo as it is read in a pipe."""
    return run(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A second run, which is told to be plain."""
    return run(tmp_path_factory.mktemp("again"), "--plain")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A third run: the table for other programs, and the clinic left behind."""
    temporary = tmp_path_factory.mktemp("kept")
    return run(temporary, "--json", "--keep", str(temporary / "clinic"))


@pytest.fixture(scope="module")
def table(kept: Run) -> list[dict[str, str | None]]:
    """Every message of the demo, as other programs read it."""
    found: list[dict[str, str | None]] = json.loads(kept.out)
    return found


def rows(table: list[dict[str, str | None]], patient: str, step: str) -> list[dict[str, str | None]]:
    return [row for row in table if (row["patient"], row["step"]) == (patient, step)]


def test_the_demo_runs_to_its_end_without_an_error(shown: Run) -> None:
    assert (shown.code, shown.err) == (0, "")
    assert "`followup init`" in shown.out.splitlines()[-1]


def test_it_says_whose_approval_the_texts_have(shown: Run) -> None:
    assert "Demo reviewer has approved this folder's own copy" in " ".join(shown.out.split())


@pytest.mark.parametrize("who", CAST, ids=lambda who: str(who.name))
def test_each_patients_story_phone_and_messages_are_shown(shown: Run, who: Character) -> None:
    assert f"{who.name} enrolled" in shown.out
    assert f"\n{who.name}: {who.story}" in shown.out
    assert f"\n{who.name}  " in shown.out


def test_two_runs_print_the_same_to_the_last_letter(shown: Run, again: Run) -> None:
    assert shown.out == again.out


def test_no_line_is_wider_than_the_picture_in_the_readme(shown: Run) -> None:
    assert max(map(len, shown.out.splitlines())) == WIDTH


def test_nothing_of_it_is_left_on_the_disk_and_nothing_runs_on(shown: Run) -> None:
    assert list(shown.temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(shown.group, 0)


def test_every_message_has_come_to_an_end_that_is_explained(table: list[dict[str, str | None]]) -> None:
    ends = {move.target for move in MOVES} - {move.source for move in MOVES} | SET_ASIDE | {Status.SENT}
    unfinished = [row for row in table if row["status"] not in ends or not row["why"]]
    assert len(table) > 100
    assert unfinished == []


def test_who_is_home_the_same_day_gets_every_step(table: list[dict[str, str | None]]) -> None:
    said = {row["step"] for row in table if row["patient"] == "Ruth Miller" and row["sent_at"]}
    assert said == {
        "welcome",
        "going-home",
        "day-1",
        "pain-check",
        "activity",
        "two-weeks",
        "four-weeks",
        "six-weeks",
    }


def test_after_a_night_in_hospital_the_text_for_the_way_home_is_left_out(
    table: list[dict[str, str | None]],
) -> None:
    assert {row["status"] for row in rows(table, "Walter Hayes", "going-home")} == {"suppressed"}
    assert [row["sent_at"] for row in rows(table, "Walter Hayes", "day-1")] == ["2026-11-01T18:00:00+00:00"]


def test_a_second_session_supersedes_the_rest_of_the_first_and_moves_the_six_weeks(
    table: list[dict[str, str | None]],
) -> None:
    six_weeks = rows(table, "Eleanor Brooks", "six-weeks")
    first = {(row["status"], row["sent_at"]) for row in six_weeks if row["procedure"] == "2026-10-30"}
    second = {row["sent_at"] for row in six_weeks if row["procedure"] == "2026-11-20"}
    assert first == {("superseded", None)}
    assert second == {"2027-01-01T16:00:00+00:00"}


def test_a_caregiver_who_may_know_is_written_to_in_her_own_zone(
    shown: Run, table: list[dict[str, str | None]]
) -> None:
    got = [row for row in rows(table, "Rosa Delgado", "day-1") if row["to"] == "Carmen Delgado"]
    assert [row["sent_at"] for row in got] == ["2026-10-31T17:00:00+00:00"]
    assert "Lakeside IR: La persona que cuida debe" in shown.out


def test_who_wants_no_more_texts_gets_the_rest_by_e_mail(table: list[dict[str, str | None]]) -> None:
    ends = {(row["channel"], row["status"]) for row in rows(table, "Frank Osborne", "four-weeks")}
    assert ends == {("sms", "suppressed"), ("email", "sent")}


def test_whoever_has_only_a_landline_is_called_and_reached(table: list[dict[str, str | None]]) -> None:
    calls = [row for row in table if row["patient"] == "Harold Quinn" and row["sent_at"]]
    assert {(row["channel"], row["status"]) for row in calls} == {("phone", "delivered")}
    assert len(calls) == 7


def test_a_text_that_does_not_arrive_is_followed_by_an_e_mail(table: list[dict[str, str | None]]) -> None:
    ends = [(row["channel"], row["status"]) for row in rows(table, "June Parker", "pain-check")]
    assert ends == [("sms", "undelivered"), ("email", "sent")]


def test_nobody_hears_about_a_patient_who_has_died(table: list[dict[str, str | None]]) -> None:
    after = [row for row in table if row["patient"] == "Albert Ross" and (row["sent_at"] or "") > "2026-11-24"]
    assert after == []
    assert {row["why"] for row in rows(table, "Albert Ross", "six-weeks")} == {"the patient has died"}


def test_a_clinic_that_is_kept_can_be_looked_at_afterwards(kept: Run) -> None:
    config = str(kept.temporary / "clinic" / "config.toml")
    patients = subprocess.run(
        [sys.executable, "-m", "followup", "--config", config, "patients", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert len(json.loads(patients.stdout)) == len(CAST)


def test_a_folder_that_holds_anything_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    refused = run(tmp_path, "--keep", str(tmp_path))
    assert (refused.code, refused.err) == (4, "--keep needs a new folder, or an empty one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]
