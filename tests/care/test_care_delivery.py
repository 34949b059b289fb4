"""What can become of a message: the table of statuses, moves and reasons."""

from __future__ import annotations

import pytest

from followup.care.delivery import (
    MOVES,
    NOT_REACHED,
    ON_THE_WIRE,
    SET_ASIDE,
    STATUS_SENTENCES,
    UNSENT,
    Move,
    Mover,
    Status,
    allowed,
    the_move,
)
from followup.care.message import POLICIES, Kind
from followup.care.people import Bar
from followup.care.reason import Reason, task_of
from followup.care.task import TaskKind

FINAL = frozenset(
    {Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.EXPIRED, Status.UNRESOLVED} | SET_ASIDE
)


def exits(status: Status) -> set[Status]:
    return {move.target for move in MOVES if move.source is status}


@pytest.mark.parametrize("status", Status)
def test_every_status_is_explained_in_one_sentence(status: Status) -> None:
    assert STATUS_SENTENCES[status].endswith(".")


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_every_status_that_is_not_the_end_has_a_way_out(status: Status) -> None:
    assert exits(status)


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_from_every_status_an_end_can_be_reached(status: Status) -> None:
    reached, new = set(), {status}
    while new:
        reached |= new
        new = {target for source in new for target in exits(source)} - reached
    assert reached & FINAL


@pytest.mark.parametrize("status", sorted(FINAL - SET_ASIDE))
def test_an_end_is_the_end_unless_a_person_says_otherwise(status: Status) -> None:
    assert {move.mover for move in MOVES if move.source is status} <= {Mover.WORKLIST}


@pytest.mark.parametrize("status", sorted(SET_ASIDE))
def test_what_facts_set_aside_facts_alone_bring_back(status: Status) -> None:
    assert exits(status) == {Status.PLANNED} | SET_ASIDE - {status}
    assert {move.mover for move in MOVES if move.source is status} == {Mover.PLANNER}


def test_nobody_ever_plans_again_what_may_be_on_the_wire() -> None:
    assert not [m for m in MOVES if m.source in ON_THE_WIRE and m.target is Status.PLANNED]
    again = [m for m in MOVES if m.source is Status.IN_DOUBT and m.target in UNSENT]
    assert [(m.mover, m.target) for m in again] == [(Mover.SETTLER, Status.RETRY_WAIT)]


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PLANNED}))
def test_every_status_can_come_about(status: Status) -> None:
    assert [move for move in MOVES if move.target is status]


def test_every_move_has_its_sentence_and_exactly_the_moves_in_the_table_are_allowed() -> None:
    table = {(m.mover, m.source, m.target) for m in MOVES}
    assert all(move.guard and not move.guard.endswith(".") for move in MOVES)
    assert len(table) == len(MOVES)
    for mover in Mover:
        for source in Status:
            for target in Status:
                assert allowed(mover, source, target) == ((mover, source, target) in table)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{move.source}-{move.target}-{move.mover}")
def test_the_move_is_found_by_who_makes_it_and_no_other_move_has_its_place(move: Move) -> None:
    assert the_move(move.mover, move.source, move.target) is move


def test_a_move_that_is_not_in_the_table_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError, match="may not move"):
        the_move(Mover.DISPATCHER, Status.DELIVERED, Status.PLANNED)


@pytest.mark.parametrize("status", sorted(NOT_REACHED))
def test_whatever_did_not_reach_the_patient_leaves_a_task(status: Status) -> None:
    """Two ends ask for nothing more: a call whose own task was just closed, and an outage, which is one task."""
    silent = [move for move in MOVES if move.target is status and move.task is None]
    assert {move.mover for move in silent} <= {Mover.WORKLIST, Mover.RESTORER}


def test_in_trial_nobody_is_owed_a_call() -> None:
    ended = the_move(Mover.DISPATCHER, Status.PLANNED, Status.EXPIRED)
    assert task_of(ended, Reason.TRIAL) is None
    assert task_of(ended, Reason.TOO_LATE) is TaskKind.NOT_SENT


def test_two_gates_that_stop_a_message_ask_for_different_things() -> None:
    stopped = the_move(Mover.DISPATCHER, Status.PLANNED, Status.SUPPRESSED)
    assert task_of(stopped, Reason.CAP) is TaskKind.TELL_BY_PHONE
    assert task_of(stopped, Reason.NOBODY_LISTENS) is TaskKind.CALL
    assert task_of(stopped, Reason.ANSWERED) is None


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_and_leads_where_something_leads(reason: Reason) -> None:
    assert reason.sentence
    assert not reason.sentence.endswith(".")
    assert [move for move in MOVES if move.target is reason.status]
    assert not reason.by_facts or reason.status in SET_ASIDE


@pytest.mark.parametrize("bar", Bar)
def test_why_a_channel_is_barred_is_a_reason_to_hold_a_message(bar: Bar) -> None:
    assert Reason(bar.value).by_facts


def test_only_what_a_patient_gets_unasked_waits_for_the_window() -> None:
    assert POLICIES.keys() == set(Kind)
    assert POLICIES[Kind.REMINDER].windowed
    assert not POLICIES[Kind.ALERT].windowed
