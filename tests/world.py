"""A whole clinic for a test: its configuration, its people, its clock, and the sandbox as its providers."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from databases import INDEX_KEY, KEYS

from followup import enroll as enrolling
from followup import inbound, paging, receipts, settle
from followup.app import App, build_app
from followup.care.people import ConsentTo, Contact, Patient, Procedure, Role
from followup.care.task import TaskKind
from followup.change import Hand
from followup.config import Answers, write_config
from followup.dispatch import Dispatcher, Tally, deaf
from followup.enroll import Enrolled
from followup.entered import Enrollment, NewPerson
from followup.replan import Clinic
from followup.sandbox import SANDBOX_ACCOUNT, SANDBOX_TOKEN, SmtpSandbox, TwilioSandbox
from followup.sandbox.simulated_clock import SimulatedClock
from followup.storage import Transaction
from followup.storage.agreements import Consent
from followup.storage.outbox_rows import Entry
from followup.storage.register import NewContact
from followup.storage.tasks import Task

START = datetime(2026, 10, 30, 19, 0, tzinfo=UTC)
"""Friday, 14:00 in Chicago."""

PROCEDURE_DAY = date(2026, 10, 30)
WEEKDAYS = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "09:00-17:00")
NUMBER, EMAIL, NAME = "+12145550101", "ruth.miller@example.org", "Ruth Miller"
STAFF = (("Ann", "214-555-0123", "ann@example.org"),)
SENDER = "+12145550150"
NURSE = "ann"


@dataclass
class World:
    """One clinic and what it speaks to."""

    app: App
    clock: SimulatedClock
    twilio: TwilioSandbox
    post: SmtpSandbox
    folder: Path
    clinic: Clinic
    dispatcher: Dispatcher
    mailed: int = 0

    # Doing

    def enroll(self, **changes: object) -> Enrolled:
        """Ruth Miller's kyphoplasty of today, home already, all agreed to; `changes` say what differs."""
        with self.app.storage.transaction() as tx:
            return self.enroll_in(tx, **changes)

    def enroll_in(self, tx: Transaction, **changes: object) -> Enrolled:
        entered = enrollment(self.clock.utc(), **changes)
        languages = self.app.library.languages("kyphoplasty")
        return enrolling.enroll(tx, self.clinic, entered, self.clock.utc(), NURSE, languages)

    @contextmanager
    def hand(self, patient_id: int) -> Iterator[tuple[Hand, Patient]]:
        """A nurse's hand, in one transaction, and the patient as they are."""
        with self.app.storage.transaction() as tx:
            yield Hand(tx, self.clinic, self.clock.utc(), NURSE), tx.register.patient(patient_id)

    def tick(self) -> Tally:
        """What the daemon does in its rounds, once."""
        self.app.timekeeper.look()
        self.listen()
        tally = self.dispatcher.tick()
        self.dispatcher.close_questions()
        receipts.poll(self.app.storage, self.clinic, self.app.ledgers, self.clock)
        settle.settle(self.app.storage, self.clinic, self.app.ledgers, self.clock)
        return tally

    def listen(self) -> None:
        """What was written to us is stored and handled, but for what staff are told of it."""
        inbound.poll(replace(self.app.listener, clinic=self.clinic), self.app.inboxes)

    def tell_staff(self) -> None:
        """Pages, notices, digest and test page, whatever is due; then all of it is sent."""
        with self.app.storage.transaction() as tx:
            now = self.clock.utc()
            paging.page(tx, self.app.staff, now)
            paging.tell(tx, self.clinic, self.app.staff, now)
            paging.digest(tx, self.clinic, self.app.staff, now)
            paging.weekly_page(tx, self.clinic, self.app.staff, now)
        self.dispatcher.tick()

    def receive(self, words: str, number: str = NUMBER, **more: object) -> None:
        """A phone writes to us, and we listen."""
        self.twilio.receive(number, words, SENDER, **more)  # type: ignore[arg-type]  # a test may say anything
        self.listen()
        self.dispatcher.tick()

    def mail_in(self, raw: bytes) -> None:
        """A mail is put into the clinic's mailbox now, and we listen."""
        now = self.clock.utc()
        self.mailed += 1
        there = self.folder / "mail" / "new" / f"{int(now.timestamp())}.{self.mailed}.here"
        there.write_bytes(raw)
        self.listen()
        there.unlink()  # whoever else reads the mailbox has put it away
        self.dispatcher.tick()

    def run_until(self, end: datetime, step: timedelta = timedelta(hours=1)) -> None:
        """Rounds at every due moment and at least every `step`, up to `end`."""
        while self.clock.utc() < end:
            self.tick()
            self.clock.move_to(min(end, self._next_due(), self.clock.utc() + step))
        self.tick()

    def _next_due(self) -> datetime:
        now = self.clock.utc()
        with self.app.storage.reading() as tx:
            coming = [e.due_at for e in tx.outbox.between(now, now + timedelta(days=2)) if e.due_at > now]
        return min(coming, default=now + timedelta(days=2))

    # Looking

    def rows(self, patient_id: int) -> list[Entry]:
        """Every row of the patient, oldest first."""
        with self.app.storage.reading() as tx:
            return tx.outbox.of_patients([patient_id]).get(patient_id, [])

    def row(self, patient_id: int, step: str, channel: str = "sms", procedure: int | None = None) -> Entry:
        """The one row of a step by a channel."""
        (found,) = [
            e
            for e in self.rows(patient_id)
            if (e.step, e.channel) == (step, channel) and procedure in {None, e.procedure_id}
        ]
        return found

    def patient(self, patient_id: int) -> Patient:
        with self.app.storage.reading() as tx:
            return tx.register.patient(patient_id)

    def procedure(self, patient_id: int) -> Procedure:
        return self.patient(patient_id).procedures[0]

    def contact(self, patient_id: int) -> Contact:
        return self.patient(patient_id).contacts[0]

    def tasks(self, kind: TaskKind | None = None) -> list[Task]:
        """The open tasks, of one kind if told."""
        with self.app.storage.reading() as tx:
            return [task for task in tx.tasks.open_tasks() if kind in {None, task.kind}]

    def texts(self, number: str = NUMBER) -> list[str]:
        """What a phone has received, in order."""
        return [sms.body for sms in self.twilio.messages if sms.to == number]


def enrollment(now: datetime, **changes: object) -> Enrollment:
    """What staff enter for Ruth Miller, unless `changes` say otherwise."""
    entered: dict[str, object] = {
        "plan": "kyphoplasty",
        "on": PROCEDURE_DAY,
        "name": NAME,
        "birth_date": date(1944, 5, 6),
        "record_number": "A-1001",
        "patient": person(),
        "discharged_at": now,
    }
    return Enrollment(**(entered | changes))  # type: ignore[arg-type]  # a test may say anything


def numbered(number: int) -> str:
    """What one of many is called: a name has no digits, so each is a letter."""
    return "P " + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(number))


def person(
    name: str = NAME,
    number: str | None = NUMBER,
    email: str | None = EMAIL,
    *,
    role: Role = Role.PATIENT,
    landline: bool = False,
    zone: str = "America/Chicago",
    language: str = "en",
    agreed: Sequence[ConsentTo] | None = None,
) -> NewPerson:
    """Somebody to write to, who agreed to all they can be reached by, unless `agreed` says less."""
    if agreed is None:
        agreed = [ConsentTo.SHARE] if role is Role.CAREGIVER else []
        agreed += [ConsentTo.SMS] if number and not landline else []
        agreed += [ConsentTo.EMAIL] if email else []
    consents = tuple(Consent(about, given=True, method="phone", wording="v1") for about in agreed)
    if role is Role.CAREGIVER and ConsentTo.SHARE not in agreed:
        consents += (Consent(ConsentTo.SHARE, given=False, method="phone", wording="v1"),)
    return NewPerson(NewContact(role, name, language, zone, number, email, landline), consents)


@contextmanager
def open_world(
    folder: Path,
    url: str,
    *,
    sunday: str = "",
    start: datetime = START,
    zone: str = "America/Chicago",
    exemption: bool = False,
    trial_list: Sequence[str] | None = None,
    staff: Sequence[tuple[str, str, str]] = STAFF,
    on_call: str = "",
    mailbox: bool = False,
    segments_per_second: int | None = None,
) -> Iterator[World]:
    """A clinic on the database at `url`.

    With a `trial_list` it takes its providers, the sandboxes all the same, for real ones: it is in trial, and
    nobody hears an answer.
    """
    clock = SimulatedClock(start)
    with TwilioSandbox(now=clock.elsewhere) as twilio, SmtpSandbox(now=clock.elsewhere) as post:
        config = write_clinic(folder, url, twilio.base_url, post.port, sunday, zone, staff=staff)
        if on_call:
            config.write_text(config.read_text().replace("[clinic.on_call]", f"[clinic.on_call]\n{on_call}"))
        if segments_per_second:
            pace = f"segments_per_second = {segments_per_second}"
            config.write_text(config.read_text().replace("# segments_per_second = 1", pace))
        if exemption:
            config.write_text(config.read_text().replace('# mode = "consent"', 'mode = "exemption"'))
        if mailbox:
            for part in ("new", "cur", "tmp"):
                (folder / "mail" / part).mkdir(parents=True)
            config.write_text(config.read_text() + '\n[mailbox]\nmaildir = "mail"\n')
        with closing(build_app(config, clock)) as app:
            clinic, dispatcher = app.clinic, app.dispatcher
            if trial_list is not None:
                clinic = Clinic(clinic.practice, on_loopback=False, trial_list=frozenset(trial_list))
                dispatcher = replace(dispatcher, clinic=clinic, hears=deaf)
            yield World(app, clock, twilio, post, folder, clinic, dispatcher)


def write_clinic(
    folder: Path,
    url: str,
    base_url: str,
    smtp_port: int,
    sunday: str = "",
    zone: str = "America/Chicago",
    *,
    staff: Sequence[tuple[str, str, str]] = STAFF,
) -> Path:
    """The configuration and the secrets of a clinic; returns the path of config.toml."""
    hours = WEEKDAYS | {"saturday": "", "sunday": sunday}
    answers = Answers(
        clinic_name="Lakeside IR",
        office_phone="214-555-0100",
        after_hours_phone="214-555-0199",
        hours=hours,
        holidays=[dt.date(2026, 11, 26)],
        zone=zone,
        staff=list(staff),
        account_sid=SANDBOX_ACCOUNT,
        sms_sender=SENDER,
        mail_server="127.0.0.1",
        mail_port=smtp_port,
        mail_user="",
        sender_address="care@example.org",
        mail_security="plain",
        sms_base_url=base_url,
    )
    text = write_config(answers).replace('# url = "sqlite:///followup.db"', f'url = "{url}"')
    path = folder / "config.toml"
    path.write_text(text)
    write_secrets(folder / "secrets")
    return path


def write_secrets(folder: Path) -> None:
    """The same keys for every clinic of a run, so that two of them can share a database."""
    folder.mkdir(mode=0o700, exist_ok=True)
    contents = {
        "twilio_auth_token": SANDBOX_TOKEN,
        "keys": "\n".join(f"{name} {base64.b64encode(key).decode()}" for name, key in KEYS.items()),
        "index_key": base64.b64encode(INDEX_KEY).decode(),
    }
    for name, text in contents.items():
        path = folder / name
        path.touch(0o600)
        path.write_text(text + "\n")
