"""Finding a patient without typing who they are into the shell: a short id, four digits, or a prompted search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from followup.cli import ask
from followup.cli.desk import Desk
from followup.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from followup.care.people import Contact, Patient, Procedure
    from followup.storage import Transaction
    from followup.storage.directory import Identity

PATIENT = click.argument("patient", required=False, metavar="[PATIENT]")
"""A short id or the last four digits of a number; left out, it is asked for."""

SHORT = 5
LAST_FOUR = 4


def find(desk: Desk, patient: str | None) -> int:
    """The id of the patient meant; asks where it is not clear. Raises NotFoundError, InputError."""
    if patient is not None:
        _require_no_identity(patient)
        return _one(desk, desk.rehearse(lambda tx: tx.directory.find(patient)))
    words = ask.ask("Patient: id, last four digits, name, birth date or record number", ask.required)
    return _one(desk, desk.rehearse(lambda tx: _search(tx, words)))


def look_up(desk: Desk, patient: str | None) -> tuple[Identity, Patient]:
    """Who is meant, and the facts as this clinic's rules see them; asks and raises as `find` does."""
    return facts_of(desk, find(desk, patient))


def facts_of(desk: Desk, patient_id: int) -> tuple[Identity, Patient]:
    """One patient who has been found."""
    needed = desk.app.clinic.practice.caps.consent_needed
    with desk.app.storage.reading() as tx:
        facts = tx.register.patient(patient_id, consent_needed=needed)
        return tx.directory.identities([patient_id])[patient_id], facts


def _require_no_identity(patient: str) -> None:
    """Arguments are seen by every user of the machine, and kept in the shell's history."""
    is_short = len(patient) == SHORT and patient.isalnum() and patient[0].isalpha()
    is_last_four = len(patient) == LAST_FOUR and patient.isdecimal()
    if not is_short and not is_last_four:
        raise InputError(
            "a patient is named here by a short id (K7M2P) or the last four digits of a number; "
            "for a name or a birth date leave it out, and it is asked for"
        )


def _search(tx: Transaction, words: str) -> list[int]:
    found = tx.directory.find(words) or tx.directory.find(_as_date(words))
    return found or tx.directory.find_by_name(words)


def _as_date(words: str) -> str:
    from datetime import date

    try:
        return ask.day(words, date.min).isoformat()
    except (InputError, OverflowError):
        return words


def _one(desk: Desk, found: list[int]) -> int:
    if not found:
        raise NotFoundError("no patient was found; leave the id out to search by name or birth date")
    if len(found) == 1:
        return found[0]
    identities = desk.rehearse(lambda tx: tx.directory.identities(found))
    options = [line(identities[patient_id]) for patient_id in found]
    return found[ask.choice("Which one?", options)]


def line(identity: Identity) -> str:
    """One patient on one line."""
    record = f", record {identity.record_number}" if identity.record_number else ""
    return f"{identity.short_id}  {identity.name}, born {identity.birth_date}{record}"


def which_contact(patient: Patient, question: str) -> Contact:
    """The one staff mean; asked only where there are several."""
    if len(patient.contacts) == 1:
        return patient.contacts[0]
    labels = [f"{c.role}: {c.name}, {c.number or 'no number'}" for c in patient.contacts]
    return patient.contacts[ask.choice(question, labels, 0)]


def latest_procedure(patient: Patient) -> Procedure:
    """The one staff most likely mean; asks where several stand. Raises NotFoundError if none does."""
    standing = sorted((p for p in patient.procedures if p.standing), key=lambda p: (p.on, p.id), reverse=True)
    if not standing:
        raise NotFoundError("this patient has no procedure that stands")
    if len(standing) == 1:
        return standing[0]
    return standing[ask.choice("Which procedure?", [f"{p.plan} on {p.on}" for p in standing], 0)]
