"""`followup record` as staff use it: on the screen, as JSON, into a file that is theirs alone."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from cli_clinic import Open, OperatorDesk, as_process

ROOT = Path(__file__).resolve().parents[2]
PATIENT = "0142"
REFUSED, WRONG_INPUT = 4, 2


@pytest.fixture
def desk(open_clinic: Open) -> OperatorDesk:
    """A clinic with one patient, whose last four digits are 0142."""
    opened = open_clinic()
    opened.enroll()
    return opened


def record(desk: OperatorDesk, *words: str) -> str:
    told = as_process("--config", str(desk.config), "--by", "ann", "record", PATIENT, *words)
    assert told.returncode == 0, told.stderr
    return told.stdout


def exported(desk: OperatorDesk) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record(desk, "--json"))
    return found


def test_the_screen_fits_eighty_columns_and_tells_each_moment_in_utc_and_by_the_patients_clock(
    desk: OperatorDesk,
) -> None:
    for words in ([], ["--full"]):
        lines = record(desk, *words).splitlines()
        assert max(map(len, lines)) < 80
        assert re.fullmatch(r"[A-Z0-9]{5}  Ruth Miller, born 1948-03-07", lines[0])
        assert any(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \d\d:\d\d entered as ", line) for line in lines)
        assert any("patient: yes to sms" in line for line in lines)
        assert any("planned for" in line and "sms pain-check" in line for line in lines)


def test_the_json_says_its_schema_and_every_reading_of_it_is_in_the_next(desk: OperatorDesk) -> None:
    record(desk)
    exported(desk)
    shown = exported(desk)
    assert (shown["schema"], shown["made_by"]) == (1, "ann")
    read = [
        (line["by"], line["action"], line["detail"]) for line in shown["changes"] if "record" in line["action"]
    ]
    assert read == [
        ("ann", "record read", "to=screen"),
        ("ann", "record exported", "to=standard output"),
        ("ann", "record exported", "to=standard output"),
    ]


def test_a_file_is_for_its_owner_alone_and_the_trail_says_where_it_lies(desk: OperatorDesk) -> None:
    file = desk.folder / "record.json"
    said = record(desk, "--to", str(file))
    mode, text = stat.S_IMODE(file.stat().st_mode), file.read_text(encoding="utf-8")
    file.unlink()  # it holds a name and a number in the clear
    assert mode == 0o600
    assert "for your eyes alone" in said
    line = json.loads(text)["changes"][-1]
    assert (line["action"], line["detail"]) == ("record exported", f"to={file}")


def test_a_file_that_is_there_is_never_overwritten_and_nothing_is_recorded(desk: OperatorDesk) -> None:
    file = desk.folder / "record.json"
    file.write_text("mine")
    told = as_process("--config", str(desk.config), "record", PATIENT, "--to", str(file))
    assert told.returncode == REFUSED
    assert "it is not overwritten" in told.stderr
    assert file.read_text() == "mine"
    assert [c for c in exported(desk)["changes"] if c["detail"].startswith(f"to={desk.folder}")] == []


def test_a_folder_that_is_not_there_is_said_in_words(desk: OperatorDesk) -> None:
    told = as_process(
        "--config", str(desk.config), "record", PATIENT, "--to", str(desk.folder / "no" / "record.json")
    )
    assert told.returncode == REFUSED
    assert "cannot be written" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_name_of_a_file_names_no_patient(desk: OperatorDesk) -> None:
    told = desk.run("record", PATIENT, "--to", str(desk.folder / "ruth-miller.json"))
    assert told.exit_code == WRONG_INPUT
    assert "the name of a file is seen by others" in told.stderr
    assert list(desk.folder.glob("*.json")) == []


def _documented() -> dict[str, set[str]]:
    """The parts of the record and the keys of each, as the guide tells them."""
    page = (ROOT / "docs" / "guides" / "privacy.md").read_text()
    section = page.partition("## The record of one patient")[2].partition("\n## ")[0]
    found = re.findall(r"(?m)^\| `([a-z_]+)` \| [^|]+ \| ([^|]+) \|$", section)
    return {part: set(re.findall(r"`([a-z_]+)`", keys)) for part, keys in found}


def test_the_guide_tells_the_shape_of_the_record_and_no_other(desk: OperatorDesk) -> None:
    told = as_process("--config", str(desk.config), "answer", PATIENT, "3", "--by-phone", typed="y\n")
    assert told.returncode == 0, told.stderr
    shown, documented = exported(desk), _documented()
    lists = {name for name, value in shown.items() if isinstance(value, list | dict)}
    assert documented.keys() == lists | {"attempts", "moves"}
    for name in lists:
        parts = shown[name] if isinstance(shown[name], list) else [shown[name]]
        for part in parts:
            assert set(part) == documented[name], name
