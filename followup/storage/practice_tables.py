"""Tables about the practice as a whole: who may send, which sender works, who is away, what is switched on."""

from __future__ import annotations

from sqlalchemy import Column, Date, Float, Integer, String, Table

from followup.storage.column_types import BlindIndex, Id, Utc
from followup.storage.tables import metadata

seals = Table(
    "seals",
    metadata,
    # Each seal's head is a keyed hash over the head before it and the lines it covers.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("head", BlindIndex, nullable=False),
)

breakers = Table(
    "breakers",
    metadata,
    # Only those that are, or have been, open: a sender without a row is sound (see care/breaker.py).
    Column("name", String(80), primary_key=True),
    Column("channel", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(32), nullable=False),  # the fault that opened it
    Column("opened_at", Utc),
    Column("retry_at", Utc),
    Column("wait_seconds", Integer, nullable=False),
    Column("allowance", Integer, nullable=False),
    Column("changed_at", Utc, nullable=False),
)

paces = Table(
    "paces",
    metadata,
    # How much each sender may send at once (see care/pace.py); one that keeps to no pace has no row.
    Column("name", String(80), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("at", Utc, nullable=False),
)

owners = Table(
    "owners",
    metadata,
    # On PostgreSQL, who may send: both moments are the database's own.
    Column("name", String(64), primary_key=True),
    Column("started_at", Utc, nullable=False),
    Column("beat_at", Utc, nullable=False),
)

absences = Table(
    "absences",
    metadata,
    # Who of the staff is away, so that no page goes to them.
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(80), nullable=False),  # as config.toml names them
    Column("first", Date, nullable=False),  # local days of the clinic, both included
    Column("last", Date, nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(128), nullable=False),
    Column("ended_at", Utc),  # back before it was over, or entered by mistake
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(200), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(128), nullable=False),
)
