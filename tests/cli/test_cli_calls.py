"""`followup calls` on paper, and `followup done` taking down what was said on the phone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from cli_clinic import Open, OperatorDesk, as_process

from followup.app import build_app
from followup.care.task import TaskKind, new_task
from followup.clock import SystemClock

PATIENT = "0142"
Opened = Callable[..., int]


@pytest.fixture
def desk(open_clinic: Open) -> OperatorDesk:
    """A clinic with one patient, whose last four digits are 0142."""
    opened = open_clinic()
    opened.enroll()
    return opened


@pytest.fixture
def opened(desk: OperatorDesk) -> Opened:
    """Opens a task about the patient; returns its number."""

    def open_one(kind: TaskKind, **detail: object) -> int:
        app = build_app(desk.config)
        with app.storage.transaction() as tx:
            (patient,), now = tx.register.all_ids(), app.clock.utc()
            number = tx.tasks.open(new_task(kind, now, app.clinic.practice.staffed, patient, **detail), now)
        app.close()
        return number

    return open_one


def run(desk: OperatorDesk, *words: str, typed: str = "") -> str:
    told = as_process("--config", str(desk.config), "--by", "ann", *words, typed=typed)
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_where_nobody_is_to_be_phoned_the_sheet_says_so(desk: OperatorDesk) -> None:
    assert run(desk, "calls").splitlines()[-1] == "Nobody is to be phoned."


def test_the_sheet_fits_paper_and_has_all_that_a_call_needs(desk: OperatorDesk, opened: Opened) -> None:
    critical = opened(TaskKind.RED_FLAG)
    routine = opened(TaskKind.NO_ANSWER, step="pain-check", channel="sms")
    printed = run(desk, "calls")
    assert max(map(len, printed.splitlines())) < 80
    today = SystemClock().utc()
    assert any(f"{day:%Y-%m-%d}T" in printed for day in (today, today - timedelta(days=1)))
    for words in (
        "Lakeside IR: call sheet",
        "To call: 1. Without a number: 0.",
        "CRITICAL: at once",
        "Ruth Miller, born 1948-03-07",
        "Call +12145550142  patient, speaks en",
        f"Task {critical}: {TaskKind.RED_FLAG.sentence}",
        f"Task {routine}: {TaskKind.NO_ANSWER.sentence}",
        "Do not say now (pain-check): not before",
        "Pain 0\N{EN DASH}10: ____   Reached: yes / no   Time: ____",
        f"Then: followup done {critical}, followup done {routine},",
        "SCORE --by-phone",
    ):
        assert words in printed, words


def test_the_sheet_for_a_program_says_the_same(desk: OperatorDesk, opened: Opened) -> None:
    number = opened(TaskKind.CALL_ME, said="call me", wrote="patient", written="2026-11-02T16:00:00+00:00")
    told = json.loads(run(desk, "calls", "--json"))
    assert told.keys() == {"made_at", "calls", "without_number", "died"}
    (call,) = told["calls"]
    assert (call["name"], call["birth_date"], call["level"]) == ("Ruth Miller", "1948-03-07", "urgent")
    assert [one["number"] for one in call["numbers"]] == ["+12145550142"]
    assert [(one["task"], one["kind"]) for one in call["tasks"]] == [(number, "call_me")]
    assert "“call me”" in call["tasks"][0]["known"][0]


def test_closing_a_call_asks_for_the_pain_where_the_step_asks_and_judges_it(
    desk: OperatorDesk, opened: Opened
) -> None:
    number = opened(TaskKind.CALL, step="pain-check", script="How is your pain now?")
    said = run(desk, "done", str(number), typed="y\n11\n8\ny\n")
    assert "Pain now, 0 (none) to 10 (worst)" in said
    assert f"Task {number} is closed." in said
    assert TaskKind.HIGH_PAIN.sentence in said
    shown = json.loads(run(desk, "record", PATIENT, "--json"))
    assert [(reply["words"], reply["score"], reply["by"]) for reply in shown["replies"]] == [("8", 8, "ann")]


@pytest.mark.parametrize("typed", ["y\n\n", "n\n"], ids=["they did not say", "nobody was reached"])
def test_a_call_without_a_score_is_closed_all_the_same(desk: OperatorDesk, opened: Opened, typed: str) -> None:
    number = opened(TaskKind.CALL, step="pain-check", script="How is your pain now?")
    assert f"Task {number} is closed." in run(desk, "done", str(number), typed=typed + "y\n")
    assert json.loads(run(desk, "record", PATIENT, "--json"))["replies"] == []


def test_a_call_that_only_tells_something_asks_for_no_pain(desk: OperatorDesk, opened: Opened) -> None:
    number = opened(TaskKind.CALL, step="activity", script="You may do normal activity again.")
    assert "Pain now" not in run(desk, "done", str(number), typed="y\n")
