"""A clinic in a folder of its own: its staff type commands, a sandbox stands in for Twilio and the mail server.

Every command is a process; the database is only looked into, or written to, as another program would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import canaries
from databases import outsider

from followup.storage.tables import metadata

NAME = "Lakeside IR"
PHONE = "214-555-0100"
PATIENT, CAREGIVER = "+12145550142", "+12145550143"
FOLLOWUP = (sys.executable, "-m", "followup")
PATIENCE = 60
STAFF_PHONE, STAFF_ADDRESS = "+12145550123", "pat@clinic.example.org"
"""Seconds after which a command is taken for hung; no test waits for it."""

_ALL_ROUND = (
    "Pacific/Tarawa",
    "Asia/Tokyo",
    "Asia/Dhaka",
    "Africa/Nairobi",
    "Africa/Abidjan",
    "America/Sao_Paulo",
    "America/Mexico_City",
    "Pacific/Gambier",
)
"""Three hours apart all round the world, none with a summer time: in one of them it is always 13 to 16 o'clock."""


def right_now() -> datetime:
    """The one place where these tests read the clock: what staff type goes by it, and so must the dates."""
    return datetime.now(UTC)  # noqa: TID251  the CLI under test reads the same clock


def where_it_is_afternoon() -> ZoneInfo:
    """A zone in whose send window the present lies, with hours to spare before and after."""
    now = right_now()
    return next(z for z in map(ZoneInfo, _ALL_ROUND) if 13 <= now.astimezone(z).hour < 16)


@dataclass(frozen=True)
class Told:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@dataclass
class Sandbox:
    """The stand-ins as a process, and their own door."""

    where: dict[str, Any]

    def ask(self, name: str, **asked: Any) -> Any:
        body = json.dumps(asked).encode() if asked or name == "clear" else None
        with urlopen(Request(self.where["control"] + name, body), timeout=20) as answer:  # noqa: S310  loopback
            return json.load(answer)


@contextmanager
def sandbox_process() -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "followup.sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield Sandbox(json.loads(running.stdout.readline()))
        finally:
            running.kill()


@dataclass
class Clinic:
    """One clinic: config.toml, secrets and database in `folder`, clocks in `zone`."""

    folder: Path
    sandbox: Sandbox
    zone: ZoneInfo
    database_url: str
    sent_before: tuple[int, int] = (0, 0)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sent_before = len(self.sandbox.ask("messages")), len(self.sandbox.ask("mails"))
        kept = {
            key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR", canaries.ON_PURPOSE) if key in os.environ
        }
        self.environ = kept | {"HOME": str(self.folder), "COLUMNS": "300"} | self.environ

    # What staff do.

    def run(self, *words: str, typed: str = "") -> Told:
        """One command; `typed` is its whole standard input."""
        said = subprocess.run(
            [*FOLLOWUP, *words],
            input=typed,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environ,
            timeout=PATIENCE,
            check=False,
        )
        canaries.hear(said.stderr, f"followup {words[0] if words else ''}")
        return Told(said.returncode, said.stdout, said.stderr)

    def says(self, *words: str, typed: str = "") -> str:
        """What a command that must succeed prints."""
        told = self.run(*words, typed=typed)
        assert told.code == 0, told
        return told.out

    def json(self, *words: str, typed: str = "") -> Any:
        return json.loads(self.says(*words, "--json", typed=typed))

    def refuses(self, code: int, *words: str, typed: str = "") -> str:
        """What a command that must fail says: on standard error, in words, and never a traceback."""
        told = self.run(*words, typed=typed)
        assert told.code == code, told
        assert "Traceback" not in told.err, told.err
        return told.err.strip()

    def enroll(self, **changed: Any) -> str:
        """Enroll by JSON; returns the short id."""
        done = self.json("enroll", typed=json.dumps(enrollment(self.today, **changed)))
        return str(done["patient"])

    def messages(self, patient: str, status: str | None = None) -> list[dict[str, Any]]:
        """The patient's outbox rows, by time, without those that only say "it goes another way"."""
        rows = self.json("show", patient)["messages"]
        rows = [r for r in rows if r["reason"] not in {"other_channel", "other_contact"}]
        return [r for r in sorted(rows, key=lambda r: (r["due_at"], r["key"])) if status in (None, r["status"])]

    def tick(self, at: datetime) -> list[dict[str, Any]]:
        """One beat at a moment; returns what it said that it would send."""
        going: list[dict[str, Any]] = self.json("tick", "--at", at.isoformat())
        return going

    def texts(self) -> list[dict[str, Any]]:
        """All texts to patients that the sandbox accepted since this clinic was opened, in order."""
        return [text for text in self.all_texts() if text["to"] != STAFF_PHONE]

    def all_texts(self) -> list[dict[str, Any]]:
        """Those to staff too: pages, and what the program tells them."""
        accepted: list[dict[str, Any]] = self.sandbox.ask("messages")
        return accepted[self.sent_before[0] :]

    def mails(self) -> list[dict[str, Any]]:
        """All mails to patients."""
        taken: list[dict[str, Any]] = self.sandbox.ask("mails")
        return [mail for mail in taken[self.sent_before[1] :] if STAFF_ADDRESS not in mail["envelope_to"]]

    def configure(self, old: str, new: str, file: str = "config.toml") -> None:
        """Edit config.toml, or another file, as somebody with an editor does."""
        path = self.folder / file
        path.write_text(edited(path.read_text(encoding="utf-8"), old, new), encoding="utf-8")

    # Time and dates.

    @property
    def today(self) -> date:
        return right_now().astimezone(self.zone).date()

    def on(self, days: int, at: str) -> datetime:
        """A wall time so many days from today."""
        return datetime.combine(self.today + timedelta(days=days), time.fromisoformat(at), self.zone)

    def local(self, moment: str) -> tuple[int, str]:
        """A moment of `--json` as (days from today, HH:MM) by the clinic's clock."""
        there = datetime.fromisoformat(moment).astimezone(self.zone)
        return (there.date() - self.today).days, f"{there:%H:%M}"

    # What another program sees.

    def outsider(self, statement: str) -> list[Any]:
        """One statement by another program."""
        with outsider(self.database_url) as execute:
            return execute(statement)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, as it lies in the database."""
        with outsider(self.database_url) as execute:
            names = [table.name for table in metadata.sorted_tables]
            return {name: sorted(map(tuple, execute(f"SELECT * FROM {name}")), key=repr) for name in names}  # noqa: S608  our own tables


MENU = (
    "number",
    "e-mail",
    "language",
    "time zone",
    "add a caregiver",
    "procedure date",
    "home",
    "stayed overnight",
    "readmitted",
    "procedure cancelled",
    "hold, or lift the hold",
    "died",
    "stop texts or e-mails",
    "wants texts or e-mails again (new consent)",
)
"""The lines of `followup change`, in their order."""


def menu(line: str) -> str:
    """What is typed to choose a line of the menu."""
    return str(MENU.index(line) + 1)


def enrollment(today: date, **changed: Any) -> dict[str, Any]:
    """What staff enter for Ruth Miller, who had her kyphoplasty today and is home."""
    return {
        "name": "Ruth Miller",
        "birth_date": "1948-03-07",
        "record_number": "A-1042",
        "plan": "kyphoplasty",
        "procedure_date": today.isoformat(),
        "mobile": "214-555-0142",
        "email": "ruth@example.org",
        "consent": {"texts": True, "emails": True},
        "baseline_pain": 6,
        "home": "yes",
    } | changed


def found(folder: Path, sandbox: Sandbox, zone: ZoneInfo) -> None:
    """`followup init` with ten answers: a clinic that is staffed every day and speaks to the sandbox alone."""
    where = sandbox.where
    answers = {
        "clinic_name": NAME,
        "office_phone": PHONE,
        "after_hours_phone": "214-555-0199",
        "hours": "mon-sun 09:00-17:00",
        "zone": zone.key,
        "staff": [{"name": "Pat Rivera", "phone": "214-555-0123", "email": "pat@clinic.example.org"}],
        "account_sid": where["account_sid"],
        "sms_sender": "214-555-0150",
        "mail_server": "127.0.0.1",
        "mail_port": where["smtp_port"],
        "sender_address": "care@clinic.example.org",
        "twilio_auth_token": where["auth_token"],
        "mail_security": "plain",
        "sms_base_url": where["base_url"],
    }
    clinic = Clinic(folder, sandbox, zone, "")
    clinic.says("init", "--json", typed=json.dumps(answers))
    clinic.configure("# tick_seconds = 15", "tick_seconds = 5")
    clinic.configure("# poll_seconds = 20", "poll_seconds = 5")


def edited(text: str, old: str, new: str) -> str:
    """`text` with `old`, which must be there once, replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def steps(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Step and channel of rows, in order."""
    return [(row["step"], row["channel"]) for row in rows]
