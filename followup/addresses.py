"""Names, phone numbers and e-mail addresses as they are stored: what was typed, checked and brought into one form.

No error text repeats what was typed: these are patients' names, numbers and addresses.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import ValidationResult

from followup.errors import InputError

LONGEST_NUMBER = 40
"""Characters typed, spaces and brackets included; E.164 itself has at most 15 digits."""

LONGEST_NAME = 40
"""Signs, after spaces are brought down to one."""

_TYPED_FOR = str.maketrans(
    dict.fromkeys("\u2018\u2019\u00b4`", "'") | dict.fromkeys("\u2010\u2011\u2012\u2013", "-")
)
"""What keyboards and word processors make of an apostrophe and a hyphen."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's control signs and line ends: in a name they are slips, or an attempt on the head of a mail."""


def person_name(text: str) -> str:
    """A person's name: letters of any script with their marks, single spaces, `'`, `-` and `.`; 40 signs at most.

    It can be no link and no number to call, whoever chose it. Within a word a full stop stands only between
    initials (`J.R.`); after any other a space is put in, so that no phone takes `St.John` for a link. NFC. Raises
    InputError.
    """
    if not text.strip(" "):
        raise InputError("missing")
    if any(unicodedata.category(sign) in _UNSEEN for sign in text):
        raise InputError("it holds a line break or another sign that cannot be seen; type it anew")
    found = " ".join(_apart(word) for word in unicodedata.normalize("NFC", text).translate(_TYPED_FOR).split())
    if not all(_in_a_name(sign) for sign in found):
        raise InputError("a name has letters, spaces, ' - and . only, no digits or other signs")
    if not any(_kind(sign) == "L" for sign in found) or any(_kind(word[0]) == "M" for word in found.split()):
        raise InputError("a name has letters, and each mark stands on one")
    if len(found) > LONGEST_NAME:
        raise InputError(f"longer than {LONGEST_NAME} letters; leave a middle name out")
    return found


def _kind(sign: str) -> str:
    return unicodedata.category(sign)[0]


def _in_a_name(sign: str) -> bool:
    return _kind(sign) in "LM" or sign in " '-."


def _apart(word: str) -> str:
    """The word with a space after each full stop, but for those between initials."""
    parts = word.split(".")
    said = parts[0]
    for before, after in pairwise(parts):
        said += "." if not after or (_is_initial(before) and _is_initial(after)) else ". "
        said += after
    return said


def _is_initial(part: str) -> bool:
    return sum(_kind(sign) == "L" for sign in part) <= 1


def number(text: str, country: str = "US") -> str:
    """The number in E.164 (`+12145550100`); one without a leading + is read as one of `country` (ISO, `US`).

    Fictional numbers (area code, then 555-01xx) are valid. Raises InputError.
    """
    typed = _visible(text)
    if len(typed) > LONGEST_NUMBER or not all(_belongs(character) for character in typed):
        raise InputError(
            "the number has letters, an extension or other signs in it; "
            f"write its digits alone, for example {_example(country)}"
        )
    try:
        parsed = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException as error:
        raise InputError(
            f"this is no phone number; write it with its area code, for example {_example(country)}"
        ) from error
    _check_length(parsed, country)
    if not phonenumbers.is_valid_number(parsed):
        raise InputError("no number begins like this one; check its area code and the three digits after it")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def address(text: str) -> str:
    """The e-mail address with its domain in lower case and in ASCII; raises InputError."""
    typed = _visible(text)
    if typed.count("@") != 1:
        raise InputError("an e-mail address has one @ in it: name@example.org")
    try:
        found = validate_email(typed, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise InputError(_wrong_part(typed)) from error
    return found.ascii_email or found.normalized


def _visible(text: str) -> str:
    """Numbers copied from a phone or a web page carry invisible direction marks."""
    return "".join(c for c in text.strip() if unicodedata.category(c) != "Cf")


def _belongs(character: str) -> bool:
    dash_or_space = unicodedata.category(character) in {"Pd", "Zs"}
    return dash_or_space or character in "+().0123456789"


def _example(country: str) -> str:
    if country == "US":
        return "214-555-0100"
    found = phonenumbers.example_number(country)
    style = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(found, style) if found else "+1 214-555-0100"


def _check_length(parsed: phonenumbers.PhoneNumber, country: str) -> None:
    match phonenumbers.is_possible_number_with_reason(parsed):
        case ValidationResult.IS_POSSIBLE:
            return
        case ValidationResult.TOO_LONG:
            what = "the number has too many digits"
        case ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            what = "the number lacks its area code"
        case _:
            what = "the number has too few digits"
    raise InputError(f"{what}; write it with its area code, for example {_example(country)}")


def _wrong_part(typed: str) -> str:
    """Which half of an address cannot be right; the validator's own text repeats parts of it."""
    before, after = typed.split("@")
    if any(c.isspace() for c in typed):
        return "an e-mail address has no spaces in it: name@example.org"
    try:
        validate_email(f"name@{after}", check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        return "the part after the @ is no domain that can get mail; it looks like example.org"
    if not before.isascii():
        return "the part before the @ has a letter with an accent, which many mail servers refuse; ask for another"
    return "the part before the @ cannot be right; it has letters, digits, dots, - and _"
