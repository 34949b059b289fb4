"""Stopping and resuming texts and e-mails: below the verbs, since staff and patients both do it.

A number is stopped for everybody who shares it; only a new recorded consent opens it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from followup import log
from followup.care.people import ChannelName, ConsentTo, Contact
from followup.errors import BusyError, InputError
from followup.replan import Clinic, Replanned, replan
from followup.storage import Transaction
from followup.storage.agreements import Consent

ABOUT = {ChannelName.SMS: ConsentTo.SMS, ChannelName.EMAIL: ConsentTo.EMAIL}


@dataclass(frozen=True, slots=True)
class Line:
    """One channel of one contact: what is stopped or opened."""

    patient_id: int
    contact: Contact
    channel: ChannelName


@dataclass(frozen=True, slots=True)
class Address:
    """A number (E.164) or e-mail address, whoever's it is."""

    channel: ChannelName
    value: str = field(repr=False)


def opt_out(tx: Transaction, clinic: Clinic, line: Line, source: str, now: datetime, by: str) -> list[Replanned]:
    """Stop what a contact is reached by; see `stop`. Raises InputError where there is nothing to stop."""
    return stop(tx, clinic, Address(line.channel, _address(line)), source, now, by)


def stop(
    tx: Transaction, clinic: Clinic, address: Address, source: str, now: datetime, by: str
) -> list[Replanned]:
    """Stop a number or address for everybody who shares it, and plan anew for each of them.

    `source` is who said so: staff, carrier or reply. Whoever shares it has withdrawn: no import, enrollment or
    change brings it back. A number that is nobody's is stopped for whoever will have it.
    """
    tx.agreements.suppress(address.channel, address.value, source, now)
    withdrawn = Consent(ABOUT[address.channel], given=False, method=source, wording="")
    for patient_id, contact_id in tx.directory.contacts_at(address.channel, address.value):
        tx.agreements.record(contact_id, [withdrawn], now, by)
        detail = f"contact={contact_id} channel={address.channel} source={source}"
        tx.audit.write(now, by, "opt out", patient_id=patient_id, detail=detail)
    return _replan_all(tx, clinic, address.channel, address.value, now, by)


def ask_again(tx: Transaction, address: Address, now: datetime, by: str) -> bool:
    """START was texted: the opt-out stands, and staff ask for a new consent; False where there is none."""
    pending = tx.agreements.set_pending(address.channel, address.value, now)
    for patient_id, contact_id in tx.directory.contacts_at(address.channel, address.value):
        detail = f"contact={contact_id} channel={address.channel}"
        tx.audit.write(now, by, "opt in asked for", patient_id=patient_id, detail=detail)
    return pending


def opt_in(
    tx: Transaction, clinic: Clinic, line: Line, consent: Consent, now: datetime, by: str
) -> list[Replanned]:
    """Open a number or address again upon a new recorded consent of this contact."""
    address = _address(line)
    tx.agreements.record(line.contact.id, [consent], now, by)
    lifted = tx.agreements.lift(line.channel, address, now)
    detail = f"contact={line.contact.id} channel={line.channel} lifted={lifted} method={consent.method}"
    tx.audit.write(now, by, "opt in", patient_id=line.patient_id, detail=detail)
    return _replan_all(tx, clinic, line.channel, address, now, by)


def _address(line: Line) -> str:
    address = line.contact.address(line.channel)
    if line.channel not in ABOUT or not address:
        raise InputError("this contact has no number or address for that channel")
    return address


def _replan_all(
    tx: Transaction, clinic: Clinic, channel: ChannelName, address: str, now: datetime, by: str
) -> list[Replanned]:
    """What is wrong with one patient's rows must not undo the stop: theirs are planned by the next round."""
    planned = []
    for patient_id in tx.directory.by_address(channel, address):
        try:
            with tx.savepoint():
                planned.append(replan(tx, clinic, patient_id, now, by))
        except BusyError:
            raise
        except Exception as error:  # noqa: BLE001  see above
            log.fault("cannot plan", error, patient=patient_id)
            tx.stale.note(patient_id)
    return planned
