"""`followup plan check` names everything that is wrong, all at once, each with its file and the reason."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from message_parts import CHICAGO, WINDOW, clinic, edit, faults, findings, notices, practice, speaking

from followup.care.local_time import SendWindow, StaffedHours
from followup.errors import MessageError, NotFoundError
from followup.messages import MessageLibrary, Severity

PLAN = "kyphoplasty/plan.toml"
TEXT = "kyphoplasty/en/day-1.sms.j2"


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


LATE = "valid_until = [{ day = 28, at = 20:00:00 }]"
NUDGES = 'nudges = "pain-check"'
TWO = 'channels = ["sms", "email"]'
ELAPSED = 'must be a time that passes, in minutes or hours: "30m" or "24h"'
NO_QUESTION = "step[pain-check-nudge].nudges: names no earlier step that asks a question"
KNOWN = "known there: hard_effort, heavy_lifting, rest"

PLAN_FAULTS = [
    ("critical = true", "critcal = true", "step[going-home].critcal: unknown key; did you mean 'critical'?"),
    ('"enrollment"', '"admission"', "step[welcome].anchor: must be 'enrollment', 'procedure' or 'discharge'"),
    (TWO, 'channels = ["sms", "mail"]', "step[welcome].channels[2]: must be 'sms', 'email' or 'phone'"),
    (TWO, "channels = []", "step[welcome].channels: must have at least 1 item"),
    (TWO, 'channels = ["sms", "sms"]', "step[welcome]: names a channel twice"),
    ('after = "30m"', 'after = "30 minutes"', f"step[going-home].after: {ELAPSED}"),
    ('after = "30m"', 'after = "1d"', f"step[going-home].after: {ELAPSED}"),
    ('after = "30m"', 'after = "30m"\nat = 10:00:00', "step[going-home]: has both after and at"),
    ('after = "30m"\n', "", "step[going-home]: needs either day (with at) or after"),
    ("day = 14\nat = 10:00:00", "day = 14\nat = 10:00", "a time needs its seconds: 10:00:00"),
    ("day = 14\nat", "day = 900\nat", "step[two-weeks].day: must be less than or equal to 400"),
    ("day = 14\nat", "day = -1\nat", "step[two-weeks].day: must be greater than or equal to 0"),
    ('key = "two-weeks"', 'key = "Two Weeks!"', "step[7].key: must match pattern"),
    ('key = "two-weeks"', 'key = "four-weeks"', "step[8].key: 'four-weeks' stands twice in this plan"),
    (NUDGES, 'nudges = "day-1"', NO_QUESTION),
    (NUDGES, 'nudges = "pain"', NO_QUESTION),
    (NUDGES, f'{NUDGES}\nasks = "pain_score"', "step[pain-check-nudge]: both nudges and asks"),
    (NUDGES, f"{NUDGES}\nanchor = 'discharge'", "step[pain-check-nudge]: nudges a question: it needs after"),
    ('ends = "rest"', 'ends = "driving"', "step[activity].ends: names a restriction that this plan does not have"),
    ('"hard_effort"', '"hard_work"', f"restriction[2].key: is not in vocabulary/restrictions.toml; {KNOWN}"),
    ('"hard_effort"', '"rest"', "restriction[2].key: stands twice in this plan"),
    ('"shared/welcome"', '"../../etc/passwd"', "step[welcome].message: must match pattern"),
    (LATE, "", "step[two-weeks].valid_until: is missing"),
    (LATE, "valid_until = []", "step[two-weeks].valid_until: must have at least 1 item"),
    (LATE, "valid_until = [{ at = 20:00:00 }]", "step[two-weeks].valid_until[1]: names no moment"),
    (
        LATE,
        'valid_until = [{ day = 9, after = "2h" }]',
        "step[two-weeks].valid_until[1]: has both a day and after",
    ),
    (LATE, "valid_until = [{ discharge_day = 9 }]", "step[two-weeks]: valid_until hangs on a discharge"),
    ('name = "Kyphoplasty"\n', "", "name: is missing"),
    ("days = 2\n", 'days = "two"\n', "restriction[rest].days: must be a whole number"),
    ("also = true", 'also = "sometimes"', "step[welcome].also: must be true or false"),
    ("[[step]]", "[[step]", "is not valid TOML"),
]


@pytest.mark.parametrize(("old", "new", "what"), PLAN_FAULTS, ids=[what[:50] for _, _, what in PLAN_FAULTS])
def test_a_wrong_plan_is_refused_with_file_key_and_reason(folder: Path, old: str, new: str, what: str) -> None:
    _first(folder, old, new)
    assert any(line.startswith(PLAN) and what in line for line in faults(folder))
    with pytest.raises(MessageError):
        MessageLibrary.load(folder, clinic())


def _first(folder: Path, old: str, new: str) -> None:
    text = (folder / PLAN).read_text(encoding="utf-8")
    assert old in text
    (folder / PLAN).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_all_faults_of_plan_texts_and_approvals_are_told_at_once(folder: Path) -> None:
    _first(folder, 'ends = "rest"', 'ends = "driving"')
    edit(folder, TEXT, "{{ clinic }}", "{{ clinik }}")
    (folder / "kyphoplasty/es/activity.phone.j2").unlink()
    (folder / "approvals.toml").write_text("[[signature]]\n", encoding="utf-8")
    edit(folder, "kyphoplasty/en/activity.sms.j2", "at least", "at the very least, as we have told you before now")
    told = "\n".join(faults(folder))
    assert "step[activity].ends" in told
    assert "unknown placeholder 'clinik'" in told
    assert "kyphoplasty/es/activity.phone.j2: is missing" in told
    assert "approvals.toml: signature: unknown key" in told
    assert "segments" in told


@pytest.mark.parametrize(
    "path",
    [
        "kyphoplasty/en/day-1.sms.j2",
        "kyphoplasty/es/day-1.email.txt.j2",
        "kyphoplasty/es/day-1.email.html.j2",
        "kyphoplasty/en/day-1.phone.j2",
        "shared/en/welcome.sms.j2",
        "shared/es/red-flag.sms.j2",
        "shared/es/red-flag-suicide.sms.j2",
        "shared/en/consent.txt.j2",
        "shared/en/correction.sms.j2",
        "shared/en/frame.email.html.j2",
        "shared/en/frame.email.txt.j2",
    ],
)
def test_a_missing_text_is_named(folder: Path, path: str) -> None:
    (folder / path).unlink()
    assert f"{path}: is missing" in faults(folder)


@pytest.mark.parametrize("path", ["shared/en/months.toml", "shared/es/subjects.toml"])
def test_a_missing_word_file_is_named(folder: Path, path: str) -> None:
    (folder / path).unlink()
    assert f"{path}: cannot be read: no such file or directory" in faults(folder)


def test_a_language_without_shared_texts_vocabulary_and_wording_is_named_with_all_it_lacks(folder: Path) -> None:
    (folder / "kyphoplasty/fr").mkdir()
    told = faults(folder)
    assert "shared/fr: is missing; every language needs its shared texts" in told
    assert "vocabulary/wording.toml: language.fr: is missing" in told
    assert "vocabulary/restrictions.toml: restriction.rest.fr: is missing" in told
    assert "kyphoplasty/fr/day-1.sms.j2: is missing" in told


def test_a_plan_without_any_language_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "empty/plan.toml").write_text((folder / PLAN).read_text(encoding="utf-8"), encoding="utf-8")
    assert 'empty: has no texts; put them in a folder per language, as "en"' in faults(folder)


def test_an_unknown_placeholder_is_named_with_those_that_are_known(folder: Path) -> None:
    edit(folder, TEXT, "{{ phone }}", "{{ fone }}")
    told = only([line for line in faults(folder) if "fone" in line])
    assert told.startswith(
        f"{TEXT}: line 1: unknown placeholder 'fone'; known here: after_hours_phone, approved, clinic"
    )


def test_a_date_or_figure_the_plan_does_not_have_is_an_undefined_placeholder(folder: Path) -> None:
    edit(folder, TEXT, "until.heavy_lifting", "until.lifting")
    edit(folder, "kyphoplasty/en/going-home.sms.j2", "parameter.driving", "parameter.dryving")
    told = "\n".join(faults(folder))
    assert (
        f"{TEXT}: undefined placeholder until.lifting; this plan's restrictions: hard_effort, heavy_lifting, rest"
        in told
    )
    assert "undefined placeholder parameter.dryving; this plan's parameters: driving, shower" in told


def test_a_text_of_two_segments_is_named_with_its_length_and_state(folder: Path) -> None:
    edit(folder, TEXT, "Keep the bandage dry.", "Keep the bandage dry and clean all of the time.")
    told = only([line for line in faults(folder) if "segments" in line])
    assert told == f"{TEXT}: takes 2 segments (176 characters, 160 at most) with every optional sentence"


def test_the_letter_that_makes_a_text_dear_is_named(folder: Path) -> None:
    edit(folder, "kyphoplasty/es/day-1.sms.j2", "Siga descansando hoy", "Siga descansando aquí")
    told = [line for line in faults(folder) if "UCS-2" in line]
    assert told[0].startswith("kyphoplasty/es/day-1.sms.j2: í forces UCS-2: 3 segments (137 characters)")


def test_the_clinics_own_name_counts(folder: Path) -> None:
    told = faults(folder, clinic(name="The Lakeside Institute of Interventional Radiology"))
    assert any(line.startswith("kyphoplasty/en/activity.sms.j2: takes 2 segments") for line in told)


def test_a_text_that_fits_only_a_short_name_is_a_notice(folder: Path) -> None:
    edit(folder, TEXT, "Keep resting today.", "Keep resting today and tomorrow, in bed.")
    short = clinic(name="IR", phone="214-555-0100")
    assert faults(folder, short) == []
    assert f"{TEXT}: would not fit a clinic name of 20 characters" in notices(folder, short)


def test_characters_that_will_be_exchanged_are_shown(folder: Path) -> None:
    edit(folder, TEXT, "Keep resting today.", "Keep resting today\u2026")
    assert f"{TEXT}: has characters exchanged for plain ones when sent: U+2026" in notices(folder)


def test_a_sentence_of_more_than_12_words_is_named(folder: Path) -> None:
    edit(folder, TEXT, "Keep resting today.", "Keep on resting today and do it well as you can do so.")
    edit(
        folder,
        "kyphoplasty/en/day-1.email.html.j2",
        "Keep resting today.",
        "One two three four five six seven eight nine ten eleven twelve thirteen.",
    )
    told = [line for line in faults(folder) if "words" in line]
    assert (
        f'{TEXT}: has a sentence of 13 words, 12 at most: "Keep on resting today and do it well as you can do so."'
        in told
    )
    assert any(line.startswith("kyphoplasty/en/day-1.email.html.j2: has a sentence of 13 words") for line in told)


def test_a_clinic_with_a_long_name_may_still_end_a_sentence_with_it(folder: Path) -> None:
    told = faults(folder, clinic(name="One Two Three Four Five Six Seven"))
    assert not any("words" in line for line in told)


@pytest.mark.parametrize(("language", "old", "new"), [("en", "before", "until"), ("es", "antes del", "hasta el")])
def test_a_date_said_as_a_ceiling_is_named(folder: Path, language: str, old: str, new: str) -> None:
    edit(folder, f"kyphoplasty/{language}/day-1.sms.j2", old, new)
    assert any("a date is a floor" in line and f"/{language}/day-1.sms.j2" in line for line in faults(folder))


@pytest.mark.parametrize(
    ("old", "what"),
    [
        ("{{ clinic }}: ", "does not hold the clinic's name"),
        ("{{ phone }}", "does not hold the clinic's phone"),
        ("Emergency: 911. ", "does not hold 911"),
        ("STOP=end", "does not hold STOP"),
    ],
)
def test_a_text_without_its_frame_is_named(folder: Path, old: str, what: str) -> None:
    edit(folder, TEXT, old, "")
    assert f"{TEXT}: {what}" in faults(folder)


def test_a_mail_without_phone_or_911_is_named(folder: Path) -> None:
    edit(folder, "shared/en/frame.email.txt.j2", "Questions? Call us: {{ phone }}", "Questions? Call us.")
    edit(folder, "shared/es/frame.email.txt.j2", "Llame al 911", "Llame")
    told = faults(folder)
    assert "kyphoplasty/en/day-1.email.txt.j2: does not hold the clinic's phone" in told
    assert "kyphoplasty/es/day-1.email.txt.j2: does not hold 911" in told


@pytest.mark.parametrize("foreign", ['<img src="x">', '<a href="https://x.test">', "<script>", '<p onclick="x">'])
def test_a_page_with_a_picture_link_or_script_is_named(folder: Path, foreign: str) -> None:
    edit(folder, "kyphoplasty/en/day-1.email.html.j2", "Keep resting today.", f"{foreign}Keep resting today.")
    assert any("no links, pictures or scripts" in line for line in faults(folder))


def test_a_subject_that_tells_of_health_is_named(folder: Path) -> None:
    edit(folder, "shared/en/subjects.toml", "A question from", "Your pain:")
    edit(folder, "shared/es/subjects.toml", "Un mensaje de", "Kyphoplasty:")
    told = "\n".join(faults(folder))
    assert "shared/en/subjects.toml: question: says 'pain'; a subject shows on locked screens" in told
    assert "shared/es/subjects.toml: message: says 'Kyphoplasty'" in told


def test_a_question_by_mail_that_nobody_reads_must_say_whom_to_call(folder: Path) -> None:
    edit(folder, "kyphoplasty/en/pain-check.email.txt.j2", " at {{ phone }}", "")
    path = "kyphoplasty/en/pain-check.email.txt.j2"
    assert f"{path}: asks by e-mail where nobody reads answers; it must say whom to call" in faults(folder)
    assert not any("nobody reads" in f.what for f in findings(folder, mailbox=True))


def test_a_step_that_is_over_before_it_is_due_is_named(folder: Path) -> None:
    edit(
        folder, PLAN, "valid_until = [{ day = 28, at = 20:00:00 }]", "valid_until = [{ day = 13, at = 20:00:00 }]"
    )
    told = only(faults(folder))
    assert told.startswith(f"{PLAN}: step[two-weeks]: can never be sent: valid_until comes before it is due")


def test_a_step_that_the_send_window_never_lets_out_is_named(folder: Path) -> None:
    edit(
        folder, PLAN, "valid_until = [{ day = 28, at = 20:00:00 }]", "valid_until = [{ day = 14, at = 11:00:00 }]"
    )
    library = MessageLibrary.open_to_check(folder, clinic())
    evenings = SendWindow(dict.fromkeys(range(7), (time(15), time(20))))
    told = [
        f.what for f in library.check(None, practice(library, window=evenings)) if f.severity is Severity.FAULT
    ]
    assert told == ["can never be sent: no hour between its time and valid_until is open in this clinic"]


def test_a_question_that_nobody_could_hear_is_named(folder: Path) -> None:
    library = MessageLibrary.open_to_check(folder, clinic())
    nights = StaffedHours(dict.fromkeys(range(7), ((time(21), time(23)),)), CHICAGO)
    found = library.check(None, practice(library, WINDOW, nights))
    told = {f.where: f.what for f in found if f.severity is Severity.FAULT}
    where = f"{PLAN}: step[pain-check]"
    assert told[where] == "asks a question nobody could hear: the send window and the staffed hours never meet"


def test_weekdays_on_which_a_step_falls_away_are_a_notice(folder: Path) -> None:
    edit(
        folder, PLAN, "valid_until = [{ day = 28, at = 20:00:00 }]", "valid_until = [{ day = 14, at = 11:00:00 }]"
    )
    assert f"{PLAN}: step[two-weeks]: is never sent after a procedure on Sunday" in notices(folder)


def test_a_date_that_may_be_over_when_the_text_goes_is_named(folder: Path) -> None:
    edit(folder, TEXT, "until.heavy_lifting", "until.rest")
    told = only(faults(folder))
    assert told.startswith(f"{TEXT}: tells until.rest, over on day 2, but may be sent on day 2")
    edit(
        folder,
        TEXT,
        "No heavy lifting before {{ until.rest }} at least.",
        "{% if until.rest %}Rest: {{ until.rest }}.{% endif %}",
    )
    assert faults(folder) == []


def test_a_figure_that_no_text_may_use_is_named_with_the_nearest(folder: Path) -> None:
    told = only(faults(folder, clinic(figures={"en": {"drivin": "24 hours"}})))
    assert told.startswith("configuration: parameters.kyphoplasty.en.drivin: is none of this plan's parameters")
    assert told.endswith("did you mean 'driving'?")


def test_a_text_that_no_step_uses_is_a_notice(folder: Path) -> None:
    (folder / "kyphoplasty/en/day1.sms.j2").write_text("{{ clinic }}", encoding="utf-8")
    assert "kyphoplasty/en/day1.sms.j2: is used by no step" in notices(folder)


def test_an_unknown_plan_is_answered_with_the_nearest(folder: Path) -> None:
    library = MessageLibrary.load(folder, clinic())
    with pytest.raises(NotFoundError, match="no plan is called 'kyphoplasti'; did you mean 'kyphoplasty'"):
        library.check("kyphoplasti", practice(library))


def test_a_plan_of_another_procedure_needs_no_code(folder: Path) -> None:
    (folder / "example-port-placement").rename(folder / "knee-injection")
    library = MessageLibrary.load(folder, clinic())
    assert set(library.plans) == {"knee-injection", "kyphoplasty"}
    assert not [f for f in library.check("knee-injection", practice(library)) if f.severity is Severity.FAULT]


def test_a_refused_text_is_named_and_never_filled_in(folder: Path) -> None:
    (folder / TEXT).write_text("{% for x in range(10 ** 12) %}{% endfor %}", encoding="utf-8")
    library = MessageLibrary.open_to_check(folder, clinic())
    told = [f"{f.where}: {f.what}" for f in library.check(None, practice(library)) if f.severity is Severity.FAULT]
    assert told == [f"{TEXT}: line 1: for is not allowed; a text may only fill in names and use if"]
    with pytest.raises(MessageError):
        library.render(speaking("day-1"))
    sheet = library.sheet("kyphoplasty", "en", "day-1")
    assert {entry.sample for entry in sheet if entry.path == TEXT} == {""}
