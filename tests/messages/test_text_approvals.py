"""Signed words go on until new ones are signed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from message_parts import clinic, edit, faults, notices, speaking

from followup.care.people import ChannelName
from followup.errors import InputError, MessageError, NotFoundError, RefusedError
from followup.messages import MessageLibrary

TODAY = date(2026, 11, 22)
TEXT = "kyphoplasty/en/day-1.sms.j2"


def load(folder: Path, driving: str = "24 hours") -> MessageLibrary:
    return MessageLibrary.load(folder, clinic(figures={"en": {"driving": driving}}))


def approve(folder: Path, step: str | None = None) -> list[str]:
    return load(folder).approve("kyphoplasty", "en", by="Dr. Example", on=TODAY, step=step)


def words(library: MessageLibrary, step: str = "day-1") -> str:
    return library.render(speaking(step)).plain


def test_before_a_signature_optional_sentences_stay_out(folder: Path) -> None:
    assert "bandage" not in words(load(folder))
    assert "driving" not in words(load(folder), "going-home")


def test_a_signature_brings_the_optional_sentences_at_once_and_after_loading_anew(folder: Path) -> None:
    library = load(folder)
    library.approve("kyphoplasty", "en", by="Dr. Example", on=TODAY)
    for each in (library, load(folder)):
        assert "Keep the bandage dry." in words(each)
        assert "No driving for 24 hours." in words(each, "going-home")
        assert each.approved("kyphoplasty", "en")
        assert not each.approved("kyphoplasty", "es")


def test_one_signature_covers_a_whole_language_shared_texts_and_red_flags_included(folder: Path) -> None:
    signed = approve(folder)
    assert TEXT in signed
    for shared in (
        "red-flag.sms.j2",
        "red-flag-suicide.sms.j2",
        "frame.email.html.j2",
        "subjects.toml",
        "months.toml",
    ):
        assert f"shared/en/{shared}" in signed
    assert "shared/en/welcome.caregiver.sms.j2" in signed
    assert not any("/es/" in path for path in signed)


def test_an_edit_changes_nothing_until_it_is_signed(folder: Path) -> None:
    approve(folder)
    before = load(folder).version(speaking("day-1"))
    edit(folder, TEXT, "Keep resting today.", "Rest a lot today.")
    library = load(folder)
    assert "Keep resting today." in words(library)
    assert library.version(speaking("day-1")) == before
    assert library.unapproved("kyphoplasty", "en") == [TEXT]
    assert approve(folder) == [TEXT]
    assert "Rest a lot today." in words(load(folder))
    assert load(folder).version(speaking("day-1")) != before


def test_an_edited_frame_subject_or_month_name_waits_too(folder: Path) -> None:
    approve(folder)
    edit(folder, "shared/en/frame.email.txt.j2", "Questions?", "Anything else?")
    edit(folder, "shared/en/subjects.toml", "A message from", "News from")
    edit(folder, "shared/en/months.toml", '"Dec"', '"Xmas"')
    mail = load(folder).render(speaking("day-1", channel=ChannelName.EMAIL))
    assert "Questions?" in mail.plain
    assert mail.subject.startswith("A message from")
    assert "Dec 11" in words(load(folder))
    assert len(approve(folder)) == 3
    mail = load(folder).render(speaking("day-1", channel=ChannelName.EMAIL))
    assert "Anything else?" in mail.plain
    assert mail.subject.startswith("News from")
    assert "Xmas 11" in words(load(folder))


def test_a_changed_figure_waits_for_a_signature_as_an_edit_does(folder: Path) -> None:
    approve(folder)
    library = load(folder, driving="2 weeks")
    assert "No driving for 24 hours." in words(library, "going-home")
    waiting = library.unapproved("kyphoplasty", "en")
    assert "kyphoplasty/en/going-home.sms.j2" in waiting
    assert TEXT not in waiting
    library.approve("kyphoplasty", "en", by="Dr. Example", on=TODAY)
    assert "No driving for 2 weeks." in words(library, "going-home")


def test_one_step_can_be_signed_alone(folder: Path) -> None:
    signed = approve(folder, step="day-1")
    assert signed
    assert all("/day-1." in path for path in signed)
    assert "bandage" in words(load(folder))
    assert not load(folder).approved("kyphoplasty", "en")


def test_signing_again_signs_nothing_and_keeps_the_first_name(folder: Path) -> None:
    approve(folder)
    before = (folder / "approvals.toml").read_text(encoding="utf-8")
    assert load(folder).approve("kyphoplasty", "en", by="Somebody else", on=TODAY) == []
    assert (folder / "approvals.toml").read_text(encoding="utf-8") == before


def test_another_plan_asks_only_for_its_own_texts_once_the_shared_ones_are_signed(folder: Path) -> None:
    approve(folder)
    waiting = load(folder).unapproved("example-port-placement", "en")
    assert waiting
    assert all(path.startswith("example-port-placement/") for path in waiting)


def test_the_sheet_shows_each_text_with_its_optional_sentences_and_who_signed_it(folder: Path) -> None:
    approve(folder)
    edit(folder, TEXT, "Keep resting today.", "Rest a lot today.")
    sheet = {entry.path: entry for entry in load(folder).sheet("kyphoplasty", "en")}
    changed, kept = sheet[TEXT], sheet["kyphoplasty/en/going-home.sms.j2"]
    assert changed.changed
    assert "Rest a lot today." in changed.sample
    assert "Keep the bandage dry." in changed.sample
    assert not kept.changed
    assert kept.parameters == {"driving": "24 hours"}
    assert kept.approval is not None
    assert (kept.approval.by, kept.approval.on) == ("Dr. Example", TODAY)


def test_the_file_keeps_the_whole_text_as_it_was(folder: Path) -> None:
    before = (folder / TEXT).read_text(encoding="utf-8")
    approve(folder)
    entries = {entry.path: entry for entry in load(folder).sheet("kyphoplasty", "en")}
    approval = entries[TEXT].approval
    assert approval is not None
    assert approval.text == before
    assert list(folder.glob(".approvals-*")) == []


def test_a_signature_changed_by_hand_is_refused(folder: Path) -> None:
    approve(folder)
    edit(folder, "approvals.toml", "Keep resting today.", "Lift what you like.")
    with pytest.raises(MessageError, match="changed by hand"):
        load(folder)


def test_a_half_written_approvals_file_is_refused_with_its_line(folder: Path) -> None:
    (folder / "approvals.toml").write_text('[[approval]]\npath = "kyph\nby = ', encoding="utf-8")
    with pytest.raises(MessageError, match=r"approvals.toml: is not valid TOML: .*line 2"):
        load(folder)


def test_a_signature_under_a_text_that_is_gone_is_a_notice(folder: Path) -> None:
    approve(folder)
    (folder / "kyphoplasty/en/day-1.caregiver.sms.j2").unlink()
    told = [line for line in notices(folder) if "approvals.toml" in line]
    assert told == [
        "approvals.toml: holds a signature under kyphoplasty/en/day-1.caregiver.sms.j2, which is no text here"
    ]
    assert not any("approvals" in line for line in faults(folder))


def test_a_signed_text_that_the_plan_can_no_longer_fill_in_is_refused(folder: Path) -> None:
    approve(folder)
    edit(folder, "kyphoplasty/plan.toml", '"driving", ', "")
    for role in ("", ".caregiver"):
        for ending in ("sms", "email.txt", "email.html"):
            path = folder / f"kyphoplasty/en/going-home{role}.{ending}.j2"
            path.write_text(
                path.read_text(encoding="utf-8").replace("parameter.driving", "parameter.fever"), encoding="utf-8"
            )
    with pytest.raises(
        MessageError, match=r"approvals.toml: kyphoplasty/en/going-home.sms.j2: .*parameter.driving"
    ):
        load(folder)


def test_a_signature_needs_a_name_and_a_known_plan_language_and_step(folder: Path) -> None:
    library = load(folder)
    with pytest.raises(InputError):
        library.approve("kyphoplasty", "en", by=" \n", on=TODAY)
    with pytest.raises(NotFoundError, match="did you mean 'kyphoplasty'"):
        library.approve("kyfoplasty", "en", by="Dr. Example", on=TODAY)
    with pytest.raises(NotFoundError, match="it has: en, es"):
        library.approve("kyphoplasty", "fr", by="Dr. Example", on=TODAY)
    with pytest.raises(NotFoundError, match="no step 'day-2'"):
        library.approve("kyphoplasty", "en", by="Dr. Example", on=TODAY, step="day-2")
    assert "approval" not in (folder / "approvals.toml").read_text(encoding="utf-8").replace("approve", "")


def test_where_the_file_cannot_be_written_nothing_is_signed(folder: Path) -> None:
    library = load(folder)
    (folder / "approvals.toml").unlink()
    (folder / "approvals.toml").mkdir()
    (folder / "approvals.toml" / "x").touch()
    with pytest.raises((RefusedError, MessageError)):
        library.approve("kyphoplasty", "en", by="Dr. Example", on=TODAY)
    assert not library.approved("kyphoplasty", "en")
    assert "bandage" not in words(library)
