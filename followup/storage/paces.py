"""The buckets of senders: shared by all daemons of a database, so that together they keep to one pace."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from followup.care.pace import Bucket, refilled
from followup.storage.breakers import Sender
from followup.storage.conflicts import insert_or_replace, insert_unless_there
from followup.storage.practice_tables import paces

_HELD = select(paces).where(paces.c.name == bindparam("name")).with_for_update()


class Paces:
    """The buckets, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, sender: Sender, per_second: float, now: datetime) -> Bucket:
        """The sender's bucket as it is now; other daemons wait for it until this transaction ends."""
        row = self._connection.execute(_HELD, {"name": sender.name}).one_or_none()
        if row is None:
            full = refilled(None, per_second, now)
            values = {"name": sender.name, "tokens": full.tokens, "at": now}
            insert_unless_there(self._connection, paces, values)
            row = self._connection.execute(_HELD, {"name": sender.name}).one()
        return refilled(Bucket(row.tokens, row.at), per_second, now)

    def write(self, sender: Sender, bucket: Bucket) -> None:
        values = {"name": sender.name, "tokens": bucket.tokens, "at": bucket.at}
        insert_or_replace(self._connection, paces, values)
