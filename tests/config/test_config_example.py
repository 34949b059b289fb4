"""config.example.toml: complete, true, found in a wheel and in a checkout, and what `init` writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest

from followup.config import Answers, Config, example_config, find_config, load_config, write_config
from followup.config.find import example_path
from followup.config.load import load_without_secrets
from followup.config.sections import Settings
from followup.errors import ConfigError
from followup.toml_file import TomlTable

WEEK = ("monday", "tuesday", "wednesday", "thursday")

LAKESIDE = Answers(
    clinic_name="Lakeside IR",
    office_phone="214-555-0100",
    after_hours_phone="214-555-0199",
    hours={**dict.fromkeys(WEEK, "08:00-12:00, 13:00-17:00"), "friday": "08:00-16:00", "saturday": "closed"},
    holidays=[date(2026, 12, 25), date(2026, 11, 26), date(2027, 1, 1)],
    zone="America/Chicago",
    staff=[("Pat Rivera", "214-555-0123", "pat.rivera@clinic.example.org"), ("Sam Lee", "214-555-0124", "")],
    account_sid="AC" + "0" * 32,
    sms_sender="214-555-0142",
    mail_server="smtp.example.org",
    mail_port=587,
    mail_user="followup@clinic.example.org",
    sender_address="followup@clinic.example.org",
)


def example_text() -> str:
    return example_path().read_text(encoding="utf-8")


def _settings(model: type[TomlTable], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, UnionType):  # of an optional table, the table
            inner = get_args(inner)[0]
        if isinstance(inner, type) and issubclass(inner, TomlTable):
            yield from _settings(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _shown() -> dict[str, str]:
    """Every setting of the example, commented out or not, with its line."""
    table, found = "", {}
    for line in example_text().splitlines():
        if header := re.fullmatch(r"(?:# )?\[([a-z_.]+)\]", line):
            table = header[1]
        elif setting := re.match(r"(?:# )?([a-z_0-9]+) = ", line):
            found[f"{table}.{setting[1]}"] = line
    return found


def test_the_example_loads_and_is_no_real_clinic() -> None:
    config = example_config()
    assert config.clinic.name == "Lakeside IR"
    assert config.practice({}).staffed.holidays == {date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1)}
    assert config.messages is None
    assert not config.on_loopback
    numbers = re.findall(r"\d{3}-\d{3}-\d{4}", example_text())
    assert numbers
    assert all(re.fullmatch(r"\d{3}-555-01\d\d", number) for number in numbers)
    domains = re.findall(r"@([\w.]+)", example_text())
    assert domains
    assert all(domain.rstrip(".").endswith("example.org") for domain in domains)


def test_the_example_shows_every_setting_there_is() -> None:
    wanted = set(_settings(Settings)) - {"parameters"}
    shown = set(_shown())
    assert {name for name in shown if not name.startswith("parameters.")} == wanted
    assert shown - wanted == {"parameters.kyphoplasty.en.driving"}


@pytest.mark.parametrize("setting", [name for name, line in _shown().items() if line.startswith("# ")])
def test_a_setting_shown_commented_out_is_right_when_it_is_switched_on(tmp_path: Path, setting: str) -> None:
    """And where it has a default, the line shows that default."""
    line = _shown()[setting]
    text = example_text().replace(f"{line}\n", f"{line.removeprefix('# ')}\n", 1)
    if setting == "twilio.messaging_service":
        text = text.replace("sender_number = ", "# sender_number = ")
    if setting.startswith("parameters."):
        text = text.replace("# [parameters.", "[parameters.")
    if setting.startswith("mailbox."):
        text = _with_mailbox(text, setting)
    path = tmp_path / "config.example.toml"
    path.write_text(text)
    switched_on = load_without_secrets(path)
    has_no_default = {
        "twilio.messaging_service",
        "twilio.api_key",
        "twilio.segments_per_second",
        "smtp.mails_per_second",
        "smtp.ca_file",
        "smtp.sender_name",
        "smtp.reply_to",
        "smtp.unsubscribe_address",
        *(name for name in _shown() if name.startswith("mailbox.")),
        "parameters.kyphoplasty.en.driving",
        "clinic.on_call.people",
        "daemon.ping_url",
        "trial.allow",
    }
    assert (_values(switched_on) == _values(example_config())) is (setting not in has_no_default)


def _with_mailbox(text: str, setting: str) -> str:
    """The table switched on, and the two settings without which the others mean nothing."""
    needed = () if setting == "mailbox.maildir" else ("mailbox.host", "mailbox.username")
    for line in ("# [mailbox]", *(_shown()[name] for name in needed)):
        text = text.replace(f"{line}\n", f"{line.removeprefix('# ')}\n", 1)
    return text


def test_the_examples_mailbox_shows_the_defaults(clinic: Any) -> None:
    clinic.set("mailbox", {"host": "imap.example.org", "username": "nurses@clinic.example.org"})
    clinic.secret("mailbox_password", "x")
    plain = clinic.load().mailbox
    clinic.set("mailbox.port", 993)
    clinic.set("mailbox.security", "tls")
    clinic.set("mailbox.folder", "INBOX")
    assert clinic.load().mailbox == plain
    shown = {name: line for name, line in _shown().items() if name.startswith("mailbox.")}
    assert [shown[f"mailbox.{key}"] for key in ("port", "security", "folder")] == [
        "# port = 993",
        '# security = "tls"',
        '# folder = "INBOX"',
    ]


def _values(config: Config) -> list[object]:
    return [
        config.clinic,
        config.window,
        config.caps,
        config.twilio,
        config.smtp,
        config.mailbox,
        config.parameters,
        config.database_url.rpartition("/")[2],
        config.daemon,
        config.trial_allowed,
        config.pain,
    ]


def test_what_init_writes_for_the_examples_answers_is_the_example() -> None:
    assert write_config(LAKESIDE) == example_text()


def test_what_init_writes_is_read_back_as_answered(clinic: Any) -> None:
    clinic.text(
        write_config(
            Answers(
                clinic_name='Dr. "Spine" \\ O\'Hara',
                office_phone="(512) 555-0100",
                after_hours_phone="+1 512 555 0101",
                hours={"monday": "07:30-15:30", "sunday": "12:00-16:00"},
                holidays=[],
                zone="America/Denver",
                staff=[],
                account_sid="AC" + "a" * 32,
                sms_sender="MG" + "b" * 32,
                mail_server="127.0.0.1",
                mail_port=2525,
                mail_user="",
                sender_address="care@spine.example.org",
                mail_security="plain",
                sms_base_url="http://127.0.0.1:8025",
            )
        )
    )
    config = clinic.load()
    assert config.clinic.name == 'Dr. "Spine" \\ O\'Hara'
    assert config.clinic.phone == "(512) 555-0100"
    assert (config.clinic.holidays, config.clinic.staff) == (frozenset(), ())
    assert [day for day, hours in config.staffed.hours.items() if hours] == [0, 6]
    assert (config.twilio.sender_number, config.twilio.messaging_service) == (None, "MG" + "b" * 32)
    assert config.smtp_login is None
    assert config.on_loopback
    assert "# username = " in clinic.path.read_text()


def test_an_answer_cannot_smuggle_a_setting_into_the_file(clinic: Any) -> None:
    """A quotation mark, a line break or a bracket in an answer stays inside its own value."""
    smuggled = 'x"\nbase_url = "http://evil.example.org"\n[twilio]\nx = "'
    answers = {field: getattr(LAKESIDE, field) for field in LAKESIDE.__dataclass_fields__}
    clinic.text(write_config(Answers(**{**answers, "clinic_name": smuggled, "mail_user": smuggled})))
    assert set(clinic.faults()) == {"config.toml: clinic.name", "config.toml: smtp.username"}


def _run(code: str, *, cwd: Path, environ: dict[str, str] | None = None) -> str:
    """What a fresh Python prints: the working directory and the environment are its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(example_path().parent), **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_installed_package_has_its_example_inside(tmp_path: Path) -> None:
    """Laid out as a wheel lays it out: only the package, the example within it under another name."""
    package = example_path().parent / "followup"
    shutil.copytree(package, tmp_path / "followup", ignore=shutil.ignore_patterns("__pycache__", "_*.toml"))
    shutil.copy(example_path(), tmp_path / "followup" / "_config.example.toml")
    code = (
        "import followup.config as c, followup.config.find as f; "
        "print(f.example_path(), c.example_config().clinic.name)"
    )
    printed = _run(code, cwd=tmp_path, environ={"PYTHONPATH": str(tmp_path)})
    assert printed == f"{tmp_path}/followup/_config.example.toml Lakeside IR"
    (tmp_path / "followup" / "_config.example.toml").unlink()
    code = "import followup.config as c\ntry: c.example_config()\nexcept c.find.ConfigError as error: print(error)"
    printed = _run(code, cwd=tmp_path, environ={"PYTHONPATH": str(tmp_path)})
    assert printed == "config.example.toml: is missing from this installation; install followup anew"


def test_a_checkout_has_its_example_at_the_top() -> None:
    assert example_path() == Path(__file__).parents[2] / "config.example.toml"


def test_the_named_configuration_is_taken_and_never_another_in_its_place(clinic: Any, tmp_path: Path) -> None:
    environ = {"FOLLOWUP_CONFIG": str(clinic.path)}
    assert find_config(clinic.path, {}) == clinic.path
    assert find_config(None, environ) == clinic.path
    with pytest.raises(ConfigError, match=r"^the configuration you named: there is no file .*`followup init`"):
        find_config(tmp_path / "other.toml", environ)
    with pytest.raises(ConfigError, match=r"^\$FOLLOWUP_CONFIG: there is no file .*`followup init`"):
        find_config(None, {"FOLLOWUP_CONFIG": str(tmp_path / "other.toml")})


def test_the_working_folder_comes_before_the_users_own_configuration(tmp_path: Path) -> None:
    own = tmp_path / "home" / ".config" / "followup" / "config.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    here = tmp_path / "here"
    here.mkdir()
    code = "from followup.config import find_config; print(find_config(None))"
    environ = {"HOME": str(tmp_path / "home")}
    assert _run(code, cwd=here, environ=environ) == str(own)
    (here / "config.toml").touch()
    assert _run(code, cwd=here, environ=environ) == "config.toml"


def test_who_has_no_configuration_is_told_how_to_make_one(tmp_path: Path) -> None:
    code = (
        "from followup.config import find_config\nfrom followup.errors import ConfigError\n"
        "try: print(find_config(None))\nexcept ConfigError as error: print(error)"
    )
    # It would be found, rightly; and nobody's own file is moved away for a test.
    if Path("/etc/followup/config.toml").exists():
        pytest.skip("this machine has a configuration for all its users")
    printed = _run(code, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert printed == (
        f"config.toml: there is none (config.toml, {tmp_path}/.config/followup/config.toml, "
        "/etc/followup/config.toml); `followup init` makes one"
    )


def test_the_example_as_it_stands_becomes_a_configuration_with_secrets(clinic: Any) -> None:
    clinic.text(example_text())
    assert load_config(clinic.path, {}).secrets.keys.current == "k1"
