"""A patient's record on the screen and on paper: a day a heading, an event a line, then every text in full."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from followup.care.delivery import Event as Moved
from followup.care.people import Role
from followup.care.reason import Reason
from followup.care.task import TaskKind
from followup.records import Event, Heard, Record, Sent, What, events

if TYPE_CHECKING:
    from followup.care.message import Text
    from followup.storage.history import (
        ConsentEvent,
        KeptAttempt,
        KeptContact,
        KeptProcedure,
        Suppression,
        TrailLine,
    )
    from followup.storage.tasks import Task

WIDE = 79
"""Letters of a line: it fits a terminal of 80 columns, and paper."""

BEGINS_AT = 28
"""Where the words of an event begin: behind its moment in UTC and by the patient's clock."""

NOBODY_KNOWS = "nobody knows who"
"""Said of what came from a number that several share, with no question to tell them apart."""

_SAID_BY_ATTEMPT = frozenset({Moved.CLAIMED, Moved.ACCEPTED})
_LONG_ID = re.compile(r"\d{15,}")
_WENT_ANOTHER_WAY = frozenset({Reason.OTHER_CHANNEL.value, Reason.OTHER_CONTACT.value})


class Timeline:
    """The lines of one record."""

    def __init__(self, record: Record) -> None:
        self._record = record
        own = [c for c in record.contacts if c.role == Role.PATIENT] or list(record.contacts)
        self._zone = ZoneInfo(own[0].zone) if own else ZoneInfo("UTC")
        roles = [c.role for c in record.contacts]
        self._names = {c.id: c.role if roles.count(c.role) == 1 else f"{c.role} {c.name}" for c in record.contacts}
        self._names |= {p.id: f"{p.plan} {p.on_date}" for p in record.procedures}
        self._sent = {sent.message.id: sent for sent in record.messages}

    def head(self) -> Iterator[str]:
        """Who it is, how they are reached, what was done, and when this was made."""
        who = self._record.patient
        number = f", record {who.record_number}" if who.record_number else ""
        yield f"{who.short_id}  {who.name}, born {who.birth_date}{number}"
        yield from (_wrapped(self._contact(c), 2) for c in self._record.contacts)
        yield from (_wrapped(self._procedure(p), 2) for p in self._record.procedures)
        if who.died_at:
            yield f"Recorded as died: {self._when(who.died_at)}"
        if who.held_at:
            yield f"On hold since {self._when(who.held_at)}"
        if who.conversation_at:
            yield f"Staff text with them since {self._when(who.conversation_at)}: {who.conversation_by}"
        made = f"{self._record.made_at:%Y-%m-%dT%H:%M:%SZ}"
        yield f"Made {made} for {self._record.made_by}. Local times: {self._zone.key}."

    def lines(self, *, everything: bool) -> Iterator[str]:
        """The events, under the local days on which they were."""
        day = ""
        left_out = 0
        for event in events(self._record):
            if event.what is What.MOVE and event.about.action in _SAID_BY_ATTEMPT:
                continue
            if not everything and self._is_spare(event):
                left_out += 1
                continue
            here = event.at.astimezone(self._zone)
            if (heading := f"{here:%A %Y-%m-%d}") != day:
                day = heading
                yield f"\n{day}"
            moment = f"{event.at:%Y-%m-%dT%H:%M:%SZ}  {here:%H:%M} "
            yield _wrapped(moment + self._says(event), BEGINS_AT)
        if not all(heard.certain for heard in self._record.replies):
            yield f"\n“{NOBODY_KNOWS}”: the number is shared, or was not known when it was written."
        if left_out:
            yield (
                f"\nLeft out: {left_out} lines about rows that only say that it goes another way\n"
                "(--full shows them, and every text)."
            )

    def texts(self) -> Iterator[str]:
        """Every text in full: what was sent, what came in, what tasks know, what changes replaced."""
        for sent in self._record.messages:
            yield from self._text_of(sent)
        for heard in self._record.replies:
            reply = heard.reply
            yield _headed(f"They said by {reply.channel}, {self._when(reply.written_at)}, from {reply.address}:")
            yield _block(reply.words or "(nothing)")
        for task in self._record.tasks:
            yield _headed(f"Task {task.number}, {task.kind.replace('_', ' ')}, knows:")
            yield _block(json.dumps(dict(task.detail), indent=1, ensure_ascii=False))
            yield from [_block(f"note: {task.note}")] if task.note else []
        for change in self._record.changes:
            if change.before:
                yield _headed(f"What “{change.action}” replaced, {self._when(change.at)}:")
                yield _block(json.dumps(change.before, indent=1, ensure_ascii=False))

    def _text_of(self, sent: Sent) -> Iterator[str]:
        name, address = self._name(sent), sent.message.address or "no address"
        for attempt in sent.attempts:
            when, version = self._when(attempt.began_at), f"(text {attempt.version})"
            yield _headed(f"{name}, attempt {attempt.number}, {when}, to {address} {version}:")
            yield _block(_whole(attempt.words))
        if not sent.attempts and sent.message.words:
            yield _headed(f"{name}, not sent, to {address}:")
            yield _block(_whole(sent.message.words))

    # Single lines

    def _contact(self, c: KeptContact) -> str:
        kind = " (landline)" if c.landline else ""
        reached = [f"{c.number}{kind}" if c.number else "no number", c.email or "no e-mail"]
        reached += ["number known not to take texts"] if c.bad_sms_at else []
        reached += ["e-mail known not to work"] if c.bad_email_at else []
        return f"{c.role}: {c.name}, {', '.join(reached)}, {c.language}, {c.zone}"

    def _procedure(self, p: KeptProcedure) -> str:
        state = "in hospital" if p.in_hospital else "nobody has said whether home"
        if p.cancelled_at:
            state = f"cancelled {self._when(p.cancelled_at)}"
        elif p.discharged_at and not p.in_hospital:
            state = f"home since {self._when(p.discharged_at)}"
        pain = "" if p.baseline_pain is None else f", pain before: {p.baseline_pain}"
        asked = f" (planned for {p.planned_on}: unconfirmed)" if p.planned_on not in (None, p.on_date) else ""
        return f"{p.plan} on {p.on_date:%a %Y-%m-%d}{asked}: {state}{pain}"

    def _says(self, event: Event) -> str:
        says: dict[What, Callable[[Any], str]] = {
            What.ENTERED: lambda one: f"entered as {one.short_id}",
            What.CONTACT: lambda one: f"contact entered: {one.role}",
            What.CONSENT: self._consent,
            What.PROCEDURE: lambda one: f"procedure entered: {one.plan} of {one.on_date}",
            What.HOME: lambda one: f"went home after {one.plan} of {one.on_date}",
            What.CANCELLED: lambda one: f"procedure cancelled: {one.plan} of {one.on_date}",
            What.WROTE: self._wrote,
            What.STOPPED: lambda one: f"{_stopped(one)} stopped (by {one.source})",
            What.START: lambda one: f"{_stopped(one)}: START was texted; the stop stands",
            What.OPENED_AGAIN: lambda one: f"{_stopped(one)} opened again",
            What.CHANGE: self._change,
            What.PLANNED: self._planned,
            What.ATTEMPT: self._attempt,
            What.MOVE: self._move,
            What.QUESTION_CLOSED: self._question,
            What.TASK_OPENED: _opened,
            What.TASK_TOLD: lambda one: f"task {one.number}: staff were mailed its number",
            What.TASK_TAKEN: lambda one: f"task {one.number}: taken by {one.acknowledged_by}",
            What.TASK_CLOSED: _closed,
        }
        return says[event.what](event.about)

    def _consent(self, one: ConsentEvent) -> str:
        how = ", ".join(filter(None, [one.method, one.wording and f"script {one.wording}", one.by]))
        return f"{self._names[one.contact_id]}: {'yes' if one.given else 'no'} to {one.about} ({how})"

    def _wrote(self, heard: Heard) -> str:
        reply = heard.reply
        score = "" if reply.score is None else f", pain {reply.score}"
        meant = reply.reading.replace("_", " ").replace(",", ", ") or "not read yet"
        unsure = "" if heard.certain else f" [{NOBODY_KNOWS}]"
        said = textwrap.shorten(reply.words or "(nothing)", 60, placeholder=" …")
        pictures = f", {reply.media} attachments" if reply.media else ""
        return f"they said by {reply.channel}: “{said}” ({meant}{score}{pictures}){unsure}"

    def _change(self, one: TrailLine) -> str:
        detail = _LONG_ID.sub(lambda found: self._named(int(found[0])), one.detail)
        undone = "; undone since" if one.undone_at else ""
        return f"{one.by}: {one.action}" + (f" ({detail})" if detail else "") + undone

    def _named(self, row: int) -> str:
        return self._names.get(row) or self._of_message(row)

    def _of_message(self, message: int) -> str:
        return self._name(self._sent[message]) if message in self._sent else "…"

    def _planned(self, sent: Sent) -> str:
        m = sent.message
        reason = f" [{Reason(m.reason).sentence}]" if m.reason and not sent.attempts and not sent.moves else ""
        return f"planned for {m.due_at.astimezone(self._zone):%m-%d %H:%M}: {self._name(sent)}{reason}"

    def _attempt(self, one: KeptAttempt) -> str:
        code = f", code {one.code}" if one.code else ""
        led = f" → {one.outcome.replace('_', ' ')}" if one.outcome else ""
        return f"{self._of_message(one.message_id)}: attempt {one.number}, text {one.version}{led}{code}"

    def _move(self, one: TrailLine) -> str:
        why = f": {Reason(one.reason).sentence}" if one.reason else ""
        code = f", code {one.detail}" if one.detail else ""
        status = (one.target or "").replace("_", " ")
        return f"{self._of_message(one.message_id or 0)}: {one.action}, {status}{code}{why}"

    def _question(self, sent: Sent) -> str:
        return f"{self._name(sent)}: " + ("answered" if sent.message.answered else "given up without an answer")

    def _name(self, sent: Sent) -> str:
        m = sent.message
        several = len(self._record.procedures) > 1 and m.procedure_id in self._names
        about = f" of {self._names[m.procedure_id or 0]}" if several else ""
        role = self._names.get(m.contact_id or 0, "")
        to = f" to {role}" if role and role != Role.PATIENT else ""
        if m.kind == "alert":
            return f"{m.channel} to staff: {m.step} about task {m.key.split(':')[1]}"
        return f"{m.channel} {m.step}{about}{to}"

    def _is_spare(self, event: Event) -> bool:
        """Of a row that was never anything but another way."""
        match event.what:
            case What.PLANNED:
                return _is_spare(event.about)
            case What.MOVE:
                return _is_spare(self._sent[event.about.message_id])
        return False

    def _when(self, moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%M:%SZ} ({moment.astimezone(self._zone):%a %H:%M})"


def _is_spare(sent: Sent) -> bool:
    return not sent.attempts and sent.message.reason in _WENT_ANOTHER_WAY


def _stopped(one: Suppression) -> str:
    return f"{one.channel} to {one.address}"


def _opened(task: Task) -> str:
    times = f", {task.times} times" if task.times > 1 else ""
    return f"task {task.number} opened: {TaskKind(task.kind).replace('_', ' ')} ({task.level}{times})"


def _closed(task: Task) -> str:
    note = f": {textwrap.shorten(task.note, 60, placeholder=' …')}" if task.note else ""
    return f"task {task.number} closed by {task.closed_by}{note}"


def _whole(words: Text) -> str:
    return f"Subject: {words.subject}\n\n{words.plain}" if words.subject else words.plain


def _wrapped(text: str, indent: int) -> str:
    return textwrap.fill(text, WIDE, subsequent_indent=" " * indent, break_on_hyphens=False)


def _headed(text: str) -> str:
    return "\n" + _wrapped(text, 2)


def _block(text: str) -> str:
    lines = [textwrap.wrap(line, WIDE - 4, break_on_hyphens=False) or [""] for line in text.rstrip().splitlines()]
    return "\n".join(f"    {part}".rstrip() for line in lines for part in line)
