"""A clinic that lasts as long as the demo: a folder, both stand-ins, and the house wired to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from followup.app import App, build_app
from followup.config import Answers, new_keys, write_config
from followup.messages import find_messages_folder
from followup.sandbox import SmtpSandbox, TwilioSandbox
from followup.sandbox.simulated_clock import SimulatedClock

PLAN = "kyphoplasty"
LANGUAGES = {"en": "English", "es": "Spanish"}
REVIEWER = "Demo reviewer"
ZONE = ZoneInfo("America/Chicago")
FIRST_DAY = date(2026, 10, 30)
OPENS = datetime(2026, 10, 30, 9, 0, tzinfo=ZONE)

STAFF = (
    ("Ann", "214-555-0123", "ann@lakeside.example.org"),
    ("Ben", "214-555-0124", "ben@lakeside.example.org"),
)
"""Both are on call, Ann before Ben."""

_HOURS = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "08:00-17:00")
_HOLIDAYS = (date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1))


@dataclass(frozen=True, slots=True)
class DemoClinic:
    """The house, its simulated clock, and the providers it believes it talks to."""

    app: App
    clock: SimulatedClock
    twilio: TwilioSandbox
    mail: SmtpSandbox


@contextmanager
def demo_clinic(folder: Path) -> Iterator[DemoClinic]:
    """Set up in an empty `folder` what `followup init` sets up; the stand-ins end with the block."""
    clock = SimulatedClock(OPENS)
    with TwilioSandbox(now=clock.utc) as twilio, SmtpSandbox(now=clock.utc) as mail:
        _furnish(folder, twilio, mail)
        app = build_app(folder / "config.toml", clock)
        try:
            app.storage.migrate()
            yield DemoClinic(app, clock, twilio, mail)
        finally:
            app.close()


def approve_texts(clinic: DemoClinic) -> dict[str, int]:
    """Sign every text of the folder's own copy; returns how many, by language."""
    library = clinic.app.library
    return {language: len(library.approve(PLAN, language, REVIEWER, FIRST_DAY)) for language in LANGUAGES}


def _furnish(folder: Path, twilio: TwilioSandbox, mail: SmtpSandbox) -> None:
    answers = Answers(
        clinic_name="Lakeside IR",
        office_phone="214-555-0100",
        after_hours_phone="214-555-0199",
        hours=_HOURS | {"saturday": "09:00-13:00"},
        holidays=_HOLIDAYS,
        zone=ZONE.key,
        staff=STAFF,
        account_sid=twilio.account_sid,
        sms_sender="+12145550150",
        mail_server="127.0.0.1",
        mail_port=mail.port,
        mail_user="",
        sender_address="care@lakeside.example.org",
        mail_security="plain",
        sms_base_url=twilio.base_url,
    )
    (folder / "config.toml").write_text(write_config(answers), encoding="utf-8")
    shutil.copytree(find_messages_folder(), folder / "messages")
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    for name, text in {**new_keys(), "twilio_auth_token": twilio.auth_token}.items():
        (secrets / name).touch(mode=0o600)
        (secrets / name).write_text(text, encoding="utf-8")
