"""The configuration as the rest of the house reads it: one frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from followup.care.local_time import SendWindow, StaffedHours
from followup.care.plan import CarePlan
from followup.care.practice import Caps, Practice
from followup.config import database, endpoints
from followup.config.secret_files import Secrets
from followup.config.sections import Clinic, Daemon, Mailbox, Pain, Smtp, Twilio
from followup.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True)
class Config:
    """What one clinic has configured; its repr shows no secret.

    `database_url` is complete, password included. `messages` is the folder of the clinic's own plans and texts;
    None means the packaged ones. `mailbox` is None where the program reads no mail. `parameters` is by plan,
    language and name. `trial_allowed` holds the numbers (E.164) and e-mail addresses really written to before
    `followup live`: staff and `[trial] allow`.
    """

    path: Path
    clinic: Clinic
    window: SendWindow
    caps: Caps
    twilio: Twilio
    smtp: Smtp
    mailbox: Mailbox | None
    database_url: str = field(repr=False)
    messages: Path | None
    parameters: Mapping[str, Mapping[str, Mapping[str, str]]]
    daemon: Daemon
    trial_allowed: frozenset[str] = field(repr=False)
    pain: Pain
    known_secrets: Secrets | None = field(repr=False)

    @property
    def secrets(self) -> Secrets:
        """Raises ConfigError for the example, which has none."""
        if self.known_secrets is None:
            raise ConfigError([Fault(self.path.name, "is an example without secrets; run `followup init`")])
        return self.known_secrets

    @property
    def staffed(self) -> StaffedHours:
        """When somebody at the clinic reads answers."""
        return StaffedHours(self.clinic.hours.by_weekday(), self.clinic.zone, self.clinic.holidays)

    @property
    def twilio_login(self) -> tuple[str, str]:
        """User and password of Twilio's API: the API key if there is one, else the account itself."""
        return self.twilio.api_key or self.twilio.account_sid, self.secrets.twilio

    @property
    def smtp_login(self) -> tuple[str, str] | None:
        """User and password of the mail server; None where it wants none."""
        if self.smtp.username is None or self.secrets.smtp_password is None:
            return None
        return self.smtp.username, self.secrets.smtp_password

    @property
    def mailbox_login(self) -> tuple[str, str] | None:
        """User and password of the mailbox read by IMAP; None for a maildir, or where none is read."""
        if self.mailbox is None or self.mailbox.username is None or self.secrets.mailbox_password is None:
            return None
        return self.mailbox.username, self.secrets.mailbox_password

    @property
    def on_loopback(self) -> bool:
        """Whether all it would ever speak to is this machine: nothing can reach a patient."""
        urls = [self.twilio.base_url, *([self.daemon.ping_url] if self.daemon.ping_url else [])]
        mailbox = [self.mailbox.host] if self.mailbox and self.mailbox.host else []
        hosts = [self.smtp.host, *mailbox, *map(endpoints.host_of, urls)]
        return all(map(endpoints.is_loopback, hosts)) and database.on_this_machine(self.database_url)

    def practice(self, plans: Mapping[str, CarePlan]) -> Practice:
        """The clinic's rules, with these plans by key."""
        return Practice(self.clinic.zone, self.window, self.staffed, plans, self.caps)
