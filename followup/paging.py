"""VERB: staff are told: pages until somebody takes them, a mail for new tasks, the digest, the weekly test page.

What is said holds task numbers only: a page on a locked screen, or a mail in a shared inbox, names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from followup import log
from followup.care.delivery import Status
from followup.care.local_time import local_day
from followup.care.message import Kind, Text
from followup.care.people import ChannelName, Role
from followup.care.task import Level
from followup.errors import StorageError
from followup.replan import PROGRAM, Clinic
from followup.staff import Staff, alert, on_duty, present
from followup.storage import Transaction, health
from followup.storage.outbox_rows import NewMessage
from followup.storage.switches import Switch
from followup.storage.tasks import ToPage, Waiting

MOST_NAMED = 40
"""Task numbers in one mail; `followup tasks` has them all."""

DIGEST_VALID_FOR = timedelta(hours=12)


def page(tx: Transaction, staff: Staff, now: datetime) -> int:
    """Page about every critical task that nobody has taken and whose turn it is; returns how many pages.

    Where nobody is on call the task keeps its turn, and `status` is red.
    """
    duty = on_duty(tx, staff, now)
    due = tx.tasks.to_page(now)
    for task in due:
        if duty:
            person = duty[task.pages // staff.pages_each % len(duty)]
            words = Text(_page_words(tx, staff, task))
            key = f"{task.number}:{task.pages + 1}"
            tx.outbox.add_message(alert(words, ChannelName.SMS, person.phone or "", key, now, "page"), now)
            detail = f"task={task.number} page={task.pages + 1}"
            tx.audit.write(now, PROGRAM, "page", patient_id=task.patient_id, detail=detail)
            tx.tasks.paged(task.number, now + staff.repeat)
    return len(due) if duty else 0


def _page_words(tx: Transaction, staff: Staff, task: ToPage) -> str:
    call = ""
    if staff.carries_number and (number := _call_back(tx, task)):
        call = f" Call {number}."
    return f"{staff.clinic} followup: CRITICAL task {task.number}.{call} Text back {task.number} to take it."


def _call_back(tx: Transaction, task: ToPage) -> str | None:
    """The number that wrote; else the patient's own. Without one the page goes all the same."""
    try:
        wrote = tx.tasks.get(task.number).detail.get("address")
    except StorageError as error:
        log.fault("cannot read", error, task=task.number)
        return None
    if isinstance(wrote, str) and wrote.startswith("+"):
        return wrote
    if task.patient_id is None:
        return None
    contacts = tx.register.patient(task.patient_id).contacts
    return next((c.number for c in contacts if c.role is Role.PATIENT), None)


def tell(tx: Transaction, clinic: Clinic, staff: Staff, now: datetime) -> int:
    """Mail staff the numbers of new tasks, routine ones only while somebody is there; returns how many."""
    there = clinic.practice.staffed.contains(now)
    new = [task for task in tx.tasks.untold() if there or task.level is not Level.ROUTINE]
    if not new:
        return 0
    mailed = _mailed(tx, staff, now)
    if not mailed:
        return 0  # they stay untold until somebody is back
    words = Text(_notice(new), f"followup: {_counted(new)}")
    for place, address in enumerate(mailed):
        key = f"tasks:{new[0].number}-{new[-1].number}:{now:%Y%m%dT%H%M%S}:{place}"
        tx.outbox.add_message(alert(words, ChannelName.EMAIL, address, key, now, "tasks"), now)
    tx.tasks.told([task.number for task in new], now)
    return len(new)


def _mailed(tx: Transaction, staff: Staff, now: datetime) -> list[str]:
    here = present(tx, staff, now)
    return [person.email for person in staff.people if person.email and person.name in here]


def _notice(tasks: Sequence[Waiting]) -> str:
    lines = [
        f"Task {task.number}: {task.level.upper()}, {task.kind.replace('_', ' ')}" for task in tasks[:MOST_NAMED]
    ]
    if len(tasks) > MOST_NAMED:
        lines.append(f"and {len(tasks) - MOST_NAMED} more")
    return "\n".join([*lines, "", "To read one: followup tasks NUMBER", ""])


def _counted(tasks: Sequence[Waiting]) -> str:
    counts = [(level, sum(task.level is level for task in tasks)) for level in Level]
    return ", ".join(f"{count} {level} task{'s' if count > 1 else ''}" for level, count in counts if count)


def digest(tx: Transaction, clinic: Clinic, staff: Staff, now: datetime) -> bool:
    """Once each staffed day, as soon as somebody is there: what went out since the last, and what is open.

    It comes when there is nothing to tell as well, so that its absence means something.
    """
    last = tx.switches.get(Switch.DIGEST)
    today = local_day(now, clinic.practice.zone)
    if not clinic.practice.staffed.contains(now) or (last and last.value == today.isoformat()):
        return False
    mailed = _mailed(tx, staff, now)
    if not mailed:
        return False
    since = last.at if last else now - timedelta(days=1)
    words = _digest(tx, clinic, since, now)
    for place, address in enumerate(mailed):
        new = NewMessage(
            Kind.DIGEST,
            f"{Kind.DIGEST}:{today}:{place}",
            ChannelName.EMAIL,
            now,
            now + DIGEST_VALID_FOR,
            address,
            words,
            "digest",
        )
        tx.outbox.add_message(new, now)
    tx.switches.set(Switch.DIGEST, today.isoformat(), now, PROGRAM)
    return True


def _digest(tx: Transaction, clinic: Clinic, since: datetime, now: datetime) -> Text:
    gone, tasks = health.gone_since(tx.connection, since), tx.tasks.waiting()
    sent = sum(gone.get(status, 0) for status in (Status.ACCEPTED, Status.SENT, Status.DELIVERED))
    late = [task for task in tasks if task.due_at < now]
    lines = [
        f"Since {since.astimezone(clinic.practice.zone):%A %H:%M}: {sent} sent, {len(tasks)} open.",
        *(f"{count} {status.replace('_', ' ')}" for status, count in sorted(gone.items())),
        "",
        f"Open tasks: {_counted(tasks) or 'none'}.",
        *([f"Past their time: {', '.join(str(task.number) for task in late[:MOST_NAMED])}."] if late else []),
        f"Answers read: {health.replies_since(tx.connection, since)}.",
        "",
    ]
    return Text("\n".join(lines), f"followup: {sent} sent, {len(tasks)} open")


def weekly_page(tx: Transaction, clinic: Clinic, staff: Staff, now: datetime) -> int:
    """Once a week, in staffed hours, a page to everybody on call that asks for nothing; returns to how many.

    It proves the way by which a red flag would reach them; `status` tells whether it arrived.
    """
    week = "{}-W{:02}".format(*local_day(now, clinic.practice.zone).isocalendar()[:2])
    last = tx.switches.get(Switch.TEST_PAGED)
    if not clinic.practice.staffed.contains(now) or (last and last.value == week):
        return 0
    duty = on_duty(tx, staff, now)
    if not duty:
        return 0
    words = Text(f"{staff.clinic} followup: weekly test page ({week}). Nothing to do.")
    for place, person in enumerate(duty):
        key = f"test:{week}:{place}"
        tx.outbox.add_message(alert(words, ChannelName.SMS, person.phone or "", key, now, "test page"), now)
    tx.switches.set(Switch.TEST_PAGED, week, now, PROGRAM)
    return len(duty)
