"""The demo, as a visitor starts it: a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from followup.app import App, build_app
from followup.care.delivery import MOVES, SET_ASIDE, Status
from followup.care.message import Kind
from followup.care.rows import perhaps_said
from followup.care.task import TaskKind
from followup.cli.demo.cast import CAST, Character
from followup.cli.demo.screen import WIDTH
from followup.storage.outbox_rows import Entry
from followup.storage.tasks import Task

RECORD = Path(__file__).resolve().parents[2] / "docs" / "record_demo.py"


@dataclass(frozen=True)
class Run:
    """What one run left behind: its output, and the folder it was given for temporary files."""

    code: int
    out: str
    err: str
    temporary: Path
    group: int


def run(temporary: Path, *options: str) -> Run:
    """`followup demo` in a process group of its own, with its own folder for temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-m", "followup", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), "COLUMNS": "70"},
        start_new_session=True,
    )
    out, err = process.communicate(timeout=240)
    return Run(process.returncode, out, err, temporary, process.pid)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo as it is read in a pipe."""
    return run(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A second run, which is told to be plain."""
    return run(tmp_path_factory.mktemp("again"), "--plain")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A third run: the table for other programs, and the clinic left behind."""
    temporary = tmp_path_factory.mktemp("kept")
    return run(temporary, "--json", "--keep", str(temporary / "clinic"))


@pytest.fixture(scope="module")
def table(kept: Run) -> list[dict[str, str | None]]:
    """Every message of the demo, as other programs read it."""
    found: list[dict[str, str | None]] = json.loads(kept.out)
    return found


def rows(table: list[dict[str, str | None]], patient: str, step: str) -> list[dict[str, str | None]]:
    return [row for row in table if (row["patient"], row["step"]) == (patient, step)]


def test_the_demo_runs_to_its_end_without_an_error(shown: Run) -> None:
    assert (shown.code, shown.err) == (0, "")
    assert "`followup init`" in shown.out.splitlines()[-1]


def test_it_says_whose_approval_the_texts_have(shown: Run) -> None:
    assert "Demo reviewer has approved this folder's own copy" in " ".join(shown.out.split())


@pytest.mark.parametrize("who", CAST, ids=lambda who: str(who.name))
def test_each_patients_story_phone_and_messages_are_shown(shown: Run, who: Character) -> None:
    assert f"{who.name} enrolled" in shown.out
    assert f"\n{who.name}: {who.story}" in shown.out
    assert f"\n{who.name}  " in shown.out


def test_two_runs_print_the_same_to_the_last_letter(shown: Run, again: Run) -> None:
    assert shown.out == again.out


def test_no_line_is_wider_than_the_picture_in_the_readme(shown: Run) -> None:
    assert max(map(len, shown.out.splitlines())) == WIDTH


def test_nothing_of_it_is_left_on_the_disk_and_nothing_runs_on(shown: Run) -> None:
    assert list(shown.temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(shown.group, 0)


def test_every_message_has_come_to_an_end_that_is_explained(table: list[dict[str, str | None]]) -> None:
    ends = {move.target for move in MOVES} - {move.source for move in MOVES} | SET_ASIDE | {Status.SENT}
    unfinished = [row for row in table if row["status"] not in ends or not row["why"]]
    assert len(table) > 100
    assert unfinished == []


def test_who_is_home_the_same_day_gets_every_step(table: list[dict[str, str | None]]) -> None:
    said = {row["step"] for row in table if row["patient"] == "Ruth Miller" and row["sent_at"]}
    assert said == {
        "welcome",
        "going-home",
        "day-1",
        "pain-check",
        "activity",
        "two-weeks",
        "four-weeks",
        "six-weeks",
    }


def test_after_a_night_in_hospital_the_text_for_the_way_home_is_left_out(
    table: list[dict[str, str | None]],
) -> None:
    assert {row["status"] for row in rows(table, "Walter Hayes", "going-home")} == {"suppressed"}
    assert [row["sent_at"] for row in rows(table, "Walter Hayes", "day-1")] == ["2026-11-01T18:00:00+00:00"]


def test_a_second_session_supersedes_the_rest_of_the_first_and_moves_the_six_weeks(
    table: list[dict[str, str | None]],
) -> None:
    six_weeks = rows(table, "Eleanor Brooks", "six-weeks")
    first = {(row["status"], row["sent_at"]) for row in six_weeks if row["procedure"] == "2026-10-30"}
    second = {row["sent_at"] for row in six_weeks if row["procedure"] == "2026-11-20"}
    assert first == {("superseded", None)}
    assert second == {"2027-01-01T16:00:00+00:00"}


def test_a_caregiver_who_may_know_is_written_to_in_her_own_zone(
    shown: Run, table: list[dict[str, str | None]]
) -> None:
    got = [row for row in rows(table, "Rosa Delgado", "day-1") if row["to"] == "Carmen Delgado"]
    assert [row["sent_at"] for row in got] == ["2026-10-31T17:00:00+00:00"]
    assert "Lakeside IR: La persona que cuida debe" in shown.out


def test_who_wants_no_more_texts_gets_the_rest_by_e_mail(table: list[dict[str, str | None]]) -> None:
    ends = {(row["channel"], row["status"]) for row in rows(table, "Frank Osborne", "four-weeks")}
    assert ends == {("sms", "suppressed"), ("email", "sent")}


def test_whoever_has_only_a_landline_is_called_and_reached(table: list[dict[str, str | None]]) -> None:
    calls = [row for row in table if row["patient"] == "Harold Quinn" and row["sent_at"]]
    assert {(row["channel"], row["status"]) for row in calls} == {("phone", "delivered")}
    assert len(calls) == 7


def test_a_text_that_does_not_arrive_is_followed_by_an_e_mail(table: list[dict[str, str | None]]) -> None:
    ends = [(row["channel"], row["status"]) for row in rows(table, "June Parker", "pain-check")]
    assert ends == [("sms", "undelivered"), ("email", "sent")]


def test_nobody_hears_about_a_patient_who_has_died(table: list[dict[str, str | None]]) -> None:
    after = [row for row in table if row["patient"] == "Alice Ross" and (row["sent_at"] or "") > "2026-11-24"]
    assert after == []
    assert {row["why"] for row in rows(table, "Alice Ross", "six-weeks")} == {"the patient has died"}


def test_a_clinic_that_is_kept_can_be_looked_at_afterwards(kept: Run) -> None:
    config = str(kept.temporary / "clinic" / "config.toml")
    patients = subprocess.run(
        [sys.executable, "-m", "followup", "--config", config, "patients", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert len(json.loads(patients.stdout)) == len(CAST)


def test_a_folder_that_holds_anything_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    refused = run(tmp_path, "--keep", str(tmp_path))
    assert (refused.code, refused.err) == (4, "--keep needs a new folder, or an empty one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


# They answer


def section(out: str, title: str) -> list[str]:
    """The lines below one title, as far as the next."""
    lines = out.splitlines()
    start = lines.index(title) + 1
    ends = (
        "They answer",
        "Who was paged, until somebody took it",
        "What still waits for a person (followup tasks)",
    )
    return lines[start : next((n for n in range(start, len(lines)) if lines[n] in ends), len(lines))]


def cells(lines: list[str]) -> Iterator[list[str]]:
    """The rows of a table on the screen; what was folded into further lines is put together again."""
    header, _rule, *body = lines[1:]
    edges = [match.start() for match in re.finditer(r"(?:(?<=   )|^)\S", header)] + [WIDTH]
    found: list[list[str]] = []
    for line in body[: body.index("")]:
        parts = [line[start:end].strip() for start, end in pairwise(edges)]
        if re.match(r"[A-Z][a-z]{2} [A-Z][a-z]{2} |\d+$", parts[0]):
            found.append(parts)
        else:
            found[-1] = [f"{before} {more}".strip() for before, more in zip(found[-1], parts, strict=True)]
    yield from found


@pytest.fixture(scope="module")
def answered(shown: Run) -> dict[str, list[str]]:
    """Each line of the table of answers, by who wrote what: when, read as, went back, staff."""
    return {who: [when, *rest] for when, who, *rest in cells(section(shown.out, "They answer"))}


@pytest.fixture(scope="module")
def app(kept: Run) -> Iterator[App]:
    """The clinic that a demo has left behind."""
    with closing(build_app(kept.temporary / "clinic" / "config.toml")) as made:
        yield made


def messages(app: App) -> list[Entry]:
    with app.storage.reading() as tx:
        return tx.outbox.between(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC))


def patient_id(app: App, who: str) -> int:
    with app.storage.reading() as tx:
        return next(
            patient
            for patient in {e.patient_id for e in messages(app) if e.patient_id}
            if tx.directory.identities([patient])[patient].name == who
        )


def tasks(app: App, who: str, *, is_open: bool = False) -> list[Task]:
    with app.storage.reading() as tx:
        return [t for t in tx.tasks.of_patient(patient_id(app, who)) if not is_open or t.closed_at is None]


def kinds(app: App, who: str) -> list[TaskKind]:
    return [task.kind for task in tasks(app, who) if task.kind is not TaskKind.CALL]


def replies(app: App, who: str) -> list[tuple[str, str, int | None]]:
    """What was written or said: words, reading, score."""
    with app.storage.reading() as tx:
        return [(r.words, r.reading, r.score) for r in tx.inbox.of_patient(patient_id(app, who))]


def given(app: App, who: str) -> list[str]:
    """The answers that one patient, and who cares for them, got."""
    patient = patient_id(app, who)
    found = [e for e in messages(app) if e.patient_id == patient and e.kind in (Kind.ANSWER, Kind.RED_FLAG)]
    assert {e.status for e in found} <= {Status.DELIVERED}
    return [e.step for e in sorted(found, key=lambda e: e.planned_at)]


def test_a_high_score_is_thanked_for_and_is_an_urgent_task(answered: dict[str, list[str]], app: App) -> None:
    when, read, back, staff = answered["Ruth Miller: “8”"]
    assert (when, read, back) == ("Mon Nov 2 10:20", "pain 8", "Thank you. We have your message.")
    assert re.fullmatch(r"task \d+, urgent", staff)
    assert replies(app, "Ruth Miller") == [("8", "score", 8)]
    assert kinds(app, "Ruth Miller") == [TaskKind.HIGH_PAIN]
    assert given(app, "Ruth Miller") == ["answer-received"]


def test_who_is_better_is_thanked_and_nobody_is_asked_for_anything(answered: dict[str, list[str]]) -> None:
    _, read, back, staff = answered["Walter Hayes: “better thanks”"]
    assert (read, back, staff) == ("better", "Thank you. We have your message.", "-")


def test_a_red_flag_at_night_is_told_of_911_and_pages_until_somebody_texts_the_number_back(
    shown: Run, answered: dict[str, list[str]], app: App
) -> None:
    when, read, back, staff = answered["Walter Hayes: “I cant feel my legs”"]
    assert (when, read) == ("Thu Nov 5 01:12", "critical")
    assert back == "Call 911 now if this is an emergency. Do not wait for a text."
    (task,) = (task for task in tasks(app, "Walter Hayes") if task.kind is TaskKind.RED_FLAG)
    assert staff == f"task {task.number}, critical: paged Ann 3 times, Ben once; Ben has taken it"
    assert (task.pages, task.acknowledged_by) == (4, "Ben")
    page = f"CRITICAL task {task.number}. Text back {task.number} to take it."
    on_the_phones = list(cells(section(shown.out, "Who was paged, until somebody took it")))
    assert [[" ".join(when.split()), *rest] for when, *rest in on_the_phones] == [
        ["Thu Nov 5 01:12", "to Ann", page],
        ["Thu Nov 5 01:17", "to Ann", page],
        ["Thu Nov 5 01:22", "to Ann", page],
        ["Thu Nov 5 01:27", "to Ben", page],
        ["Thu Nov 5 01:29", "from Ben", f"“{task.number}”"],
        ["Thu Nov 5 01:29", "to Ben", f"Task {task.number} is yours, Ben."],
    ]
    assert given(app, "Walter Hayes") == ["answer-received", "red-flag"]


def test_who_writes_spanish_is_understood_and_answered_in_spanish(
    answered: dict[str, list[str]], app: App
) -> None:
    _, read, back, staff = answered["Rosa Delgado: “mejor, gracias”"]
    assert back == "Gracias. Tenemos su mensaje."
    assert (read, staff) == ("better", "-")
    assert replies(app, "Rosa Delgado")[0] == ("mejor, gracias", "better", None)


def test_a_daughter_answers_at_her_own_time_and_the_worse_of_two_answers_counts(
    answered: dict[str, list[str]], app: App
) -> None:
    when, read, back, staff = answered["Carmen Delgado (daughter): “6”"]
    assert (when, read, back) == ("Mon Nov 2 10:05 in Los Angeles", "pain 6", "Gracias. Tenemos su mensaje.")
    assert re.fullmatch(r"task \d+, routine", staff)
    assert replies(app, "Rosa Delgado")[1] == ("6", "score", 6)
    assert TaskKind.PAIN_NOTED in kinds(app, "Rosa Delgado")


def test_stop_is_a_task_and_is_left_to_the_carrier_to_confirm(answered: dict[str, list[str]], app: App) -> None:
    _, read, back, staff = answered["Frank Osborne: “STOP”"]
    assert (read, back) == ("opt out", "nothing")
    assert re.fullmatch(r"task \d+, routine", staff)
    assert TaskKind.OPT_OUT in kinds(app, "Frank Osborne")
    assert given(app, "Frank Osborne") == []


def test_who_never_answers_is_asked_again_by_mail_after_a_day_and_called_after_two(
    answered: dict[str, list[str]], app: App, table: list[dict[str, str | None]]
) -> None:
    when, read, back, staff = answered["Frank Osborne: nothing"]
    assert (when, read) == ("Wed Nov 4 10:00", "no answer")
    assert back == "asked again by e-mail, Tue Nov 3 10:00"
    assert re.fullmatch(r"task \d+, routine", staff)
    assert TaskKind.NO_ANSWER in kinds(app, "Frank Osborne")
    (nudge,) = rows(table, "Frank Osborne", "pain-check-nudge")
    assert (nudge["channel"], nudge["status"], nudge["sent_at"]) == ("email", "sent", "2026-11-03T16:00:00+00:00")


def test_news_of_a_death_holds_everything_and_gets_no_automatic_word(
    answered: dict[str, list[str]], app: App
) -> None:
    _, read, back, staff = answered["Nora Ross (daughter): “mom passed away”"]
    assert (read, back) == ("died", "nothing")
    assert re.fullmatch(r"task \d+, urgent", staff)
    assert kinds(app, "Alice Ross") == [TaskKind.DEATH]
    assert given(app, "Alice Ross") == ["answer-received"]


def test_on_a_landline_the_script_is_read_and_the_answer_taken_down(
    shown: Run, answered: dict[str, list[str]], app: App
) -> None:
    assert answered["Harold Quinn: 3, on the phone"][1:] == ["pain 3", "spoken to by Ann", "-"]
    assert "Harold Quinn called, hears the script (pain-check), and says: pain 3 of 10" in shown.out
    calls = [task for task in tasks(app, "Harold Quinn") if task.kind is TaskKind.CALL]
    assert len(calls) == 7
    assert all(task.detail["script"] and task.closed_at for task in calls)


def test_in_closed_hours_the_answer_says_when_somebody_reads_it(answered: dict[str, list[str]]) -> None:
    _, _, back, staff = answered["Eleanor Brooks: “may I lift my grandson now?”"]
    assert back == "Thank you. Nobody reads this before Sat 9 am."
    assert re.fullmatch(r"task \d+, routine", staff)


def test_at_night_nothing_goes_but_answers_and_pages(app: App) -> None:
    zone = app.clinic.practice.zone
    awake = [e for e in messages(app) if e.sent_at and not time(9) <= e.sent_at.astimezone(zone).time() < time(20)]
    assert {e.kind for e in awake} <= {Kind.RED_FLAG, Kind.ANSWER, Kind.ALERT, Kind.DIGEST}
    to_patients = [e for e in awake if e.patient_id]
    assert [(e.kind, e.step) for e in to_patients] == [(Kind.RED_FLAG, "red-flag")]


def test_questions_go_because_answers_are_read_and_none_is_left_open(app: App) -> None:
    asked = [e for e in messages(app) if e.asks and perhaps_said(e.recorded)]
    assert len(asked) > len(CAST)
    assert all(e.question_closed_at for e in asked)
    assert not [e for e in messages(app) if e.reason == "nobody_listens"]


def test_the_worklist_at_the_end_is_that_of_the_database(shown: Run, app: App) -> None:
    with app.storage.reading() as tx:
        waiting = [str(task.number) for task in tx.tasks.open_tasks()]
    listed = list(cells(section(shown.out, "What still waits for a person (followup tasks)")))
    assert [number for number, *_ in listed] == waiting
    assert "June Parker" in {name for _, _, name, *_ in listed}
    assert "followup demo --keep DIR" in shown.out


def test_staff_are_told_of_every_task_in_mails_that_name_nobody(app: App) -> None:
    with app.storage.reading() as tx:
        told = [tx.outbox.words(e.id) for e in messages(app) if e.kind in (Kind.ALERT, Kind.DIGEST) and e.sent_at]
        untold = [tx.tasks.get(one.number) for one in tx.tasks.untold()]
    said = " ".join(f"{words.subject} {words.plain}" for words in told if words)
    assert not [
        task for task in untold if task.opened_at < max(e.updated_at for e in messages(app)) - timedelta(1)
    ]
    assert not [part for who in CAST for part in who.name.split() if part in said]


def test_the_picture_in_the_readme_is_what_the_demo_prints_now(tmp_path: Path) -> None:
    drawn = tmp_path / "demo.svg"
    subprocess.run([sys.executable, RECORD, drawn], check=True, timeout=240)
    now, in_the_readme = drawn.read_text(), RECORD.with_name("demo.svg").read_text()
    drawn.unlink()
    written = re.compile(r"<text[^>]*>(.*?)</text>")
    assert written.findall(now) == written.findall(in_the_readme)
