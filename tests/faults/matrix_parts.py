"""What the tests of the fault matrix share: patients in numbers, and a line in the table for each fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

import fault_table
from databases import outsider
from world import World, numbered, person

from followup.care.delivery import Status
from followup.care.people import ConsentTo
from followup.sandbox import Close
from followup.storage.breakers import GivenUp
from followup.storage.outbox_rows import Entry

SMS_ONLY, MAIL_ONLY = (ConsentTo.SMS,), (ConsentTo.EMAIL,)
UNDECIDED = {Status.PLANNED, Status.SENDING, Status.RETRY_WAIT}


def number_of(place: int) -> str:
    return f"+1214555{place:04d}"


def enroll(world: World, place: int = 0, agreed: Sequence[ConsentTo] = SMS_ONLY, **changes: object) -> int:
    """One of many patients, with a number and an address of their own; to be welcomed now."""
    name = numbered(place)
    entered = {
        "name": name,
        "record_number": f"R-{place}",
        "birth_date": date(1940, 1, 1) + timedelta(days=place),
        "patient": person(name, number_of(place), f"p{place}@example.org", agreed=agreed),
        "discharged_at": None,
        **changes,
    }
    return world.enroll(**entered).patient_id


def wait(world: World, minutes: int, step: int = 5) -> None:
    world.run_until(world.clock.utc() + timedelta(minutes=minutes), timedelta(minutes=step))


def in_doubt(world: World) -> int:
    """A patient whose welcome and, half an hour later, going-home text are both in doubt, taken by Twilio."""
    world.twilio.next(Close("after accepting"), Close("after accepting"), to=number_of(0))
    patient = enroll(world, discharged_at=world.clock.utc())
    wait(world, 30, 30)
    assert world.row(patient, "welcome").status is Status.IN_DOUBT
    assert world.row(patient, "going-home").status is Status.IN_DOUBT
    return patient


def given_up(world: World) -> list[GivenUp]:
    with world.app.storage.reading() as tx:
        return tx.breakers.given_up()


def everything(world: World) -> list[Entry]:
    """Every row of every patient."""
    with outsider(world.app.config.database_url) as execute:
        patients = [row[0] for row in execute("SELECT id FROM patients")]
    with world.app.storage.reading() as tx:
        return [row for rows in tx.outbox.of_patients(patients).values() for row in rows]


@contextmanager
def watched(world: World, fault: str) -> Iterator[World]:
    """A world whose messages are counted into the table of faults once the test is over.

    Lost is what should have ended by now and has not; a text counts as doubled whatever the rule that allowed it.
    """
    yield world
    rows, now = everything(world), world.clock.utc()
    lost = [row for row in rows if row.status in UNDECIDED and row.valid_until < now]
    fault_table.tried(
        f"matrix: {fault}",
        tried=1,
        **fault_table.became(world, rows, lost),
    )
    assert not lost
