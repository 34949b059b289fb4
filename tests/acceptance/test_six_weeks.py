"""Six weeks of one patient and her daughter, from the enrollment to the last receipt, on both databases."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta
from email import message_from_string, policy
from email.message import EmailMessage
from time import sleep
from typing import Any

from acceptance_clinic import CAREGIVER, NAME, PATIENT, PHONE, Clinic, enrollment, right_now

Rows = list[dict[str, Any]]
NUMBERS = {"patient": PATIENT, "caregiver": CAREGIVER}
SUNDAY = 6

DAUGHTER = {
    "name": "Ana Miller",
    "mobile": "214-555-0143",
    "language": "es",
    "share": True,
    "consent": {"texts": True},
}

WORDS = {
    ("welcome", PATIENT): "You will get about",
    ("welcome", CAREGIVER): "mensajes sobre la persona que cuida",
    ("going-home", PATIENT): "Rest today and tomorrow. No heavy lifting",
    ("going-home", CAREGIVER): "La persona que cuida debe descansar hoy y mañana",
    ("day-1", PATIENT): "Keep resting today. No heavy lifting before {date} at least",
    ("day-1", CAREGIVER): "debe descansar hoy. No debe cargar peso antes del",
    ("pain-check", PATIENT): "How is your pain now? Reply 0 (none) to 10 (worst)",
    (
        "activity",
        PATIENT,
    ): "You may do normal activity again. No hard effort. No heavy lifting before {date} at least",
    ("activity", CAREGIVER): "puede estar activa",
    ("two-weeks", PATIENT): "Still no hard effort. No heavy lifting before {date} at least",
    ("two-weeks", CAREGIVER): "sin esfuerzos. No cargar peso antes del",
    ("four-weeks", PATIENT): "Still no hard effort. No heavy lifting before {date} at least",
    ("four-weeks", CAREGIVER): "sin esfuerzos. No cargar peso antes del",
    ("six-weeks", PATIENT): "The six-week minimum has passed. Ask us before you lift",
    ("six-weeks", CAREGIVER): "Ya pasaron las primeras 6 semanas",
}
"""What each text says, by step and number; {date}: the 42nd day after the procedure, a floor."""

HEALTH_WORDS = re.compile(r"pain|kypho|spine|back|procedure|surgery|lift|dolor|operaci", re.IGNORECASE)


def test_a_patient_and_her_daughter_get_the_right_words_at_the_right_minute_for_six_weeks(
    either_clinic: Clinic,
) -> None:
    clinic = either_clinic
    before = right_now()
    done = clinic.json("enroll", typed=json.dumps(enrollment(clinic.today, caregivers=[DAUGHTER])))
    patient = done["patient"]
    planned = clinic.messages(patient)
    _is_the_plan(clinic, planned, before)
    _the_screens_say_so(clinic, patient, planned)

    sent = _walk(clinic, patient, planned)

    assert sent == Counter(dict.fromkeys(WORDS, 1))
    _all_texts_are_right(clinic)
    _all_mails_are_right(clinic)
    _all_arrive(clinic)
    assert clinic.tick(clinic.on(60, "10:00")) == []
    rows = clinic.messages(patient)
    assert {(r["channel"], r["status"]) for r in rows} == {("sms", "delivered"), ("email", "sent")}
    assert all(r["attempts"] == 1 for r in rows)
    assert len(clinic.texts()) == len(WORDS)
    assert clinic.sandbox.ask("state")["duplicate_mails"] == {}
    _her_silence_is_a_task(clinic, patient)


def _is_the_plan(clinic: Clinic, planned: Rows, enrolled: datetime) -> None:
    """The care plan, as planned: enrollment and the way home by the minute, the rest by the calendar."""
    welcome = datetime.fromisoformat(planned[0]["due_at"])
    assert timedelta(seconds=-1) <= welcome - enrolled < timedelta(minutes=2)
    early = [
        (row["step"], row["channel"], datetime.fromisoformat(row["due_at"]) - welcome)
        for row in planned
        if clinic.local(row["due_at"])[0] == 0
    ]
    half_an_hour = timedelta(minutes=30)
    assert [one[:2] for one in early] == [
        (step, channel) for step in ("welcome", "going-home") for channel in ("email", "sms", "sms")
    ]
    assert [one[2] for one in early[:3]] == [timedelta()] * 3
    assert all(abs(one[2] - half_an_hour) < timedelta(minutes=1) for one in early[3:])
    later = [(*clinic.local(row["due_at"]), row["step"], row["channel"]) for row in planned[len(early) :]]
    assert later == [
        (day, at, step, channel)
        for day, at, step, channels in (
            (1, _morning(clinic, 1), "day-1", "sms sms"),
            (2, _morning(clinic, 2), "pain-check", "sms"),
            (3, max(_morning(clinic, 2), _morning(clinic, 3)), "pain-check-nudge", "email"),
            (4, _morning(clinic, 4), "activity", "sms sms"),
            (14, _morning(clinic, 14), "two-weeks", "email sms sms"),
            (28, _morning(clinic, 28), "four-weeks", "sms sms"),
            (42, _morning(clinic, 42), "six-weeks", "email sms sms"),
        )
        for channel in channels.split()
    ]


def _morning(clinic: Clinic, day: int) -> str:
    """The plan says ten o'clock; on a Sunday the send window opens at noon."""
    return "12:00" if clinic.on(day, "10:00").weekday() == SUNDAY else "10:00"


def _the_screens_say_so(clinic: Clinic, patient: str, planned: Rows) -> None:
    """Before anything is sent: one line a message, one sentence a message, today's list, the patient found."""
    shown = clinic.says("show", patient)
    assert "Ruth Miller, born 1948-03-07, record A-1042" in shown
    assert sum(" planned" in line for line in shown.splitlines()) == len(planned)
    waiting = [line for line in clinic.says("why", patient).splitlines() if " waits for " in line]
    assert len(waiting) == len(planned)
    assert all(line.endswith(".") and " and may go until " in line for line in waiting)
    today = clinic.json("today")
    assert Counter(row["step"] for row in today["to_go"]) == {"welcome": 3, "going-home": 3}
    assert (today["failed"], today["open_tasks"]) == ([], [])
    assert f"{patient} Ruth Miller" in clinic.says()
    assert clinic.json("patients") == [
        {"patient": patient, "name": "Ruth Miller", "birth_date": "1948-03-07", "record_number": "A-1042"}
    ]


def _walk(clinic: Clinic, patient: str, planned: Rows) -> Counter[tuple[str, str]]:
    """Tick through six weeks; returns how often each step's text came to each number."""
    number = {c["id"]: NUMBERS[c["role"]] for c in clinic.json("show", patient)["contacts"]}
    sent: Counter[tuple[str, str]] = Counter()
    dues = sorted({row["due_at"] for row in planned if row["step"] != "activity"})
    moments = [datetime.fromisoformat(due) + timedelta(seconds=1) for due in dues]
    # Nobody answers: the question closes after 48 hours, and the activity text waits for the day after.
    moments += [clinic.on(4, "13:00"), clinic.on(5, _morning(clinic, 5))]
    asleep = [clinic.on(1, "08:59"), clinic.on(14, "03:00")]
    for moment in sorted(moments + asleep):
        if moment >= clinic.on(14, "00:00"):
            _all_arrive(clinic)
        said = clinic.tick(moment)
        assert not (said and moment in asleep), f"{said} at night"
        texts = [one for one in said if one["channel"] == "sms"]
        new = clinic.texts()[sent.total() :]
        assert Counter((number[t["contact"]], t["text"]) for t in texts) == Counter(
            (t["to"], t["body"]) for t in new
        )
        sent.update((one["step"], number[one["contact"]]) for one in texts)
        for one in texts:
            assert _words(clinic, one["step"], number[one["contact"]]) in one["text"]
        if "day-1" in {one["step"] for one in said}:
            assert clinic.tick(moment + timedelta(minutes=1)) == [], "a second beat would send it again"
    return sent


def _all_arrive(clinic: Clinic) -> None:
    """The sandbox takes three real seconds to deliver; days of the simulated clock may pass in less."""
    while any(text["status"] != "delivered" for text in clinic.texts()):
        sleep(0.2)


def _words(clinic: Clinic, step: str, number: str) -> str:
    end = clinic.on(42, "00:00")
    return WORDS[step, number].format(date=f"{end:%b} {end.day}")


def _all_texts_are_right(clinic: Clinic) -> None:
    """One GSM-7 segment that says who writes, whom to call, where help is and how to stop."""
    for text in clinic.texts():
        assert text["body"].startswith(f"{NAME}: ")
        assert PHONE in text["body"]
        assert "911" in text["body"]
        assert "STOP" in text["body"]
        assert text["num_segments"] == "1"
        assert 0 < text["validity"] <= 36_000


def _all_mails_are_right(clinic: Clinic) -> None:
    """Each is for the patient, plain and HTML, names the phone and 911, and its subject says nothing of health."""
    mails = clinic.mails()
    assert [mail["envelope_to"] for mail in mails] == [["ruth@example.org"]] * 5
    for mail in mails:
        message = message_from_string(mail["raw"], policy=policy.default)
        assert HEALTH_WORDS.search(message["Subject"]) is None
        assert message["Auto-Submitted"] == "auto-generated"
        for kind in ("plain", "html"):
            part = message.get_body((kind,))
            assert isinstance(part, EmailMessage)
            words = part.get_content()
            assert PHONE in words
            assert "911" in words
            assert "STOP" in words


def _her_silence_is_a_task(clinic: Clinic, patient: str) -> None:
    """Nobody answered the question about pain: a person calls, and closes the task."""
    (task,) = clinic.json("tasks")
    assert (task["kind"], task["patient"], task["closed"]) == ("no_answer", patient, False)
    explained = clinic.says("why", patient, "pain-check")
    assert f"(open task {task['task']})" in explained
    assert "was delivered" in explained
    clinic.says("done", str(task["task"]), typed="y\n")
    assert clinic.says("tasks") == "Nothing waits for a person.\n"
