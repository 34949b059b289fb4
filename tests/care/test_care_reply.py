"""What patients write is read the same way every time, and no sign of an emergency is overlooked."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reply_phrases import (
    AFTER,
    BEFORE,
    CRITICAL,
    FAULTS,
    STOPS,
    SUICIDE,
    URGENT,
    VOCABULARY,
    kinds,
    meanings,
    read,
)

from followup.care.confusion import Sample, confusion
from followup.care.meaning import FLAGS, Meaning
from followup.care.phrases import Text, parse
from followup.care.plan import Asks
from followup.care.reply import interpret
from followup.care.reply_words import words_of
from followup.messages.corpus import CORPUS, read_corpus
from followup.messages.folder import find_messages_folder

SAMPLES = read_corpus(find_messages_folder() / CORPUS)

ODD = st.sampled_from(
    [
        "\0",
        "\ud800",
        "\u200b",
        "\u202e",
        "8\ufe0f\u20e3",
        "\uff18",
        "\u2019",
        "\u00bd",
        "\U0001f198",
        "stop",
        "8",
        "\n",
    ]
)
any_text = st.lists(st.one_of(st.text(max_size=20), ODD, st.sampled_from(sorted(CRITICAL)))).map(" ".join)
a_sample = st.sampled_from(SAMPLES)


# Any text at all


@given(any_text, st.sampled_from([None, Asks.PAIN_SCORE]))
def test_every_text_has_a_reading(text: str, asked: Asks | None) -> None:
    reading = interpret(text, VOCABULARY, asked)
    assert reading.meanings
    assert (reading.score is not None) == (Meaning.SCORE in reading.meanings)
    assert reading.score is None or 0 <= reading.score <= 10
    assert Meaning.SUICIDE not in reading.meanings or Meaning.CRITICAL in reading.meanings


@given(any_text)
def test_a_text_is_courtesy_or_empty_only_where_nothing_else_is_said(text: str) -> None:
    for alone in (Meaning.THANKS, Meaning.EMPTY):
        assert alone not in meanings(text) or meanings(text) == {alone}


@given(a_sample, st.sampled_from([str.upper, str.lower, str.title]))
def test_upper_and_lower_case_make_no_difference(sample: Sample, change: Callable[[str], str]) -> None:
    assert read(change(sample.text)) == read(sample.text)


@given(a_sample, st.sampled_from(["'", "\u2019", "\u02bc", "`", "\uff07", ""]))
def test_straight_curly_and_no_apostrophes_make_no_difference(sample: Sample, mark: str) -> None:
    assert read(sample.text.replace("'", mark).replace("\u2019", mark)) == read(sample.text)


@given(a_sample, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_accents_composed_or_not_or_left_out_make_no_difference(sample: Sample, form: str) -> None:
    assert read(unicodedata.normalize(form, sample.text)) == read(sample.text)
    bare = "".join(c for c in unicodedata.normalize("NFD", sample.text) if unicodedata.category(c) != "Mn")
    assert read(bare) == read(sample.text)


@given(a_sample, st.sampled_from([" ", "\u200b", "\u202e", "\u00a0", "  "]))
def test_what_cannot_be_seen_around_a_text_makes_no_difference(sample: Sample, space: str) -> None:
    assert read(f"{space}{sample.text}{space}") == read(sample.text)


def test_a_search_takes_no_more_steps_for_each_word_of_a_long_text_than_of_a_short_one() -> None:
    def looks(words: int) -> int:
        """How often a word is looked at while one phrase with a wide gap is sought in a text of the worst kind."""

        class Counting(tuple[object, ...]):
            __slots__ = ()
            count = 0

            def __getitem__(self, key: Any) -> Any:
                Counting.count += 1
                return super().__getitem__(key)

        known = frozenset({"cant", "breathe", "my"})
        text = Text(words_of("cant my cant x " * words + "breathe"), VOCABULARY.between, known, frozenset())
        text.words = Counting(text.words)  # type: ignore[assignment]
        assert list(text.find(parse("cant ... breathe")))
        return Counting.count

    assert looks(2_000) <= 2.1 * looks(1_000)


# Red flags


def test_the_shipped_words_have_no_fault() -> None:
    assert FAULTS == []


@pytest.mark.parametrize("phrase", CRITICAL)
def test_every_sign_of_the_911_group_is_critical_alone_and_within_harmless_words(phrase: str) -> None:
    missed = [t for b in BEFORE for a in AFTER if "critical" not in kinds(t := f"{b}{phrase}{a}")]
    assert missed == []


@pytest.mark.parametrize("phrase", SUICIDE)
def test_who_speaks_of_dying_by_their_own_hand_is_critical_and_told_of_988(phrase: str) -> None:
    missed = [t for b in BEFORE for a in AFTER if not {"critical", "suicide"} <= kinds(t := f"{b}{phrase}{a}")]
    assert missed == []


@pytest.mark.parametrize("phrase", URGENT)
def test_every_sign_of_the_second_group_is_urgent_at_least(phrase: str) -> None:
    texts = [phrase] if phrase[0].isdigit() else [f"{b}{phrase}{a}" for b in BEFORE for a in AFTER]
    assert [text for text in texts if not meanings(text) & FLAGS] == []


@pytest.mark.parametrize(
    "text",
    [
        "wrong number",
        "I am tired",
        "I recovered",
        "they answered the phone",
        "the spare room is painted",
        "no chest pain",
        "not short of breath",
        "no fever no chest pain feeling good",
        "no fever, chills or vomiting",
        "I don't have a fever",
        "haven't fallen, no weakness",
        "no tengo fiebre",
        "no siento dolor",
        "no siento nada de dolor",
        "sin fiebre ni escalofríos",
        "fell asleep early",
        "I gave blood last year",
        "the bandage got wet in the shower",
        "dying to go outside",
        "can't complain",
        "can't wait to feel better",
        "dead tired",
    ],
)
def test_what_only_looks_like_a_sign_calls_nobody(text: str) -> None:
    assert not meanings(text) & FLAGS


@pytest.mark.parametrize(
    "text",
    [
        "no fever but chest pain",
        "no fever. chest pain",
        "no, my chest hurts",
        "no fever, chest pain",
        "no puedo respirar, no tengo fiebre",
        "I feel better but I can't feel my legs",
        "no I cant breathe",
        "pain-free, legs numb",
        "not good, chest tight",
        "no siento las piernas, dolor 8",
    ],
)
def test_a_denial_reaches_no_further_than_the_sign_it_stands_before(text: str) -> None:
    assert "critical" in kinds(text)


@pytest.mark.parametrize(
    "text", ["cant braethe", "chset pain", "heaart attack", "unconcious", "cantbreathe", "I. cant. breathe"]
)
def test_a_small_phone_hides_no_sign(text: str) -> None:
    assert "critical" in kinds(text)


def test_our_own_words_quoted_under_a_heart_are_no_emergency() -> None:
    assert kinds("Loved \u201cLake clinic: Rest. Emergency: call 911. STOP=end\u201d") == {"thanks"}


# Stop


@pytest.mark.parametrize("phrase", STOPS)
def test_every_way_to_say_stop_is_an_opt_out(phrase: str) -> None:
    assert [t for a in ("", ".", "!", " please") if "opt_out" not in kinds(t := phrase + a)] == []


@pytest.mark.parametrize(
    "text",
    [
        "the pain won't stop",
        "pain wont go away it never stops",
        "bleeding stopped",
        "can't stop coughing",
        "should I stop my aspirin?",
        "when can I stop resting",
        "el dolor no para",
        "can I stop by the office?",
        "end of the day",
        "cancel my appointment",
        "I quit smoking",
        "make the pain stop",
        "please make it stop",
        "the itching will not stop",
        "no para de sangrar",
        "no mas dolor",
        "dejé de tomar la medicina",
        "at the end of the week",
        "vomiting wont quit",
    ],
)
def test_a_symptom_or_a_question_is_never_an_opt_out(text: str) -> None:
    assert "opt_out" not in kinds(text)


def test_stop_beside_a_red_flag_means_both() -> None:
    assert kinds("STOP chest pain") == {"critical", "opt_out"}


# Scores


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("8", 8),
        ("0", 0),
        ("8/10", 8),
        ("7 out of 10", 7),
        ("eight", 8),
        ("8-9", 9),
        ("8 or 9", 9),
        ("ocho", 8),
        ("8 de 10", 8),
        ("10/10", 10),
        ("8\ufe0f\u20e3", 8),
        ("\uff18", 8),
        ("7\u00bd", 8),
        ("1O", 10),
        ("on a scale of 0 to 10 it is 4", 4),
        ("pain is at a 6", 6),
        ("took 2 tylenol at 8 am pain is 3", 3),
    ],
)
def test_a_score_is_read_in_every_form(text: str, score: int) -> None:
    assert read(text).score == score
    assert "unreadable" not in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "2, was 8",
        "8 yesterday 4 today",
        "10 lb",
        "8 am",
        "101 fever",
        "101",
        "12",
        "from 8 to 3",
        "I have 2 dogs",
        "0-10",
    ],
)
def test_a_number_that_may_be_something_else_is_no_score(text: str) -> None:
    assert read(text).score is None
    assert meanings(text) & {Meaning.UNREADABLE, Meaning.URGENT}


def test_better_beside_a_high_score_keeps_both() -> None:
    assert (kinds("better 8"), read("better 8").score) == ({"better", "score"}, 8)


# Better, same, worse


@pytest.mark.parametrize("text", ["not better", "no better", "NOT ANY BETTER", "no mejor", "isn't getting better"])
def test_not_better_is_the_same(text: str) -> None:
    assert kinds(text) == {"same"}


@pytest.mark.parametrize("text", ["no worse", "not too bad", "no es peor"])
def test_a_negator_before_another_word_goes_to_a_person(text: str) -> None:
    assert kinds(text) == {"unreadable"}


@pytest.mark.parametrize("text", ["better. When can I drive?", "better but it comes at night"])
def test_better_with_a_question_or_a_but_is_read_by_a_person_too(text: str) -> None:
    assert kinds(text) == {"better", "unreadable"}


# The corpus


def test_the_corpus_holds_five_hundred_replies_in_both_languages() -> None:
    assert len({s.text for s in SAMPLES}) >= 500
    assert {s.language for s in SAMPLES} == {"en", "es"}


def test_no_red_flag_of_the_corpus_is_missed_no_symptom_stops_us_and_few_harmless_texts_alarm() -> None:
    found = confusion(SAMPLES, VOCABULARY)
    assert [row.sample.text for row in found.missed] == []
    assert [row.sample.text for row in found.stopped] == []
    assert found.alarm_rate <= 0.05
