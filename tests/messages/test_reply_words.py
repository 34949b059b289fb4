"""The files of reply words: every fault told at once, a clinic's and a plan's own words, and the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from message_parts import clinic, edit, faults

from followup.care.meaning import Meaning
from followup.care.plan import Asks
from followup.care.reply import interpret
from followup.errors import MessageError
from followup.messages import MessageLibrary
from followup.messages.corpus import CORPUS, read_corpus

CLINIC, PLAN, ENGLISH = (
    "vocabulary/replies.clinic.toml",
    "kyphoplasty/vocabulary.toml",
    "vocabulary/replies.en.toml",
)
HEAD = "kinds\tscore\tlanguage\ttext\n"


def read(folder: Path, text: str, plan: str | None = None) -> set[str]:
    words = MessageLibrary.load(folder, clinic()).vocabulary(plan)
    return {meaning.value for meaning in interpret(text, words, Asks.PAIN_SCORE).meanings}


def test_a_clinic_adds_words_of_its_own(folder: Path) -> None:
    assert "urgent" not in read(folder, "my wobblers are back")
    (folder / CLINIC).write_text('[anywhere]\nurgent = ["wobblers"]\n')
    assert "urgent" in read(folder, "my wobblers are back")


def test_a_plan_takes_out_what_is_normal_after_its_procedure_and_adds_what_is_not(folder: Path) -> None:
    (folder / PLAN).write_text('[remove]\ncritical = ["numb"]\n[anywhere]\nurgent = ["cement"]\n')
    assert "critical" in read(folder, "my hand is numb")
    assert "critical" not in read(folder, "my hand is numb", "kyphoplasty")
    assert "critical" in read(folder, "my hand is numb", "example-port-placement")
    assert "urgent" in read(folder, "I see the cement", "kyphoplasty")


def test_a_vocabulary_is_made_once_for_each_plan(folder: Path) -> None:
    library = MessageLibrary.load(folder, clinic())
    assert library.vocabulary("kyphoplasty") is library.vocabulary("kyphoplasty")


def test_all_faults_are_told_at_once_with_file_and_key(folder: Path) -> None:
    (folder / CLINIC).write_text(
        '[anywhere]\nurgent = [".. wound", "wo*und", "NOBODY .. knows", "^ _ $"]\n'
        '[names]\nSAW = ["CANT see"]\n[small_words]\npolite = ["thank you"]\n'
    )
    (folder / PLAN).write_text('[remove]\ncritical = ["numbb"]\n')
    told = faults(folder)
    assert [fault for fault in told if "replies.clinic" in fault or "kyphoplasty/vocabulary" in fault] == [
        f"{CLINIC}: anywhere.urgent: '.. wound' has a gap that is not between two words",
        f"{CLINIC}: anywhere.urgent: 'wo*und' has a * that is not at the end of a word",
        f"{CLINIC}: anywhere.urgent: 'NOBODY .. knows' uses NOBODY, which stands under no [names]",
        f"{CLINIC}: anywhere.urgent: '^ _ $' would be found in every text",
        f"{CLINIC}: names.SAW: 'CANT see' uses another name; write out its words",
        f"{CLINIC}: small_words.polite: 'thank you' must be one word",
        f"{PLAN}: remove.critical: 'numbb' stands in no list; did you mean 'numb'?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[anywhere]\nscore = ['8']\n", "is no meaning that phrases can have"),
        ("[anywhere]\nurgentt = ['8']\n", "urgentt"),
        ("[anywhere\n", "is not valid TOML"),
        ("[harmless]\nempty = ['x']\n", "is no meaning that phrases can have"),
        ("[sometimes]\n", "unknown key"),
    ],
)
def test_a_file_that_does_not_fit_is_told(folder: Path, text: str, said: str) -> None:
    (folder / CLINIC).write_text(text)
    assert any(fault.startswith(CLINIC) and said in fault for fault in faults(folder))


def test_a_language_whose_answers_nobody_would_understand_is_a_fault(folder: Path) -> None:
    (folder / ENGLISH).unlink()
    assert any(fault.startswith(f"{ENGLISH}: is missing") for fault in faults(folder))


def test_a_file_of_no_language_is_a_fault(folder: Path) -> None:
    (folder / "vocabulary/replies.english.toml").write_text("")
    assert any("is of no language" in fault for fault in faults(folder))


def test_a_folder_with_faults_gives_no_vocabulary(folder: Path) -> None:
    edit(folder, ENGLISH, "[names]", "[nameless]")
    library = MessageLibrary.open_to_check(folder, clinic())
    with pytest.raises(MessageError):
        library.vocabulary(None)


# The corpus


def test_a_corpus_gives_texts_and_what_they_mean(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text(f"# ours\n{HEAD}score+better\t0\ten\tgone\\n0\n")
    (sample,) = read_corpus(path)
    assert sample.text == "gone\n0"
    assert (sample.meant.meanings, sample.meant.score) == ({Meaning.SCORE, Meaning.BETTER}, 0)


def test_every_broken_line_of_a_corpus_is_told_by_its_number_and_never_its_words(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    lines = [
        "score\t8\ten",
        "hurts\t\ten\tsecret",
        "score\t11\ten\tsecret",
        "better\t3\ten\tsecret",
        "same\t\tX\tsecret",
    ]
    path.write_text(HEAD + "\n".join(lines))
    with pytest.raises(MessageError) as raised:
        read_corpus(path)
    told = [str(fault) for fault in raised.value.faults]
    assert [fault.split(": ")[1] for fault in told] == [f"line {n}" for n in range(2, 7)]
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must begin with"),
        (HEAD.encode(), "holds no reply"),
        (b"\xff\xfe", "is not UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_corpus_is_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "mine.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MessageError, match=said):
        read_corpus(path)


def test_the_corpus_ships_with_the_texts(folder: Path) -> None:
    assert len(read_corpus(folder / CORPUS)) >= 500
