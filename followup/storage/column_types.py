"""Column types shared by all tables: moments that are always UTC, ids, sealed bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

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

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object]:
        return _as_text if dialect.name == "sqlite" else _as_utc_or_nothing

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[object], datetime | None]:  # noqa: ARG002  the hook's signature
        return _from_text if dialect.name == "sqlite" else _from_driver


# A claim reads and writes some twenty moments: SQLAlchemy's own way over SQLite's text takes three times as long.


def as_utc(moment: datetime) -> datetime:
    """Raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be stored")
    return moment.astimezone(UTC)


def _as_utc_or_nothing(moment: datetime | None) -> datetime | None:
    return None if moment is None else as_utc(moment)


@lru_cache(maxsize=4096)  # `now`, and a clinic's hours, are written again and again
def _as_text(moment: datetime | None) -> str | None:
    """As SQLAlchemy writes it for SQLite, whose text sorts as time does: `2026-11-01 18:00:00.000000`."""
    return None if moment is None else as_utc(moment).replace(tzinfo=None).isoformat(" ", "microseconds")


def _from_text(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def _from_driver(moment: object) -> datetime | None:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None
