"""An enrollment as JSON: a closed schema, every fault at once, nothing entered unless all of it is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field, StrictBool

from followup.addresses import address, number, person_name
from followup.care.people import ConsentTo, Role
from followup.cli import ask
from followup.cli.enroll import wording
from followup.config import zone
from followup.enroll import Enrolled
from followup.entered import Enrollment, NewPerson
from followup.errors import FaultsError, InputError
from followup.storage.agreements import Consent
from followup.storage.register import NewContact
from followup.toml_file import TomlTable, fit

if TYPE_CHECKING:
    from followup.cli.desk import Desk

EXAMPLE = """\
{
  "name": "Ruth Miller",
  "birth_date": "1948-03-07",
  "record_number": "A-1042",
  "plan": "kyphoplasty",
  "procedure_date": "2026-10-30",
  "mobile": "214-555-0142",
  "landline": null,
  "email": "ruth@example.org",
  "language": "en",
  "zone": "America/Chicago",
  "consent": {"texts": true, "emails": true, "method": "on the phone"},
  "caregivers": [
    {
      "name": "Ana Miller",
      "mobile": "214-555-0143",
      "language": "es",
      "share": true,
      "consent": {"texts": true}
    }
  ],
  "baseline_pain": 7,
  "home": "yes",
  "home_since": "2026-10-30 15:00"
}
Needed: name, birth_date, plan, procedure_date, and mobile, landline or email.
home is "yes" (with home_since, local time), "overnight" or "not yet" (the default).
A consent that is left out was not asked; false is a no."""


class ConsentJson(TomlTable):
    """What was agreed to, and how it was said; what is left out was not asked."""

    texts: StrictBool | None = None
    emails: StrictBool | None = None
    method: str = Field(default="on the phone", min_length=1, max_length=32)


class PersonJson(TomlTable):
    """Somebody to write to."""

    name: str
    mobile: str | None = None
    landline: str | None = None
    email: str | None = None
    language: str = "en"
    zone: str | None = None
    consent: ConsentJson = ConsentJson()


class CaregiverJson(PersonJson):
    """A caregiver; `share` is the patient's own agreement."""

    share: StrictBool


class EnrollmentJson(PersonJson):
    """The whole of it."""

    birth_date: str
    record_number: str | None = None
    plan: str
    procedure_date: str
    caregivers: tuple[CaregiverJson, ...] = ()
    baseline_pain: int | None = None
    home: Literal["yes", "overnight", "not yet"] = "not yet"
    home_since: str | None = None


T = TypeVar("T")


def read(desk: Desk, text: str) -> Enrollment:
    """The enrollment that `text` holds; raises InputError with everything that is wrong."""
    try:
        data = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"standard input is not valid JSON{place}; see `followup enroll --json-help`") from None
    if not isinstance(data, dict):
        raise InputError("one enrollment is one JSON object; see `followup enroll --json-help`")
    entered, faults = fit(data, EnrollmentJson, shown_as="enrollment")
    if entered is None:
        raise _WrongInputError(faults)
    return _Reader(desk, entered.plan).enrollment(entered)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would otherwise silently win or lose."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("a key stands twice in the JSON")
    return found


class _WrongInputError(FaultsError, InputError):
    """Wrong input, all of it at once."""

    exit_code = InputError.exit_code


class _Reader:
    """Values checked one by one; what is wrong is gathered and told together."""

    def __init__(self, desk: Desk, plan: str) -> None:
        self._desk = desk
        self._faults: list[str] = []
        self._plan = plan

    def enrollment(self, entered: EnrollmentJson) -> Enrollment:
        zone_ = self._desk.app.clinic.practice.zone
        now = self._desk.now
        today = now.astimezone(zone_).date()
        born = self._value("birth_date", entered.birth_date, lambda t: ask.day(t, today))
        on = self._value("procedure_date", entered.procedure_date, lambda t: ask.day(t, today)) or today
        since = self._home_since(entered, on, now)
        patient = self._person("", entered, Role.PATIENT)
        caregivers = tuple(
            self._caregiver(f"caregivers.{place}.", c) for place, c in enumerate(entered.caregivers)
        )
        if self._faults:
            raise InputError("\n".join(self._faults))
        return Enrollment(
            entered.plan,
            on,
            None,
            entered.name,
            born,
            entered.record_number,
            patient,
            caregivers,
            entered.baseline_pain,
            since,
            entered.home == "overnight",
        )

    def _home_since(self, entered: EnrollmentJson, on: date, now: datetime) -> datetime | None:
        """Needed with "yes", unless the procedure was today; a fault with any other answer."""
        zone_ = self._desk.app.clinic.practice.zone
        typed = entered.home_since
        if entered.home != "yes":
            if typed is not None:
                self._faults.append('home_since: only with "home": "yes"')
            return None
        if typed is None and on != now.astimezone(zone_).date():
            self._faults.append(f'home_since: needed, local time, for example "{on} 15:00"')
            return None
        return self._value("home_since", typed or "now", lambda t: ask.moment(t, zone_, now))

    def _person(self, where: str, entered: PersonJson, role: Role) -> NewPerson:
        country = self._desk.app.config.clinic.country
        name = self._value(where + "name", entered.name, person_name)
        mobile = self._value(where + "mobile", entered.mobile, lambda t: number(t, country))
        landline = self._value(where + "landline", entered.landline, lambda t: number(t, country))
        email = self._value(where + "email", entered.email, address)
        at = self._value(where + "zone", entered.zone or self._desk.app.clinic.practice.zone.key, zone)
        contact = NewContact(
            role,
            name or "",
            entered.language,
            at.key if at else "",
            mobile or landline,
            email,
            landline=mobile is None and landline is not None,
        )
        return NewPerson(contact, self._consents(entered))

    def _caregiver(self, where: str, entered: CaregiverJson) -> NewPerson:
        person = self._person(where, entered, Role.CAREGIVER)
        share = Consent(ConsentTo.SHARE, entered.share, entered.consent.method, self._wording(entered))
        return NewPerson(person.contact, (*person.consents, share))

    def _consents(self, entered: PersonJson) -> tuple[Consent, ...]:
        """A no that nobody said is not recorded; a yes where there is no channel is a fault, told by `enroll`."""
        said, version = entered.consent, self._wording(entered)
        asked = ((ConsentTo.SMS, said.texts), (ConsentTo.EMAIL, said.emails))
        return tuple(Consent(about, given, said.method, version) for about, given in asked if given is not None)

    def _wording(self, entered: PersonJson) -> str:
        """The version of the script; empty where plan or language are wrong, which `enroll` tells."""
        library = self._desk.app.library
        if self._plan not in library.plans or entered.language not in library.languages(self._plan):
            return ""
        role = Role.CAREGIVER if isinstance(entered, CaregiverJson) else Role.PATIENT
        return wording(self._desk, self._plan, entered.language, role)

    def _value(self, where: str, typed: str | None, check: Callable[[str], T]) -> T | None:
        if typed is None:
            return None
        try:
            return check(typed)
        except InputError as error:
            self._faults.append(f"{where}: {error}")
            return None


def told(desk: Desk, done: Enrolled) -> dict[str, Any]:
    """What came of it, for a program."""
    with desk.app.storage.reading() as tx:
        who = tx.directory.identities([done.patient_id])[done.patient_id]
        entries = tx.outbox.of_patients([done.patient_id]).get(done.patient_id, [])
    from followup.cli.show import message_json

    return {
        "patient": who.short_id,
        "procedure": done.procedure_id,
        "known": done.known,
        "messages": [message_json(e) for e in entries if e.procedure_id == done.procedure_id],
    }
