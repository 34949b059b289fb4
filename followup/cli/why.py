"""`followup why`: one sentence for any message of a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from followup.cli import screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.cli.find import PATIENT, look_up
from followup.errors import NotFoundError

if TYPE_CHECKING:
    from followup.care.people import Patient
    from followup.storage.outbox_rows import Entry


@click.command()
@PATIENT
@click.argument("step", required=False)
@AS_JSON
@pass_desk
def why(desk: Desk, patient: str | None, step: str | None, *, as_json: bool) -> None:
    """Why a message of a patient went, waits, or did not go: one sentence each.

    STEP is a step of the care plan, as `followup show` names it; without it every message is explained.
    """
    _, facts = look_up(desk, patient)
    with desk.app.storage.reading() as tx:
        entries = [e for e in tx.outbox.of_patients([facts.id]).get(facts.id, []) if step in (None, e.step)]
        tasks = {e.id: [t.number for t in tx.tasks.of_message(e.id) if t.closed_at is None] for e in entries}
    if not entries:
        raise NotFoundError(_no_step(step, desk, facts))
    sentences = [
        (entry, sentence(entry, facts, tasks[entry.id])) for entry in sorted(entries, key=lambda e: e.due_at)
    ]
    if as_json:
        print_json([{"key": e.key, "step": e.step, "status": e.status, "why": text} for e, text in sentences])
        return
    for _, text in sentences:
        screen.say(text)


def _no_step(step: str | None, desk: Desk, facts: Patient) -> str:
    from followup.entered import nearest

    if step is None:
        return "this patient has no messages"
    plans = desk.app.clinic.practice.plans
    steps = {s.key for p in facts.procedures if p.plan in plans for s in plans[p.plan].steps}
    return f"this patient has no message {step!r}; {nearest(step, steps)}"


def sentence(entry: Entry, facts: Patient, open_tasks: list[int]) -> str:
    """What became of a message and why, for staff."""
    from followup.care.delivery import UNSENT

    contact = facts.contact(entry.contact_id or 0)
    names = screen.procedure_names(facts)
    head = f"{entry.step} by {entry.channel} to the {contact.role} ({names[entry.procedure_id or 0]})"
    zone = contact.zone
    moment = entry.due_at if entry.status in UNSENT else entry.sent_at or entry.due_at
    said = _said(entry, screen.when(moment, zone), screen.when(entry.valid_until, zone))
    reason = screen.reason_text(entry.reason, names, entry.held_by)
    tail = f": {reason}" if reason else ""
    tasks = f" (open task {', '.join(map(str, open_tasks))})" if open_tasks else ""
    return f"{head} {said}{tail}{tasks}."


def _said(entry: Entry, moment: str, end: str) -> str:
    from followup.care.delivery import Status

    attempts = f" after {entry.attempt} attempts" if entry.attempt > 1 else ""
    code = f" with code {entry.code}" if entry.code else ""
    trial = "; the clinic is in trial, and this number or address is not on the trial list" if entry.trial else ""
    return {
        Status.PLANNED: f"waits for {moment} and may go until {end}{trial}",
        Status.SENDING: f"is being sent since {moment}",
        Status.RETRY_WAIT: f"did not go{code} and is tried again at {moment}",
        Status.IN_DOUBT: f"may or may not have been accepted on {moment}; evidence is looked for",
        Status.ACCEPTED: f"was accepted on {moment}{attempts}; no receipt yet",
        Status.SENT: f"was sent on {moment}{attempts}",
        Status.DELIVERED: f"was delivered; it was sent on {moment}{attempts}",
        Status.UNDELIVERED: f"was sent on {moment} and did not arrive{code}",
        Status.FAILED: f"failed{code}{attempts}",
        Status.EXPIRED: f"was not sent before {end}, its end",
        Status.UNRESOLVED: f"may or may not have arrived; it was sent, or not, on {moment}",
        Status.CANCELLED: f"was cancelled; it was planned for {moment}",
        Status.SUPERSEDED: f"was superseded; it was planned for {moment}",
        Status.SUPPRESSED: f"is not sent; it was planned for {moment}",
    }[entry.status]
