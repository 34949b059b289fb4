"""One TOML file, all of its faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from followup.toml_file import LARGEST_FILE, TomlTable, parse, read


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Door(TomlTable):
    key: str
    width: int = 0
    colours: tuple[Colour, ...] = ()


class House(TomlTable):
    name: str
    token: SecretStr | None = None
    door: tuple[Door, ...] = ()
    rooms: Mapping[str, Door] = Field(default_factory=dict)


def told(text: str) -> list[str]:
    house, faults = parse(text, House, shown_as="house.toml")
    assert (house is None) == bool(faults)
    return [str(fault) for fault in faults]


def test_a_right_file_is_a_frozen_model(tmp_path: Path) -> None:
    (tmp_path / "house.toml").write_text(
        'name = "a"\n[[door]]\nkey = "front"\ncolours = ["red"]\n', encoding="utf-8"
    )
    house, faults = read(tmp_path / "house.toml", House)
    assert faults == []
    assert house == House(name="a", door=(Door(key="front", colours=(Colour.RED,)),))


def test_every_fault_is_told_at_once_each_by_its_dotted_path() -> None:
    lines = told(
        'nam = "a"\n[[door]]\nkey = "front"\nwidht = 2\nwidth = "wide"\ncolours = ["green"]\n'
        "[[door]]\nwidth = 1.5\n"
    )
    assert sorted(lines) == [
        "house.toml: door[2].key: is missing",
        "house.toml: door[2].width: must be a whole number",
        "house.toml: door[front].colours[1]: must be 'red' or 'blue'",
        "house.toml: door[front].widht: unknown key; did you mean 'width'?",
        "house.toml: door[front].width: must be a whole number",
        "house.toml: nam: unknown key; did you mean 'name'?",
        "house.toml: name: is missing",
    ]


def test_an_unknown_key_like_no_other_is_told_with_all_that_are_known() -> None:
    assert told('name = "a"\nzzz = 1') == ["house.toml: zzz: unknown key; known here: door, name, rooms, token"]
    assert told('name = "a"\n[rooms.kitchen]\nkey = "k"\nwidht = 1') == [
        "house.toml: rooms.kitchen.widht: unknown key; did you mean 'width'?"
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name = ", "house.toml: is not valid TOML: Invalid value (at end of document)"),
        ("name = 'a'\nname = 'b'", "house.toml: is not valid TOML: Cannot overwrite a value"),
        ("name = 'a'\nname b", "(at line 2, column 6)"),
        ("name = 2026-02-30", "house.toml: is not valid TOML: Invalid date or datetime (at line 1, column 8)"),
        ("name = 10:00", "a time needs its seconds: 10:00:00"),
        ("name = " + "[" * 5000, "house.toml: is nested too deeply"),
        ("name = " + "9" * 9000, "house.toml: holds a number that is too long"),
        ("name = 3", 'house.toml: name: must be text in quotes: "…"'),
        ("name = 'a'\ndoor = 3", 'house.toml: door: must be a list: ["…", "…"]'),
        ("name = 'a'\ndoor = [3]", "house.toml: door[1]: must be a table"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(text: str, what: str) -> None:
    lines = told(text)
    assert len(lines) == 1
    assert what in lines[0]


def test_a_secret_is_never_repeated() -> None:
    lines = told('name = "a"\ntoken = ["hunter2"]')
    assert len(lines) == 1
    assert "hunter2" not in lines[0]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert str(read(tmp_path / "no.toml", House)[1][0]) == "no.toml: cannot be read: no such file or directory"
    (tmp_path / "latin.toml").write_bytes("name = 'ñ'".encode("latin-1"))
    assert (
        str(read(tmp_path / "latin.toml", House)[1][0])
        == "latin.toml: is not UTF-8 text (byte 9); save it as UTF-8"
    )
    (tmp_path / "big.toml").write_bytes(b"#" * (LARGEST_FILE + 1))
    assert "is larger than 4,000,000 bytes" in str(read(tmp_path / "big.toml", House)[1][0])
