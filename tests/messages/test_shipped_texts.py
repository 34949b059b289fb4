"""Every text that ships, in both languages, as a patient or caregiver would read it."""

from __future__ import annotations

import re
import shutil
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from message_parts import FIGURES, UNTIL, clinic, faults, notices, practice, speaking

from followup.care.people import ChannelName, Role
from followup.care.response import CONFIRMS_A_STOP, Answer
from followup.messages import MessageLibrary, Opening, Speaking, find_messages_folder, segments
from followup.messages.check import sentences

SHIPPED = MessageLibrary.load(find_messages_folder(), clinic(figures=FIGURES))


def readers(channel: ChannelName) -> list[Speaking]:
    return [
        Speaking(plan, step.key, language, role, channel, UNTIL, "Maria")
        for plan, care in SHIPPED.plans.items()
        for language in SHIPPED.languages(plan)
        for step in care.steps
        if channel in step.channels
        for role in Role
        if channel is not ChannelName.PHONE or role is Role.PATIENT
    ]


def said(reader: Speaking) -> str:
    return f"{reader.plan}-{reader.step}-{reader.language}-{reader.role}"


TEXTS = pytest.mark.parametrize("reader", readers(ChannelName.SMS), ids=said)
MAILS = pytest.mark.parametrize("reader", readers(ChannelName.EMAIL), ids=said)
CALLS = pytest.mark.parametrize("reader", readers(ChannelName.PHONE), ids=said)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> MessageLibrary:
    """The shipped texts with every figure given and everything signed."""
    folder = Path(shutil.copytree(find_messages_folder(), tmp_path_factory.mktemp("signed") / "messages"))
    library = MessageLibrary.load(folder, clinic(figures=FIGURES))
    for plan in library.plans:
        for language in library.languages(plan):
            library.approve(plan, language, by="Dr. Example", on=date(2026, 11, 22))
    return library


def test_the_shipped_folder_has_no_fault(folder: Path) -> None:
    assert faults(folder, clinic(figures=FIGURES)) == []
    assert faults(folder, clinic(name="Lakeside IR", phone="214-555-0100")) == []


def test_figures_the_clinic_has_not_given_are_told_as_notices(folder: Path) -> None:
    told = [line for line in notices(folder) if "parameters.kyphoplasty" in line]
    assert len(told) == 8
    assert all("is not set" in line for line in told)


@TEXTS
def test_a_text_is_one_plain_segment_with_a_clinic_name_of_20_letters(
    reader: Speaking, signed: MessageLibrary
) -> None:
    for library in (SHIPPED, signed):
        cost = segments(library.render(reader).plain)
        assert (cost.count, cost.encoding, cost.forced_by) == (1, "GSM-7", ())


@TEXTS
def test_a_text_says_who_writes_whom_to_call_911_and_how_to_stop(reader: Speaking, signed: MessageLibrary) -> None:
    for library in (SHIPPED, signed):
        text = library.render(reader).plain
        assert text.startswith("Twenty-letter clinic: ")
        assert all(word in text for word in ("(214) 555-0100", "911", "STOP"))


@TEXTS
def test_a_text_never_makes_a_ceiling_of_a_date_and_never_names_the_patient(
    reader: Speaking, signed: MessageLibrary
) -> None:
    for library in (SHIPPED, signed):
        text = library.render(reader).plain
        assert not re.search(r"\b(until|till|hasta|Maria)\b", text)
        assert "in six weeks" not in text
        assert "en seis semanas" not in text


@TEXTS
def test_a_sentence_of_a_text_has_12_words_at_most(reader: Speaking, signed: MessageLibrary) -> None:
    for library in (SHIPPED, signed):
        for sentence in sentences(library.render(reader).plain, "Twenty-letter clinic"):
            assert len(sentence.split()) <= 12, sentence


@MAILS
def test_a_mail_says_everything_in_plain_text_and_nothing_of_health_in_its_subject(
    reader: Speaking, signed: MessageLibrary
) -> None:
    for library in (SHIPPED, signed):
        mail = library.render(reader)
        for part in (mail.plain, mail.html):
            assert all(
                word in part
                for word in ("Twenty-letter clinic", "(214) 555-0100", "(214) 555-0199", "911", "STOP")
            )
        assert mail.subject.endswith("Twenty-letter clinic")
        assert not re.search(r"(?i)pain|kypho|spine|dolor|columna|heavy|rest\b", mail.subject)


@MAILS
def test_a_page_is_readable_on_a_phone_and_in_the_dark_and_brings_nothing_from_elsewhere(reader: Speaking) -> None:
    page = SHIPPED.render(reader).html
    assert f'<html lang="{reader.language}">' in page
    assert 'name="color-scheme" content="light dark"' in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport" content="width=device-width' in page
    assert 'href="tel:+12145550100"' in page
    assert all(int(size) >= 18 for size in re.findall(r"font-size:(\d+)px", page))
    assert not re.search(r"(?i)<img|<script|<link|https?:|url\(", page)


@MAILS
def test_the_plain_and_the_html_part_say_the_same(reader: Speaking, signed: MessageLibrary) -> None:
    for library in (SHIPPED, signed):
        mail = library.render(reader)
        body = re.sub(r"(?s)<head>.*?</head>|<[^>]+>", " ", mail.html)
        assert re.findall(r"\w+", body) == re.findall(r"\w+", mail.plain)


@MAILS
def test_a_mail_that_asks_wants_a_call_and_warns_against_answering_by_mail(reader: Speaking) -> None:
    step = SHIPPED.plans[reader.plan].step(reader.step)
    if step.asks or step.nudges:
        words = SHIPPED.render(reader).plain
        assert (
            "Do not answer by e-mail if it is urgent: call." in words or "no responda por correo: llame." in words
        )
        assert words.count("(214) 555-0100") == 2


@CALLS
def test_a_call_script_names_the_patient_checks_the_birth_date_and_tells_the_number(reader: Speaking) -> None:
    script = SHIPPED.render(reader).plain
    assert "Maria" in script
    assert "birth date" in script or "fecha de nacimiento" in script
    assert "(214) 555-0100" in script
    assert "911" in script


def test_the_going_home_text_says_only_what_needs_no_signature() -> None:
    assert SHIPPED.render(speaking("going-home")).plain == (
        "Twenty-letter clinic: Rest today and tomorrow. No heavy lifting or hard effort. "
        "Call (214) 555-0100. Emergency: 911. STOP=end"
    )


def test_a_date_is_told_as_a_floor_in_both_languages() -> None:
    assert "No heavy lifting before Dec 11 at least." in SHIPPED.render(speaking("day-1")).plain
    assert "No cargue peso antes del 11 dic al menos." in SHIPPED.render(speaking("day-1", "es")).plain
    mail = SHIPPED.render(speaking("day-1", "es", channel=ChannelName.EMAIL))
    assert "antes del 11 de diciembre" in mail.plain


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("role", Role)
def test_the_six_weeks_text_asks_before_lifting_and_never_allows_it(language: str, role: Role) -> None:
    for channel in (ChannelName.SMS, ChannelName.EMAIL):
        words = SHIPPED.render(speaking("six-weeks", language, role, channel, until={})).plain.lower()
        assert "ask us before" in words or "pregunte antes" in words or "pregúntenos antes" in words
        assert not re.search(r"you may lift|can lift|may now|ya puede|puede levantar|puede cargar", words)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_caregiver_is_written_to_about_the_person_they_care_for(language: str) -> None:
    phrase = {"en": "person you care for", "es": "persona que cuida"}[language]
    for step in ("welcome", "going-home", "day-1", "pain-check", "activity", "two-weeks", "six-weeks"):
        assert phrase in SHIPPED.render(speaking(step, language, Role.CAREGIVER)).plain
        assert phrase not in SHIPPED.render(speaking(step, language)).plain


def test_the_welcome_counts_the_texts_of_its_own_plan() -> None:
    assert "about 8 care texts over 6 weeks" in SHIPPED.render(speaking("welcome")).plain
    other = Speaking("example-port-placement", "welcome", "en", Role.PATIENT, ChannelName.SMS, {})
    assert "about 3 care texts over 2 weeks" in SHIPPED.render(other).plain
    assert "HELP" in SHIPPED.render(other).plain


CENTRAL = ZoneInfo("America/Chicago")
SATURDAY = datetime(2026, 10, 31, 22, 10, tzinfo=CENTRAL)
OPENINGS = {"open": None, "closed": Opening(datetime(2026, 11, 2, 8, 30, tzinfo=CENTRAL), SATURDAY)}

ANSWERS = pytest.mark.parametrize("answer", list(Answer))
HOURS = pytest.mark.parametrize("hours", list(OPENINGS))
LANGUAGES = pytest.mark.parametrize("language", ["en", "es"])


@LANGUAGES
@ANSWERS
@HOURS
def test_an_answer_names_clinic_phone_and_911_in_one_segment_of_short_sentences(
    language: str, answer: Answer, hours: str
) -> None:
    text = SHIPPED.answer(language, answer, OPENINGS[hours]).plain
    assert (segments(text).count, segments(text).encoding) == (1, "GSM-7")
    assert text.startswith("Twenty-letter clinic: ")
    assert all(word in text for word in ("(214) 555-0100", "911"))
    assert ("STOP" in text) is (answer not in CONFIRMS_A_STOP)
    assert all(len(sentence.split()) <= 12 for sentence in sentences(text, "Twenty-letter clinic"))


@LANGUAGES
@ANSWERS
@HOURS
def test_an_answer_never_reassures_advises_or_promises(language: str, answer: Answer, hours: str) -> None:
    text = SHIPPED.answer(language, answer, OPENINGS[hours]).plain
    assert not re.search(
        r"(?i)normal|\bfine\b|\bgood\b|\bok\b|expected|nothing to worry|rest\b|medicine|will call|don't call"
        r"|bien\b|esperado|no se preocupe|descanse|medicina|le llamaremos|https?:",
        text,
    )


@LANGUAGES
def test_only_the_answer_to_a_suicidal_text_names_988(language: str) -> None:
    named = {answer for answer in Answer if "988" in SHIPPED.answer(language, answer, None).plain}
    assert named == {Answer.SUICIDE}


def test_while_the_clinic_is_closed_an_answer_says_when_it_opens_and_who_answers_meanwhile() -> None:
    for language, opens in (("en", "Mon 8:30 am"), ("es", "lun 8:30")):
        for answer in (Answer.RECEIVED, Answer.CALL_US):
            closed = SHIPPED.answer(language, answer, OPENINGS["closed"]).plain
            assert opens in closed
            assert "(214) 555-0199" in closed
            assert opens not in SHIPPED.answer(language, answer, None).plain


def test_an_opening_further_ahead_than_a_weekday_can_tell_is_said_with_its_date() -> None:
    far = Opening(datetime(2026, 11, 9, 8, 0, tzinfo=CENTRAL), SATURDAY)
    assert "Nov 9 8 am" in SHIPPED.answer("en", Answer.RECEIVED, far).plain


def test_a_mail_is_answered_without_a_word_that_only_texts_know() -> None:
    mail = SHIPPED.answer("en", Answer.RECEIVED, None, texting=False)
    assert "STOP" not in mail.plain
    assert mail.subject == "A message from Twenty-letter clinic"


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("restriction", sorted(UNTIL))
def test_a_correction_tells_the_new_date_in_one_segment(language: str, restriction: str) -> None:
    text = SHIPPED.correction(language, restriction, UNTIL["hard_effort"]).plain
    assert segments(text).count == 1
    assert ("before Dec 11 at least" if language == "en" else "antes del 11 dic al menos") in text


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_consent_script_tells_the_risk_the_rates_how_often_and_how_to_stop(language: str) -> None:
    script = SHIPPED.consent_script("kyphoplasty", language)
    wanted = {
        "en": ("not encrypted", "data rates", "about 8 messages over 6 weeks", "STOP", "HELP", "911"),
        "es": ("no están cifrados", "cargos", "unos 8 mensajes en 6 semanas", "STOP", "HELP", "911"),
    }
    assert all(words in script for words in wanted[language])


def test_every_step_of_the_shipped_plan_can_be_reached_by_a_clinic_open_on_weekdays() -> None:
    # The nudge of a Friday's question would come after the weekend, when the question is closed: a person calls.
    told = [f.what for f in SHIPPED.check("kyphoplasty", practice(SHIPPED)) if "plan.toml" in f.where]
    assert told == ["is never sent after a procedure on Wednesday"]


def test_the_shipped_plan_holds_the_limits_and_steps_of_six_weeks() -> None:
    plan = SHIPPED.plans["kyphoplasty"]
    assert {r.key: r.days for r in plan.restrictions} == {"rest": 2, "hard_effort": 42, "heavy_lifting": 42}
    assert [s.key for s in plan.steps] == [
        "welcome", "going-home", "day-1", "pain-check", "pain-check-nudge", "activity",
        "two-weeks", "four-weeks", "six-weeks",
    ]  # fmt: skip
    assert {s.key for s in plan.steps if s.critical} == {
        "going-home", "day-1", "pain-check", "activity", "six-weeks",
    }  # fmt: skip


def test_the_example_plan_says_that_it_is_one() -> None:
    assert SHIPPED.plans["example-port-placement"].example
    assert not SHIPPED.plans["kyphoplasty"].example
    assert SHIPPED.languages("example-port-placement") == ("en",)


def test_nothing_ships_signed() -> None:
    assert not SHIPPED.approved("kyphoplasty", "en")
    assert SHIPPED.never_approved("kyphoplasty", "es") == SHIPPED.unapproved("kyphoplasty", "es")
