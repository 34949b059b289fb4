"""A name is a name: whatever is typed, no link, no number, no second line of a mail's head comes of it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from followup.addresses import LONGEST_NAME, person_name
from followup.errors import InputError

RIGHT = {
    "Ruth Miller": "Ruth Miller",
    "  Ruth   Miller ": "Ruth Miller",
    "Jose\u0301 N\u0303andu\u0301": "José Ñandú",
    "\u00a0Ann\u3000Lee": "Ann Lee",
    "O\u2019Neil": "O'Neil",
    "O`Neil": "O'Neil",
    "Anne\u2010Marie": "Anne-Marie",
    "Anne\u2013Marie": "Anne-Marie",
    "J.R.R. Tolkien": "J.R.R. Tolkien",
    "Sammy Davis Jr.": "Sammy Davis Jr.",
    "St.John Rivers": "St. John Rivers",
    "Nguyễn Văn An": "Nguyễn Văn An",
    "Мария Иванова": "Мария Иванова",
    "李小龍": "李小龍",
    "عبد الله": "عبد الله",
    "D'Arcy-Smith": "D'Arcy-Smith",
    "\u02bbIolani": "\u02bbIolani",
}

WRONG = {
    "nothing": "",
    "spaces": "   ",
    "no letter": "- '",
    "a line break": "Ruth\nMiller",
    "a header": "Ruth\r\nBcc: all@example.org",
    "a line separator": "Ruth\u2028Miller",
    "a paragraph separator": "Ruth\u2029Miller",
    "a next line": "Ruth\x85Miller",
    "a tab": "Ruth\tMiller",
    "a line break at the end": "Ruth\n",
    "a null": "Ruth\x00",
    "an escape sequence": "Ruth\x1b[2J",
    "a turned direction": "Ruth\u202emoc.live",
    "a joiner": "Ru\u200dth",
    "half a sign": "Ruth\ud800",
    "a byte order mark": "\ufeffRuth",
    "a page": "http://example.org",
    "a page without a scheme": "example.org/pay",
    "an address": "ruth@example.org",
    "a number to call": "Call 900-555-0100",
    "other digits": "Ruth \u0661\u0662",
    "a Roman numeral sign": "Henry \u2167",
    "a placeholder": "{{ phone }}",
    "a tag": "<b>Ruth</b>",
    "a formula": "=Ruth",
    "a picture": "Ruth \u2665",
    "a comma": "Miller, Ruth",
    "a mark on nothing": "\u0301Ruth",
    "a mark on a space": "Ruth \u0301Miller",
    "too long": "R" * (LONGEST_NAME + 1),
    "marks without end": "R" + "\u0316" * LONGEST_NAME,
}

LINK = re.compile(r"[^\W_]{2,}\.[^\W_]|[^\W_]\.[^\W_]{2,}|[@/:]")
"""What a phone may take for a link: two parts with a full stop between, one of them longer than an initial."""

lookalikes = st.text(
    st.sampled_from("aé\u0301\u0316B.'- \u2019\u2010\u00a0\u3000\r\n\u2028@/:7\u0663\u200b{}\u00b4`l\u00b7")
)


@pytest.mark.parametrize(("typed", "stored"), RIGHT.items(), ids=RIGHT.values())
def test_a_name_is_brought_into_one_form(typed: str, stored: str) -> None:
    assert person_name(typed) == stored


@pytest.mark.parametrize("typed", WRONG.values(), ids=WRONG)
def test_what_is_no_name_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(InputError) as refused:
        person_name(typed)
    assert "Ruth" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("typed", ["evil.com", "t.co", "x.y.co", "www.evil.com", "a.bc.d"])
def test_what_a_phone_would_make_a_link_of_is_none_any_more(typed: str) -> None:
    assert LINK.search(typed)
    assert not LINK.search(person_name(typed))


@given(st.text() | lookalikes)
@example("e\u0301." * 13)
@example(".\u0301a")
@example("a.\u0301b")
@example("a\u00b4\u0301")
def test_whatever_is_typed_is_refused_or_becomes_a_name_and_stays_it(typed: str) -> None:
    try:
        name = person_name(typed)
    except InputError:
        return
    assert 0 < len(name) <= LONGEST_NAME
    assert name == unicodedata.normalize("NFC", name)
    assert name == " ".join(name.split())
    assert all(unicodedata.category(sign)[0] in "LM" or sign in " '-." for sign in name)
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp", "Nd"} for sign in name)
    assert not LINK.search(unicodedata.normalize("NFC", "".join(c for c in name if unicodedata.combining(c) == 0)))
    assert person_name(name) == name
