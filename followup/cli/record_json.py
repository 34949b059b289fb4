"""A patient's record as JSON, in the shape that docs/guides/privacy.md tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from followup.records import Record

SCHEMA = 1
"""Rises when something is called otherwise or means something else; what is only added leaves it."""

EXACT = 2**53
"""From here on many programs read a whole number wrongly, so it is written as text (RFC 8259, section 6)."""

_OF_A_MOVE = frozenset({"source", "target", "reason", "attempt"})
_NOT_OF_A_MOVE = frozenset({"message_id", "before", "undone_at"})
_OWN = frozenset({"patient_id"})
"""Always the patient whose record it is, or nobody's."""


def as_json(record: Record) -> dict[str, Any]:
    """The whole record: moments in UTC, ids as text, every list in the order of time."""
    from followup.records import events

    return {
        "schema": SCHEMA,
        "made_at": _plain(record.made_at),
        "made_by": record.made_by,
        "patient": _row(record.patient),
        "contacts": [_row(one) for one in record.contacts],
        "procedures": [_row(one) for one in record.procedures],
        "consents": [_row(one) for one in record.consents],
        "suppressions": [_row(one) for one in record.suppressions],
        "messages": [
            _row(sent.message)
            | {"attempts": [_row(one, frozenset({"message_id"})) for one in sent.attempts]}
            | {"moves": [_row(one, _NOT_OF_A_MOVE) for one in sent.moves]}
            for sent in record.messages
        ],
        "replies": [_row(heard.reply, _OWN) | {"certain": heard.certain} for heard in record.replies],
        "tasks": [_row(one, _OWN) for one in record.tasks],
        "changes": [_row(one, _OF_A_MOVE) for one in record.changes],
        "timeline": [
            {"at": _plain(event.at), "what": event.what.value, "id": str(event.id)} for event in events(record)
        ],
    }


def _row(value: Any, without: frozenset[str] = frozenset()) -> dict[str, Any]:  # noqa: ANN401  any dataclass
    names = [f.name for f in fields(value) if f.name not in without]
    return {name: _id(getattr(value, name)) if _is_id(name) else _plain(getattr(value, name)) for name in names}


def _is_id(name: str) -> bool:
    return name in {"id", "held_by"} or name.endswith("_id")


def _id(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a column holds, and whatever JSON can say
    """A value as JSON has it."""
    match value:
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case date():
            return value.isoformat()
        case int() if abs(value) >= EXACT:
            return str(value)
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return _row(value) if is_dataclass(value) else value
