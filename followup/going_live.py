"""VERB: the checklist that ends the trial, the step itself, and the way back.

Until then only the trial list is really written to; everything else is planned, shown and held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from followup.care.delivery import SET_ASIDE
from followup.care.people import ChannelName
from followup.errors import RefusedError
from followup.messages import MessageLibrary
from followup.replan import Clinic, replan
from followup.staff import Staff
from followup.storage import Transaction, health
from followup.storage.switches import Switch

SOON = timedelta(hours=1)
"""What would go within it is told before anybody says yes."""

WRITTEN = (ChannelName.SMS, ChannelName.EMAIL)


@dataclass(frozen=True, slots=True)
class Agreements:
    """When the business associate agreements were signed: with Twilio, and with the mail provider (HIPAA)."""

    twilio: date | None = None
    mail: date | None = None

    @property
    def missing(self) -> list[str]:
        return [name for name, day in (("Twilio", self.twilio), ("the mail provider", self.mail)) if day is None]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist: what it is about, whether it is done, and what is known or missing."""

    about: str
    done: bool
    said: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What going live lets go: how many messages waited for it, and what would be due within the hour.

    `questions` of those due ask something.
    """

    waited: int
    soon: dict[ChannelName, int]
    questions: int


def agreements(tx: Transaction) -> Agreements:
    """As recorded."""
    found = tx.switches.get(Switch.AGREEMENTS)
    days = dict(part.split("=") for part in found.value.split()) if found else {}
    return Agreements(*(date.fromisoformat(days[key]) if key in days else None for key in ("twilio", "mail")))


def record_agreements(tx: Transaction, signed: Agreements, now: datetime, by: str) -> None:
    """Kept with who said so; the papers themselves are the clinic's to keep."""
    parts = [f"{key}={day}" for key, day in (("twilio", signed.twilio), ("mail", signed.mail)) if day]
    tx.switches.set(Switch.AGREEMENTS, " ".join(parts), now, by)
    tx.audit.write(now, by, "agreements recorded", detail=" ".join(parts))


def record_campaign(tx: Transaction, what: str, now: datetime, by: str) -> None:
    """`what`: the id of the 10DLC campaign, or since when the toll-free number is verified."""
    tx.switches.set(Switch.CAMPAIGN, what, now, by)
    tx.audit.write(now, by, "campaign recorded", detail=what)


def heard(tx: Transaction) -> set[ChannelName]:
    """The channels on which somebody of the staff has received a test."""
    found = tx.switches.get(Switch.TEST_HEARD)
    return {ChannelName(name) for name in found.value.split()} if found else set()


def record_heard(tx: Transaction, channel: ChannelName, now: datetime, by: str) -> None:
    """Somebody says that the test arrived."""
    names = sorted(heard(tx) | {channel})
    tx.switches.set(Switch.TEST_HEARD, " ".join(names), now, by)
    tx.audit.write(now, by, "test heard", detail=f"channel={channel}")


def checklist(tx: Transaction, library: MessageLibrary, staff: Staff) -> list[Item]:
    """All that must be done before patients are written to, apart from what `doctor` finds."""
    on_call = ", ".join(person.name for person in staff.pageable())
    signed, campaign = agreements(tx), tx.switches.get(Switch.CAMPAIGN)
    dates = f"Twilio {signed.twilio}, mail provider {signed.mail}"
    unsigned = f"no date is recorded for {' and '.join(signed.missing)}"
    return [
        Item("agreements", not signed.missing, unsigned if signed.missing else dates),
        Item(
            "registration", campaign is not None, campaign.value if campaign else "no campaign or verified number"
        ),
        Item("on call", bool(on_call), on_call or "nobody of clinic.staff with a phone is on call"),
        *_approvals(tx, library),
        *_tests(tx),
    ]


def _approvals(tx: Transaction, library: MessageLibrary) -> list[Item]:
    """Every language that a patient could be enrolled in; an example counts once somebody follows it."""
    followed = health.plans_followed(tx.connection)
    found = []
    for key, plan in library.plans.items():
        if plan.example and key not in followed:
            continue
        for language in library.languages(key):
            waiting = len(library.never_approved(key, language))
            how = f"followup plan approve {key} --language {language} --by NAME"
            unused = f"or take the folder {key}/{language} out of messages/"
            said = f"{waiting} texts were never approved: {how}; {unused}" if waiting else "approved"
            found.append(Item(f"texts of {key} in {language}", not waiting, said))
    return found


def _tests(tx: Transaction) -> list[Item]:
    done = heard(tx)
    return [
        Item(
            f"test by {channel}",
            channel in done,
            "heard" if channel in done else f"followup send-test --{channel}",
        )
        for channel in WRITTEN
    ]


def require(items: Sequence[Item]) -> None:
    """Raises RefusedError, naming everything that is missing."""
    if missing := [item.about for item in items if not item.done]:
        raise RefusedError(f"not live; missing: {', '.join(missing)}")


def go_live(tx: Transaction, clinic: Clinic, now: datetime, by: str) -> Outlook:
    """Set the switch, let go what waited and is still valid, and make every timeline anew.

    RefusedError if the clinic is live already.
    """
    if tx.switches.get(Switch.LIVE):
        raise RefusedError("this clinic is live already")
    tx.switches.set(Switch.LIVE, "yes", now, by)
    waited = tx.outbox.end_trial(now)
    for patient_id in tx.register.all_ids():
        _free_what_facts_set_aside(tx, patient_id, now)
        replan(tx, clinic, patient_id, now, by)
    tx.audit.write(now, by, "live", detail=f"let go={waited}")
    soon = health.due_by(tx.connection, now + SOON, tuple(ChannelName))
    return Outlook(waited, soon, health.questions_due_by(tx.connection, now + SOON))


def _free_what_facts_set_aside(tx: Transaction, patient_id: int, now: datetime) -> None:
    """A hold that began in trial may end when the clinic is live: what comes back then must go."""
    for entry in tx.outbox.of_patients([patient_id], lock=True).get(patient_id, []):
        if entry.trial and entry.status in SET_ASIDE:
            tx.outbox.set_trial(entry, now, trial=False)


def back_to_trial(tx: Transaction, clinic: Clinic, now: datetime, by: str) -> int:
    """Hold again whatever is not for the trial list; returns how many messages wait by it.

    RefusedError if the clinic is in trial already.
    """
    if tx.switches.get(Switch.LIVE) is None:
        raise RefusedError("this clinic is in trial already")
    tx.switches.clear(Switch.LIVE)
    for patient_id in tx.register.all_ids():
        replan(tx, clinic, patient_id, now, by)
    tx.audit.write(now, by, "back to trial")
    return len(tx.outbox.on_trial())
