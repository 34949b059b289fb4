"""The provider's list of a day against ours, both ways; and a message that a person lets go again."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from databases import outsider
from world import NUMBER, World, person

from followup import worklist
from followup.care.delivery import Status
from followup.care.people import ChannelName, ConsentTo
from followup.care.task import TaskKind
from followup.errors import RefusedError
from followup.ledger_audit import Findings, audit
from followup.rounds import Rounds
from followup.sandbox import SANDBOX_ACCOUNT, SANDBOX_TOKEN, Close
from followup.sandbox.sms import Sms

FRIDAY = date(2026, 10, 30)
TEXTS_ONLY = (ConsentTo.SMS,)


def compared(world: World, day: date = FRIDAY) -> Findings:
    ledger = world.app.ledgers[ChannelName.SMS]
    return audit(world.app.storage, world.clinic, ledger, day, world.clock.utc())


def through_friday(world: World) -> int:
    patient = world.enroll(patient=person(agreed=TEXTS_ONLY)).patient_id
    world.run_until(datetime(2026, 10, 31, 13, tzinfo=UTC))
    return patient


def by_hand(world: World, body: str) -> Sms:
    """A text that somebody sends from our number without us."""

    login = base64.b64encode(f"{SANDBOX_ACCOUNT}:{SANDBOX_TOKEN}".encode()).decode()
    form = urlencode({"To": NUMBER, "From": "+12145550150", "Body": body}).encode()
    url = f"{world.twilio.base_url}/2010-04-01/Accounts/{SANDBOX_ACCOUNT}/Messages.json"
    with urlopen(Request(url, form, {"Authorization": f"Basic {login}"})) as answer:  # noqa: S310  this machine
        assert answer.status == HTTPStatus.CREATED
    return world.twilio.messages[-1]


def test_a_day_on_which_everything_went_right_has_no_difference(either_world: World) -> None:
    through_friday(either_world)
    found = compared(either_world)
    assert not found
    assert found.listed == 2
    assert either_world.tasks(TaskKind.LEDGER) == []


def test_a_text_that_we_know_nothing_of_is_told_once(world: World) -> None:
    ghost = by_hand(world, "Come to our sale")
    through_friday(world)
    assert compared(world).ghosts == (ghost.sid,)
    compared(world)
    (task,) = world.tasks(TaskKind.LEDGER)
    assert (task.times, task.detail["ghosts"]) == (1, [ghost.sid])


def test_our_words_a_second_time_are_told_as_a_double(world: World) -> None:
    patient = world.enroll(patient=person(agreed=TEXTS_ONLY)).patient_id
    world.tick()
    again = by_hand(world, world.texts()[0])
    world.run_until(datetime(2026, 10, 31, 13, tzinfo=UTC))
    assert compared(world).doubled == ((world.row(patient, "welcome").id, again.sid),)


def test_a_text_that_the_provider_does_not_know_is_missing(world: World) -> None:
    patient = through_friday(world)
    with outsider(world.app.config.database_url) as execute:
        row = world.row(patient, "welcome").id
        execute(f"UPDATE messages SET provider_id = 'SM{'0' * 32}' WHERE id = {row}")  # noqa: S608  a test's own values
    found = compared(world)
    assert found.missing == (row,)
    assert len(found.doubled) == 1


def test_the_daemon_compares_yesterday_once_a_day(world: World) -> None:
    by_hand(world, "Come to our sale")
    through_friday(world)
    rounds = Rounds(world.app)
    rounds.audit_ledger()
    rounds.audit_ledger()
    (task,) = world.tasks(TaskKind.LEDGER)
    assert task.times == 1


# A person has checked


def unresolved(world: World) -> int:
    world.twilio.next(Close("after reading"), to=NUMBER)
    patient = world.enroll(patient=person(agreed=TEXTS_ONLY), discharged_at=None).patient_id
    world.run_until(world.clock.utc() + timedelta(hours=2), timedelta(minutes=5))
    assert world.row(patient, "welcome").status is Status.UNRESOLVED
    return patient


def allow_again(world: World, patient: int, step: str = "welcome") -> int:
    with world.app.storage.transaction() as tx:
        return worklist.retry(tx, world.clinic, patient, step, world.clock.utc(), "ann")


def test_what_a_person_has_checked_goes_again_and_its_task_is_done(world: World) -> None:
    patient = unresolved(world)
    assert allow_again(world, patient) == 1
    world.run_until(world.clock.utc() + timedelta(minutes=10))
    assert world.row(patient, "welcome").status is Status.DELIVERED
    assert world.tasks() == []


def test_what_is_over_or_went_well_is_not_sent_again(world: World) -> None:
    patient = unresolved(world)
    with pytest.raises(RefusedError, match="that still holds"):
        allow_again(world, patient, "day-1")
    world.clock.advance(timedelta(days=2))
    with pytest.raises(RefusedError, match="that still holds"):
        allow_again(world, patient)
