"""What staff type when patients answer: read it, take a page, write back, say who is away; and `status` tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from cli_clinic import SENDER, SandboxClinic

from followup.app import App, build_app
from followup.clock import SystemClock
from followup.rounds import Rounds

PATIENT = "+12145550142"
PAT = "+12145550123"


@contextmanager
def house(clinic: SandboxClinic) -> Iterator[App]:
    with closing(build_app(clinic.config)) as app:
        yield app


def hear(clinic: SandboxClinic, words: str, number: str = PATIENT) -> None:
    """A phone writes, and the daemon's rounds go once."""
    clinic.twilio.receive(number, words, SENDER)
    with house(clinic) as app:
        Rounds(app).once()


def short_id(clinic: SandboxClinic) -> str:
    (patient,) = clinic.told("patients")
    return str(patient["patient"])


@pytest.fixture
def flagged(sandbox_clinic: SandboxClinic) -> SandboxClinic:
    """Somebody has texted a red flag."""
    sandbox_clinic.enroll()
    hear(sandbox_clinic, "I cant feel my legs")
    return sandbox_clinic


def number_of(clinic: SandboxClinic, kind: str) -> str:
    return str(next(task["task"] for task in clinic.told("tasks") if task["kind"] == kind))


def test_a_task_shows_their_words_who_wrote_and_both_times(flagged: SandboxClinic) -> None:
    shown = flagged.run("tasks", number_of(flagged, "red_flag")).stdout
    assert "They wrote: I cant feel my legs" in shown
    assert f"From {PATIENT} (patient), written" in shown
    assert "Paged 1 times; nobody has taken it" in shown


def test_a_page_is_taken_at_the_keyboard_and_once_only(flagged: SandboxClinic) -> None:
    number = number_of(flagged, "red_flag")
    taken = flagged.run("tasks", "ack", number)
    assert (taken.exit_code, taken.stdout.splitlines()[0]) == (
        0, f"Task {number} is yours. When it is done: followup done {number}",
    )  # fmt: skip
    assert "Nobody is paged" in flagged.run("tasks", "ack", number).stdout
    assert "In hand: ann" in flagged.run("tasks", number).stdout


@pytest.mark.parametrize("words", [("ack",), ("ack", "seven"), ("take", "7"), ("7", "8")])
def test_a_mistyped_word_after_tasks_is_told_what_may_stand_there(
    sandbox_clinic: SandboxClinic, words: tuple[str, ...]
) -> None:
    result = sandbox_clinic.run("tasks", *words)
    assert result.exit_code == 2
    assert "`ack` and a number" in result.stderr


def test_a_page_that_there_is_not_is_not_found(sandbox_clinic: SandboxClinic) -> None:
    assert sandbox_clinic.run("tasks", "ack", "77").exit_code == 3


def test_a_patient_shows_what_they_wrote_and_how_their_pain_has_gone(flagged: SandboxClinic) -> None:
    assert flagged.run("answer", short_id(flagged), "4", "--by-phone", typed="y\n").exit_code == 0
    shown = flagged.run("show", short_id(flagged)).stdout
    assert "they said by sms: I cant feel my legs (critical" in shown
    assert "they said on the phone, taken down by ann: 4 (score)" in shown


def test_staff_write_back_and_close_the_conversation(flagged: SandboxClinic) -> None:
    patient = short_id(flagged)
    said = flagged.run("text", patient, typed="We are calling you now.\ny\n")
    assert said.exit_code == 0, said.output
    assert "they wrote: I cant feel my legs" in said.stdout
    assert "1 segment: Lakeside IR: We are calling you now." in said.stdout
    assert patient in flagged.run("conversation", "list").stdout
    with house(flagged) as app:
        Rounds(app).once()
    assert "Lakeside IR: We are calling you now." in [sms.body for sms in flagged.twilio.messages]
    assert flagged.run("conversation", "close", patient).exit_code == 0
    assert flagged.run("conversation", "list").stdout == "No conversation is open.\n"
    assert flagged.run("conversation", "close", patient).exit_code == 4


def test_where_the_clinic_relies_on_the_exemption_staff_write_without_a_consent(
    sandbox_clinic: SandboxClinic,
) -> None:
    sandbox_clinic.enroll(consent={})
    patient = short_id(sandbox_clinic)
    assert sandbox_clinic.run("text", patient, typed="Hello.\ny\n").exit_code == 4
    config = sandbox_clinic.config.read_text()
    sandbox_clinic.config.write_text(config.replace('# mode = "consent"', 'mode = "exemption"'))
    said = sandbox_clinic.run("text", patient, typed="Hello.\ny\n")
    assert said.exit_code == 0, said.output


def test_nothing_is_sent_without_a_yes(flagged: SandboxClinic) -> None:
    before = len(flagged.twilio.messages)
    assert "Nothing was sent." in flagged.run("text", short_id(flagged), typed="Hello.\nn\n").stdout
    with house(flagged) as app:
        Rounds(app).once()
    assert len(flagged.twilio.messages) == before


def test_who_is_away_is_not_on_call_and_a_gap_turns_status_red(sandbox_clinic: SandboxClinic) -> None:
    assert "On call today, in this order: Pat Rivera" in sandbox_clinic.run("staff").stdout
    today = SystemClock().utc().date()
    days = f"{today - timedelta(days=1)}..{today + timedelta(days=3)}"
    result = sandbox_clinic.run("staff", "away", "pat rivera", days)
    assert result.exit_code == 0
    assert "Nobody could be paged on" in result.stdout
    told = sandbox_clinic.told("status")
    assert told["uncovered_days"]
    assert any("nobody could be paged on" in reason for reason in told["red"])
    assert sandbox_clinic.run("staff", "back", "Pat Rivera").stdout == "Noted.\n"
    assert sandbox_clinic.told("status")["uncovered_days"] == []


@pytest.mark.parametrize(
    ("days", "code"), [("tomorrow", 2), ("2026-12-26..2026-12-24", 2), ("2020-01-01..2020-01-02", 2)]
)
def test_days_that_are_none_are_refused(sandbox_clinic: SandboxClinic, days: str, code: int) -> None:
    assert sandbox_clinic.run("staff", "away", "Pat Rivera", days).exit_code == code


def test_somebody_who_is_not_of_the_staff_is_not_found(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("staff", "away", "Nobody", "2099-01-01..2099-01-02")
    assert result.exit_code == 3
    assert "Pat Rivera" in result.stderr


def test_status_tells_what_was_read_how_fast_red_flags_are_answered_and_the_test_page(
    flagged: SandboxClinic,
) -> None:
    told = flagged.told("status")
    assert told["listening"]["sms"]["fresh"] is True
    assert told["unhandled_replies"] == 0
    assert told["red_flag_answers"]["last_7_days"] == 1
    assert told["red_flag_answers"]["slowest_seconds"] < 60
    shown = flagged.run("status").stdout
    assert "Red flags: 1 answered in the last 7 days" in shown
    assert "Answers:   sms read" in shown


def test_a_page_goes_to_the_phone_on_call(flagged: SandboxClinic) -> None:
    assert any("CRITICAL" in sms.body for sms in flagged.twilio.messages if sms.to == PAT)
