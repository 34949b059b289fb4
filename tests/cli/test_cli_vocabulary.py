"""`vocabulary test` and `vocabulary read`, as staff type them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_clinic import as_process, type_in

HEAD = "kinds\tscore\tlanguage\ttext\n"


def test_the_shipped_words_keep_their_bounds_and_the_table_fits_a_screen(tmp_path: Path) -> None:
    ended = as_process("vocabulary", "test", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "0 red flags missed." in ended.stdout
    assert "0 others read as an opt-out." in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("critical\t\ten\tmy toes went on holiday", "1 red flags missed."),
        ("unreadable\t\ten\tstop", "1 others read as an opt-out."),
        ("better\t\ten\tthe red of the morning", "1 of 1 harmless texts read as a red flag (100.0%"),
    ],
)
def test_a_broken_bound_is_listed_and_ends_with_exit_code_1(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text(HEAD + line)
    ended = as_process("vocabulary", "test", "--corpus", str(path), cwd=tmp_path)
    assert ended.returncode == 1
    assert said in ended.stdout
    assert repr(line.split("\t")[3]) in ended.stdout


def test_a_broken_corpus_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text(f"{HEAD}nonsense\t\ten\tx")
    ended = as_process("vocabulary", "test", "--corpus", str(path), cwd=tmp_path)
    assert ended.returncode == 5
    assert "mine.tsv: line 2" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_one_text_is_read_from_standard_input(tmp_path: Path) -> None:
    ended = as_process("vocabulary", "read", typed="8, and my chest hurts", cwd=tmp_path)
    assert ended.stdout.strip() == "critical, score (8 of 10)"


def test_a_text_is_never_an_argument() -> None:
    result = type_in("vocabulary", "read", "my", "chest")
    assert result.exit_code == 2
    assert "chest" not in result.stderr


def test_an_unknown_plan_is_answered_with_the_right_name() -> None:
    result = type_in("vocabulary", "test", "--plan", "kyphoplastie")
    assert result.exit_code == 3
    assert "did you mean 'kyphoplasty'?" in result.stderr
