"""One row of the outbox as a value; `moves.py` is the one way to change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select

from followup.care.delivery import Status
from followup.care.message import Kind, Recorded, ReminderKey, Text
from followup.care.people import ChannelName
from followup.care.reason import Reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One outbox row, without its words. Moments are UTC."""

    id: int
    kind: Kind
    key: str
    patient_id: int | None
    contact_id: int | None
    procedure_id: int | None
    step: str
    channel: ChannelName
    status: Status
    reason: Reason | None
    held_by: int | None
    not_before: datetime
    due_at: datetime
    valid_until: datetime
    asks: bool
    trial: bool
    attempt: int
    charged: int
    revision: int
    first_tried_at: datetime | None
    sent_at: datetime | None
    told: Mapping[str, str]
    provider_id: str | None
    code: str | None
    doubted_at: datetime | None
    doubts: int
    looks: int
    looked_at: datetime | None
    held_back: bool
    question_closed_at: datetime | None
    answered: bool
    planned_at: datetime
    updated_at: datetime

    @property
    def recorded(self) -> Recorded:
        """The row as the rules see it; only a reminder has a patient, contact and procedure."""
        key = ReminderKey(self.procedure_id or 0, self.step, self.contact_id or 0, self.channel)
        return Recorded(
            self.id,
            key,
            self.status,
            self.not_before,
            self.due_at,
            self.valid_until,
            self.reason,
            self.held_by,
            self.attempt,
            self.revision,
            self.sent_at,
            self.asks,
            self.question_closed_at,
            self.answered,
            self.doubts,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A row about to be sent, with the words that are committed before the network is touched.

    `until`: when it must have left, the end of its own time or of the send window.
    """

    entry: Entry
    to: str = field(repr=False)
    words: Text = field(repr=False)
    version: str
    segments: int
    address_index: bytes | None
    told: Mapping[str, str]
    until: datetime


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that is no reminder: it brings its own words and address. Its `key` makes it one and the same.

    `step` says what it is: an answer's name, "page", "digest". `patient_id` and `contact_id`: to whom it is said.
    """

    kind: Kind
    key: str
    channel: ChannelName
    due_at: datetime
    valid_until: datetime
    address: str = field(repr=False)
    words: Text = field(repr=False)
    step: str = ""
    patient_id: int | None = None
    contact_id: int | None = None


def entries(connection: Connection, query: Select[Any], values: Mapping[str, Any] | None = None) -> list[Entry]:
    """The rows of a query over the whole table; `values` fill in its parameters."""
    return [_entry(row) for row in connection.execute(query, values).all()]


def packed(words: Text) -> str:
    """Words as they are sealed."""
    return json.dumps([words.plain, words.subject, words.html])


def unpacked(text: str) -> Text:
    """Sealed words, opened."""
    return Text(*json.loads(text))


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.id,
        Kind(row.kind),
        row.key,
        row.patient_id,
        row.contact_id,
        row.procedure_id,
        row.step,
        ChannelName(row.channel),
        Status(row.status),
        Reason(row.reason) if row.reason else None,
        row.held_by,
        row.not_before,
        row.due_at,
        row.valid_until,
        row.asks,
        row.trial,
        row.attempt,
        row.charged,
        row.revision,
        row.first_tried_at,
        row.sent_at,
        json.loads(row.told) if row.told else {},
        row.provider_id,
        row.code,
        row.doubted_at,
        row.doubts,
        row.looks,
        row.looked_at,
        row.held_back,
        row.question_closed_at,
        row.answered,
        row.planned_at,
        row.updated_at,
    )
