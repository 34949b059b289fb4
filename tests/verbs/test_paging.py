"""Staff are told until somebody takes it: pages, mails about new tasks, the digest, the weekly test page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from world import NUMBER, World

from followup.care.task import TaskKind
from followup.errors import InputError, NotFoundError
from followup.staff import away, back, uncovered
from followup.storage.absences import Absence

ANN, BEA = "+12145550123", "+12145550124"
RED_FLAG = "I cant feel my legs"


@pytest.fixture
def two_on_call(make_world: Callable[..., World], sqlite_url: str) -> World:
    """Ann is paged first, then Bea; each three times, five minutes apart."""
    world = make_world(sqlite_url, staff=[("Ann", ANN, "ann@example.org"), ("Bea", BEA, "bea@example.org")])
    world.enroll()
    return world


def pages(world: World, number: str = ANN) -> list[str]:
    return [text for text in world.texts(number) if "CRITICAL" in text]


def mails(world: World, address: str = "ann@example.org") -> list[str]:
    return [str(mail.message["Subject"]) for mail in world.post.mails if address in mail.envelope_to]


def minutes(world: World, count: int) -> None:
    for _ in range(count):
        world.clock.advance(timedelta(minutes=1))
        world.listen()
        world.tell_staff()


def test_a_critical_task_is_paged_again_and_again_and_then_to_the_next(two_on_call: World) -> None:
    world = two_on_call
    world.receive(RED_FLAG)
    world.tell_staff()
    minutes(world, 32)
    (task,) = world.tasks(TaskKind.RED_FLAG)
    assert (len(pages(world)), len(pages(world, BEA))) == (4, 3), "Ann, Bea, and Ann again"
    assert (
        pages(world)[0]
        == f"Lakeside IR followup: CRITICAL task {task.number}. Text back {task.number} to take it."
    )


def test_a_page_holds_no_name_no_number_and_no_words_of_the_patient(two_on_call: World) -> None:
    world = two_on_call
    world.receive(RED_FLAG)
    world.tell_staff()
    for text in [
        *pages(world),
        *(mail.raw.decode() for mail in world.post.mails if "ann@" in str(mail.envelope_to)),
    ]:
        assert not re.search(r"Ruth|Miller|5550101|legs", text)


def test_whoever_texts_the_number_back_has_it_and_nobody_is_paged_any_more(two_on_call: World) -> None:
    world = two_on_call
    world.receive(RED_FLAG)
    world.tell_staff()
    (task,) = world.tasks(TaskKind.RED_FLAG)
    world.receive(f" {task.number}. ", BEA)
    minutes(world, 30)
    (taken,) = world.tasks(TaskKind.RED_FLAG)
    assert taken.acknowledged_by == "Bea"
    assert len(pages(world)) == 1
    assert world.texts(BEA)[-1] == f"Lakeside IR: Task {task.number} is yours, Bea."


def test_a_further_red_flag_joins_the_task_and_pages_again_though_it_was_taken(two_on_call: World) -> None:
    world = two_on_call
    world.receive(RED_FLAG)
    world.tell_staff()
    (task,) = world.tasks(TaskKind.RED_FLAG)
    world.receive(str(task.number), ANN)
    world.receive("chest pain")
    world.tell_staff()
    (again,) = world.tasks(TaskKind.RED_FLAG)
    assert again.number == task.number
    assert again.acknowledged_at is None
    assert len(pages(world)) == 2


def test_nobody_but_staff_takes_a_page(two_on_call: World) -> None:
    world = two_on_call
    world.receive(RED_FLAG)
    world.tell_staff()
    (task,) = world.tasks(TaskKind.RED_FLAG)
    world.receive(str(task.number), NUMBER)
    world.receive(str(task.number), "+12145550188")
    (still,) = world.tasks(TaskKind.RED_FLAG)
    assert still.acknowledged_at is None


def test_a_number_that_is_no_page_is_told_so(two_on_call: World) -> None:
    world = two_on_call
    world.receive("77", ANN)
    world.receive("on my way", ANN)
    assert world.texts(ANN) == ["Lakeside IR: nobody is paged about task 77 now."], "a machine may have answered"
    assert not world.tasks()


def test_no_page_goes_to_who_is_away(two_on_call: World) -> None:
    world = two_on_call
    today = date(2026, 10, 30)
    with world.app.storage.transaction() as tx:
        away(tx, world.app.staff, Absence("ann", today, today), world.clock.utc(), "bea")
    world.receive(RED_FLAG)
    world.tell_staff()
    assert (len(pages(world)), len(pages(world, BEA))) == (0, 1)


def test_a_day_on_which_everybody_is_away_is_a_gap_until_somebody_is_back(two_on_call: World) -> None:
    world, now = two_on_call, two_on_call.clock.utc()
    staff = world.app.staff
    with world.app.storage.transaction() as tx:
        assert away(tx, staff, Absence("Ann", date(2026, 11, 2), date(2026, 11, 6)), now, "bea") == []
        gaps = away(tx, staff, Absence("Bea", date(2026, 11, 5), date(2026, 11, 9)), now, "bea")
        assert gaps == [date(2026, 11, 5), date(2026, 11, 6)]
        assert back(tx, staff, "BEA", now, "bea") == 1
        assert uncovered(tx, staff, now) == []


def test_an_absence_that_cannot_be_is_refused_and_an_unknown_name_is_told_who_there_is(two_on_call: World) -> None:
    world, now = two_on_call, two_on_call.clock.utc()
    with world.app.storage.transaction() as tx:
        with pytest.raises(InputError):
            away(tx, world.app.staff, Absence("Ann", date(2026, 11, 6), date(2026, 11, 2)), now, "bea")
        with pytest.raises(InputError):
            away(tx, world.app.staff, Absence("Ann", date(2026, 10, 1), date(2026, 10, 2)), now, "bea")
        with pytest.raises(NotFoundError, match="Ann, Bea"):
            away(tx, world.app.staff, Absence("Cora", date(2026, 11, 2), date(2026, 11, 2)), now, "bea")


def test_staff_are_mailed_the_number_of_a_task_and_of_a_routine_one_only_while_somebody_is_there(
    two_on_call: World,
) -> None:
    world = two_on_call
    world.clock.advance(timedelta(hours=8))  # Friday, 22:00 in Chicago
    world.receive("fever")
    world.receive("what is this about?")
    world.tell_staff()
    assert mails(world) == ["followup: 1 urgent task"]
    world.clock.advance(timedelta(hours=60))  # Monday, 09:00
    world.listen()
    world.tell_staff()
    assert any("routine task" in subject for subject in mails(world))


def test_the_digest_comes_once_on_each_staffed_day_even_with_nothing_to_tell(two_on_call: World) -> None:
    world = two_on_call
    for _ in range(24 * 8):
        world.clock.advance(timedelta(hours=1))
        world.listen()
        world.tell_staff()
    digests = [subject for subject in mails(world) if re.fullmatch(r"followup: \d+ sent, \d+ open", subject)]
    assert len(digests) == 6, "the Friday it is, then Monday to Friday"
    assert "followup: 0 sent, 0 open" in digests


def test_the_test_page_goes_once_a_week_to_everybody_on_call(two_on_call: World) -> None:
    world = two_on_call
    for _ in range(24 * 8):
        world.clock.advance(timedelta(hours=1))
        world.listen()
        world.tell_staff()
    for number in (ANN, BEA):
        tests = [text for text in world.texts(number) if "weekly test page" in text]
        assert len(set(tests)) == len(tests) == 2, "this week's and the next one's"


def test_a_page_goes_while_texts_are_paused(two_on_call: World) -> None:
    from followup.pausing import pause  # noqa: PLC0415  used here alone

    world = two_on_call
    with world.app.storage.transaction() as tx:
        pause(tx, None, world.clock.utc(), "ann")
    world.receive(RED_FLAG)
    world.tell_staff()
    assert len(pages(world)) == 1


def test_a_page_carries_the_number_only_if_the_clinic_has_decided_so(
    make_world: Callable[..., World], sqlite_url: str
) -> None:
    world = make_world(sqlite_url, on_call="carries_number = true")
    world.enroll()
    world.receive(RED_FLAG)
    world.tell_staff()
    assert f"Call {NUMBER}." in pages(world)[0]
