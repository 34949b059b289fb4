"""config.toml and its secrets → Config; or every fault at once."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from followup import toml_file
from followup.config import database
from followup.config.configuration import Config
from followup.config.hours import HoursTable, WindowTable, can_ask
from followup.config.secret_files import Drawer, Secrets, read_keys
from followup.config.sections import Mailbox, Settings, Smtp
from followup.config.values import numbers_of
from followup.errors import ConfigError, Fault

IMAPS_PORT, IMAP_PORT = 993, 143
"""TLS from the first byte (RFC 8314 §3.2); in clear, or turned to TLS by STARTTLS (RFC 3501 §2.1)."""


class _Said(BaseModel):
    """A table of which only some keys matter here, right or wrong."""

    country: object = None
    api_key: object = None
    username: object = None
    ca_file: object = None
    folder: object = None
    host: object = None
    maildir: object = None


class _Leads(BaseModel):
    """What leads out of the file, to secrets and other files; read even where the rest is full of faults."""

    clinic: _Said = _Said()
    twilio: _Said = _Said()
    smtp: _Said = _Said()
    mailbox: _Said = _Said()
    messages: _Said = _Said()


class _ClinicHours(BaseModel):
    hours: HoursTable


class _Hours(BaseModel):
    """The two tables that must fit each other, read even where the rest is full of faults."""

    clinic: _ClinicHours
    send_window: WindowTable = WindowTable()


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read one config.toml with its secrets; `environ` is the process's own unless given.

    Raises ConfigError with every fault of the file, of the files it names and of its secrets.
    """
    leads = toml_file.read(path, _Leads)[0] or _Leads()
    with numbers_of(str(leads.clinic.country or "US")):
        settings, faults = toml_file.read(path, Settings)
    if _unreadable(faults, path):
        raise ConfigError(faults)
    faults += _hours_faults(path) + _file_faults(leads, path)
    drawer = Drawer(path.parent, os.environ if environ is None else environ)
    secrets = _secrets(drawer, leads)
    faults += drawer.faults
    if settings is None or secrets is None or faults:
        raise ConfigError(faults)
    return _config(path, settings, secrets)


def load_without_secrets(path: Path) -> Config:
    """As `load_config`, of a file that is only an example: no secrets, and the packaged texts."""
    settings, faults = toml_file.read(path, Settings)
    if settings is None:
        raise ConfigError(faults)
    return _config(path, settings, None)


def _unreadable(faults: list[Fault], path: Path) -> bool:
    """Whether there is no TOML at all: then every missing secret would only be noise."""
    return any(fault.where == path.name for fault in faults)


def _hours_faults(path: Path) -> list[Fault]:
    found, _ = toml_file.read(path, _Hours)
    if found is None or can_ask(found.clinic.hours, found.send_window.window()):
        return []
    what = "no question could ever be asked: nobody is there while messages may go ([send_window])"
    return [Fault(f"{path.name}: clinic.hours", what)]


def _file_faults(leads: _Leads, path: Path) -> list[Fault]:
    faults = []
    folder, maildir = leads.messages.folder, leads.mailbox.maildir
    if isinstance(folder, str) and not _is_folder(path.parent / folder):
        faults.append(Fault(f"{path.name}: messages.folder", "there is no such folder beside this file"))
    for table, ca_file in (("smtp", leads.smtp.ca_file), ("mailbox", leads.mailbox.ca_file)):
        if isinstance(ca_file, str) and not _holds_certificates(path.parent / ca_file):
            what = "is no file of certificates (PEM) that can be read"
            faults.append(Fault(f"{path.name}: {table}.ca_file", what))
    if isinstance(maildir, str) and not _is_maildir(path.parent / maildir):
        what = "is no maildir: a folder with new/ and cur/ in it"
        faults.append(Fault(f"{path.name}: mailbox.maildir", what))
    return faults


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:
        return False


def _is_maildir(path: Path) -> bool:
    return all(_is_folder(path / name) for name in ("new", "cur"))


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        return False
    return True


def _secrets(drawer: Drawer, leads: _Leads) -> Secrets | None:
    twilio = drawer.line("twilio_api_key_secret" if leads.twilio.api_key else "twilio_auth_token")
    smtp = drawer.line("smtp_password") if leads.smtp.username else None
    mailbox = drawer.line("mailbox_password") if leads.mailbox.host else None
    database_password = drawer.line("database_password", optional=True)
    keys = read_keys(drawer)
    return Secrets(twilio, keys, smtp, database_password, mailbox) if twilio and keys else None


def _config(path: Path, settings: Settings, secrets: Secrets | None) -> Config:
    folder = path.parent.absolute()
    password = secrets.database_password if secrets else None
    return Config(
        path=path.absolute(),
        clinic=settings.clinic,
        window=settings.send_window.window(),
        caps=settings.caps.caps(),
        twilio=settings.twilio,
        smtp=_completed(settings.smtp, settings.clinic.name, folder),
        mailbox=_placed(settings.mailbox, folder) if settings.mailbox else None,
        database_url=database.resolved(settings.database.url, folder, password),
        messages=_messages(folder, settings.messages.folder) if secrets else None,
        parameters=settings.parameters,
        daemon=settings.daemon,
        trial_allowed=_allowed(settings),
        pain=settings.pain,
        known_secrets=secrets,
    )


def _completed(smtp: Smtp, clinic_name: str, folder: Path) -> Smtp:
    """What was left out, filled in: mail goes out in the clinic's name and its answers come back to the sender."""
    reply_to = smtp.reply_to or smtp.sender_address
    return smtp.model_copy(
        update={
            "sender_name": smtp.sender_name or clinic_name,
            "reply_to": reply_to,
            "unsubscribe_address": smtp.unsubscribe_address or reply_to,
            "ca_file": str(folder / smtp.ca_file) if smtp.ca_file else None,
        }
    )


def _placed(mailbox: Mailbox, folder: Path) -> Mailbox:
    """Paths made whole, and the port that belongs to the security where none is written."""
    return mailbox.model_copy(
        update={
            "maildir": str(folder / mailbox.maildir) if mailbox.maildir else None,
            "port": mailbox.port or (IMAPS_PORT if mailbox.security == "tls" else IMAP_PORT),
            "ca_file": str(folder / mailbox.ca_file) if mailbox.ca_file else None,
        }
    )


def _messages(folder: Path, named: str | None) -> Path | None:
    chosen = folder / (named or "messages")
    return chosen if _is_folder(chosen) else None


def _allowed(settings: Settings) -> frozenset[str]:
    reached = {way for person in settings.clinic.staff for way in (person.phone, person.email) if way}
    return settings.trial.allow | reached
