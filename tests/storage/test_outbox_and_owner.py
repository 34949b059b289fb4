"""The outbox moves by compare-and-swap, and each row is claimed once."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from databases import SEALER, outsider
from sqlalchemy import event
from world import NAME, NUMBER, World

from followup.care.attempt import Outcome
from followup.care.delivery import Event, Mover, Status
from followup.care.message import Kind, Text
from followup.care.people import ChannelName
from followup.care.reason import Reason
from followup.care.task import NewTask, TaskKind
from followup.errors import RefusedError, StorageError
from followup.storage import Storage
from followup.storage.directory import Person
from followup.storage.moves import Change, swap, swap_all
from followup.storage.outbox_rows import Claim, Entry, NewMessage
from followup.storage.switches import Switch

NOW = datetime(2026, 10, 30, 19, 0, tzinfo=UTC)


def a_page(key: str, due: datetime = NOW) -> NewMessage:
    words = Text("Call the office.")
    return NewMessage(Kind.ALERT, key, ChannelName.SMS, due, due + timedelta(hours=1), NUMBER, words)


def planned(storage: Storage, count: int) -> list[int]:
    with storage.transaction() as tx:
        return [tx.outbox.add_message(a_page(f"alert:{n}"), NOW) for n in range(count)]


def claim_of(entry: Entry) -> Claim:
    return Claim(entry, NUMBER, Text("Call the office."), "v1", 1, None, {}, entry.valid_until)


# Compare-and-swap


def test_a_move_that_the_table_does_not_allow_is_a_fault_of_the_program(storage: Storage) -> None:
    (message,) = planned(storage, 1)
    with storage.transaction() as tx:
        entry = tx.outbox.get(message)
        assert entry is not None
        with pytest.raises(AssertionError):
            swap(tx.connection, Mover.RECEIPTS, entry.recorded, NOW, {"status": Status.DELIVERED})
        unchanged = tx.outbox.get(message)
    assert unchanged == entry


def test_who_read_an_older_state_loses_the_race_and_changes_nothing(storage: Storage) -> None:
    (message,) = planned(storage, 1)
    with storage.transaction() as tx:
        entry = tx.outbox.get(message)
        assert entry is not None
        assert tx.sending.claim([claim_of(entry)], "one", NOW) == [entry]
        assert tx.sending.claim([claim_of(entry)], "two", NOW) == []
        assert not tx.sending.postpone(entry, NOW, Reason.CAP, NOW)
        now = tx.outbox.get(message)
    assert now is not None
    assert (now.status, now.attempt, now.revision) == (Status.SENDING, 1, 1)


def accepted(sid: str) -> Outcome:
    return Outcome(Status.ACCEPTED, provider_id=sid)


def test_an_outcome_of_an_older_attempt_is_not_written(storage: Storage) -> None:
    (message,) = planned(storage, 1)
    with storage.transaction() as tx:
        entry = tx.outbox.get(message)
        assert entry is not None
        claim = claim_of(entry)
        tx.sending.claim([claim], "one", NOW)
        later = claim_of(replace(entry, attempt=1))
        assert tx.sending.record([(later, accepted("SM2"))], NOW) == set()
        assert tx.sending.record([(claim, accepted("SM1"))], NOW) == {message}
        assert tx.sending.record([(claim, Outcome(Status.IN_DOUBT))], NOW) == set()


def test_an_answer_that_comes_after_the_row_was_given_up_for_doubt_is_adopted(storage: Storage) -> None:
    (message,) = planned(storage, 1)
    with storage.transaction() as tx:
        entry = tx.outbox.get(message)
        assert entry is not None
        claim = claim_of(entry)
        tx.sending.claim([claim], "one", NOW)
        assert tx.sending.doubt(tx.sending.orphans({"one"}), NOW) == {message}
        assert tx.sending.record([(claim, Outcome(Status.RETRY_WAIT))], NOW) == set()
        assert tx.sending.record([(claim, accepted("SM1"))], NOW) == {message}
        found = tx.outbox.get(message)
    assert found is not None
    assert (found.status, found.provider_id, found.doubts) == (Status.ACCEPTED, "SM1", 1)


def test_of_a_group_those_that_lost_the_race_are_left_and_the_others_change(storage: Storage) -> None:
    ids = planned(storage, 600)
    with storage.transaction() as tx:
        rows = [entry.recorded for message in ids if (entry := tx.outbox.get(message))]
        for row in rows[::3]:
            assert swap(tx.connection, Mover.DISPATCHER, row, NOW, {"due_at": NOW + timedelta(hours=1)})
        expired = [Change(row, {"status": Status.EXPIRED, "reason": Reason.TOO_LATE}) for row in rows]
        won = swap_all(tx.connection, Mover.DISPATCHER, expired, NOW)
        assert won == {row.id for row in rows} - {row.id for row in rows[::3]}
        assert tx.outbox.counts() == {Status.EXPIRED: 400, Status.PLANNED: 200}


def test_every_move_is_a_line_of_the_trail_and_replays_to_where_the_message_stands(storage: Storage) -> None:
    (message,) = planned(storage, 1)
    with storage.transaction() as tx:
        entry = tx.outbox.get(message)
        assert entry is not None
        claim = claim_of(entry)
        tx.sending.claim([claim], "one", NOW)
        tx.sending.record([(claim, accepted("SM1"))], NOW)
    with storage.reading() as tx:
        moves = tx.audit.moves_of(message)
    assert [(m.source, m.target, m.action, m.attempt) for m in moves] == [
        (Status.PLANNED, Status.SENDING, Event.CLAIMED, 1),
        (Status.SENDING, Status.ACCEPTED, Event.ACCEPTED, 1),
    ]


def test_a_line_of_the_trail_can_be_neither_changed_nor_taken_away(storage: Storage, database_url: str) -> None:
    (message,) = planned(storage, 1)
    with storage.transaction() as tx:
        entry = tx.outbox.get(message)
        assert entry is not None
        tx.sending.claim([claim_of(entry)], "one", NOW)
    for statement in ("UPDATE audit SET target = 'planned'", "DELETE FROM audit"):
        with outsider(database_url) as execute, pytest.raises((sqlite3.Error, psycopg.Error), match="only grows"):
            execute(statement)


def test_a_message_planned_twice_under_one_key_is_one(storage: Storage) -> None:
    with storage.transaction() as tx:
        assert tx.outbox.add_message(a_page("alert:1"), NOW) == tx.outbox.add_message(a_page("alert:1"), NOW)
        assert tx.outbox.counts() == {Status.PLANNED: 1}


def test_four_threads_claim_each_row_once(storage: Storage) -> None:
    messages = planned(storage, 200)
    claimed: list[int] = []
    ready = threading.Barrier(4)

    def work(name: str) -> None:
        ready.wait(30)
        while True:
            with storage.transaction() as tx:
                due = tx.sending.due(NOW, 16, ChannelName.SMS)
                won = tx.sending.claim([claim_of(entry) for entry in due], name, NOW)
                claimed.extend(entry.id for entry in won)
            if not due:
                return

    threads = [threading.Thread(target=work, args=(f"owner {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(messages)
    with storage.reading() as tx:
        assert tx.outbox.counts() == {Status.SENDING: 200}


def test_the_most_pressing_goes_first(storage: Storage) -> None:
    with storage.transaction() as tx:
        late = tx.outbox.add_message(a_page("alert:late"), NOW)
        early = tx.outbox.add_message(a_page("alert:early", NOW - timedelta(minutes=5)), NOW)
        assert [entry.id for entry in tx.sending.due(NOW, 10, ChannelName.SMS)] == [early, late]
        assert [entry.id for entry in tx.sending.due(NOW, 1, ChannelName.SMS)] == [early]
        assert tx.sending.due(NOW, 10, ChannelName.EMAIL) == []


def test_a_page_to_staff_goes_at_night_and_is_sealed(either_world: World) -> None:
    world = either_world
    world.clock.move_to(datetime(2026, 10, 31, 8, 0, tzinfo=UTC))
    with world.app.storage.transaction() as tx:
        tx.outbox.add_message(a_page("alert:1", world.clock.utc()), world.clock.utc())
    world.tick()
    assert world.texts() == ["Call the office."]


# Tasks


def test_one_task_a_patient_and_kind_is_open_and_the_next_begins_anew(storage: Storage) -> None:
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
        first = tx.tasks.open(NewTask(TaskKind.CALL, NOW, patient, detail={"step": "a"}), NOW)
        earlier = NOW - timedelta(hours=1)
        assert tx.tasks.open(NewTask(TaskKind.CALL, earlier, patient, detail={"step": "b"}), NOW) == first
        other = tx.tasks.open(NewTask(TaskKind.NOT_SENT, NOW, patient), NOW)
        task = tx.tasks.get(first)
        assert (task.times, task.due_at) == (2, earlier)
        assert task.detail == {"step": "b", "earlier": [{"step": "a"}]}
        tx.tasks.close(first, NOW, "ann", "told her")
        with pytest.raises(RefusedError):
            tx.tasks.close(first, NOW, "ann")
        assert tx.tasks.get(first).note == "told her"
        assert [first, other, tx.tasks.open(NewTask(TaskKind.CALL, NOW, patient), NOW)] == [1, 2, 3]


def test_a_switch_says_since_when_and_by_whom(storage: Storage) -> None:
    with storage.transaction() as tx:
        tx.switches.set(Switch.SMS_PAUSED, "20003", NOW, "followup")
        tx.switches.set(Switch.SMS_PAUSED, "20005", NOW, "ann")
        assert tx.switches.get(Switch.SMS_PAUSED) == ("20005", NOW, "ann")
        assert tx.switches.paused_channels() == (ChannelName.SMS,)
        tx.switches.set(Switch.PAUSED, "", NOW, "ann")
        assert tx.switches.paused_channels() == tuple(ChannelName)
        tx.switches.clear(Switch.PAUSED)
        tx.switches.clear(Switch.SMS_PAUSED)
        assert tx.switches.paused_channels() == ()


def test_what_a_change_replaced_is_kept_sealed_until_it_is_undone(storage: Storage) -> None:
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
        tx.audit.write(
            NOW, "ann", "hold", patient_id=patient, before={"patients": {str(patient): {"held_at": None}}}
        )
        tx.audit.write(NOW, "ann", "replan", patient_id=patient)
        change = tx.audit.last_change(patient)
        assert change is not None
        assert (change.action, change.by) == ("hold", "ann")
        tx.audit.undone(change.id, NOW)
        assert tx.audit.last_change(patient) is None
        assert [c.action for c in tx.audit.of_patient(patient)] == ["hold", "replan"]


# Facts changed by other programs


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE procedures SET on_date = '2026-11-05'",
        "UPDATE procedures SET discharged_at = '2026-10-31 10:00:00'",
        "UPDATE procedures SET in_hospital = true",
        "UPDATE procedures SET cancelled_at = '2026-10-31 10:00:00'",
        "DELETE FROM procedures",
        (
            "INSERT INTO procedures (id, patient_id, plan, on_date, enrolled_at)"
            " SELECT 7, id, 'kyphoplasty', '2026-11-20', '2026-10-30 19:00:00' FROM patients"
        ),
    ],
)
def test_what_another_program_writes_about_a_procedure_is_noted(
    storage: Storage, database_url: str, statement: str
) -> None:
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
        tx.register.add_procedure(patient, "kyphoplasty", date(2026, 10, 30), NOW)
        tx.stale.forget([patient])
    with outsider(database_url) as execute:
        execute(statement)
    with storage.reading() as tx:
        assert tx.stale.patients(10) == [patient]


def test_what_the_planner_itself_notes_makes_nobody_stale(storage: Storage) -> None:
    with storage.transaction() as tx:
        patient = tx.register.add_patient(NAME, date(1944, 5, 6), None, NOW)
        procedure = tx.register.add_procedure(patient, "kyphoplasty", date(2026, 10, 30), NOW)
        tx.stale.forget([patient])
        tx.register.set_procedure(procedure, planned_on=date(2026, 11, 1))
        assert tx.stale.patients(10) == []
        tx.stale.note(patient)
        tx.stale.note(patient)
        assert tx.stale.patients(10) == [patient]


# What a round costs


def plan_of(storage: Storage, act: object) -> str:
    """The database's own plan for the statements of `act`, with sequential reading switched off on PostgreSQL."""
    asked: list[tuple[str, object]] = []

    def note(_conn: object, _cursor: object, said: str, given: object, *_: object) -> None:
        asked.append((said, given))

    event.listen(storage.engine, "before_cursor_execute", note)
    with storage.reading() as tx:
        act(tx)  # type: ignore[operator]  # a function of the transaction
    event.remove(storage.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if storage.engine.dialect.name == "sqlite" else "EXPLAIN "
    plans = []
    with storage.rehearsal() as tx:  # what is set for the transaction holds to its end
        if storage.engine.dialect.name == "postgresql":
            tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for said, given in asked:
            if said.startswith("SELECT"):
                plans += [str(row) for row in tx.connection.exec_driver_sql(explain + said, given)]
    return "\n".join(plans)


INDEXED = {
    "is anything due": (lambda tx: tx.sending.anything_due(NOW), "ix_messages_due"),
    "the claim": (lambda tx: tx.sending.due(NOW, 64, ChannelName.SMS), "ix_messages_(claim|due)"),
    "the expiry sweep": (lambda tx: tx.sending.expired(NOW, 200), "ix_messages_(due|trial)"),
    "whose number a text came from": (
        lambda tx: tx.directory.contacts_at(ChannelName.SMS, NUMBER),
        "ix_contacts_number_index",
    ),
    "replies to be handled": (lambda tx: tx.inbox.unhandled(100), "ix_replies_unhandled"),
    "texts to a number": (lambda tx: tx.sending.texts_since([b"x" * 16], NOW), "ix_messages_address"),
    "who was enrolled before": (
        lambda tx: tx.directory.perhaps_known([Person(NAME, date(1944, 5, 6), "A-1")]),
        "ix_patients_(person|record)_index",
    ),
    "a patient's messages": (lambda tx: tx.outbox.of_patients([1]), "ix_messages_patient_id"),
    "receipts to ask for": (lambda tx: tx.tracking.to_poll(NOW, 100), "ix_messages_poll"),
    "open questions": (lambda tx: tx.tracking.open_questions(NOW, 100), "ix_messages_question"),
    "when an alert was closed": (
        lambda tx: tx.tasks.alert_states([1]),
        "_tasks_.*patient",
    ),
    "who has messages in hand": (lambda tx: tx.sending.left_by("x", ChannelName.SMS), "ix_messages_owner"),
}


@pytest.mark.parametrize(("act", "index"), INDEXED.values(), ids=INDEXED)
def test_what_every_round_asks_is_read_from_an_index(storage: Storage, act: object, index: str) -> None:
    planned(storage, 50)
    shown = plan_of(storage, act)
    assert re.search(index, shown)
    assert "SCAN messages\n" not in shown
    assert "Seq Scan on messages" not in shown


def test_a_round_with_nothing_due_reads_the_stale_table_and_one_entry_of_one_index(either_world: World) -> None:
    world = either_world
    world.enroll(on=date(2026, 11, 20), discharged_at=None)
    world.tick()
    asked: list[str] = []
    event.listen(world.app.storage.engine, "before_cursor_execute", lambda _c, _x, said, *_: asked.append(said))
    world.dispatcher.tick()
    read = [said for said in asked if said.startswith("SELECT") and "FROM" in said]
    assert len(read) == 2
    assert "FROM stale" in read[0]
    assert "FROM messages" in read[1]
    assert "LIMIT" in read[1]


def test_the_storage_is_of_the_kind_that_was_asked_for(database_url: str) -> None:
    with closing(Storage(database_url, SEALER)) as storage:
        assert storage.engine.dialect.name == database_url.split(":", maxsplit=1)[0].split("+", maxsplit=1)[0]
    with pytest.raises(StorageError, match="mysql"):
        Storage("mysql://clinic", SEALER)
