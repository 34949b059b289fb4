"""What a person said in a mail, and whether it was a person; no bytes are too wrong to be read."""

from __future__ import annotations

import datetime as dt
from datetime import UTC
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_corpus import (
    ANSWERS,
    AUTOMATIC,
    EVERY_MAIL,
    GMAIL,
    IPHONE_PICTURE_THEN_WORDS,
    MAIL_ID,
    OTHER_ID,
    PATIENT,
    PLAIN,
)

from followup.care.arrival import Arrival, Bounce
from followup.channels.inbound_mail import MOST_WORDS, read_mail
from followup.channels.letter import RawMail
from followup.channels.mail import OurMails
from followup.channels.mail_html import text_of_html
from followup.channels.own_words import own_words

OURS = OurMails("clinic@clinic.example")
RECEIVED = dt.datetime(2026, 11, 2, 16, 5, tzinfo=UTC)
DANGERS = ("chest", "breathe, call", "911", "STOP", "cannot breathe")


def read(content: bytes, *, whole: bool = True) -> Arrival:
    came = read_mail(RawMail(content, RECEIVED, whole), OURS)
    assert isinstance(came, Arrival)
    return came


@pytest.mark.parametrize(("mail", "said"), ANSWERS.values(), ids=ANSWERS)
def test_of_an_answer_only_the_persons_own_words_are_read(mail: bytes, said: str) -> None:
    came = read(mail)
    assert came.words == said
    assert not [word for word in DANGERS if word in came.words]
    assert (came.address, came.automatic, came.written_at) == (PATIENT, False, RECEIVED)


def test_an_answer_names_the_mails_of_ours_that_it_answers_and_no_others() -> None:
    assert read(PLAIN).answers == (MAIL_ID, OTHER_ID)
    assert read(PLAIN.replace(b"@clinic.example>", b"@other.example>")).answers == ()


@pytest.mark.parametrize("mail", AUTOMATIC.values(), ids=AUTOMATIC)
def test_what_no_person_wrote_is_known_by_its_own_word(mail: bytes) -> None:
    assert read(mail).automatic


@pytest.mark.parametrize(
    ("field", "automatic"),
    [
        ("Auto-Submitted: no", False),
        ("Auto-Submitted: auto-notified; owner-email=x", True),
        ("Precedence: Bulk", True),
        ("Precedence: first-class", False),
        ("X-Autoreply: yes", True),
        ("X-Autorespond: away", True),
        ("List-Unsubscribe: <mailto:x@y.example>", True),
        ("X-Auto-Response-Suppress: All", False),
        ("Return-Path: <>", True),
        ("Subject: Automatic reply", False),
    ],
)
def test_each_sign_of_a_machine_counts_and_others_do_not(field: str, *, automatic: bool) -> None:
    content = f"{field}\r\nFrom: {PATIENT}\r\n\r\nYes\r\n".encode()
    assert read(content).automatic is automatic


@pytest.mark.parametrize(
    ("sender", "automatic"),
    [
        *(
            ("MAILER-DAEMON@home.example", True),
            ("postmaster@home.example", True),
            ("no-reply@shop.example", True),
        ),
        *(("noreply@shop.example", True), ("donotreply+7@shop.example", True), ("noreen@home.example", False)),
    ],
)
def test_a_senders_name_may_say_that_nobody_reads_there(sender: str, *, automatic: bool) -> None:
    assert read(f"From: <{sender}>\n\nYes\n".encode()).automatic is automatic


def test_pictures_are_counted_and_not_read() -> None:
    assert (read(IPHONE_PICTURE_THEN_WORDS).media, read(GMAIL).media) == (1, 0)


def test_of_a_mail_whose_middle_was_left_out_something_is_unread() -> None:
    assert (read(PLAIN, whole=False).media, read(PLAIN).media) == (1, 0)


def test_an_attached_text_is_no_answer() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = PATIENT, "Re: A word"
    mail.set_content("See the file.")
    mail.add_attachment("chest pain", filename="letter.txt")
    came = read(bytes(mail))
    assert (came.words, came.media) == ("See the file.", 1)


def test_the_words_are_cut_to_what_a_person_reads() -> None:
    assert len(read(PLAIN.replace(b"It is an 8.", b"long words " * 5000)).words) == MOST_WORDS


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("Patient@HOME.example", "Patient@home.example"),
        ('"clinic@clinic.example" <patient@home.example>', PATIENT),
        ("=?utf-8?q?a=40b=2Eexample?= <patient@home.example>", PATIENT),
        ("patient@home.example, other@home.example", PATIENT),
        ("A Patient", ""),
        ("", ""),
    ],
)
def test_the_sender_is_the_address_and_never_what_is_shown_before_it(sender: str, address: str) -> None:
    assert read(f"From: {sender}\n\nYes\n".encode()).address == address


@pytest.mark.parametrize(
    "subject", ["=?utf-8?b?A?=", "=?\N{LATIN SMALL LETTER E WITH ACUTE}?q?x?=", "=?x-no?q?=ff?="]
)
def test_a_subject_that_cannot_be_decoded_hides_no_words(subject: str) -> None:
    came = read(f"From: {PATIENT}\nSubject: {subject}\n\nmy leg is numb\n".encode())
    assert came.words.endswith("my leg is numb")
    assert came.media == 0


def test_two_mails_of_one_message_id_are_two() -> None:
    """Somebody who knows a mail's Message-ID could otherwise hide it behind one of their own."""
    assert read(PLAIN).provider_id == read(PLAIN).provider_id
    assert read(PLAIN).provider_id != read(PLAIN.replace(b"an 8", b"a 2")).provider_id


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("utf-8", "no siento la pierna: ¡8!".encode()),
        ("us-ascii", "no siento la pierna: ¡8!".encode()),
        ("iso-8859-1", "no siento la pierna: ¡8!".encode("latin-1")),
        ("iso-8859-1", "no siento la pierna: ¡8!".encode()),
        ("windows-1252", "no siento la pierna: ¡8!".encode("cp1252")),
        ("utf-16", "no siento la pierna: ¡8!".encode("utf-16")),
        ("x-unknown", "no siento la pierna: ¡8!".encode("cp1252")),
        ("punycode", "no siento la pierna: ¡8!".encode()),
        ("base64", "no siento la pierna: ¡8!".encode()),
        ('"', "no siento la pierna: ¡8!".encode()),
    ],
)
def test_a_wrong_charset_loses_no_word(charset: str, content: bytes) -> None:
    head = f"From: {PATIENT}\nSubject: Re: x\nContent-Type: text/plain; charset={charset}\n\n"
    assert read(head.encode() + content).words == "no siento la pierna: ¡8!"


def test_a_mail_nested_without_end_is_read_as_it_stands() -> None:
    nested = f"From: {PATIENT}\n" + "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000)
    )
    came = read(nested.encode() + b"\n\nmy leg is numb")
    assert (came.address, came.media) == (PATIENT, 1)


# Properties

BROKEN_FIELDS = st.sampled_from(
    [
        b"Content-Type: text/plain; charset*0*=x''%ff; charset*1=\xff",
        b"Content-Type: multipart/mixed; boundary=",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        b"Content-Type: message/delivery-status",
        b"Content-Type: message/rfc822",
        b"Content-Type: text/html",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: x-uuencode",
        b"Content-Disposition: attachment; filename*=x'y",
        b"From: " + b"(" * 900,
        b'From: "' + b"\\" * 99,
        b"From: =?utf-8?b?!!!?=",
        b"Subject: =?idna?q?=ff?= =?utf-8?b?A?=",
        b"In-Reply-To: <<<@@>>>",
        b"To: clinic+b-" + MAIL_ID.encode() + b"@clinic.example",
        b"Auto-Submitted: \xff",
        b"--b",
        b"",
        b"Action: failed",
        b"Status: 5.1.1.1.1",
        b"<![x[",
        b"<!DOCTYPE [<!ELEMENT",
        b"550 5.1.1",
    ]
)


@given(
    st.lists(st.one_of(BROKEN_FIELDS, st.binary(max_size=80)), max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_no_bytes_are_too_wrong_to_be_read(lines: list[bytes], end: bytes) -> None:
    came = read_mail(RawMail(end.join(lines), RECEIVED), OURS)
    assert came is None or isinstance(came, Arrival | Bounce)


@given(st.sampled_from(EVERY_MAIL), st.data())
def test_a_real_mail_with_a_hole_in_it_is_still_read(mail: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(mail)))
    end = data.draw(st.integers(start, len(mail)))
    came = read_mail(RawMail(mail[:start] + data.draw(st.binary(max_size=20)) + mail[end:], RECEIVED), OURS)
    assert came is None or isinstance(came, Arrival | Bounce)


PLAIN_LINES = st.lists(
    st.from_regex(r"[a-z]{1,12}( [a-z0-9]{1,12}){0,5}\.", fullmatch=True), min_size=1, max_size=8
)


@pytest.mark.parametrize("between", ["", "\n"])
def test_a_first_word_that_looks_like_an_attribution_is_not_taken_for_one(between: str) -> None:
    history = "On Mon, 2 Nov 2026, The Clinic <clinic@clinic.example> wrote:\n> How is your pain?"
    assert own_words(f"On day 2 I fell.\n{between}{history}") == "On day 2 I fell."


@given(PLAIN_LINES, PLAIN_LINES)
def test_what_stands_above_a_quote_is_kept_whole_and_nothing_of_the_quote(
    own: list[str], quoted: list[str]
) -> None:
    history = [f"> {line}" for line in quoted]
    text = "\n".join([*own, "", "On Mon, 2 Nov 2026, The Clinic <clinic@clinic.example> wrote:", *history])
    assert own_words(text) == "\n".join(own)


@given(PLAIN_LINES)
def test_what_nobody_quotes_is_kept_whole(own: list[str]) -> None:
    assert own_words("\n".join(own)) == "\n".join(own)


@given(st.text(alphabet="<>/!-[]&;'\"= abdiv\n", max_size=300))
def test_no_html_is_too_wrong_to_be_read(html: str) -> None:
    assert isinstance(text_of_html(html), str)


@pytest.mark.parametrize(
    "line", ["From: me\nto you with love", "On 2 Nov it began", "--- it hurts ---", "De: nada"]
)
def test_a_sentence_that_only_looks_like_a_quote_is_kept(line: str) -> None:
    assert own_words(line) == line


@pytest.mark.parametrize(
    "broken", ["<!--" * 20_000, "<a " * 30_000, "&" * 90_000, "<div><blockquote type=cite>" * 3_000]
)
def test_a_page_made_to_take_long_is_given_up_soon(broken: str) -> None:
    text_of_html(broken)
