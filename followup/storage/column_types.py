"""Column types shared by all tables: moments that are always UTC, ids, sealed bytes."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary
from sqlalchemy.types import TypeDecorator

Id = BigInteger().with_variant(Integer, "sqlite")
"""Minted before the insert (see `ids.py`); SQLite calls every whole number INTEGER."""

Sealed = LargeBinary
"""What only the key opens (see `seal.py`)."""

BlindIndex = LargeBinary(16)
"""A keyed hash by which a sealed value can be found, not read."""


class Utc(TypeDecorator[datetime]):
    """An aware moment in UTC; a naive one is refused, and SQLite's naive ones are UTC by this rule."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  the hook's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
