"""The front desk: a patient on the phone, the evening list, and everything that can change about a patient."""

from __future__ import annotations

import json
from datetime import timedelta

from acceptance_clinic import Clinic, enrollment, menu, steps
from acceptance_terminal import Terminal, terminal

CONSENT_IS_TYPED = "Agreed to texts? [y/n]:"


def test_a_patient_is_entered_by_prompts_and_slips_of_the_hand_are_asked_again(clinic: Clinic) -> None:
    with terminal(clinic, "enroll") as desk:
        _who(desk)
        desk.asks("Procedure date [today]:", "2026-02-30")
        desk.sees("this is not a day of the calendar")
        desk.asks("Procedure date [today]:", "1/15/2062")
        desk.sees("is the year right?")
        desk.asks("Procedure date [today]:")
        desk.asks("Mobile number", "214-555-O142")
        desk.sees("letters")
        desk.asks("Mobile number", "(214) 555-0142")
        desk.asks("E-mail", "ruth@example.org")
        desk.asks("Language", "fr")
        desk.sees("this plan has en, es")
        desk.asks("Language", "es")
        desk.asks("Time zone", "America/Chicgo")
        desk.sees("America/Chicago")
        desk.asks("Time zone")
        desk.sees("Lea esto en voz alta")
        desk.asks(CONSENT_IS_TYPED)
        desk.asks(CONSENT_IS_TYPED, "y")
        desk.asks("Agreed to e-mails? [y/n]:", "y")
        desk.asks("Add a caregiver? [y/N]:")
        desk.asks("Pain before the procedure", "11")
        desk.asks("Pain before the procedure", "7")
        desk.asks("Home already?", "y")
        desk.asks("Home since [now]:")
        desk.sees("going-home")
        desk.sees("six-weeks")
        desk.asks("Enroll? [Y/n]:")
        desk.sees("The patient's id is ")
        assert desk.ends() == 0
    (patient,) = clinic.json("patients")

    with terminal(clinic, "enroll") as desk:
        _who(desk)
        desk.sees("Enrolled already: ")
        desk.sees("Ruth Miller, born 1948-03-07")
        desk.asks("Is it this patient? Add a procedure? [Y/n]:")
        desk.asks("Procedure date [today]:")
        desk.asks("Pain before")
        desk.asks("Home already?", "n")
        desk.sees("enrolled for this procedure already; nothing was changed")
        assert desk.ends() == 0
    shown = clinic.json("show", patient["patient"])
    assert len(shown["procedures"]) == 1
    assert {contact["language"] for contact in shown["contacts"]} == {"es"}


def _who(desk: Terminal) -> None:
    desk.asks("Patient's name:", "Ruth Miller")
    desk.asks("Birth date", "3/7/1948")
    desk.asks("Record number")


def test_ctrl_c_before_the_last_yes_enters_nothing(clinic: Clinic) -> None:
    before = clinic.dump()
    with terminal(clinic, "enroll") as desk:
        _who(desk)
        desk.sees("Procedure date")
        desk.interrupts()
        assert desk.ends() == 1
    assert "Traceback" not in desk.shown
    assert clinic.dump() == before


def test_who_went_home_late_gets_what_is_still_true_and_who_stays_overnight_waits(clinic: Clinic) -> None:
    yesterday = clinic.on(-1, "09:00").date().isoformat()
    late = clinic.enroll(procedure_date=yesterday, home="not yet")
    stays = clinic.enroll(name="Otto Berg", record_number="B-7", mobile="214-555-0177", email=None, home="not yet",
                          consent={"texts": True})  # fmt: skip
    assert "day-1" not in dict(steps(clinic.messages(late, "planned")))
    with terminal(clinic, "home") as desk:
        desk.sees("Ruth Miller")
        desk.sees("Otto Berg")
        desk.asks("Who is NOT home? (numbers, Enter = all are home):", "2")
        desk.asks("Home since [now]:")
        desk.sees("home since ")
        desk.sees("day-1")
        desk.asks("Record 1 home, 1 not? [Y/n]:")
        desk.sees("Recorded.")
        assert desk.ends() == 0
    # On the day after the procedure "going home" is past; what holds on day 1 is said on the first day at home.
    assert "going-home" not in dict(steps(clinic.messages(late, "planned")))
    waits = clinic.messages(stays)
    assert {row["reason"] for row in waits if row["status"] != "planned"} == {"in_hospital"}

    with terminal(clinic, "home") as desk:
        desk.sees("Otto Berg")
        desk.asks("Who is NOT home?")
        desk.asks("Home since [now]:")
        desk.asks("Record 1 home, 0 not? [Y/n]:")
        desk.sees("Recorded.")
        assert desk.ends() == 0
    assert {row["status"] for row in clinic.messages(stays)} == {"planned"}
    assert clinic.json("home") == []


def test_each_change_shows_what_it_does_before_it_is_done_and_no_changes_nothing(clinic: Clinic) -> None:
    patient = clinic.enroll(home="not yet")
    before = clinic.dump()
    _change(clinic, patient, "procedure date", ("Procedure date", "tomorrow"), sees="~ another time", does="n")
    assert clinic.dump() == before

    planned = steps(clinic.messages(patient, "planned"))
    _change(clinic, patient, "hold, or lift the hold", sees="the patient is on hold")
    assert clinic.messages(patient, "planned") == []
    with terminal(clinic, "undo", patient) as desk:
        desk.sees("The latest change: hold")
        desk.asks("Do it? [y/N]:", "y")
        assert desk.ends() == 0
    assert steps(clinic.messages(patient, "planned")) == planned

    agreed = (("New number", "214-555-0177"), ("Is it a landline?", "n"), (CONSENT_IS_TYPED, "y"))
    _change(clinic, patient, "number", *agreed)
    assert "+12145550177" in clinic.says("show", "0177")

    _change(clinic, patient, "stop texts or e-mails", ("Stop what?", "1"), sees="has opted out")
    assert {channel for _, channel in steps(clinic.messages(patient, "planned"))} == {"email", "phone"}

    daughter = (
        ("may we share with this person? [y/n]:", "y"),
        ("Caregiver's name:", "Ana Miller"),
        ("Mobile number", "214-555-0143"),
        ("E-mail", ""),
        ("Language", "es"),
        ("Time zone", ""),
        (CONSENT_IS_TYPED, "y"),
    )
    _change(clinic, patient, "add a caregiver", *daughter, sees="caregiver")
    assert ("welcome", "sms") in steps(clinic.messages(patient, "planned"))

    _change(clinic, patient, "died", sees="the patient has died")
    assert clinic.messages(patient, "planned") == []
    assert clinic.tick(clinic.on(14, "13:00")) == []
    assert clinic.texts() == []


GRAVE = ("died", "stop texts or e-mails", "procedure cancelled")
"""Enter alone does not carry these out."""


def _change(
    clinic: Clinic, patient: str, line: str, *answers: tuple[str, str], sees: str = "", does: str = ""
) -> None:
    """Choose a line of the menu, answer its questions, see the difference, say yes (Enter) or no."""
    with terminal(clinic, "change", patient) as desk:
        desk.asks("Change:", menu(line))
        for question, answer in answers:
            desk.asks(question, answer)
        desk.sees(sees)
        if line in GRAVE:
            desk.asks("Do it? [y/N]:", "y")
        else:
            desk.asks("Do it? [Y/n]:", does)
        desk.sees("Nothing was changed." if does == "n" else "Done.")
        assert desk.ends() == 0


def test_a_slip_in_the_record_number_never_reaches_another_patients_chart(clinic: Clinic) -> None:
    clinic.enroll()
    with terminal(clinic, "enroll") as desk:
        desk.asks("Patient's name:", "Rolf Miller")
        desk.asks("Birth date", "3/7/1948")
        desk.asks("Record number", "A-1042")
        desk.sees("Ruth Miller, born 1948-03-07")
        desk.asks("Is it this patient? Add a procedure? [y/n]:", "n")
        assert desk.ends() == 1
    other = json.dumps(enrollment(clinic.today, name="Rolf Miller"))
    assert "another name" in clinic.refuses(2, "enroll", "--json", typed=other)
    assert len(clinic.json("patients")) == 1


def test_news_about_a_known_patient_is_not_dropped_in_silence(clinic: Clinic) -> None:
    clinic.enroll(procedure_date=(clinic.today - timedelta(days=2)).isoformat(), home="not yet")
    news = enrollment(clinic.today, mobile="214-555-0188", home="not yet")
    assert "followup change" in clinic.refuses(2, "enroll", "--json", typed=json.dumps(news))


def test_a_patient_whom_nothing_can_reach_is_not_entered(clinic: Clinic) -> None:
    nobody = enrollment(clinic.today, mobile=None, email=None, consent={})
    assert "contact:" in clinic.refuses(2, "enroll", "--json", typed=json.dumps(nobody))
    assert clinic.json("patients") == []
