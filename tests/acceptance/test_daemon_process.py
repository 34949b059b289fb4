"""`followup run` as a process: it sends, stands by, is killed, and comes back without sending anything twice."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from acceptance_clinic import FOLLOWUP, NAME, PATIENCE, Clinic
from acceptance_terminal import terminal

CANARIES = ("Ruth", "Miller", "5550142", "555-0142", "ruth@", "You will get", NAME, "214-555")
Log = Callable[[], list[dict[str, object]]]


@contextmanager
def daemon(clinic: Clinic, name: str = "one") -> Iterator[tuple[subprocess.Popen[bytes], Log]]:
    """`followup run`, and the lines of its log so far."""
    path = Path(clinic.folder / f"{name}.log")
    with path.open("wb") as log:
        process = subprocess.Popen(
            [*FOLLOWUP, "run"], cwd=clinic.folder, env=clinic.environ, stdin=subprocess.DEVNULL, stderr=log
        )
        try:
            yield process, lambda: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        finally:
            process.kill()
            process.wait(PATIENCE)


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Look again and again; what never happens fails with its name."""
    for _ in range(PATIENCE * 5):
        if happened():
            return
        sleep(0.2)
    raise AssertionError(f"never: {what}")


def _events(log: Log) -> list[object]:
    return [line["event"] for line in log()]


def test_the_daemon_sends_what_is_due_logs_ids_alone_and_ends_when_told(either_clinic: Clinic) -> None:
    clinic = either_clinic
    patient = clinic.enroll()
    with daemon(clinic) as (process, log):
        wait_until(lambda: len(clinic.texts()) == 1, "the welcome text")
        wait_until(lambda: _statuses(clinic) >= {"delivered"}, "a receipt")
        wait_until(clinic.mails, "the welcome mail")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        events = _events(log)
    assert events[0] == "started"
    assert events[-1] == "stopped"
    said = (clinic.folder / "one.log").read_text(encoding="utf-8")
    assert not [canary for canary in (*CANARIES, patient) if canary in said]
    assert [text["body"].startswith(f"{NAME}: You will get") for text in clinic.texts()] == [True]
    assert len(clinic.mails()) == 1


def test_with_the_patient_on_the_phone_a_welcome_that_does_not_arrive_becomes_a_task(clinic: Clinic) -> None:
    with daemon(clinic) as (_, log):
        wait_until(lambda: clinic.outsider("SELECT 1 FROM switches WHERE name = 'ticked'"), "the first tick")
        with terminal(clinic, "enroll") as desk:
            for question, answer in (
                ("Patient's name:", "Ruth Miller"),
                ("Birth date", "3/7/1948"),
                ("Record number", ""),
                ("Procedure date", ""),
                ("Mobile number", "214-555-0142"),
                ("E-mail", ""),
                ("Language", ""),
                ("Time zone", ""),
                ("Agreed to texts?", "y"),
                ("Add a caregiver?", ""),
                ("Pain before", ""),
                ("Home already?", "n"),
                ("Enroll?", ""),
                ("Did the welcome text arrive? [Y/n/later]", "n"),
            ):
                desk.asks(question, answer)
            desk.sees("A task is open")
            assert desk.ends() == 0
        assert "failed" not in _events(log)
    assert [task["kind"] for task in clinic.json("tasks")] == ["bad_address"]


def _statuses(clinic: Clinic) -> set[str]:
    return {row[0] for row in clinic.outsider("SELECT status FROM messages")}


def test_a_second_daemon_stands_by_and_takes_over_when_the_first_is_killed(clinic: Clinic) -> None:
    with daemon(clinic) as (first, log), daemon(clinic, "two") as (second, log_of_second):
        wait_until(lambda: "started" in _events(log) and "started" in _events(log_of_second), "two daemons")
        idle = "standing by: another daemon sends"
        wait_until(lambda: idle in _events(log) + _events(log_of_second), "one that stands by")
        sender, heir = (second, first) if idle in _events(log) else (first, second)
        sender.kill()
        sender.wait(PATIENCE)
        clinic.enroll()
        wait_until(lambda: len(clinic.texts()) == 1, "the welcome text, by the heir")
        heir.terminate()
        assert heir.wait(PATIENCE) == 0


def test_a_daemon_killed_while_it_sends_leaves_a_doubt_and_no_second_text(
    either_clinic: Clinic,
) -> None:
    clinic = either_clinic
    patient = clinic.enroll(email=None, consent={"texts": True})
    # Named, since the week's test page to staff may go first.
    delay = {"kind": "Delay", "seconds": 15, "accepted": True}
    clinic.sandbox.ask("fault", faults=[delay], to="+12145550142")
    with daemon(clinic) as (process, _):
        wait_until(lambda: len(clinic.texts()) == 1, "the text is on its way, and nothing is heard")
        process.kill()
        process.wait(PATIENCE)
    assert [row["step"] for row in clinic.messages(patient, "sending")] == ["welcome"]
    with daemon(clinic, "two") as (process, log):
        wait_until(lambda: "in doubt after a crash" in _events(log), "the next start finds what was left")
        wait_until(lambda: "in_doubt" in _statuses(clinic), "the row says so")
        process.terminate()
        assert process.wait(PATIENCE) == 0
    (doubt,) = clinic.messages(patient, "in_doubt")
    assert (doubt["step"], doubt["reason"], doubt["attempts"]) == ("welcome", "owner_died", 1)
    assert "evidence is looked for" in clinic.says("why", patient, "welcome")
    assert [text["body"].partition(" ")[2][:12] for text in clinic.texts()].count("IR: You will") == 1
