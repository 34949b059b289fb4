"""Where the words are found, and that nothing from outside their folder is ever read."""

from __future__ import annotations

from pathlib import Path

import pytest
from message_parts import clinic, faults

from followup.errors import MessageError, NotFoundError
from followup.messages import MessageLibrary, find_messages_folder


def test_an_installed_package_brings_its_own_messages(tmp_path: Path) -> None:
    (tmp_path / "followup/_messages").mkdir(parents=True)
    (tmp_path / "messages").mkdir()
    assert find_messages_folder(tmp_path / "followup") == tmp_path / "followup/_messages"


def test_a_checkout_has_them_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "followup").mkdir()
    (tmp_path / "messages").mkdir()
    assert find_messages_folder(tmp_path / "followup") == tmp_path / "messages"


def test_the_ones_in_use_are_whole() -> None:
    assert (find_messages_folder() / "kyphoplasty/plan.toml").is_file()


def test_without_either_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="install followup again"):
        find_messages_folder(tmp_path / "followup")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MessageError, match="is no folder of messages"):
        MessageLibrary.load(tmp_path / "nowhere", clinic())


@pytest.mark.parametrize(
    "path",
    [
        "kyphoplasty",
        "kyphoplasty/plan.toml",
        "kyphoplasty/en",
        "kyphoplasty/en/day-1.sms.j2",
        "shared/en/months.toml",
        "vocabulary",
        "vocabulary/restrictions.toml",
        "approvals.toml",
    ],
)
def test_a_link_is_refused_wherever_it_stands(folder: Path, tmp_path: Path, path: str) -> None:
    (folder / path).rename(tmp_path / "elsewhere")
    (folder / path).symlink_to(tmp_path / "elsewhere")
    assert f"{path}: is a link; put the file itself here" in faults(folder)
    with pytest.raises(MessageError):
        MessageLibrary.load(folder, clinic())


@pytest.mark.parametrize("name", ["Kyphoplasty 2", "plan.v2", "ä", "a" * 41])
def test_a_plan_is_named_in_plain_letters(folder: Path, name: str) -> None:
    (folder / "example-port-placement").rename(folder / name)
    assert f"{name}: must be named with a-z, 0-9 and - only, at most 40 of them" in faults(folder)


@pytest.mark.parametrize("name", ["Day-1.sms.j2", "day 1.sms.j2", "day-1.j2", "day_1.sms.j2"])
def test_a_text_is_named_in_plain_letters(folder: Path, name: str) -> None:
    (folder / "kyphoplasty/en" / name).write_text("{{ clinic }}", encoding="utf-8")
    assert any(line.startswith(f"kyphoplasty/en/{name}: must be named") for line in faults(folder))


def test_a_folder_that_is_no_language_is_named(folder: Path) -> None:
    (folder / "kyphoplasty/English").mkdir()
    assert 'kyphoplasty/English: is no language; name it as "en" or "es"' in faults(folder)


def test_a_folder_without_a_plan_is_named(folder: Path) -> None:
    (folder / "drafts").mkdir()
    assert "drafts/plan.toml: cannot be read: no such file or directory" in faults(folder)


def test_a_text_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "kyphoplasty/es/day-1.sms.j2").write_bytes("mañana".encode("latin-1"))
    assert "kyphoplasty/es/day-1.sms.j2: is not UTF-8 text; save it as UTF-8" in faults(folder)


def test_files_an_editor_leaves_behind_do_no_harm(folder: Path) -> None:
    for name in (".DS_Store", "day-1.sms.j2~", "notes.txt", "_draft.sms.j2"):
        (folder / "kyphoplasty/en" / name).write_text("{{ nobody }}", encoding="utf-8")
    (folder / "README.md").write_text("ours", encoding="utf-8")
    assert faults(folder) == []


def test_a_text_saved_by_windows_reads_the_same(folder: Path) -> None:
    path = folder / "kyphoplasty/en/day-1.email.txt.j2"
    before = MessageLibrary.load(folder, clinic()).sheet("kyphoplasty", "en", "day-1")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert MessageLibrary.load(folder, clinic()).sheet("kyphoplasty", "en", "day-1") == before
