"""A patient's record holds all that is kept about them, nothing about anybody else, and every reading is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Table, or_, select
from world import EMAIL, NUMBER, PROCEDURE_DAY, World, enrollment, person

from followup import change, conversation, staff, worklist
from followup.care.pain import Thresholds
from followup.care.people import ChannelName, ConsentTo, Role
from followup.care.task import TaskKind, new_task
from followup.change import NewLine
from followup.cli.record_json import as_json
from followup.consent import Line, opt_in
from followup.errors import NotFoundError
from followup.records import SCREEN, Access, Record, What, assembled, events, take
from followup.storage.agreements import Consent
from followup.storage.tables import metadata
from followup.worklist import Done, Said

ADA, NEW = "+12145550111", "+12145550102"
AGREED = Consent(ConsentTo.SMS, given=True, method="phone", wording="v1")

IN_THE_RECORD = {
    "patients": "patient",
    "contacts": "contacts",
    "consents": "consents",
    "procedures": "procedures",
    "suppressions": "suppressions",
    "messages": "messages",
    "attempts": "messages[].attempts",
    "replies": "replies",
    "tasks": "tasks",
    "audit": "changes, messages[].moves",
}
"""Where each table's rows about a patient stand."""

LEFT_OUT = {"stale": "a mark that a timeline is to be made anew; a tick takes it away, and it says nothing else"}
"""Tables about a patient that are not in the record, each with its reason."""

OF_THE_PRACTICE = {"seals", "breakers", "owners", "paces", "absences", "switches"}
"""Tables that say nothing of any patient: who may send, which sender works, who of the staff is away."""

ABOUT_SOMEBODY = {"patient_id", "contact_id", "message_id", "procedure_id", "address_index"}

COLUMNS_LEFT_OUT = {
    "patient_id": "it is this patient, or nobody",
    "priority": "which of several due messages goes first: the queue's, and told by kind and step",
    "charged": "how many attempts count towards the most; the attempts are all there",
    "revision": "the compare of compare-and-swap; the moves are all there, in their order",
    "owner": "which process sent it: a name of the machine's",
    "settle_at": "when the program looks for evidence next: the queue's",
    "looks": "how often it has looked: the queue's",
    "looked_at": "when it last has: the queue's",
    "poll_at": "when it asks for a receipt next: the queue's",
    "pressing": "what is handled first; that it was a red flag stands in its reading",
    "seal": "which seal covers a line of the trail: about the trail",
}
"""Columns that tell nothing of a person beyond what is in the record, each with its reason."""


def lived(world: World) -> tuple[int, int]:
    """One of each thing that can happen to a patient; and her husband, who shares her phone."""
    ada = person("Ada Miller", ADA, None, role=Role.CAREGIVER)
    ruth = world.enroll(caregivers=(ada,)).patient_id
    otto = world.enroll(
        name="Otto Berg",
        record_number="B-9",
        birth_date=date(1940, 1, 1),
        patient=person("Otto Berg", email="otto@example.org"),
    ).patient_id
    world.run_until(world.clock.utc() + timedelta(days=2, hours=21, minutes=30))
    world.receive("I cant feel my legs", ADA)
    world.receive("STOP")
    world.receive("START")
    world.tell_staff()
    with world.app.storage.transaction() as tx:
        now = world.clock.utc()
        critical = next(t for t in tx.tasks.open_tasks(ruth) if t.kind is TaskKind.RED_FLAG)
        staff.acknowledge(tx, critical.number, now, "ann")
        worklist.done(tx, world.clinic, critical.number, Done("she is fine, it was a cramp"), now, "ann")
        patient = tx.register.patient(ruth)
        worklist.answer(tx, world.clinic, patient, 8, Thresholds(), Said(now, "ann"))
        opt_in(tx, world.clinic, Line(ruth, patient.contacts[0], ChannelName.SMS), AGREED, now, "ann")
        draft = conversation.Draft("Lakeside IR", patient, patient.contacts[1], "How is she now?")
        text = conversation.compose(tx, world.clinic, draft, now)
        conversation.say(tx, patient, patient.contacts[1], text, now, "ann")
    with world.hand(ruth) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine(NEW, AGREED))
    with world.hand(ruth) as (hand, who):
        change.hold(hand, who)
    second = {"on": PROCEDURE_DAY + timedelta(days=20), "discharged_at": None, "patient_id": ruth}
    with world.app.storage.transaction() as tx:
        _second_procedure(tx, world, second)
    world.tick()
    with world.hand(ruth) as (hand, who):
        change.cancel(hand, who, who.procedures[-1])
    return ruth, otto


def _second_procedure(tx: Any, world: World, changed: dict[str, Any]) -> None:
    patient = changed.pop("patient_id")
    entered = enrollment(world.clock.utc(), **changed)
    tx.register.add_procedure(patient, entered.plan, entered.on, world.clock.utc(), baseline_pain=7)


def record_of(world: World, patient: int) -> Record:
    with world.app.storage.reading() as tx:
        return assembled(tx, patient, world.clock.utc(), "ann")


def rows(world: World, table: Table, condition: Any) -> list[Any]:
    with world.app.storage.reading() as tx:
        return list(tx.connection.execute(select(table).where(condition)))


def ids_in(shown: dict[str, Any]) -> dict[str, set[str]]:
    """The ids that the record shows, by table."""

    def of(parts: Iterable[dict[str, Any]]) -> set[str]:
        return {part["id"] for part in parts}

    moves = [move for message in shown["messages"] for move in message["moves"]]
    return {
        "patients": {shown["patient"]["id"]},
        **{n: of(shown[n]) for n in ("contacts", "consents", "procedures", "suppressions", "messages", "replies")},
        "attempts": of(attempt for message in shown["messages"] for attempt in message["attempts"]),
        "tasks": {str(task["number"]) for task in shown["tasks"]},
        "audit": of([*shown["changes"], *moves]),
    }


def test_every_table_about_a_patient_is_in_the_record_or_left_out_for_a_reason() -> None:
    about = {
        table.name
        for table in metadata.sorted_tables
        if table.name == "patients" or ABOUT_SOMEBODY & set(table.c.keys())
    }
    assert about == IN_THE_RECORD.keys() | LEFT_OUT.keys()
    assert {table.name for table in metadata.sorted_tables} == about | OF_THE_PRACTICE


def test_the_record_has_every_row_of_these_tables_on_both_databases(either_world: World) -> None:
    world = either_world
    ruth, _ = lived(world)
    shown = ids_in(as_json(record_of(world, ruth)))
    t = metadata.tables
    contacts = rows(world, t["contacts"], t["contacts"].c.patient_id == ruth)
    messages = rows(world, t["messages"], t["messages"].c.patient_id == ruth)
    pages = rows(world, t["messages"], t["messages"].c.step == "page")
    indexes = [index for c in contacts for index in (c.number_index, c.email_index) if index]
    ids = [m.id for m in messages]
    belongs = {
        "patients": t["patients"].c.id == ruth,
        "contacts": t["contacts"].c.patient_id == ruth,
        "consents": t["consents"].c.contact_id.in_([c.id for c in contacts]),
        "procedures": t["procedures"].c.patient_id == ruth,
        "suppressions": or_(t["suppressions"].c.address_index.in_(indexes), t["suppressions"].c.source == "reply"),
        "messages": t["messages"].c.id.in_([*ids, *(page.id for page in pages)]),
        "attempts": t["attempts"].c.message_id.in_(ids),
        "replies": t["replies"].c.patient_id == ruth,
        "tasks": t["tasks"].c.patient_id == ruth,
        "audit": or_(t["audit"].c.patient_id == ruth, t["audit"].c.message_id.in_(ids)),
    }
    assert belongs.keys() == IN_THE_RECORD.keys()
    for name, condition in belongs.items():
        there = {str(row.number if name == "tasks" else row.id) for row in rows(world, t[name], condition)}
        assert there, f"nothing was planted in {name}"
        assert there <= shown[name], name
    assert pages


def test_every_column_of_these_tables_is_shown_or_left_out_for_a_reason(world: World) -> None:
    ruth, _ = lived(world)
    shown = as_json(record_of(world, ruth))
    message = next(m for m in shown["messages"] if m["attempts"] and m["moves"])
    parts: dict[str, set[str]] = {
        "patients": set(shown["patient"]),
        **{
            name: set(shown[name][0])
            for name in ("contacts", "consents", "procedures", "suppressions", "replies", "tasks", "messages")
        },
        "attempts": set(message["attempts"][0]) | {"message_id"},
        "audit": set(shown["changes"][0]) | set(message["moves"][0]),
    }
    for name, keys in parts.items():
        hashes = {c.name for c in metadata.tables[name].c if isinstance(c.type, LargeBinary) and c.type.length}
        missing = set(metadata.tables[name].c.keys()) - keys - hashes - COLUMNS_LEFT_OUT.keys()
        assert missing == set(), name
    columns = {c.name for name in parts for c in metadata.tables[name].c}
    assert COLUMNS_LEFT_OUT.keys() <= columns


def test_everything_that_can_happen_is_an_event_and_they_stand_in_the_order_of_time(world: World) -> None:
    ruth, _ = lived(world)
    with world.app.storage.transaction() as tx:
        procedure = world.procedure(ruth)
        tx.register.set_procedure(procedure.id, discharged_at=world.clock.utc())
    found = events(record_of(world, ruth))
    assert {event.what for event in found} == set(What)
    assert [event.at for event in found] == sorted(event.at for event in found)


def test_texts_readings_scores_notes_and_versions_are_there_in_the_clear(world: World) -> None:
    ruth, _ = lived(world)
    shown = as_json(record_of(world, ruth))
    (check,) = [
        m for m in shown["messages"] if (m["step"], m["channel"]) == ("pain-check", "sms") and m["attempts"]
    ]
    (attempt,) = check["attempts"]
    assert "How is your pain now?" in attempt["words"]["plain"]
    assert len(attempt["version"]) == 12
    assert [move["target"] for move in check["moves"]] == ["sending", "accepted", "delivered"]
    assert {(r["words"], r["reading"], r["score"]) for r in shown["replies"]} >= {
        ("I cant feel my legs", "critical", None),
        ("8", "score", 8),
    }
    assert "she is fine, it was a cramp" in [task["note"] for task in shown["tasks"]]
    assert {task["closed_by"] for task in shown["tasks"] if task["note"]} == {"ann"}
    number = next(line for line in shown["changes"] if line["action"] == "new number")
    assert NUMBER in json.dumps(number["before"])
    assert {m["address"] for m in shown["messages"] if m["attempts"]} == {NUMBER, EMAIL, ADA, "…0123"}


def test_what_came_from_a_shared_number_is_in_both_records_and_marked_as_nobodys(world: World) -> None:
    ruth, otto = lived(world)
    for patient in (ruth, otto):
        unsure = {h.reply.words for h in record_of(world, patient).replies if not h.certain}
        assert unsure == {"STOP", "START"}
    assert "I cant feel my legs" not in {h.reply.words for h in record_of(world, otto).replies}


def test_the_answer_to_a_shared_number_is_in_the_record_of_each_who_shares_it(world: World) -> None:
    ruth = world.enroll().patient_id
    otto = world.enroll(name="Otto Berg", record_number="B-9", patient=person("Otto Berg", email=None)).patient_id
    alone = world.enroll(name="Ines Soto", record_number="C-1", patient=person("Ines Soto", ADA)).patient_id
    world.receive("chest pain")
    answers = [
        [
            (sent.message.id, sent.message.address)
            for sent in record_of(world, p).messages
            if sent.message.kind != "reminder"
        ]
        for p in (ruth, otto, alone)
    ]
    assert answers[0] == answers[1] == [(answers[0][0][0], NUMBER)]
    assert answers[2] == []


def test_what_is_said_from_a_number_after_it_was_changed_is_not_hers_any_more(world: World) -> None:
    ruth = world.enroll().patient_id
    world.tick()
    with world.hand(ruth) as (hand, who):
        change.number(hand, who, who.contacts[0], NewLine(NEW, AGREED))
    world.clock.move_to(world.clock.utc() + timedelta(minutes=1))
    world.receive("STOP, who are you?")
    found = record_of(world, ruth)
    assert found.replies == ()
    assert found.suppressions == ()


def test_a_stop_of_a_number_that_was_hers_then_stays_in_the_record(world: World) -> None:
    ruth, _ = lived(world)
    (stop,) = record_of(world, ruth).suppressions
    assert (stop.address, stop.source) == (NUMBER, "reply")
    assert stop.pending_at is not None
    assert stop.lifted_at is not None


def test_nobody_else_stands_in_the_record(world: World) -> None:
    ruth, otto = lived(world)
    with world.app.storage.transaction() as tx:
        now = world.clock.utc()
        lists = {"patients": [ruth, otto], "missed": {str(ruth): ["activity by sms"], str(otto): ["day-1 by sms"]}}
        tx.tasks.open(new_task(TaskKind.OUTAGE, now, world.clinic.practice.staffed, **lists, pages=3), now)
        names = tx.directory.identities([otto])[otto]
    found = record_of(world, ruth)
    (outage,) = [task for task in found.tasks if task.kind is TaskKind.OUTAGE]
    assert outage.detail == {"listed": True, "missed": ["activity by sms"]}
    shown = json.dumps(as_json(found))
    for word in (names.name, names.short_id, "B-9", "otto@example.org", str(otto)):
        assert word not in shown


@pytest.mark.parametrize(
    ("to", "action"), [(SCREEN, "record read"), ("standard output", "record exported")], ids=["read", "exported"]
)
def test_who_takes_a_record_when_and_where_to_is_a_line_of_the_trail(world: World, to: str, action: str) -> None:
    ruth = world.enroll().patient_id
    with world.app.storage.transaction() as tx:
        taken = take(tx, ruth, Access("ann", to), world.clock.utc())
    with world.app.storage.reading() as tx:
        line = tx.audit.of_patient(ruth)[-1]
    assert (line.at, line.by, line.action, line.detail) == (world.clock.utc(), "ann", action, f"to={to}")
    assert taken.changes[-1].id == line.id


def test_there_is_no_record_of_nobody(world: World) -> None:
    with pytest.raises(NotFoundError):
        record_of(world, 1)
