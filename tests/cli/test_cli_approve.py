"""`plan approve`: somebody reads what patients will read, and signs it."""

from __future__ import annotations

import tomllib
from typing import Any

from cli_clinic import Open, OperatorDesk, type_in

from followup.cli.sheet import marked

EN = ("plan", "approve", "kyphoplasty", "--language", "en")


def signatures(desk: OperatorDesk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((desk.folder / "messages/approvals.toml").read_text()).get(
        "approval", []
    )
    return found


def test_without_an_own_copy_nothing_is_approved() -> None:
    result = type_in(*EN, "--by", "Ann Lee", "--yes")
    assert result.exit_code == 4
    assert "`followup init` makes both" in result.stderr


def test_an_approval_needs_the_name_of_a_person() -> None:
    result = type_in(*EN, "--yes")
    assert result.exit_code == 2
    assert "needs the name of a person" in result.stderr


def test_each_new_text_is_shown_with_the_clinics_words_and_its_optional_sentences_marked(
    open_clinic: Open,
) -> None:
    shown = open_clinic().run(*EN, "--by", "Ann Lee", typed="n\n").stdout
    assert "kyphoplasty/en/going-home.sms.j2  (new)" in shown
    assert "Lakeside IR: Rest today and tomorrow." in shown
    assert "[+ Keep the bandage clean and dry." in " ".join(shown.split())
    assert "shared/en/red-flag.sms.j2  (new)" in shown
    assert "Lakeside IR: Call 911 now if this is an emergency." in shown


def test_saying_no_signs_nothing(open_clinic: Open) -> None:
    desk = open_clinic()
    result = desk.run(*EN, "--by", "Ann Lee", typed="n\n")
    assert "Nothing was approved." in result.stdout
    assert signatures(desk) == []


def test_one_yes_signs_a_whole_language(open_clinic: Open) -> None:
    desk = open_clinic()
    result = desk.run(*EN, "--by", "Ann Lee, RN", typed="y\n")
    assert result.exit_code == 0
    assert {entry["by"] for entry in signatures(desk)} == {"Ann Lee, RN"}
    assert "approved as it stands" in desk.run(*EN, "--by", "Ann Lee, RN").stdout
    assert desk.told("plan", "list")[1]["languages"]["en"]["approved"] is True


def test_after_an_edit_only_the_changed_text_asks_again_and_the_signed_words_go_on(open_clinic: Open) -> None:
    desk = open_clinic()
    desk.run(*EN, "--by", "Ann Lee", "--yes")
    text = desk.folder / "messages/kyphoplasty/en/six-weeks.sms.j2"
    text.write_text(text.read_text().replace("Ask us before", "Please ask us before"))
    lines = desk.told("plan", "preview", "kyphoplasty", "--on", "2026-10-30")
    assert "Please" not in next(x for x in lines if x["step"] == "six-weeks" and x["channel"] == "sms")["text"]
    shown = desk.run(*EN, "--by", "Bo Kim", "--yes").stdout
    assert "six-weeks.sms.j2  (changed since" in shown
    assert "1 texts approved." in shown


def test_one_step_can_be_signed_alone(open_clinic: Open) -> None:
    desk = open_clinic()
    desk.run("plan", "approve", "kyphoplasty", "day-1", "--language", "en", "--by", "Ann Lee", "--yes")
    assert {entry["path"].rpartition("/")[2].split(".")[0] for entry in signatures(desk)} == {"day-1"}


def test_optional_words_are_marked_where_they_stand() -> None:
    without, full = "Rest today. Call us.", "Rest today. No driving. Call us."
    assert marked(without, full) == "Rest today. [+ No driving. +] Call us."
