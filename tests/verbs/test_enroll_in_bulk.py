"""Thousands are entered as one is: the same rows, the same refusals, and about as few statements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from world import START, World, enrollment, numbered, person

from followup.care.people import ChannelName, Role
from followup.enroll import CHUNK, enroll_all, enroll_in_chunks
from followup.entered import Enrollment
from followup.errors import InputError


def entries(count: int, first: int = 0) -> list[Enrollment]:
    return [an_entry(number) for number in range(first, first + count)]


def an_entry(number: int, **changes: object) -> Enrollment:
    named = {"name": numbered(number), "record_number": f"B-{number}"}
    who = person(numbered(number), f"+1214556{number:04d}", f"p{number}@example.org")
    return enrollment(START, **({"patient": who} | named | changes))


def in_bulk(world: World, entered: Sequence[Enrollment]) -> list[Any]:
    with world.app.storage.transaction() as tx:
        return enroll_all(tx, world.clinic, entered, world.clock.utc(), "import")


def shape(world: World, patients: Collection[int]) -> list[tuple[object, ...]]:
    """All that is planned for these patients, and all that the trail says of them, but for what holds an id."""
    with world.app.storage.reading() as tx:
        rows = [entry for found in tx.outbox.of_patients(patients).values() for entry in found]
        lines = [line for patient in sorted(patients) for line in tx.audit.of_patient(patient)]
    planned = [
        (e.step, e.channel, e.status, e.reason, e.not_before, e.due_at, e.valid_until, e.asks) for e in rows
    ]
    return [*sorted(map(str, planned)), *sorted(f"{line.action} {line.by}" for line in lines)]


def test_in_bulk_comes_of_it_what_comes_of_one_after_the_other(either_world: World) -> None:
    world = either_world

    def crowd(first: int) -> list[Enrollment]:
        number = f"+1214557{first:04d}"
        caregiver = person("Ann Miller", number, None, role=Role.CAREGIVER)
        odd = an_entry(first + 8, caregivers=(caregiver,)), an_entry(first + 9, discharged_at=None)
        return [*entries(8, first), *odd]

    together = in_bulk(world, crowd(0))
    singly = [one for each in crowd(100) for one in in_bulk(world, [each])]
    assert all(not one.known and not one.found for one in (*together, *singly))
    assert shape(world, {one.patient_id for one in together}) == shape(world, {one.patient_id for one in singly})
    with world.app.storage.reading() as tx:
        names = tx.directory.identities([one.patient_id for one in together])
        assert [names[one.patient_id].name for one in together] == [each.name for each in crowd(0)]
        assert [one.replanned.patient for one in together] == [
            tx.register.patient(one.patient_id) for one in together
        ]


def test_it_takes_no_more_statements_for_two_hundred_than_for_fifty(either_world: World) -> None:
    asked: list[str] = []
    event.listen(
        either_world.app.storage.engine, "before_cursor_execute", lambda _c, _x, said, *_: asked.append(said)
    )
    in_bulk(either_world, entries(50))
    fifty = len(asked)
    asked.clear()
    in_bulk(either_world, entries(200, 50))
    # Rows go in by hundreds, so that a few statements more are needed for four times as many.
    assert len(asked) <= fifty + 12


def test_who_was_entered_before_and_who_stands_there_twice_is_one_patient(either_world: World) -> None:
    first = in_bulk(either_world, entries(3))
    again = in_bulk(
        either_world,
        [an_entry(1), an_entry(3), an_entry(3), an_entry(2, on=START.date() + timedelta(7), discharged_at=None)],
    )
    assert [(one.known, one.found) for one in again] == [(True, True), (False, False), (True, True), (False, True)]
    assert again[0].procedure_id == first[1].procedure_id
    assert again[2].procedure_id == again[1].procedure_id
    assert again[3].patient_id == first[2].patient_id


def test_namesakes_with_record_numbers_of_their_own_are_two(either_world: World) -> None:
    one, two = an_entry(1), an_entry(1, record_number="B-other")
    done = in_bulk(either_world, [one, two])
    assert done[0].patient_id != done[1].patient_id


def test_what_is_wrong_with_any_is_told_by_its_place_and_nothing_is_entered(either_world: World) -> None:
    wrong = [an_entry(0), an_entry(1, plan="kyphoplastie"), an_entry(2, birth_date=date(2090, 1, 1))]
    with pytest.raises(InputError) as caught:
        in_bulk(either_world, wrong)
    told = str(caught.value).splitlines()
    assert len(told) == 2
    assert told[0].startswith("entry 2: plan: there is no 'kyphoplastie'")
    assert told[1].startswith("entry 3: birth date")
    with either_world.app.storage.reading() as tx:
        assert tx.register.all_ids() == []


def test_a_record_number_of_somebody_else_stops_its_chunk_and_keeps_those_before_it(world: World) -> None:
    good, bad = entries(CHUNK), an_entry(CHUNK, record_number="B-0")
    chunks = enroll_in_chunks(world.app.storage, world.clinic, [*good, bad], world.clock.utc, "import")
    assert len(next(chunks)) == CHUNK
    with pytest.raises(InputError, match="another name"):
        next(chunks)
    with world.app.storage.reading() as tx:
        assert len(tx.register.all_ids()) == CHUNK


def test_the_first_text_of_an_import_goes_as_any_other(either_world: World) -> None:
    done = in_bulk(either_world, entries(3))
    either_world.tick()
    for number, one in enumerate(done):
        (welcome,) = [
            e for e in either_world.rows(one.patient_id) if e.step == "welcome" and e.channel is ChannelName.SMS
        ]
        assert welcome.status == "accepted"
        assert len(either_world.texts(f"+1214556{number:04d}")) == 1
