"""What must ever hold of a database holds after six weeks; each breach that is planted is found and explained."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from databases import outsider
from world import World, person

from followup.care.people import ConsentTo
from followup.rounds import Rounds
from followup.sandbox import Close, Refuse
from followup.storage import Storage
from followup.storage.invariants import CHECKS, ELSEWHERE, breaches

ROOT = Path(__file__).resolve().parents[2]


def found(world: World) -> dict[str, list[str]]:
    with world.app.storage.reading() as tx:
        return breaches(tx, world.clinic.practice, world.clock.utc())


def sealed(world: World) -> World:
    with world.app.storage.transaction() as tx:
        tx.chain.seal(world.clock.utc())
    return world


def test_after_six_weeks_with_faults_everything_holds(either_world: World) -> None:
    world = either_world
    world.twilio.next(Close("after accepting"), Close("after reading"))
    world.enroll()
    world.run_until(datetime(2026, 12, 12, 18, tzinfo=UTC), timedelta(hours=6))
    world.twilio.always(Refuse(21211))
    other = person("Otto Other", "+12145550102", "otto@example.org", agreed=[ConsentTo.SMS, ConsentTo.EMAIL])
    world.enroll(
        name="Otto Other", record_number="B-2", patient=other, on=datetime(2026, 12, 11, tzinfo=UTC).date()
    )
    world.run_until(datetime(2026, 12, 15, 18, tzinfo=UTC), timedelta(hours=6))
    assert {name: said for name, said in found(sealed(world)).items() if said} == {}


SENT = "status = 'delivered' AND channel = 'sms' AND step = 'going-home'"

PLANTED = {
    "I1 nothing disappears": "UPDATE messages SET status = 'in_doubt' WHERE THIS",
    "I2 nothing is taken twice": (
        "INSERT INTO attempts SELECT id + 1, message_id, number + 1, owner, began_at, ended_at, outcome, code,"
        " words, words_hash, version, segments FROM attempts"
        " WHERE message_id = (SELECT id FROM messages WHERE THIS)"
    ),
    "I3 never early, never late": "UPDATE messages SET not_before = '2030-01-01 00:00:00' WHERE THIS",
    "I4 never outside the send window": "UPDATE attempts SET began_at = '2026-10-31 08:00:00'",
    "I5 nothing after it was cancelled": "UPDATE procedures SET cancelled_at = '2026-10-01 00:00:00'",
    "I6 nothing that is still forbidden": "UPDATE messages SET step = 'six-weeks' WHERE THIS",
    "I7 what was taken has its id": "UPDATE messages SET status = 'sent', provider_id = NULL WHERE THIS",
    "I8 what was not sent was not taken": "UPDATE messages SET status = 'expired' WHERE THIS",
    "I9 what is in hand is in living hands": "UPDATE messages SET status = 'sending' WHERE THIS",
    "I10 nothing goes back from the wire": "UPDATE audit SET target = 'planned' WHERE source = 'sending'",
    "I11 attempts stay within their number": "UPDATE messages SET charged = 9 WHERE THIS",
    "I12 the trail replays, and its seals hold": "UPDATE messages SET status = 'accepted' WHERE THIS",
    "I13 what was missed is a task": "UPDATE messages SET status = 'failed' WHERE THIS",
    "I14 the words are those recorded": "UPDATE attempts SET words_hash = x'00'",
    "I18 one version": "UPDATE alembic_version SET version_num = '0001'",
    "I19 time does not run ahead": "UPDATE audit SET at = '2031-01-01 00:00:00'",
    "I20 the sums agree": "UPDATE messages SET attempt = 5 WHERE THIS",
    "I21 what came in is handled": "UPDATE replies SET handled_at = NULL, read_at = '2026-10-30 00:00:00'",
    "I22 who stopped us is written to no more": (
        "INSERT INTO suppressions (id, channel, address_index, since, source)"
        " SELECT 1, channel, address_index, '2026-10-01 00:00:00', 'reply' FROM messages WHERE THIS"
    ),
}


def test_a_breach_is_planted_for_every_invariant() -> None:
    assert PLANTED.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_planted_is_found_and_said_in_a_sentence(world: World, name: str) -> None:
    world.enroll(patient=person(agreed=[ConsentTo.SMS]))
    world.run_until(datetime(2026, 10, 31, 18, tzinfo=UTC))
    world.receive("thanks")
    sealed(world)
    with outsider(world.app.config.database_url) as execute:
        for trigger in ("audit_only_grows", "audit_stays_sealed", "audit_never_shrinks"):
            execute(f"DROP TRIGGER {trigger}")
        execute("DELETE FROM tasks")
        execute(PLANTED[name].replace("THIS", SENT))
    said = found(world)[name]
    assert said
    assert all(len(sentence.splitlines()) == 1 and not sentence.endswith(".") for sentence in said)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET detail = 'another' WHERE id = (SELECT min(id) FROM audit)",
        "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit WHERE seal = 1)",
        "UPDATE audit SET seal = 1 WHERE id = (SELECT min(id) FROM audit WHERE seal = 2)",
        "DELETE FROM seals WHERE number = 1",
        "UPDATE seals SET head = (SELECT head FROM seals WHERE number = 1) WHERE number = 2",
        (
            "INSERT INTO audit SELECT id + 1, at, by, action, patient_id, message_id, detail, before, undone_at,"
            " source, target, reason, attempt, revision, seal FROM audit WHERE id = (SELECT min(id) FROM audit)"
        ),
    ],
    ids=["changed", "taken away", "moved", "a seal taken away", "a seal copied", "added"],
)
def test_whoever_tampers_with_the_trail_breaks_a_seal(world: World, tampering: str) -> None:
    world.enroll()
    sealed(world)
    world.tick()
    sealed(world)
    with world.app.storage.reading() as tx:
        assert list(tx.chain.breaches()) == []
    with outsider(world.app.config.database_url) as execute:
        for trigger in ("audit_only_grows", "audit_stays_sealed", "audit_never_shrinks"):
            execute(f"DROP TRIGGER {trigger}")
        execute(tampering)
    with world.app.storage.reading() as tx:
        assert list(tx.chain.breaches())


def test_sealing_leaves_nothing_unsealed_and_seals_nothing_twice(either_world: World) -> None:
    world = either_world
    world.enroll()
    Rounds(world.app).seal()
    with world.app.storage.reading() as tx:
        number, head = tx.chain.newest()
        assert tx.chain.unsealed_before(world.clock.utc() + timedelta(hours=1)) == 0
    Rounds(world.app).seal()
    with world.app.storage.reading() as tx:
        assert tx.chain.newest() == (number, head)
        assert list(tx.chain.breaches()) == []


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_what_a_database_cannot_show_is_shown_by_a_test_that_exists(test: str) -> None:
    assert (ROOT / test).exists()


def test_an_empty_database_breaches_nothing(
    storage: Storage, make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url)
    with storage.reading() as tx:
        assert not any(breaches(tx, world.clinic.practice, world.clock.utc()).values())
