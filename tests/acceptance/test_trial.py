"""Trial first: a clinic that could reach real phones reaches only those on its list until it is live."""

from __future__ import annotations

import json

import pytest
from acceptance_clinic import Clinic, enrollment
from acceptance_terminal import terminal


@pytest.fixture
def trial(clinic: Clinic) -> Clinic:
    """Its texts would go to Twilio itself: nothing in this test may send one."""
    clinic.configure(f'base_url = "{clinic.sandbox.where["base_url"]}"', '# base_url = "https://api.twilio.com"')
    return clinic


def test_in_trial_a_patient_is_planned_and_marked_and_a_tick_by_hand_sends_nothing(trial: Clinic) -> None:
    with terminal(trial, "enroll") as desk:
        for question, answer in (
            ("Patient's name:", "Ruth Miller"),
            ("Birth date", "1948-03-07"),
            ("Record number", ""),
            ("Procedure date", ""),
            ("Mobile number", "214-555-0142"),
            ("E-mail", ""),
            ("Language", ""),
            ("Time zone", ""),
            ("Agreed to texts? [y/n]:", "y"),
            ("Add a caregiver?", ""),
            ("Pain before", ""),
            ("Home already?", "y"),
            ("Home since", ""),
        ):
            desk.asks(question, answer)
        desk.sees("TRIAL")
        desk.asks("Enroll?")
        desk.sees("The patient's id is")
    (patient,) = (one["patient"] for one in trial.json("patients"))
    assert {(row["channel"], row["trial"]) for row in trial.messages(patient, "planned")} == {
        ("sms", True),
        ("phone", False),
    }
    assert "planned (trial)" in trial.says("show", patient)
    assert "the clinic is in trial" in trial.says("why", patient, "welcome")
    assert "TRIAL" in trial.says()

    staff = trial.json("enroll", typed=json.dumps(_staff(trial)))
    assert {row["trial"] for row in staff["messages"] if row["channel"] == "sms"} == {False}
    would_go = trial.says("tick", "--at", trial.on(1, "13:00").isoformat())
    assert "Nothing was sent" in would_go
    assert "day-1" in would_go, "what would go to the trial list is shown"
    assert {row["attempts"] for row in trial.messages(staff["patient"])} == {0}
    assert trial.texts() == []
    assert trial.mails() == []


def _staff(clinic: Clinic) -> dict[str, object]:
    """Pat Rivera of the staff enters herself, to see what patients see."""
    entered = enrollment(clinic.today, name="Pat Rivera", record_number=None, mobile="214-555-0123")
    return entered | {"email": None, "consent": {"texts": True}}
