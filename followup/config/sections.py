"""The tables of config.toml: a closed schema, whose values are already what the house works with.

Every setting, its meaning and its default also stands, for the clinic, in config.example.toml.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from followup.care.practice import Caps
from followup.config import endpoints
from followup.config.database import database_url
from followup.config.hours import HoursTable, WindowTable
from followup.config.values import (
    Address,
    Country,
    Day,
    ImapFolder,
    Line,
    Number,
    NumberAsTyped,
    NumberOrAddress,
    Quoted,
    Zone,
    sid,
    whole,
)
from followup.toml_file import TomlTable

CEILINGS = {"consent": Caps(2, 6), "exemption": Caps(1, 3, consent_needed=False)}
"""Texts a day and in 7 days: with recorded consent; under the FCC's health-care exemption (MESSAGING.md §1)."""


class Staff(TomlTable):
    """One of the clinic's people: written to by `send-test`, and on the trial's list."""

    name: Line
    phone: Number | None = None
    email: Address | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Staff:
        if self.phone is None and self.email is None:
            raise ValueError("needs a phone, an email, or both")
        return self


class OnCall(TomlTable):
    """`[clinic.on_call]`: whom a page goes to, in order, and how often; all staff with a phone unless named."""

    people: tuple[Line, ...] | None = None
    repeat_minutes: Annotated[int, whole(3, 60, "minutes")] = 5
    pages_each: Annotated[int, whole(1, 20, "pages")] = 3
    carries_number: bool = False


class Clinic(TomlTable):
    """`[clinic]`: who writes, and when somebody is there. `phone`, `after_hours_phone`: as patients read them."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Line
    phone: NumberAsTyped
    after_hours_phone: NumberAsTyped
    zone: Zone
    country: Country = "US"
    holidays: frozenset[Day] = frozenset()
    hours: HoursTable
    staff: tuple[Staff, ...] = Field(default=(), repr=False)
    on_call: OnCall = Field(default=OnCall(), validate_default=True)

    @field_validator("on_call")
    @classmethod
    def _are_staff(cls, value: OnCall, info: ValidationInfo) -> OnCall:
        phones = {person.name for person in info.data.get("staff", ()) if person.phone}
        for name in value.people or ():
            if name not in phones:
                raise ValueError(f"{name} is nobody of clinic.staff with a phone")
        return value

    @property
    def paged(self) -> tuple[str, ...]:
        """The names of those a page goes to, in order."""
        everybody = tuple(person.name for person in self.staff if person.phone)
        return everybody if self.on_call.people is None else self.on_call.people


class CapsTable(TomlTable):
    """`[caps]`: the most texts one number gets; a clinic may go below what its mode allows, never above."""

    mode: Literal["consent", "exemption"] = "consent"
    per_day: Annotated[int, whole(1, 2, "texts")] | None = None
    per_7_days: Annotated[int, whole(1, 6, "texts")] | None = None

    @field_validator("per_day", "per_7_days")
    @classmethod
    def _only_lower(cls, value: int | None, info: ValidationInfo) -> int | None:
        mode = info.data.get("mode", "consent")
        ceiling: int = getattr(CEILINGS[mode], str(info.field_name))
        if value is not None and value > ceiling:
            raise ValueError(f'must be {ceiling} or less with mode = "{mode}"')
        return value

    def caps(self) -> Caps:
        """As the rules read it."""
        most = CEILINGS[self.mode]
        return Caps(self.per_day or most.per_day, self.per_7_days or most.per_7_days, most.consent_needed)


class Twilio(TomlTable):
    """`[twilio]`: the account, and either a number of ours or a Messaging Service; never both."""

    account_sid: Annotated[str, sid("AC")]
    api_key: Annotated[str, sid("SK")] | None = None
    sender_number: Number | None = None
    messaging_service: Annotated[str, sid("MG")] | None = Field(default=None, validate_default=True)
    base_url: str = "https://api.twilio.com"
    segments_per_second: Annotated[int, whole(1, 1000, "segments")] | None = None
    carrier_confirms_stop: bool = True

    _allowed = field_validator("base_url")(endpoints.twilio_base_url)

    @field_validator("messaging_service")
    @classmethod
    def _one_sender(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("sender_number", "faulty") is None:
            raise ValueError("is missing, and so is sender_number; write one of the two")
        if value is not None and info.data.get("sender_number", "faulty") is not None:
            raise ValueError("stands beside sender_number; write only one of the two")
        return value


class Smtp(TomlTable):
    """`[smtp]`: the mail server, and what patients see as the sender; load_config fills in what is left out."""

    host: str
    port: Annotated[int, whole(1, 65535)] = 587
    security: Literal["starttls", "tls", "plain"] = "starttls"
    username: Line | None = None
    ca_file: str | None = None
    sender_address: Address
    sender_name: Line = ""
    reply_to: Address = ""
    unsubscribe_address: Address = ""
    mails_per_second: Annotated[int, whole(1, 1000, "mails")] | None = None

    _is_mail_host = field_validator("host")(endpoints.mail_host)

    @field_validator("security")
    @classmethod
    def _clear_only_here(cls, value: str, info: ValidationInfo) -> str:
        if value == "plain" and not endpoints.is_loopback(info.data.get("host", "localhost")):
            raise ValueError('"plain" can be read by others on its way; write "starttls", or "tls" for port 465')
        return value


class Mailbox(TomlTable):
    """`[mailbox]`: where mail comes in, a maildir or IMAP; load_config completes paths and port."""

    maildir: str | None = None
    host: str | None = Field(default=None, validate_default=True)
    port: Annotated[int, whole(1, 65535)] | None = None
    security: Literal["tls", "starttls", "plain"] = "tls"
    username: Line | None = Field(default=None, validate_default=True)
    folder: ImapFolder = "INBOX"
    ca_file: str | None = None

    @field_validator("host")
    @classmethod
    def _one_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        maildir = info.data.get("maildir")
        if value is None and maildir is None:
            raise ValueError("is missing, and so is maildir; write one of the two")
        if value is not None and maildir is not None:
            raise ValueError("stands beside maildir; write only one of the two")
        return None if value is None else endpoints.mail_host(value)

    @field_validator("security")
    @classmethod
    def _clear_only_here(cls, value: str, info: ValidationInfo) -> str:
        if value == "plain" and not endpoints.is_loopback(info.data.get("host") or "localhost"):
            raise ValueError('"plain" can be read by others on its way; write "tls", or "starttls" for port 143')
        return value

    @field_validator("username")
    @classmethod
    def _logs_in(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("host") is not None:
            raise ValueError("is missing: a mailbox is read with a login")
        return value

    @field_validator("port", "security", "username", "folder", "ca_file")
    @classmethod
    def _of_imap(cls, value: str | int | None, info: ValidationInfo) -> str | int | None:
        if value is not None and info.data.get("maildir") is not None:
            raise ValueError("belongs to host, and a maildir has none; leave it out")
        return value


class Database(TomlTable):
    """`[database]`: where everything is kept."""

    url: Quoted = "sqlite:///followup.db"

    _known = field_validator("url")(database_url)


class Messages(TomlTable):
    """`[messages]`: the clinic's own copy of plans and texts."""

    folder: str | None = None


class Daemon(TomlTable):
    """`[daemon]`: how `followup run` works."""

    tick_seconds: Annotated[int, whole(5, 60, "seconds")] = 15
    poll_seconds: Annotated[int, whole(5, 300, "seconds")] = 20
    in_flight: Annotated[int, whole(1, 256, "messages")] = 64
    ping_url: str | None = Field(default=None, repr=False)

    @field_validator("ping_url")
    @classmethod
    def _allowed(cls, value: str | None) -> str | None:
        return None if value is None else endpoints.ping_url(value)


class Trial(TomlTable):
    """`[trial]`: who is really written to before `followup live`, beside the staff."""

    allow: frozenset[NumberOrAddress] = frozenset()


class Pain(TomlTable):
    """`[pain]`: which answers are urgent, on the scale from 0 to 10 (CARE.md §4; a clinic signs it off)."""

    urgent_score: Annotated[int, whole(1, 10)] = 7
    urgent_rise: Annotated[int, whole(1, 10)] = 2


class Settings(TomlTable):
    """The whole of config.toml."""

    clinic: Clinic
    send_window: WindowTable = WindowTable()
    caps: CapsTable = CapsTable()
    twilio: Twilio
    smtp: Smtp
    mailbox: Mailbox | None = None
    database: Database = Database()
    messages: Messages = Messages()
    parameters: dict[str, dict[str, dict[str, Line]]] = Field(default_factory=dict)
    daemon: Daemon = Daemon()
    trial: Trial = Trial()
    pain: Pain = Pain()
