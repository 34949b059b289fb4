"""Numbers and e-mail addresses as front-desk staff type them."""

from __future__ import annotations

import string
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.addresses import address, number
from followup.errors import InputError


@pytest.mark.parametrize(
    "typed",
    [
        "2145550100",
        "214-555-0100",
        "(214) 555-0100",
        "214.555.0100",
        "1 214 555 0100",
        "+1 214-555-0100",
        "  +12145550100 ",
        "214\u00a0555\u20110100",
        "\u202a+1 (214) 555-0100\u202c",
    ],
)
def test_a_number_is_stored_in_one_form_however_it_was_typed_or_pasted(typed: str) -> None:
    assert number(typed) == "+12145550100"


def test_a_number_of_another_country_keeps_it() -> None:
    assert number("+52 55 1234 5678") == "+525512345678"
    assert number("55 1234 5678", "MX") == "+525512345678"


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("214-555-CARE", "letters"),
        ("214-555-01OO", "letters"),
        ("2145550100 x12", "extension"),
        ("214-555-0100 / 214-555-0101", "other signs"),
        ("214-555-0100;ext=5", "other signs"),
        ("\u0662\u0661\u0664\u0665\u0665\u0665\u0660\u0661\u0660\u0660", "letters"),
        ("1" * 41, "letters"),
        ("", "no phone number"),
        ("----", "no phone number"),
        ("5", "no phone number"),
        ("911", "too few digits"),
        ("555-0100", "lacks its area code"),
        ("214555010", "too few digits"),
        ("21455501000", "too many digits"),
        ("+999 123 456 789", "no phone number"),
        ("014-555-0100", "no number begins"),
        ("214-155-0100", "no number begins"),
    ],
)
def test_a_wrong_number_is_refused_with_what_would_be_right(typed: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        number(typed)
    assert "214-555-0100" in str(caught.value) or "check its area code" in str(caught.value)


def test_a_refusal_shows_an_example_of_the_clinics_own_country() -> None:
    with pytest.raises(InputError, match=r"\+44"):
        number("12", "GB")


@given(st.text(alphabet=string.digits + "+-() x.", min_size=5, max_size=25))
def test_no_refusal_repeats_the_number(typed: str) -> None:
    try:
        found = number(typed)
    except InputError as error:
        assert typed not in str(error).replace("214-555-0100", "")  # noqa: PT017  either ending is right
    else:
        assert number(found) == found


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_number_or_an_input_error(typed: str) -> None:
    for read in (number, address):
        try:
            assert read(typed)
        except InputError as error:
            assert str(error)  # noqa: PT017  either ending is right


def test_an_address_keeps_its_name_and_has_its_domain_in_small_letters() -> None:
    assert address(" Rosa.Diaz+care@Example.ORG ") == "Rosa.Diaz+care@example.org"
    assert address("rosa@clínica.example.org") == "rosa@xn--clnica-4va.example.org"


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("", "one @"),
        ("rosa.example.org", "one @"),
        ("rosa@home@example.org", "one @"),
        ("rosa diaz@example.org", "no spaces"),
        ("Rosa <rosa@example.org>", "no spaces"),
        ("rosa@example.org\r\nBcc: all", "no spaces"),
        ("rosa@example", "after the @"),
        ("rosa@-example.org", "after the @"),
        ("rosa@[127.0.0.1]", "after the @"),
        ("rosa@clinic.test", "after the @"),
        ("rosa@", "after the @"),
        ("rosé@example.org", "letter with an accent"),
        ("@example.org", "before the @"),
        ("rosa..diaz@example.org", "before the @"),
        ("<rosa>@example.org", "before the @"),
        ("r" * 65 + "@example.org", "before the @"),
    ],
)
def test_a_wrong_address_is_refused_with_what_would_be_right(typed: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        address(typed)


def test_a_refused_address_is_not_in_the_error() -> None:
    with pytest.raises(InputError) as caught:
        address("canary.person@nowhere")
    assert "canary" not in str(caught.value)
    assert "canary" not in "".join(traceback.format_exception_only(caught.value))
