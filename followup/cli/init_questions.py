"""The ten questions of `followup init`, none of them clinical; or the same answers as JSON on standard input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import click
from pydantic import BaseModel

from followup import addresses
from followup.cli import ask
from followup.cli.week import week
from followup.config import Answers
from followup.config.sections import Clinic, Smtp, Twilio
from followup.errors import InputError
from followup.toml_file import TomlTable, fit

TLS_PORT, STARTTLS_PORT = 465, 587

EXAMPLE = """\
{
  "clinic_name": "Lakeside IR",
  "office_phone": "214-555-0100",
  "after_hours_phone": "214-555-0199",
  "hours": "mon-fri 08:00-12:00 13:00-17:00, sun 12:00-16:00",
  "holidays": ["2026-12-25"],
  "zone": "America/Chicago",
  "staff": [{"name": "Pat Rivera", "phone": "214-555-0123", "email": "pat@clinic.example.org"}],
  "account_sid": "AC00000000000000000000000000000000",
  "sms_sender": "214-555-0142",
  "mail_server": "smtp.example.org",
  "mail_port": 587,
  "mail_user": "followup@clinic.example.org",
  "sender_address": "followup@clinic.example.org",
  "twilio_auth_token": "may be left out and put into secrets/ later",
  "smtp_password": "may be left out and put into secrets/ later"
}
Also possible: "mail_security" ("starttls", "tls", "plain") and, for a sandbox, "sms_base_url"."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was answered; `secrets` holds those given, by the name of their file."""

    answers: Answers
    secrets: dict[str, str] = field(repr=False)


class _Person(TomlTable):
    name: str
    phone: str = ""
    email: str = ""


class _Given(TomlTable):
    """The JSON on standard input."""

    clinic_name: str
    office_phone: str
    after_hours_phone: str
    hours: str
    holidays: tuple[date, ...] = ()
    zone: str
    staff: tuple[_Person, ...]
    account_sid: str
    sms_sender: str
    mail_server: str
    mail_port: int = STARTTLS_PORT
    mail_user: str = ""
    sender_address: str
    mail_security: str = ""
    sms_base_url: str = ""
    twilio_auth_token: str = ""
    smtp_password: str = ""


SECRETS = ("twilio_auth_token", "smtp_password")


def from_json(text: bytes) -> Told:
    """Raises InputError with every fault of the JSON itself; what its values are worth is told later."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputError(
            "standard input holds no JSON; `followup init --json-help` shows what is wanted"
        ) from error
    given, faults = fit(data, _Given, shown_as="answers")
    if given is None:
        raise InputError("\n".join(map(str, faults)))
    values = given.model_dump(exclude={*SECRETS, "staff", "hours"})
    staff = [(person.name, person.phone, person.email) for person in given.staff]
    answers = Answers(hours=week(given.hours), staff=staff, **values)
    return Told(answers, {name: getattr(given, name) for name in SECRETS if getattr(given, name)})


def from_prompts() -> Told:
    """Ask; each answer is checked before the next question."""
    name = ask.ask("1/10 Clinic name, as patients read it (20 letters or fewer are best)", _as(Clinic, "name"))
    phone = ask.ask("2/10 Office phone", _as(Clinic, "phone"))
    after_hours = ask.ask("3/10 After-hours phone", _as(Clinic, "after_hours_phone"))
    hours = ask.ask("4/10 When somebody reads answers (mon-fri 08:00-17:00, sun 12:00-16:00)", week)
    holidays = ask.ask("5/10 Days nobody is there (2026-12-25, 2027-01-01; Enter = none)", _days)
    zone = ask.ask("6/10 Time zone", _as(Clinic, "zone"), "America/Chicago")
    staff = _staff()
    account = ask.ask("8/10 Twilio account SID (AC…)", _as(Twilio, "account_sid"))
    sender = ask.ask("     Sender: your Twilio number, or a Messaging Service (MG…)", _sender)
    token = _hidden("     Auth token of the account")
    server, port = ask.ask("9/10 Mail server (smtp.example.org, or with its port :465)", _server)
    user = ask.ask(
        "     User name there (Enter = none)", lambda typed: _as(Smtp, "username")(typed) if typed else ""
    )
    password = _hidden("     Password there") if user else ""
    address = ask.ask("10/10 Sender's e-mail address", _as(Smtp, "sender_address"))
    security = "tls" if port == TLS_PORT else ""
    answers = Answers(
        name,
        phone,
        after_hours,
        hours,
        holidays,
        zone,
        staff,
        account,
        sender,
        server,
        port,
        user,
        address,
        security,
    )
    given = zip(SECRETS, (token, password), strict=True)
    return Told(answers, {secret: value for secret, value in given if value})


def _as(model: type[BaseModel], key: str) -> Callable[[str], str]:
    """What is typed, if config.toml would take it there; the configuration's own rules answer."""

    def read(typed: str) -> str:
        ask.required(typed)
        _, faults = fit({key: typed}, model, shown_as="")
        for fault in faults:
            if fault.where.endswith(f": {key}"):
                raise InputError(fault.what)
        return typed

    return read


def _sender(typed: str) -> str:
    return _as(Twilio, "messaging_service" if typed.startswith("MG") else "sender_number")(typed)


def _server(typed: str) -> tuple[str, int]:
    host, colon, port = typed.rpartition(":")
    if not colon:
        return _as(Smtp, "host")(typed), STARTTLS_PORT
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError("the port is a number, mostly 587 or 465: smtp.example.org:465")
    return _as(Smtp, "host")(host), int(port)


def _days(typed: str) -> list[date]:
    try:
        return [date.fromisoformat(part.strip()) for part in typed.split(",") if part.strip()]
    except ValueError as error:
        raise InputError("write each day year first: 2026-12-25, 2027-01-01") from error


def _staff() -> list[tuple[str, str, str]]:
    """One person a line; the first is needed, since somebody has to hear the test."""
    click.echo("7/10 Staff and who is on call: they get the tests, and are written to during the trial.")
    people = [ask.ask("     Name, phone, e-mail", _person)]
    while more := ask.maybe("     Another", _person):
        people.append(more)
    return people


def _person(typed: str) -> tuple[str, str, str]:
    name, *ways = [part.strip() for part in typed.split(",")]
    ways = [way for way in ways if way]
    phones, emails = [w for w in ways if "@" not in w], [w for w in ways if "@" in w]
    if not name or not ways or len(phones) > 1 or len(emails) > 1:
        raise InputError("write a name, a phone, an e-mail, or just one of the two: Pat Rivera, 214-555-0123")
    for phone in phones:
        addresses.number(phone)
    for email in emails:
        addresses.address(email)
    return _as(Clinic, "name")(name), next(iter(phones), ""), next(iter(emails), "")


def _hidden(question: str) -> str:
    """Not shown while it is typed; skipped with Enter, and then put into a file later."""
    while True:
        typed = click.prompt(
            f"{question} (not shown; Enter = later)", default="", hide_input=True, show_default=False
        )
        if str(typed).isprintable():
            return str(typed).strip()
        click.echo("  this holds a control character; type it, or skip it with Enter", err=True)
