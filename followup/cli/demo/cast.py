"""The people of the demo: invented, with numbers kept for fiction (555-0100 to 555-0199), one story each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from followup.care.people import ConsentTo, Role
from followup.cli.demo.clinic import PLAN, ZONE
from followup.entered import Enrollment, NewPerson
from followup.storage.agreements import Consent
from followup.storage.register import NewContact


@dataclass(frozen=True, slots=True)
class Relative:
    """Somebody who cares for a patient and whom the patient agreed to share with."""

    name: str
    kinship: str
    number: str
    zone: str
    email: str | None = None

    @property
    def title(self) -> str:
        """Name, and what they are to the patient."""
        return f"{self.name} ({self.kinship})"


@dataclass(frozen=True, slots=True)
class Character:
    """One patient of the demo; `pain` is from 0 to 10, before the procedure."""

    name: str
    story: str
    birth_date: date
    number: str
    pain: int
    email: str | None = None
    language: str = "en"
    landline: bool = False
    relative: Relative | None = None

    @property
    def title(self) -> str:
        """As the screen names them."""
        return self.name

    @property
    def agreed(self) -> str:
        """What was agreed to, for the screen."""
        ways = [word for word, can in (("texts", not self.landline), ("e-mail", self.email)) if can]
        return f"agrees to {' and '.join(ways)}" if ways else "has a landline and no e-mail: somebody will call"


RUTH = Character(
    "Ruth Miller",
    "home the same day; her pain is high",
    date(1944, 5, 6),
    "+12145550101",
    7,
    "ruth.miller@example.com",
)
WALTER = Character(
    "Walter Hayes",
    "stays overnight; a red flag at night",
    date(1940, 2, 11),
    "+12145550102",
    6,
    "walter.hayes@example.com",
)
ELEANOR = Character(
    "Eleanor Brooks",
    "a second session in week 3",
    date(1947, 9, 30),
    "+12145550103",
    8,
    "eleanor.brooks@example.com",
)
CARMEN = Relative(
    "Carmen Delgado", "daughter", "+12135550105", "America/Los_Angeles", "carmen.delgado@example.com"
)
ROSA = Character(
    "Rosa Delgado",
    "reads Spanish; her daughter helps",
    date(1950, 1, 17),
    "+12145550104",
    7,
    language="es",
    relative=CARMEN,
)
FRANK = Character(
    "Frank Osborne",
    "never answers; wants no more texts in week 2",
    date(1952, 12, 3),
    "+12145550106",
    5,
    "f.osborne@example.com",
)
HAROLD = Character("Harold Quinn", "landline only", date(1936, 7, 22), "+12145550107", 6, landline=True)
JUNE = Character(
    "June Parker",
    "her phone is cut off; high pain",
    date(1949, 4, 8),
    "+12145550108",
    8,
    "june.parker@example.com",
)
NORA = Relative("Nora Ross", "daughter", "+12145550110", ZONE.key)
ALICE = Character(
    "Alice Ross", "dies in week 4", date(1933, 8, 14), "+12145550109", 6, "a.ross@example.com", relative=NORA
)

CAST = (RUTH, WALTER, ELEANOR, ROSA, FRANK, HAROLD, JUNE, ALICE)


def enrollment(who: Character, on: date) -> Enrollment:
    """What staff enter at the first procedure; nobody is home yet."""
    return Enrollment(
        PLAN,
        on,
        name=who.name,
        birth_date=who.birth_date,
        patient=_person(who),
        caregivers=(_caregiver(who.relative, who.language),) if who.relative else (),
        baseline_pain=who.pain,
    )


def _person(who: Character) -> NewPerson:
    contact = NewContact(Role.PATIENT, who.name, who.language, ZONE.key, who.number, who.email, who.landline)
    given = [about for about, can in ((ConsentTo.SMS, not who.landline), (ConsentTo.EMAIL, who.email)) if can]
    return NewPerson(contact, tuple(_consent(about, who.language) for about in given))


def _caregiver(relative: Relative, language: str) -> NewPerson:
    contact = NewContact(Role.CAREGIVER, relative.name, language, relative.zone, relative.number, relative.email)
    given = [about for about in ConsentTo if about is not ConsentTo.EMAIL or relative.email]
    return NewPerson(contact, tuple(_consent(about, language) for about in given))


def _consent(about: ConsentTo, language: str) -> Consent:
    return Consent(about, given=True, method="in person", wording=f"shared/{language}/consent.txt.j2")
