"""A text that tries to break out, or to keep the program busy for ever, gets nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from message_parts import clinic, speaking

from followup.care.people import ChannelName
from followup.errors import MessageError
from followup.messages import MessageLibrary
from followup.messages.template import View, fill_in, read_template

KNOWN = frozenset({"clinic", "phone", "name", "approved", "until", "parameter"})
BOMB = "10 ** 10 ** 10"
DEEP = " and approved" * 14

HIDDEN = [
    # Where a walk that stops too early would not look.
    f"{{% if ({BOMB}){DEEP} %}}a{{% endif %}}",
    f"{{% if (clinic * 99999999){DEEP} %}}a{{% endif %}}",
    "{% if " + "not " * 14 + "''.__class__.__mro__[1].__subclasses__() %}a{% endif %}",
    "{% if " + "(approved or " * 14 + "clinic.format(clinic)" + ")" * 14 + " %}a{% endif %}",
    "{% if approved %}" * 13 + "{{ clinic.__class__ }}" + "{% endif %}" * 13,
    "{% if approved %}a{% elif clinic.upper() %}b{% endif %}",
    "{% if approved %}a{% else %}{{ 7 * 7 }}{% endif %}",
    "{% if approved %}{% if not (phone or until.rest.__init__) %}a{% endif %}{% endif %}",
    "{# a #}{{ clinic.__init__ }}{# b #}",
    "{{ clinic if approved else clinic.__class__ }}",
]

REACHING = [
    # From a value to the interpreter.
    "{{ ''.__class__.__base__.__subclasses__()[104] }}",
    "{{ ().__class__.__bases__[0] }}",
    "{{ clinic.__class__.__mro__ }}",
    "{{ clinic['__class__'] }}",
    "{{ clinic['__cla' ~ 'ss__'] }}",
    "{{ clinic['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ clinic|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ clinic|map(attribute='__class__')|list }}",
    "{{ [clinic]|map('attr', '__class__')|first }}",
    "{{ clinic.format.__globals__ }}",
    "{{ '{0.__class__}'.format(clinic) }}",
    "{{ '%s' % clinic.__class__ }}",
    "{{ clinic.join.__self__.__class__ }}",
    "{{ until.rest.__class__ }}",
    "{{ until.__getitem__ }}",
    "{{ until['_values'] }}",
    "{{ parameter.__init__.__globals__ }}",
    "{{ until._values.clear() }}",
    "{{ approved.real.__class__ }}",
    "{{ approved.__class__.__bases__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.title() }}",
    "{{ loop }}",
    "{{ varargs }}",
    "{{ kwargs }}",
    "{{ undefined_name.__class__ }}",
    "{{ url_for.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ environment }}",
    "{{ context }}",
    "{{ resolve('os') }}",
    "{{ __builtins__ }}",
    "{{ __import__('os').system('id') }}",
    "{{ import_module }}",
    "{{ gettext('a') }}",
    "{{ _('a') }}",
    "{% trans %}a{% endtrans %}",
    "{% set clinic = phone %}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}",
    "{% set x %}a{% endset %}",
    "{% for c in until %}{{ c }}{% endfor %}",
    "{% for x in range(3) recursive %}{{ loop(range(3)) }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% import 'frame.email.html.j2' as f %}{{ f.x }}",
    "{% include ['a', '/etc/passwd'] %}",
    "{% extends '/etc/passwd' %}",
    "{% extends 'frame.email.html.j2' ~ '' %}",
    "{% block title scoped %}{{ clinic.x }}{% endblock %}",
    "{% continue %}",
    "{% break %}",
    "{{ clinic | e }}",
    "{{ clinic | tojson }}",
    "{{ clinic | format(1) }}",
    "{{ clinic | replace('a', 'b') }}",
    "{{ clinic is callable }}",
    "{{ clinic is sameas phone }}",
    "{{ clinic in phone }}",
    "{{ {'a': clinic} }}",
    "{{ (clinic, phone) }}",
    "{{ -approved }}",
    "{{ 7 * 7 }}",
    "{{ clinic % phone }}",
    "{{ clinic // 2 }}",
    "{{ clinic == phone and phone }}",
    "{{ none }}",
    "{{ true }}",
]

BOMBS = [
    f"{{{{ {BOMB} }}}}",
    f"{{% if {BOMB} %}}a{{% endif %}}",
    f"{{% if ({BOMB}){DEEP} %}}a{{% endif %}}",
    f"{{{{ {'9' * 15_000} }}}}",
    "{{ 'a' * 999999999 * 999 }}",
    "{{ 1 << 9999999999 }}",
    "{{ range(999999999999)|list }}",
    "{% for a in range(9999999) %}{% for b in range(9999999) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ clinic|center(999999999) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:999999999}'.format(1) }}",
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "{{ " + "(" * 9_000,
    "{{ " + "[" * 9_000 + "]" * 9_000 + " }}",
    "{{ " + "-" * 9_000 + "clinic }}",
    "{{ clinic" + "[0]" * 6_000 + " }}",
    "{{ clinic" + ".x" * 9_000 + " }}",
    "{{ clinic" + "|upper" * 3_000 + " }}",
    "{% if approved" + " and approved" * 1_500 + " %}a{% endif %}",
    "{% if " + "not " * 4_500 + "approved %}a{% endif %}",
    "{% if approved %}" + "{%elif name%}b" * 1_400 + "{% endif %}",
    "{% if name %}" * 700 + "{% endif %}" * 700,
    "{{ clinic }}" * 1_600,
    "{#" * 9_000,
    "{% raw %}" * 2_000,
    "{{ '" + "\\" * 19_000,
]

UNCHECKED = [
    # Should such a one ever get past the check, the engine itself still refuses.
    f"{{{{ {BOMB} }}}}",
    f"{{% if {BOMB} %}}a{{% endif %}}",
    "{{ 'a' * 999999999 }}",
    "{{ clinic * 999999999 }}",
    "{{ clinic + clinic }}",
    "{{ -1 }}",
    "{{ clinic.upper() }}",
    "{{ ''.__class__ }}",
    "{{ until.__class__ }}",
    "{{ clinic.format.__globals__ }}",
    "{{ range(9) }}",
    "{{ nobody }}",
    "{% include '/etc/passwd' %}",
]

LIFE = """
import json, signal, sys
from followup.errors import MessageError
from followup.messages.template import fill_in, read_template
bombs, unchecked, known = json.load(sys.stdin)
long = "b" * 200
values = {"clinic": long, "phone": "c", "name": "d", "approved": True, "until": {}}
for bomb in bombs + unchecked:
    signal.setitimer(signal.ITIMER_PROF, 2)  # seconds of work, whoever else works on this machine; then it dies
    faults = bomb in bombs and read_template("x.sms.j2", bomb, frozenset(known))[1]
    try:
        faults or fill_in("x.sms.j2", bomb, values)
    except MessageError:
        faults = ["refused while it was filled in"]
    print(bool(faults), flush=True)
"""


@pytest.mark.parametrize("source", [*HIDDEN, *REACHING], ids=range(len(HIDDEN) + len(REACHING)))
def test_a_text_that_reaches_for_more_than_its_names_is_refused_when_it_is_read(source: str) -> None:
    _, faults = read_template("kyphoplasty/en/day-1.sms.j2", source, KNOWN)
    assert faults
    assert all(fault.where.startswith("kyphoplasty/en/day-1.sms.j2") for fault in faults)


def test_a_text_made_to_keep_the_program_busy_is_refused_within_two_seconds_of_work() -> None:
    """Each bomb has a timer that would kill the process."""
    told = json.dumps([BOMBS, UNCHECKED, sorted(KNOWN)])
    ended = subprocess.run([sys.executable, "-c", LIFE], input=told, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["True"] * len(BOMBS + UNCHECKED)


@pytest.mark.parametrize("source", UNCHECKED)
def test_what_was_never_checked_ends_as_an_error_of_ours_when_it_is_filled_in(source: str) -> None:
    until = View({"rest": "Nov 1"})
    with pytest.raises(MessageError, match=r"^x\.sms\.j2: cannot be filled in"):
        fill_in("x.sms.j2", source, {"clinic": "Lakeside IR", "until": until})


@given(st.text(max_size=80))
@example("{{ phone }}")
@example("{% for x in range(9) %}a{% endfor %}")
@example("{{ clinic.__class__ }}{# #}{% raw %}")
@example("}}{{ phone }}{{")
def test_whatever_somebody_is_called_stands_in_the_text_as_it_is_and_is_never_read_as_a_text(name: str) -> None:
    assert fill_in("x.phone.j2", "Ask for {{ name }}.", {"name": name, "phone": "7"}) == f"Ask for {name}."


def test_a_part_of_a_text_in_two_values_is_not_put_together(folder: Path) -> None:
    """Neither value holds a whole placeholder, and side by side they are still words."""
    (folder / "kyphoplasty/en/day-1.email.txt.j2").write_text("{{ name }}{{ clinic }}", encoding="utf-8")
    library = MessageLibrary.load(folder, clinic(name="name }}"))
    said = library.render(speaking("day-1", channel=ChannelName.EMAIL, name="{{"))
    assert said.plain.strip() == "{{name }}"


def test_a_text_changes_nothing_that_the_next_text_reads(folder: Path) -> None:
    library = MessageLibrary.load(folder, clinic())
    until = {"rest": date(2026, 11, 1), "hard_effort": date(2026, 12, 11), "heavy_lifting": date(2026, 12, 11)}
    first = [library.render(speaking("day-1", until=until)).plain for _ in range(2)]
    assert first[0] == first[1]
    assert until == {
        "rest": date(2026, 11, 1),
        "hard_effort": date(2026, 12, 11),
        "heavy_lifting": date(2026, 12, 11),
    }


def test_the_reason_of_a_refusal_holds_no_value(folder: Path) -> None:
    (folder / "kyphoplasty/en/day-1.email.txt.j2").write_text("{{ name }}" * 900, encoding="utf-8")
    library = MessageLibrary.load(folder, clinic())
    with pytest.raises(MessageError) as refused:
        library.render(speaking("day-1", channel=ChannelName.EMAIL, name="Quillfeather" * 16))
    assert "Quillfeather" not in f"{refused.value}{refused.value.__cause__}"
