"""`followup`, bare: today's screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from followup.cli import screen
from followup.cli.desk import AS_JSON, Desk, pass_desk, print_json
from followup.cli.pulse import Pulse, pulse

if TYPE_CHECKING:
    from rich.table import Table

    from followup.care.people import Patient
    from followup.storage.breakers import GivenUp
    from followup.storage.outbox_rows import Entry
    from followup.storage.switches import Setting, Switch


@click.command()
@AS_JSON
@pass_desk
def today(desk: Desk, *, as_json: bool = False) -> None:
    """What goes out today, what needs a person, what failed."""
    from followup.care.delivery import FELL_THROUGH, Status
    from followup.care.local_time import instant, local_day

    zone = desk.app.clinic.practice.zone
    day = local_day(desk.now, zone)
    start, end = (instant(d, datetime.min.time(), zone) for d in (day, day + timedelta(days=1)))
    with desk.app.storage.reading() as tx:
        entries = [e for e in tx.outbox.between(start, end) if e.patient_id]
        tasks = tx.tasks.open_tasks()
        ids = {e.patient_id for e in entries} | {t.patient_id for t in tasks}
        known = tx.directory.identities({patient for patient in ids if patient})
        names = {patient: f"{who.short_id} {who.name}" for patient, who in known.items()}
        patients = tx.register.patients({e.patient_id for e in entries if e.patient_id})
        switches = tx.switches.all()
        given_up = tx.breakers.given_up()
        trial = desk.app.clinic.in_trial(tx)
    wrong = FELL_THROUGH | {Status.EXPIRED, Status.IN_DOUBT, Status.UNRESOLVED}
    failed = [e for e in entries if e.status in wrong]
    if as_json:
        _as_json(entries, failed, [t.number for t in tasks])
        return
    screen.say(f"{desk.app.config.clinic.name}, {day:%A %Y-%m-%d}", "bold")
    for warning in _warnings(switches, pulse(desk.app, desk.now), trial=trial) + _troubles(switches, given_up):
        screen.say(warning, "yellow")
    _going_out(entries, patients, names)
    if failed:
        screen.say("\nDid not go, or did not arrive", "bold red")
        screen.show(_messages(failed, patients, names))
    screen.say(f"\n{len(tasks)} open task{'' if len(tasks) == 1 else 's'}", "bold")
    if tasks:
        screen.show(screen.tasks_table(tasks, names, zone))


def _warnings(switches: dict[Switch, Setting], beat: Pulse, *, trial: bool) -> list[str]:
    """What staff must know before anything else."""
    from followup.storage.switches import PAUSES, Switch

    found = []
    if trial:
        found.append("TRIAL: only the trial list is really written to (`followup live`).")
    if Switch.PAUSED in switches:
        found.append("PAUSED: nothing is sent (`followup unpause`).")
    found += [
        f"PAUSED: nothing goes by {channel} (`followup unpause`)."
        for channel, switch in PAUSES.items()
        if switch in switches
    ]
    if not beat.alive:
        found.append("The daemon is not running: nothing is sent (`followup run`).")
    return found


def _troubles(switches: dict[Switch, Setting], given_up: Sequence[GivenUp]) -> list[str]:
    """What the program waits for by itself."""
    from followup.care.clock_guard import Suspicion
    from followup.storage.switches import Switch

    found = [
        f"Nothing goes by {sender.channel}: its sender failed ({sender.code}) and is tried again by itself."
        for sender in given_up
    ]
    if clock := switches.get(Switch.CLOCK):
        found.append(f"Nothing is sent: {Suspicion(clock.value).sentence}.")
    return found


def _going_out(entries: Sequence[Entry], patients: dict[int, Patient], names: dict[int, str]) -> None:
    from followup.care.delivery import SET_ASIDE, UNSENT

    waiting = [e for e in entries if e.status in UNSENT]
    gone = Counter(e.status.value for e in entries if e.status not in UNSENT | SET_ASIDE)
    said = ", ".join(f"{count} {status}" for status, count in sorted(gone.items())) or "nothing yet"
    screen.say(f"\nStill to go out today: {len(waiting)}. Gone: {said}.", "bold")
    if waiting:
        screen.show(_messages(waiting, patients, names))


def _messages(entries: Sequence[Entry], patients: dict[int, Patient], names: dict[int, str]) -> Table:
    made = screen.table("When (patient's time)", "Patient", "What", "By", "Status", "Why")
    for entry in entries:
        patient = patients[entry.patient_id or 0]
        zone = patient.contact(entry.contact_id or 0).zone
        made.add_row(
            screen.when(entry.due_at, zone),
            names.get(entry.patient_id or 0, ""),
            entry.step,
            entry.channel.value,
            screen.status_text(entry.status, trial=entry.trial),
            screen.reason_text(entry.reason, screen.procedure_names(patient), entry.held_by),
        )
    return made


def _as_json(entries: Sequence[Entry], failed: Sequence[Entry], tasks: Sequence[int]) -> None:
    from followup.care.delivery import UNSENT
    from followup.cli.show import message_json

    print_json(
        {
            "to_go": [message_json(e) for e in entries if e.status in UNSENT],
            "failed": [message_json(e) for e in failed],
            "open_tasks": list(tasks),
        }
    )
