"""Some work is done by one daemon of a database at a time; each daemon of it can be seen."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import timedelta

from databases import SEALER

from followup.storage import Storage
from followup.storage.heartbeat import HeartbeatOwner, beating


def test_while_one_daemon_is_at_a_work_no_other_begins_it(database_url: str) -> None:
    on_postgresql = database_url.startswith("postgresql")
    with closing(Storage(database_url, SEALER)) as one, closing(Storage(database_url, SEALER)) as other:
        with one.alone("poll") as mine:
            assert mine
            with other.alone("poll") as theirs, other.alone("listen") as another:
                # An SQLite file has one daemon by its lock, and needs no other.
                assert theirs is not on_postgresql
                assert another
        with other.alone("poll") as theirs:
            assert theirs


def test_a_work_is_free_once_whoever_was_at_it_failed(database_url: str) -> None:
    with closing(Storage(database_url, SEALER)) as one, closing(Storage(database_url, SEALER)) as other:
        with suppress(KeyError), one.alone("poll"):
            raise KeyError("poll")
        with other.alone("poll") as mine:
            assert mine


def test_the_daemons_of_a_postgresql_database_are_listed_while_they_live(storage: Storage) -> None:
    if storage.engine.dialect.name != "postgresql":
        with storage.reading() as tx:
            assert beating(tx.connection) == []
        return
    owners = [HeartbeatOwner(storage.engine) for _ in range(3)]
    try:
        assert all(owner.acquire() for owner in owners)
        with storage.reading() as tx:
            found = beating(tx.connection)
        assert [one.name for one in found] == [owner.name for owner in owners]
        assert all(timedelta() <= one.beat_ago < timedelta(seconds=30) for one in found)
        owners[0].release()
        with storage.reading() as tx:
            assert [one.name for one in beating(tx.connection)] == [owner.name for owner in owners[1:]]
    finally:
        for owner in owners:
            owner.release()
