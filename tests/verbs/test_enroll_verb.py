"""Enrolling: what cannot be right changes nothing and says what would be; the same thing twice is recognised."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import event
from world import World, numbered, person

from followup import change
from followup.care.people import ConsentTo, Role
from followup.errors import InputError, NotFoundError, RefusedError

WRONG = {
    "an unknown plan": ({"plan": "kyphoplsty"}, "did you mean 'kyphoplasty'"),
    "a procedure in 2062": ({"on": date(2062, 10, 30)}, "180 days ahead"),
    "a procedure long past": ({"on": date(2026, 3, 1), "discharged_at": None}, "60 days past"),
    "a pain of 11": ({"baseline_pain": 11}, "0 (none) to 10"),
    "home before the procedure": ({"on": date(2026, 11, 3)}, "before the procedure"),
    "home and in hospital": ({"in_hospital": True}, "both home and in hospital"),
    "a birth date ahead": ({"birth_date": date(2044, 5, 6)}, "birth date"),
    "a birth date 130 years ago": ({"birth_date": date(1890, 5, 6)}, "birth date"),
    "no birth date": ({"birth_date": None}, "birth date: missing"),
    "nobody to write to": ({"patient": None}, "a number or an e-mail"),
    "no name": ({"name": " ", "patient": person(" ")}, "name: missing"),
    "a language without texts": ({"patient": person(language="fr")}, "it has en, es"),
    "texts to a landline": ({"patient": person(landline=True, agreed=[ConsentTo.SMS])}, "no mobile number"),
    "mails without an address": ({"patient": person(email=None, agreed=[ConsentTo.EMAIL])}, "no e-mail address"),
    "a line break in a name": ({"patient": person("Ruth\r\nBcc: all@example.org")}, "line break"),
    "a line separator in a name": ({"name": "Ruth\u2028Miller"}, "line break"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_right_changes_nothing(world: World, changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as refused:
        world.enroll(**changes)
    assert said in str(refused.value)
    assert "Ruth" not in str(refused.value)
    with world.app.storage.reading() as tx:
        assert tx.register.all_ids() == []


def test_every_fault_is_named_at_once(world: World) -> None:
    with pytest.raises(InputError) as refused:
        world.enroll(plan="x", on=date(2062, 1, 1), baseline_pain=99, birth_date=None)
    assert len(str(refused.value).splitlines()) >= 4


def test_a_caregiver_needs_the_patients_word_about_sharing(world: World) -> None:
    daughter = person("Dora", "+12145550155", None, role=Role.CAREGIVER)
    silent = type(daughter)(
        daughter.contact, tuple(c for c in daughter.consents if c.about is not ConsentTo.SHARE)
    )
    with pytest.raises(InputError, match="share"):
        world.enroll(caregivers=(silent,))


def test_a_double_enter_is_one_enrollment(either_world: World) -> None:
    first, again = either_world.enroll(), either_world.enroll()
    assert again.known
    assert (again.patient_id, again.procedure_id) == (first.patient_id, first.procedure_id)
    assert not again.replanned.changes
    assert len(either_world.patient(first.patient_id).contacts) == 1


def test_a_known_patient_is_found_again_and_gets_a_second_procedure(either_world: World) -> None:
    first = either_world.enroll()
    second = either_world.enroll(on=date(2026, 11, 20), discharged_at=None)
    assert second.found
    assert not second.known
    assert second.patient_id == first.patient_id
    assert len(either_world.patient(first.patient_id).procedures) == 2


def test_the_same_caregiver_given_again_is_written_to_once(world: World) -> None:
    daughter = person("Dora Miller", "+12145550155", None, role=Role.CAREGIVER)
    first = world.enroll(caregivers=(daughter,))
    world.enroll(on=date(2026, 11, 20), discharged_at=None, caregivers=(daughter,))
    assert len(world.patient(first.patient_id).contacts) == 2


def test_a_record_number_of_somebody_else_is_not_taken_for_this_patient(world: World) -> None:
    """A slip in the record number must not put a procedure into another patient's chart."""
    world.enroll()
    with pytest.raises(InputError, match="another birth date"):
        world.enroll(name="Otto Other", birth_date=date(1950, 2, 3))


def test_two_people_of_one_name_and_birth_date_with_own_record_numbers_are_two(world: World) -> None:
    assert world.enroll().patient_id != world.enroll(record_number="A-2002").patient_id


def test_nothing_is_planned_for_a_patient_who_has_died(world: World) -> None:
    first = world.enroll()
    with world.hand(first.patient_id) as (hand, who):
        change.died(hand, who)
    with pytest.raises(RefusedError, match="died"):
        world.enroll(on=date(2026, 11, 20), discharged_at=None)


def test_an_unknown_patient_id_is_said_to_be_unknown(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.enroll(patient_id=12345)


def test_a_patient_entered_on_day_6_gets_no_text_of_the_days_before(world: World) -> None:
    enrolled = world.enroll(on=date(2026, 10, 24), discharged_at=world.clock.utc() - timedelta(days=6))
    world.run_until(world.clock.utc() + timedelta(days=1))
    assert {r.step for r in world.rows(enrolled.patient_id) if r.sent_at} == {"welcome", "activity"}


def test_a_thousand_enrollments_ask_no_more_of_the_database_than_the_first(world: World) -> None:
    """Nothing quadratic: the hundredth patient costs as many statements as the second."""
    asked: list[str] = []
    event.listen(world.app.storage.engine, "before_cursor_execute", lambda _c, _x, said, *_: asked.append(said))
    counts = []
    for number in range(100):
        asked.clear()
        who = person(numbered(number), f"+1214555{number:04d}", f"p{number}@example.org")
        born = date(1944, 1, 1) + timedelta(days=number)
        world.enroll(name=numbered(number), record_number=f"R-{number}", birth_date=born, patient=who)
        counts.append(len(asked))
    assert counts[1] == counts[99] <= 25
