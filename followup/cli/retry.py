"""`followup retry`: a person has checked, and lets a message go again."""

from __future__ import annotations

import click

from followup.cli import screen
from followup.cli.desk import Desk, pass_desk
from followup.cli.find import PATIENT, find
from followup.errors import RefusedError


@click.command()
@PATIENT
@click.argument("step")
@click.option("--i-checked", is_flag=True, help="You know that the patient does not have it.")
@pass_desk
def retry(desk: Desk, patient: str | None, step: str, *, i_checked: bool) -> None:
    """Send STEP of a patient again, which failed, or of which nobody could find out whether it went.

    Only while it still holds; every gate is asked again. Ask the patient first: it may be a second copy.
    """
    from followup.worklist import retry as allow_again

    if not i_checked:
        raise RefusedError("ask the patient whether it arrived, then say so with --i-checked")
    patient_id = find(desk, patient)
    count = desk.carry_out(lambda tx: allow_again(tx, desk.app.clinic, patient_id, step, desk.now, desk.by))
    screen.say(f"{count} message{'s' * (count != 1)} will be sent again.", "green")
