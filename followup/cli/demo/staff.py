"""What people at the demo's clinic do, through the very verbs that the commands call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from followup import change, worklist
from followup.care.pain import Thresholds
from followup.care.people import ChannelName, Patient, Role
from followup.care.task import TaskKind
from followup.cli.demo.cast import CAST, Character, enrollment
from followup.cli.demo.clinic import PLAN, ZONE, DemoClinic
from followup.consent import Line, opt_out
from followup.enroll import enroll
from followup.entered import Enrollment
from followup.errors import NotFoundError
from followup.storage import Transaction
from followup.storage.tasks import Task

NURSE = "Ann"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is written to, as the screen names them."""

    name: str
    patient: str
    zone: ZoneInfo
    number: str | None
    email: str | None
    kinship: str = ""

    @property
    def title(self) -> str:
        """Name, and what they are to the patient."""
        return f"{self.name} ({self.kinship})" if self.kinship else self.name


class Staff:
    """One nurse at the desk; each deed is one transaction, as it is for a command."""

    def __init__(self, clinic: DemoClinic) -> None:
        self._clinic = clinic
        self._house = clinic.app.clinic
        self._ids: dict[str, int] = {}

    @property
    def now(self) -> datetime:
        return self._clinic.clock.utc()

    # Who there is

    def readers(self) -> dict[int, Reader]:
        """Everybody who is written to, by contact."""
        with self._clinic.app.storage.reading() as tx:
            patients = tx.register.patients(self._ids.values())
        return {c.id: _reader(c.id, patient) for patient in patients.values() for c in patient.contacts}

    def patient_names(self) -> dict[int, str]:
        """The names of all patients, by id, in the order of the cast."""
        return {self._ids[who.name]: who.name for who in CAST if who.name in self._ids}

    def procedures(self) -> dict[int, date]:
        """The local day of each procedure."""
        with self._clinic.app.storage.reading() as tx:
            patients = tx.register.patients(self._ids.values())
        return {p.id: p.on for patient in patients.values() for p in patient.procedures}

    # What they do

    def enroll(self, who: Character, on: date, home: datetime | None = None) -> None:
        """The patient's first procedure."""
        self._enter(who, enrollment(who, on), home)

    def second_session(self, who: Character, on: date, home: datetime) -> None:
        """One more procedure of the same plan."""
        self._enter(who, Enrollment(PLAN, on, patient_id=self._ids[who.name]), home)

    def _enter(self, who: Character, entered: Enrollment, home: datetime | None) -> None:
        entered = replace(entered, discharged_at=home)
        languages = self._clinic.app.library.languages(PLAN)
        done = self._write(lambda tx: enroll(tx, self._house, entered, self.now, NURSE, languages))
        self._ids[who.name] = done.patient_id

    def evening_list(self, *not_home: Character) -> None:
        """Everybody on the list is home, but for those named."""
        still_here = {self._ids[who.name] for who in not_home}
        with self._clinic.app.storage.reading() as tx:
            listed = worklist.evening_list(tx, self._house, self.now)
        for one in listed:
            if one.patient.id not in still_here:
                self._write(partial(self._home, one))

    def _home(self, one: worklist.Leaving, tx: Transaction) -> None:
        change.home(self._hand(tx), one.patient, one.procedure, self.now)

    def answers(self, who: Character, score: int) -> None:
        """The patient says on the phone how bad the pain is."""
        pain = self._clinic.app.config.pain
        limits = Thresholds(pain.urgent_score, pain.urgent_rise)
        said = worklist.Said(self.now, NURSE)
        self._write(lambda tx: worklist.answer(tx, self._house, self._patient(tx, who), score, limits, said))

    def stop_texts(self, who: Character) -> None:
        """The patient wants no more texts."""

        def stop(tx: Transaction) -> None:
            patient = self._patient(tx, who)
            contact = next(c for c in patient.contacts if c.role is Role.PATIENT)
            line = Line(patient.id, contact, ChannelName.SMS)
            opt_out(tx, self._house, line, "staff", self.now, NURSE)

        self._write(stop)

    def died(self, who: Character) -> None:
        """Everything about this patient stops."""
        self._write(lambda tx: change.died(self._hand(tx), self._patient(tx, who)))

    def close(self, who: Character, kind: TaskKind, note: str) -> None:
        """Close the patient's open task of that kind; NotFoundError if there is none."""
        task = next((t for t in self.open_tasks() if (t.patient_id, t.kind) == (self._ids[who.name], kind)), None)
        if task is None:
            raise NotFoundError(f"there is no open task of that kind ({kind})")
        self.finish(task, note)

    def finish(self, task: Task, note: str) -> None:
        """Close a task; somebody was reached."""
        how = worklist.Done(note)
        self._write(lambda tx: worklist.done(tx, self._house, task.number, how, self.now, NURSE))

    def open_tasks(self) -> list[Task]:
        """What waits for a person, the most urgent first."""
        with self._clinic.app.storage.reading() as tx:
            return tx.tasks.open_tasks()

    # How

    def _write(self, verb: Callable[[Transaction], T]) -> T:
        with self._clinic.app.storage.transaction() as tx:
            return verb(tx)

    def _hand(self, tx: Transaction) -> change.Hand:
        return change.Hand(tx, self._house, self.now, NURSE)

    def _patient(self, tx: Transaction, who: Character) -> Patient:
        return tx.register.patient(self._ids[who.name])


def _reader(contact_id: int, patient: Patient) -> Reader:
    contact = patient.contact(contact_id)
    name = next(c.name for c in patient.contacts if c.role is Role.PATIENT)
    kinship = next(
        (who.relative.kinship for who in CAST if who.relative and who.relative.name == contact.name), ""
    )
    return Reader(contact.name, name, contact.zone, contact.number, contact.email, kinship)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment by the clinic's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)
