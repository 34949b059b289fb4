"""What a text may not do: nothing but fill in names."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from message_parts import clinic, speaking

from followup.care.people import ChannelName
from followup.errors import MessageError
from followup.messages import MessageLibrary
from followup.messages.template import clean, fill_in, read_template

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ clinic.__class__ }}",
    "{{ clinic.upper() }}",
    "{{ clinic.upper }}",
    "{{ clinic|upper }}",
    "{{ clinic|attr('__class__') }}",
    "{{ clinic|safe }}",
    "{{ clinic[0] }}",
    "{{ clinic[0:2] }}",
    "{{ until['heavy_lifting'] }}",
    "{{ until.heavy_lifting.year }}",
    "{{ until.__class__ }}",
    "{{ until._values }}",
    "{{ until }}",
    "{{ parameter }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ config }}",
    "{{ request.application.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner }}",
    "{{ namespace() }}",
    "{{ dict() }}",
    "{{ range(9) }}",
    "{{ [].append(1) }}",
    "{{ 'a' * 100000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ clinic ~ clinic }}",
    "{{ clinic + clinic }}",
    "{{ 'a' }}",
    "{{ 1 if clinic else 2 }}",
    "{{ clinic == phone }}",
    "{{ clinic is defined }}",
    "{{ caller() }}",
    "{{ super() }}",
    "{% for x in range(99999999) %}a{% endfor %}",
    "{% for x in clinic %}{{ x }}{% endfor %}",
    "{% set a = clinic %}",
    "{% macro m() %}a{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% include 'x' %}",
    "{% include '/etc/passwd' ignore missing %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends '../../../etc/passwd' %}",
    "{% extends clinic %}",
    "{% block body %}{% endblock %}",
    "{% filter upper %}a{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape false %}{{ clinic }}{% endautoescape %}",
    "{% if clinic == 'a' %}{% endif %}",
    "{% if clinic.startswith('a') %}{% endif %}",
    "{% if 10 ** 10 ** 10 %}{% endif %}",
    "{% raw %}{{ clinic }}",
    "{% debug %}",
    "{% do clinic %}",
    "{{ clinic",
    "{{ nobody }}",
    "{{ until.lifting }}",
    "{{ parameter.shoes }}",
    "{{ name }}",
    "{% if approved %}" * 40 + "{% endif %}" * 40,
    "{% if " + "not " * 5000 + "approved %}{% endif %}",
    "{{ " + "(" * 3000 + "clinic" + ")" * 3000 + " }}",
]


@pytest.mark.parametrize("source", ESCAPES, ids=range(len(ESCAPES)))
def test_a_text_that_would_do_more_is_refused_when_it_is_loaded(folder: Path, source: str) -> None:
    (folder / "kyphoplasty/en/day-1.sms.j2").write_text(source, encoding="utf-8")
    with pytest.raises(MessageError) as refused:
        MessageLibrary.load(folder, clinic())
    assert all(fault.where.startswith("kyphoplasty/en/day-1.sms.j2") for fault in refused.value.faults)


@pytest.mark.parametrize(
    "source",
    [
        "{% extends 'frame.email.html.j2' %}{% extends 'frame.email.html.j2' %}",
        "{% extends 'frame.email.txt.j2' %}",
        "{% extends 'frame.email.html.j2' %}{% block body %}{% endblock %}{% block body %}{% endblock %}",
        "{% extends 'frame.email.html.j2' %}{% block scripts %}{% endblock %}",
        "{% extends 'frame.email.html.j2' %}Never seen",
        "{% extends 'frame.email.html.j2' %}{{ clinic }}",
        "{% if approved %}{% extends 'frame.email.html.j2' %}{% endif %}",
    ],
)
def test_a_mail_uses_its_frame_in_one_way_only(folder: Path, source: str) -> None:
    (folder / "kyphoplasty/en/day-1.email.html.j2").write_text(source, encoding="utf-8")
    with pytest.raises(MessageError):
        MessageLibrary.load(folder, clinic())


def test_and_or_not_else_and_elif_are_allowed() -> None:
    source = "{% if approved and not name %}a{% elif name or approved %}b{% else %}c{% endif %}"
    uses, faults = read_template("shared/en/x.phone.j2", source, frozenset({"approved", "name"}))
    assert faults == []
    assert uses.optional
    assert fill_in("x.phone.j2", source, {"approved": False, "name": "Maria"}) == "b"


def test_every_fault_of_a_text_is_told_with_its_line() -> None:
    _, faults = read_template(
        "x.sms.j2", "{{ nobody }}\n{% set a = 1 %}\n{{ clinic|upper }}", frozenset({"clinic"})
    )
    assert [fault.where for fault in faults] == ["x.sms.j2: line 1", "x.sms.j2: line 2", "x.sms.j2: line 3"]


def test_a_text_that_fills_more_than_a_message_may_hold_is_not_sent(folder: Path) -> None:
    (folder / "kyphoplasty/en/day-1.sms.j2").write_text("{{ clinic }} " * 1000, encoding="utf-8")
    library = MessageLibrary.load(folder, clinic())
    with pytest.raises(MessageError, match="fills more than 1,600 characters"):
        library.render(speaking("day-1"))


def test_a_file_larger_than_any_text_is_not_read(folder: Path) -> None:
    (folder / "kyphoplasty/en/day-1.sms.j2").write_text("a" * 20_001, encoding="utf-8")
    with pytest.raises(MessageError, match="is larger than 20,000 bytes"):
        MessageLibrary.load(folder, clinic())


def test_a_value_is_never_read_as_a_template(folder: Path) -> None:
    library = MessageLibrary.load(folder, clinic(name="{{ phone }}{% if %}"))
    assert library.render(speaking("day-1")).plain.startswith("{{ phone }}{% if %}: Keep")
    mail = library.render(speaking("day-1", channel=ChannelName.EMAIL, name="{{ clinic }}"))
    assert "Hello {{ clinic }}," in mail.plain


def test_a_value_in_a_page_is_escaped(folder: Path) -> None:
    library = MessageLibrary.load(folder, clinic())
    mail = library.render(speaking("day-1", channel=ChannelName.EMAIL, name="<b>O'Neil & Co</b>"))
    assert "&lt;b&gt;O&#39;Neil &amp; Co&lt;/b&gt;" in mail.html
    assert "<b>O'Neil & Co</b>" in mail.plain


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\u2028", "\u2029", "\x00", "\x1b", "\u202e", "\u200b", "\x85"])
def test_a_line_break_or_control_character_in_a_value_becomes_a_space(folder: Path, break_: str) -> None:
    assert clean(f" Ana{break_}Maria ") == "Ana Maria"
    library = MessageLibrary.load(folder, clinic(name=f"Lakeside{break_}IR"))
    mail = library.render(speaking("day-1", channel=ChannelName.EMAIL, name=f"Ana{break_}Maria"))
    assert mail.subject == "A message from Lakeside IR"
    assert "Hello Ana Maria," in mail.plain


def test_a_value_of_endless_length_is_refused_without_repeating_it() -> None:
    with pytest.raises(MessageError, match="longer than 200 characters") as refused:
        clean("Q" * 201)
    assert "QQ" not in str(refused.value)


def test_a_date_that_nobody_knows_is_an_error_where_it_is_told_and_false_where_it_is_asked(folder: Path) -> None:
    library = MessageLibrary.load(folder, clinic())
    with pytest.raises(MessageError, match="heavy_lifting"):
        library.render(speaking("day-1", until={}))
    source = "{% if until.rest %}{{ until.rest }}{% else %}none{% endif %}"
    (folder / "kyphoplasty/en/day-1.sms.j2").write_text(source, encoding="utf-8")
    library = MessageLibrary.load(folder, clinic())
    assert library.render(speaking("day-1", until={})).plain == "none"
    assert library.render(speaking("day-1", until={"rest": date(2026, 1, 2)})).plain == "Jan 2"


def test_curly_quotes_and_dashes_are_sent_as_plain_ones(folder: Path) -> None:
    (folder / "kyphoplasty/en/day-1.sms.j2").write_text("Don\u2019t lift \u2013 wait\u2026", encoding="utf-8")
    library = MessageLibrary.load(folder, clinic())
    assert library.render(speaking("day-1")).plain == "Don't lift - wait..."
