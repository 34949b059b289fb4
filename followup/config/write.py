"""A new config.toml from the answers of `followup init`: the example that ships, with the clinic's own values.

The example is the only text, so that what `init` writes and what the documentation shows cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import tomli_w

from followup.config.find import example_path
from followup.config.hours import WEEKDAYS

_TABLE = re.compile(r"(?:# )?\[([a-z_.-]+)\]")
_SETTING = re.compile(r"(?:# )?([a-z_0-9]+) = ")


@dataclass(frozen=True, slots=True)
class Answers:
    """What `followup init` asks.

    `hours` by weekday (`monday`) as `stretches` reads them; `staff` as (name, phone, e-mail), either may be empty;
    `sms_sender` is a number or a Messaging Service (`MG…`); an empty `mail_user` means that the server wants none;
    an empty `mail_security` or `sms_base_url` leaves the default.
    """

    clinic_name: str
    office_phone: str
    after_hours_phone: str
    hours: Mapping[str, str]
    holidays: Sequence[date]
    zone: str
    staff: Sequence[tuple[str, str, str]]
    account_sid: str
    sms_sender: str
    mail_server: str
    mail_port: int
    mail_user: str
    sender_address: str
    mail_security: str = ""
    sms_base_url: str = ""


def write_config(answers: Answers) -> str:
    """The text of a new config.toml, commented like the example; load_config says what is wrong with it."""
    lines = example_path().read_text(encoding="utf-8").splitlines()
    return "\n".join(_answered(lines, _values(answers))) + "\n"


def _values(answers: Answers) -> dict[tuple[str, str], str]:
    """What stands behind `=` for each setting that was answered, by table and key; empty: left out."""
    service = answers.sms_sender.startswith("MG")
    typed = {
        ("clinic", "name"): answers.clinic_name,
        ("clinic", "phone"): answers.office_phone,
        ("clinic", "after_hours_phone"): answers.after_hours_phone,
        ("clinic", "zone"): answers.zone,
        ("twilio", "account_sid"): answers.account_sid,
        ("twilio", "sender_number"): "" if service else answers.sms_sender,
        ("twilio", "messaging_service"): answers.sms_sender if service else "",
        ("twilio", "base_url"): answers.sms_base_url,
        ("smtp", "host"): answers.mail_server,
        ("smtp", "security"): answers.mail_security,
        ("smtp", "username"): answers.mail_user,
        ("smtp", "sender_address"): answers.sender_address,
    }
    return {
        **{place: _text(value) if value else "" for place, value in typed.items()},
        ("smtp", "port"): str(answers.mail_port),
        ("clinic", "holidays"): _list(day.isoformat() for day in sorted(answers.holidays)),
        ("clinic", "staff"): _list(map(_person, answers.staff)),
        **{("clinic.hours", day): _hours(answers.hours.get(day, "")) for day in WEEKDAYS},
    }


def _text(value: str) -> str:
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip()


def _list(entries: Iterable[str]) -> str:
    inside = "".join(f"  {entry},\n" for entry in entries)
    return f"[\n{inside}]" if inside else "[]"


def _person(person: tuple[str, str, str]) -> str:
    named = zip(("name", "phone", "email"), person, strict=True)
    return "{ " + ", ".join(f"{key} = {_text(value)}" for key, value in named if value) + " }"


def _hours(typed: str) -> str:
    parts = [part.strip() for part in typed.split(",") if part.strip() not in {"", "closed"}]
    return _text(parts[0]) if len(parts) == 1 else f"[{', '.join(map(_text, parts))}]"


def _answered(lines: Iterable[str], values: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """The example's lines with these values in place of its own; a setting without a value is commented out."""
    table, inside_list = "", False
    for line in lines:
        if inside_list:
            inside_list = line != "]"
            continue
        if header := _TABLE.fullmatch(line):
            table = header[1]
        setting = _SETTING.match(line)
        value = values.get((table, setting[1])) if setting else None
        if setting is None or value is None:
            yield line
        elif value:
            inside_list = line.endswith("[")
            yield f"{setting[1]} = {value}"
        else:
            yield line if line.startswith("# ") else f"# {line}"
