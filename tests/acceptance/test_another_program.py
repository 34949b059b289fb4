"""The clinic's own software moves a procedure's date: the timeline follows, or a person is asked."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from acceptance_clinic import Clinic, menu
from acceptance_terminal import terminal


def test_a_date_moved_a_little_later_is_followed_and_any_other_waits_for_a_yes(either_clinic: Clinic) -> None:
    clinic = either_clinic
    booked = clinic.today + timedelta(days=10)
    patient = clinic.enroll(procedure_date=booked.isoformat(), home="not yet")
    clinic.tick(clinic.on(0, "16:00"))  # the welcome goes; nothing about the procedure has been said
    assert _two_weeks(clinic, patient) == {booked + timedelta(days=14)}

    # The welcome was sent for this procedure: even a small move is asked about.
    _moved(clinic, booked + timedelta(days=2))
    clinic.tick(clinic.on(0, "16:01"))
    (task,) = clinic.json("tasks")
    assert (task["kind"], task["patient"]) == ("date_changed", patient)
    assert _two_weeks(clinic, patient, "planned") == set()
    assert "another program" in clinic.says("show", patient)

    with terminal(clinic, "change", patient) as desk:
        desk.asks("Change:", menu("procedure date"))
        desk.sees(f"Another program changed it from {booked} to {booked + timedelta(days=2)}.")
        desk.asks("Procedure date")
        desk.asks("Do it? [Y/n]:")
        desk.sees("Done.")
        assert desk.ends() == 0
    assert _two_weeks(clinic, patient, "planned") == {booked + timedelta(days=16)}


def test_a_small_move_before_anything_was_sent_needs_no_yes(either_clinic: Clinic) -> None:
    clinic = either_clinic
    booked = clinic.today + timedelta(days=10)
    patient = clinic.enroll(procedure_date=booked.isoformat(), home="not yet")
    _moved(clinic, booked + timedelta(days=3))
    clinic.tick(clinic.on(0, "08:00"))
    assert _two_weeks(clinic, patient, "planned") == {booked + timedelta(days=17)}
    assert clinic.json("tasks") == []


def _moved(clinic: Clinic, on: date) -> None:
    clinic.outsider(f"UPDATE procedures SET on_date = '{on}'")  # noqa: S608  a date of our own


def _two_weeks(clinic: Clinic, patient: str, status: str | None = None) -> set[date]:
    return {
        datetime.fromisoformat(row["due_at"]).astimezone(clinic.zone).date()
        for row in clinic.messages(patient, status)
        if row["step"] == "two-weeks"
    }
