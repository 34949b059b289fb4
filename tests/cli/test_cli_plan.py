"""`plan list`, `check` and `preview`: with a clinic's own configuration and without any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_clinic import Open, as_process, type_in

KYPHOPLASTY = ("plan", "preview", "kyphoplasty", "--on", "2026-10-30", "--zone", "America/Chicago")


def calendar(*args: str, config: Path | None = None) -> list[dict[str, Any]]:
    named = ("--config", str(config)) if config else ()
    result = type_in(*named, *KYPHOPLASTY, *args, "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def step(lines: list[dict[str, Any]], key: str, channel: str = "sms", procedure: int = 1) -> dict[str, Any]:
    return next(x for x in lines if (x["step"], x["channel"], x["procedure"]) == (key, channel, procedure))


def test_a_clinic_staffed_on_sunday_asks_at_noon_of_the_day_the_clocks_go_back(open_clinic: Open) -> None:
    lines = calendar("--discharged", "same-day", config=open_clinic().config)
    assert step(lines, "pain-check")["due_at"] == "2026-11-01T18:00Z"


def test_a_monday_to_friday_clinic_asks_on_monday_at_ten() -> None:
    assert step(calendar("--discharged", "same-day"), "pain-check")["due_at"] == "2026-11-02T16:00Z"


def test_the_six_weeks_text_comes_on_the_forty_second_local_day() -> None:
    assert step(calendar("--discharged", "same-day"), "six-weeks")["local"].startswith("2026-12-11T10:00")


def test_going_home_is_told_half_an_hour_after_going_home() -> None:
    lines = calendar("--discharged", "2026-10-30 16:10")
    assert step(lines, "going-home")["local"].startswith("2026-10-30T16:40")


def test_while_nobody_said_they_are_home_the_home_care_texts_wait() -> None:
    waiting = [x for x in calendar() if x["note"].startswith("waits until")]
    assert [(x["step"], x["due_at"], x["goes"]) for x in waiting] == [
        ("going-home", None, False),
        ("day-1", None, False),
    ]


def test_each_text_shows_what_it_costs() -> None:
    texts = [x for x in calendar("--discharged", "same-day") if x["channel"] == "sms"]
    assert {(x["segments"], x["encoding"]) for x in texts} == {(1, "GSM-7")}


def test_after_a_second_session_only_the_later_six_weeks_text_goes() -> None:
    lines = calendar("--second", "2026-11-20", "--discharged", "same-day")
    assert not step(lines, "six-weeks")["goes"]
    assert "later procedure" in step(lines, "six-weeks")["note"]
    assert step(lines, "six-weeks", procedure=2)["local"].startswith("2027-01-01")


def test_a_text_before_the_second_session_tells_the_first_date_and_one_after_it_the_second() -> None:
    lines = calendar("--second", "2026-11-20", "--discharged", "same-day")
    assert "Dec 11" in step(lines, "two-weeks")["text"]
    assert "Jan 1" in step(lines, "two-weeks", procedure=2)["text"]


def test_a_spanish_speaking_caregiver_gets_spanish_words_of_their_own_and_no_question() -> None:
    lines = calendar("--role", "caregiver", "--language", "es", "--discharged", "same-day")
    assert "persona que cuida" in step(lines, "six-weeks")["text"]
    assert "pain-check" not in {x["step"] for x in lines}


def test_who_can_only_be_called_gets_every_step_as_a_call() -> None:
    lines = calendar("--channel", "phone", "--discharged", "same-day")
    assert {x["channel"] for x in lines if x["goes"]} == {"phone"}


def test_the_screen_shows_local_time_utc_text_and_segments() -> None:
    shown = type_in(*KYPHOPLASTY, "--discharged", "same-day").stdout
    assert "Fri 2026-12-11 10:00  2026-12-11T16:00Z  six-weeks  sms" in shown
    assert "[1 segment, GSM-7, " in shown


def test_the_full_preview_shows_the_mail_a_patient_reads() -> None:
    assert "Hello Maria," in type_in(*KYPHOPLASTY, "--discharged", "same-day", "--full").stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--on", "2026-02-30"), 2, "this is not a day of the calendar"),
        (("--on", "3026-02-03"), 2, "choose a day between"),
        (("--on", "2026-10-30", "--zone", "Chicago"), 2, "did you mean 'America/Chicago'?"),
        (("--on", "2026-10-30", "--discharged", "noonish"), 2, "write the time like 14:30"),
        (("--on", "2026-10-30", "--discharged", "2026-10-29 10:00"), 2, "nobody goes home before"),
        (("--on", "2026-10-30", "--second", "2026-10-30"), 2, "the second session comes after"),
        (("--on", "2026-10-30", "--language", "fr"), 3, "it has: en, es"),
    ],
)
def test_a_wrong_question_gets_one_clear_line(args: tuple[str, ...], code: int, said: str) -> None:
    result = type_in("plan", "preview", "kyphoplasty", *args)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_plan_typed_wrong_is_answered_with_the_right_name() -> None:
    result = type_in("plan", "preview", "kyphoplastie", "--on", "2026-10-30")
    assert result.exit_code == 3
    assert "did you mean 'kyphoplasty'?" in result.stderr


def test_without_a_configuration_one_line_says_whose_values_are_shown(tmp_path: Path) -> None:
    result = as_process("plan", "list", cwd=tmp_path)
    assert result.returncode == 0
    assert "values of config.example.toml" in result.stderr
    assert "kyphoplasty" in result.stdout


def test_a_configuration_that_was_named_and_is_missing_is_never_replaced_by_the_example(tmp_path: Path) -> None:
    result = type_in("--config", str(tmp_path / "none.toml"), "plan", "list")
    assert result.exit_code == 5
    assert "there is no file" in result.stderr


def test_the_list_tells_languages_steps_and_which_plan_is_an_example() -> None:
    found = {x["key"]: x for x in json.loads(type_in("plan", "list", "--json").stdout)}
    assert list(found["kyphoplasty"]["languages"]) == ["en", "es"]
    assert len(found["kyphoplasty"]["steps"]) == 9
    assert found["example-port-placement"]["example"] is True
    assert found["kyphoplasty"]["languages"]["en"]["approved"] is False


def test_the_plans_that_ship_have_no_fault() -> None:
    result = type_in("plan", "check")
    assert result.exit_code == 0
    assert "0 faults" in result.stdout


def test_a_spoiled_plan_is_told_with_file_key_and_reason_all_faults_at_once(open_clinic: Open) -> None:
    desk = open_clinic()
    plan = desk.folder / "messages/kyphoplasty/plan.toml"
    plan.write_text(plan.read_text().replace('key = "two-weeks"', 'key = "two-weeks"\nwhen = 3'))
    (desk.folder / "messages/kyphoplasty/es/six-weeks.sms.j2").write_text("{{ clinic }}: {{ surgeon }}")
    result = desk.run("plan", "check")
    assert result.exit_code == 5
    assert "kyphoplasty/plan.toml: step[two-weeks].when: unknown key" in result.stdout
    assert "kyphoplasty/es/six-weeks.sms.j2: line 1: unknown placeholder 'surgeon'" in result.stdout


def test_checking_one_plan_as_json_names_where_and_what() -> None:
    found = json.loads(type_in("plan", "check", "kyphoplasty", "--json").stdout)
    assert {x["severity"] for x in found} == {"notice"}
    assert all(x["where"] and x["what"] for x in found)
