"""Many rows at once: every one is as it was given, on both databases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import event, select

from followup.care.people import ChannelName
from followup.storage import Storage
from followup.storage.many import MOST_AT_ONCE, insert_rows, update_rows
from followup.storage.tables import replies

NOW = datetime(2026, 10, 30, 19, 0, 0, 125_000, UTC)

NUMBERS = (1, 2, 3, MOST_AT_ONCE - 1, MOST_AT_ONCE, MOST_AT_ONCE + 1, 2 * MOST_AT_ONCE + 7)


def a_reply(number: int) -> dict[str, Any]:
    """Of every type that a table has, where it may be empty in some rows."""
    return {
        "id": number,
        "provider_id": f"SM{number}",
        "channel": ChannelName.SMS,
        "address": f"sealed {number}".encode(),
        "address_index": b"index",
        "words": b"\x00 100 % 'sure' %s ?",
        "reading": f"pain,{number} 100 % 'sure' %s ?" if number % 3 else None,
        "written_at": NOW.astimezone(timezone(timedelta(hours=-6))) + timedelta(seconds=number),
        "read_at": NOW,
        "by": "pat",
        "pressing": number % 2 == 0,
        "score": number % 11 if number % 4 else None,
        "handled_at": NOW if number % 5 == 0 else None,
    }


def kept(storage: Storage) -> list[dict[str, Any]]:
    names = list(a_reply(1))
    with storage.reading() as tx:
        rows = tx.connection.execute(select(*(replies.c[name] for name in names)).order_by(replies.c.id)).all()
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("number", NUMBERS)
def test_rows_that_were_inserted_together_are_all_there(storage: Storage, number: int) -> None:
    rows = [a_reply(n) for n in range(1, number + 1)]
    with storage.transaction() as tx:
        insert_rows(tx.connection, replies, rows)
    assert kept(storage) == rows


@pytest.mark.parametrize("number", NUMBERS)
def test_rows_that_were_changed_together_changed_and_no_others(storage: Storage, number: int) -> None:
    rows = [a_reply(n) for n in range(1, number + 3)]
    new = [
        {"score": None if n % 2 else n, "id": n, "handled_at": None if n % 4 else NOW, "pressing": n % 3 == 0}
        for n in range(1, number + 1)
    ]
    with storage.transaction() as tx:
        insert_rows(tx.connection, replies, rows)
        update_rows(tx.connection, replies, new, by=("id",))
    assert kept(storage) == [*(old | row for old, row in zip(rows, new, strict=False)), *rows[number:]]


def test_a_row_is_found_by_all_that_it_is_asked_for_by(storage: Storage) -> None:
    with storage.transaction() as tx:
        insert_rows(tx.connection, replies, [a_reply(1), a_reply(2)])
        changes = [{"id": 1, "by": "pat", "score": 9}, {"id": 2, "by": "sam", "score": 9}]
        update_rows(tx.connection, replies, changes, by=("id", "by"))
    assert [reply["score"] for reply in kept(storage)] == [9, a_reply(2)["score"]]


def test_a_column_that_is_left_out_gets_the_tables_own_value(storage: Storage) -> None:
    with storage.transaction() as tx:
        insert_rows(tx.connection, replies, [a_reply(1)])
        assert tx.connection.execute(select(replies.c.media, replies.c.automatic)).one() == (0, False)


def test_no_rows_are_no_statement(storage: Storage) -> None:
    with storage.transaction() as tx:
        insert_rows(tx.connection, replies, [])
        update_rows(tx.connection, replies, [], by=("id",))
    assert kept(storage) == []


def test_rows_that_bring_other_columns_are_refused_and_nothing_is_written(storage: Storage) -> None:
    other = a_reply(2)
    del other["score"]
    with storage.transaction() as tx:
        with pytest.raises(ValueError, match="same columns"):
            insert_rows(tx.connection, replies, [a_reply(1), other])
        with pytest.raises(ValueError, match="same columns"):
            update_rows(tx.connection, replies, [a_reply(1), other], by=("id",))
    assert kept(storage) == []


def test_a_moment_without_a_zone_is_refused(storage: Storage) -> None:
    with storage.transaction() as tx, pytest.raises(ValueError, match="time zone"):
        insert_rows(tx.connection, replies, [a_reply(1) | {"read_at": NOW.replace(tzinfo=None)}])
    assert kept(storage) == []


@pytest.mark.parametrize("number", [1, MOST_AT_ONCE])
def test_rows_that_change_are_found_by_their_key(storage: Storage, number: int) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        storage.engine, "before_cursor_execute", lambda _c, _x, said, given, *_: asked.append((said, given))
    )
    with storage.rehearsal() as tx:
        insert_rows(tx.connection, replies, [a_reply(n) for n in range(1, 5 * MOST_AT_ONCE)])
        changes = [{"id": n, "score": 1} for n in range(1, number + 1)]
        update_rows(tx.connection, replies, changes, by=("id",))
        said, given = asked[-1]
        explain = "EXPLAIN QUERY PLAN "
        if storage.engine.dialect.name == "postgresql":
            explain = "EXPLAIN "
            tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # few rows are soonest read all
        plan = "\n".join(str(row) for row in tx.connection.exec_driver_sql(explain + said, given))
    assert re.search(
        "SEARCH replies USING INTEGER PRIMARY KEY|Index Scan using pk_replies|Index Scan using replies_pkey", plan
    ), plan
