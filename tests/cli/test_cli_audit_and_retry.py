"""`audit ledger` tells each difference and a monitor; `retry` wants somebody who has asked the patient."""

from __future__ import annotations

import base64
from contextlib import closing
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from cli_clinic import SENDER, SandboxClinic
from sqlalchemy import update

from followup.app import build_app
from followup.sandbox import SANDBOX_ACCOUNT, SANDBOX_TOKEN, Pace
from followup.sandbox.faults import Status as HttpStatus
from followup.storage.tables import messages


def sent_by_hand(clinic: SandboxClinic) -> tuple[str, str]:
    """A text that somebody sends from the clinic's number without us; its id at the provider, and its day."""
    clinic.twilio.settings.pace = Pace(sending=0, sent=0)
    login = base64.b64encode(f"{SANDBOX_ACCOUNT}:{SANDBOX_TOKEN}".encode()).decode()
    form = urlencode({"To": "+12145550142", "From": SENDER, "Body": "Come to our sale"}).encode()
    url = f"{clinic.twilio.base_url}/2010-04-01/Accounts/{SANDBOX_ACCOUNT}/Messages.json"
    urlopen(Request(url, form, {"Authorization": f"Basic {login}"})).close()  # noqa: S310  this machine
    sent = clinic.twilio.messages[-1]
    return sent.sid, sent.created.date().isoformat()


def test_a_list_that_agrees_is_said_to(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("audit", "ledger")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("Both agree.\n")


def test_a_text_that_we_did_not_send_is_named_and_a_monitor_hears_of_it(sandbox_clinic: SandboxClinic) -> None:
    sid, day = sent_by_hand(sandbox_clinic)
    result = sandbox_clinic.run("audit", "ledger", "--day", day)
    assert result.exit_code == 1
    assert f"{sid}: sent by this sender, and not by followup" in result.stdout
    assert "214555" not in result.stdout
    told = sandbox_clinic.told("audit", "ledger", "--day", day)
    assert (told["listed"], told["ghosts"], told["missing"]) == (1, [sid], [])


def test_a_list_that_cannot_be_had_is_no_agreement(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.twilio.always(HttpStatus(503), on="read")
    result = sandbox_clinic.run("audit", "ledger")
    assert result.exit_code == 1
    assert "nothing was compared" in result.stderr


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30"])
def test_a_day_that_is_none_is_refused(sandbox_clinic: SandboxClinic, day: str) -> None:
    assert sandbox_clinic.run("audit", "ledger", "--day", day).exit_code == 2


def nobody_knows(clinic: SandboxClinic) -> str:
    """A patient whose welcome nobody knows the end of; what staff call them."""
    clinic.enroll()
    given_up = {"status": "unresolved", "attempt": 1, "reason": "not_found"}
    with closing(build_app(clinic.config)) as app, app.storage.transaction() as tx:
        tx.connection.execute(update(messages).where(messages.c.step == "welcome").values(given_up))
    (patient,) = clinic.told("patients")
    return str(patient["patient"])


def test_without_having_asked_nothing_goes_again(sandbox_clinic: SandboxClinic) -> None:
    patient = nobody_knows(sandbox_clinic)
    result = sandbox_clinic.run("retry", patient, "welcome")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "--i-checked" in result.stderr


def test_what_was_checked_goes_again_and_what_was_not_given_up_does_not(sandbox_clinic: SandboxClinic) -> None:
    patient = nobody_knows(sandbox_clinic)
    assert sandbox_clinic.run("retry", patient, "six-weeks", "--i-checked").exit_code == 4
    result = sandbox_clinic.run("retry", patient, "welcome", "--i-checked")
    assert (result.exit_code, result.stdout) == (0, "1 message will be sent again.\n")
    assert sandbox_clinic.run("retry", patient, "welcome", "--i-checked").exit_code == 4
