"""The daemon hears: a red flag is answered, paged and taken from a phone; a kill loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance_clinic import PATIENCE, STAFF_PHONE, Clinic, found, sandbox_process, where_it_is_afternoon
from test_daemon_process import daemon, wait_until

PATIENT, SOMEBODY = "+12145550142", "+12145550188"


@pytest.fixture
def listening_clinic(tmp_path: Path, database_url: str) -> Iterator[Clinic]:
    """A clinic whose phones nobody else writes to: what came in for another test is none of its."""
    with sandbox_process() as running:
        folder, zone = tmp_path / "clinic", where_it_is_afternoon()
        folder.mkdir()
        found(folder, running, zone)
        clinic = Clinic(folder, running, zone, database_url)
        clinic.configure('# url = "sqlite:///followup.db"', f'url = "{database_url}"')
        yield clinic


def bodies(clinic: Clinic, number: str) -> list[str]:
    return [text["body"] for text in clinic.all_texts() if text["to"] == number]


def own_number(clinic: Clinic) -> str:
    return str(next(text["from"] for text in clinic.all_texts() if text["from"]))


def receive(clinic: Clinic, words: str, number: str = PATIENT) -> None:
    clinic.sandbox.ask("receive", **{"from": number, "to": own_number(clinic), "body": words})


def tasks(clinic: Clinic, kind: str) -> list[dict[str, Any]]:
    return [task for task in clinic.json("tasks") if task["kind"] == kind]


def test_a_red_flag_is_answered_and_paged_and_taken_from_a_phone(listening_clinic: Clinic) -> None:
    clinic = listening_clinic
    clinic.enroll()
    with daemon(clinic) as (process, log):
        wait_until(lambda: bodies(clinic, PATIENT), "the welcome text")
        receive(clinic, "I cant feel my legs")
        wait_until(lambda: any("Call 911 now" in b for b in bodies(clinic, PATIENT)), "the answer")
        wait_until(lambda: any("CRITICAL" in body for body in bodies(clinic, STAFF_PHONE)), "the page")
        (task,) = tasks(clinic, "red_flag")
        receive(clinic, str(task["task"]), STAFF_PHONE)
        wait_until(lambda: any("is yours" in b for b in bodies(clinic, STAFF_PHONE)), "it is taken")
        assert "In hand:" in clinic.says("tasks", str(task["task"]))
        assert clinic.json("status")["red_flag_answers"]["slowest_seconds"] < 60
        process.terminate()
        assert process.wait(PATIENCE) == 0
        events = [line["event"] for line in log()]
    assert "heard" in events
    assert "staff told" in events
    assert "failed" not in events


def test_what_came_in_while_a_daemon_was_killed_is_handled_once_by_the_next(listening_clinic: Clinic) -> None:
    clinic = listening_clinic
    clinic.enroll()
    with daemon(clinic) as (process, _):
        wait_until(lambda: bodies(clinic, PATIENT), "the welcome text")
        for place in range(60):
            receive(clinic, f"what is this, {place}?", SOMEBODY)
        process.kill()
        process.wait(PATIENCE)
    receive(clinic, "STOP")
    with daemon(clinic, "two") as (process, _):
        wait_until(lambda: tasks(clinic, "opt_out"), "the stop is handled")
        wait_until(
            lambda: [task["times"] for task in tasks(clinic, "unreadable")] == [60], "and all the others, once"
        )
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert len(bodies(clinic, SOMEBODY)) == 0
    waiting = clinic.outsider("SELECT count(*) FROM replies WHERE handled_at IS NULL")
    assert [tuple(row) for row in waiting] == [(0,)]
