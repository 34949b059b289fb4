"""How many segments a text costs, and which letter makes it cost more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.messages import segments
from followup.messages.sms_text import plain, replaced

BASIC = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿abcxyzäöñüà"
EXTENDED = "^{}\\[~]|€"


@pytest.mark.parametrize(
    ("text", "count", "characters"),
    [
        ("", 1, 0),
        ("a" * 160, 1, 160),
        ("a" * 161, 2, 161),
        ("a" * 306, 2, 306),
        ("a" * 307, 3, 307),
        ("€" * 80, 1, 160),
        ("€" * 80 + "a", 2, 161),
        # 152 letters, then a letter of two septets: it is not cut in half, so the first part stays one short.
        ("a" * 152 + "€" + "a" * 152, 3, 306),
        ("ñ" * 160, 1, 160),
    ],
)
def test_known_lengths_of_the_plain_alphabet(text: str, count: int, characters: int) -> None:
    cost = segments(text)
    assert (cost.count, cost.characters, cost.encoding) == (count, characters, "GSM-7")


@pytest.mark.parametrize(
    ("text", "count", "characters"),
    [
        ("í" + "a" * 69, 1, 70),
        ("í" + "a" * 70, 2, 71),
        ("í" + "a" * 133, 2, 134),
        ("í" + "a" * 134, 3, 135),
        ("😀" * 35, 1, 70),
        ("😀" * 36, 2, 72),
        ("a" * 66 + "😀" + "a" * 66, 3, 134),
    ],
)
def test_known_lengths_once_one_letter_is_outside_the_plain_alphabet(
    text: str, count: int, characters: int
) -> None:
    cost = segments(text)
    assert (cost.count, cost.characters, cost.encoding) == (count, characters, "UCS-2")


def test_it_names_each_letter_that_costs_more_once() -> None:
    assert segments("aquí está ñ é aquí").forced_by == ("í", "á")


@pytest.mark.parametrize("letter", "áíóúÁÍÓÚ\u2019\u201c\u2013\u2026\u00a0\u202f`\t😀")
def test_these_are_not_in_the_plain_alphabet(letter: str) -> None:
    assert segments(letter).encoding == "UCS-2"


@pytest.mark.parametrize("letter", "éñü¿¡ÉÑÜ@€~")
def test_these_are(letter: str) -> None:
    assert segments(letter).encoding == "GSM-7"


@given(st.text(alphabet=BASIC + EXTENDED, max_size=700))
def test_every_septet_has_room_and_no_part_is_wasted(text: str) -> None:
    cost = segments(text)
    assert cost.encoding == "GSM-7"
    assert cost.characters == len(text) + sum(letter in EXTENDED for letter in text)
    room = 160 if cost.count == 1 else 153 * cost.count
    assert cost.characters <= room
    # Each part but the last holds 152 septets at least: at most one is lost to a letter that is not cut.
    assert cost.count == 1 or cost.characters > 152 * (cost.count - 1)


@given(st.text(max_size=400))
def test_every_text_costs_what_its_utf_16_units_need_or_less(text: str) -> None:
    cost = segments(text)
    assert cost.count >= 1
    assert (cost.encoding == "UCS-2") == bool(cost.forced_by)
    if cost.encoding == "UCS-2":
        units = sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)
        assert cost.characters == units
        assert cost.characters <= (70 if cost.count == 1 else 67 * cost.count)


@given(st.text(alphabet=BASIC + EXTENDED, max_size=400), st.text(alphabet=BASIC + EXTENDED, max_size=50))
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    assert segments(text + more).count >= segments(text).count


def test_what_an_editor_typed_is_exchanged_for_plain_characters_and_accents_are_not() -> None:
    typed = "\u201cDon\u2019t\u201d \u2013 wait\u2026\u00a0now\u202fplease\n"
    assert plain(typed) == '"Don\'t" - wait... now please'
    assert plain("mañana aquí") == "mañana aquí"
    assert replaced("\u2019a\u2019 \u2013 b") == ("\u2019", "\u2013")


@given(st.text(max_size=200))
def test_exchanging_twice_changes_nothing_more(text: str) -> None:
    assert plain(plain(text)) == plain(text)
