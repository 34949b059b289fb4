"""A second session in week three: what was still to be said of the first is said once, by the second."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from acceptance_clinic import Clinic, menu, steps
from acceptance_terminal import terminal

LATER = [
    ("two-weeks", "email"),
    ("two-weeks", "sms"),
    ("four-weeks", "sms"),
    ("six-weeks", "email"),
    ("six-weeks", "sms"),
]


def test_a_second_session_supersedes_the_first_and_cancelling_it_brings_the_first_back(
    either_clinic: Clinic,
) -> None:
    clinic = either_clinic
    first, second = clinic.today - timedelta(days=3), clinic.today + timedelta(days=7)
    home = {"home": "yes", "home_since": f"{first} 15:00"}
    patient = clinic.enroll(procedure_date=first.isoformat(), **home)
    before = _of(clinic.json("show", patient), first)
    assert steps(before)[-5:] == LATER

    again = clinic.enroll(procedure_date=second.isoformat(), home="not yet", baseline_pain=5)
    assert again == patient, "the same person is found again"
    _only_the_second_says_the_rest(clinic, patient, first, second)
    explained = clinic.says("why", patient, "six-weeks").splitlines()
    held = [line for line in explained if f"(kyphoplasty {first})" in line and "was superseded" in line]
    assert len(held) == 2
    names_it = f"a later procedure of the same plan says it instead (kyphoplasty {second})."
    assert all(line.endswith(names_it) for line in held)

    with terminal(clinic, "change", patient) as desk:
        desk.asks("Change:", menu("procedure cancelled"))
        desk.asks("Which procedure? [1]:", "1")
        desk.sees("six-weeks")
        desk.asks("Do it? [y/N]:", "y")
        desk.sees("Done.")
        assert desk.ends() == 0
    shown = clinic.json("show", patient)
    assert _told(_of(shown, first)) == _told(before)
    assert {row["reason"] for row in _of(shown, second)} == {"procedure_cancelled"}

    with terminal(clinic, "undo", patient) as desk:
        desk.sees("The latest change: cancel")
        desk.asks("Do it? [y/N]:", "y")
        desk.sees("Done.")
        assert desk.ends() == 0
    _only_the_second_says_the_rest(clinic, patient, first, second)


def _only_the_second_says_the_rest(clinic: Clinic, patient: str, first: date, second: date) -> None:
    shown = clinic.json("show", patient)
    late = [row for row in _of(shown, first) if _day(clinic, row) >= second]
    assert steps(late) == LATER
    assert {(row["status"], row["reason"]) for row in late} == {("superseded", "later_procedure")}
    last = {(row["status"], _day(clinic, row)) for row in _of(shown, second) if row["step"] == "six-weeks"}
    assert last == {("planned", second + timedelta(days=42))}


def _of(shown: dict[str, Any], on: date) -> list[dict[str, Any]]:
    """The rows of the procedure on a day, as `show --json` tells them."""
    (procedure,) = [p["id"] for p in shown["procedures"] if p["date"] == on.isoformat()]
    rows = [r for r in shown["messages"] if r["procedure"] == procedure and r["reason"] != "other_channel"]
    return sorted(rows, key=lambda r: (r["due_at"], r["key"]))


def _told(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(r["key"], r["status"], r["reason"], r["due_at"], r["valid_until"]) for r in rows]


def _day(clinic: Clinic, row: dict[str, Any]) -> date:
    return datetime.fromisoformat(row["due_at"]).astimezone(clinic.zone).date()
