"""What must hold of any database of ours, at any moment: each part of I1 to I22 that a database can show.

A breach is one sentence with ids and no identity. The numbers up to I20 are those of the design (RELIABILITY.md
§2.6); what only a provider or a whole run can show is named with the test that shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, exists, func, or_, select, text

from followup.care.attempt import MOST_ATTEMPTS
from followup.care.delivery import NOT_REACHED, SET_ASIDE, UNSENT, WITH_PROVIDER, Status
from followup.care.local_time import local_day
from followup.care.message import LONGEST_ATTEMPT, POLICIES, Kind, Priority
from followup.care.people import ChannelName, Patient
from followup.care.practice import Practice
from followup.care.reason import Reason
from followup.care.response import CONFIRMS_A_STOP
from followup.care.restrictions import holder, limits
from followup.care.task import TaskKind
from followup.errors import StorageError
from followup.storage import Transaction, schema
from followup.storage.outbox_rows import unpacked
from followup.storage.seal import Place
from followup.storage.tables import (
    attempts,
    audit,
    messages,
    patients,
    procedures,
    replies,
    suppressions,
    tasks,
)

GRACE = timedelta(minutes=10)
"""So long a thing may be under way: a sweep, a rescue, a seal."""

LOOKED_BACK = timedelta(days=30)
"""Windows and zones are settings and may have changed since; older attempts are not judged by today's."""

ELSEWHERE = {
    "I15": "tests/test_canaries.py",
    "I16": "tests/faults/test_kills.py",
    "I17": "tests/storage/test_outbox_and_owner.py",
    "I20 at the sink": "tests/faults/test_kills.py",
}
"""What no database shows, and the tests that do."""

TAKEN = (Status.ACCEPTED, Status.SENT)


@dataclass(frozen=True)
class Look:
    """One look at a database: within a transaction, at a moment, by the practice's rules."""

    tx: Transaction
    practice: Practice
    now: datetime

    def rows(self, query: Select[Any]) -> list[Row[Any]]:
        return list(self.tx.connection.execute(query))


def breaches(tx: Transaction, practice: Practice, now: datetime) -> dict[str, list[str]]:
    """Every invariant that a database can show, and what breaches it: nothing where it holds."""
    look = Look(tx, practice, now)
    return {name: list(check(look)) for name, check in CHECKS.items()}


def _nothing_disappears(look: Look) -> Iterator[str]:
    m = messages.c
    late = and_(m.status.in_(sorted(UNSENT)), ~m.held_back, m.valid_until < look.now - timedelta(hours=1))
    for row in look.rows(select(m.id, m.status).where(late)):
        yield f"message {row.id} is {row.status}, and its end is over an hour ago"
    for row in look.rows(select(m.id).where(m.status == Status.IN_DOUBT, m.settle_at.is_(None))):
        yield f"message {row.id} is in doubt, and no evidence is looked for"


def _accepted(*columns: Any) -> Select[Any]:  # noqa: ANN401  columns of SQLAlchemy's
    """Attempts that a provider took, with their message."""
    joined = messages.join(attempts, attempts.c.message_id == messages.c.id)
    taken = (attempts.c.outcome.in_(TAKEN), messages.c.channel != ChannelName.PHONE)
    return select(messages.c.id, attempts.c.began_at, *columns).select_from(joined).where(*taken)


def _once(look: Look) -> Iterator[str]:
    m = messages.c
    counted = func.count(attempts.c.id)
    query = _accepted(m.doubts, m.channel, m.priority, m.kind, counted.label("times")).with_only_columns(
        m.id, m.doubts, m.channel, m.priority, m.kind, counted.label("times")
    )
    for row in look.rows(query.group_by(m.id, m.doubts, m.channel, m.priority, m.kind).having(counted > 1)):
        again = row.doubts and (
            row.channel == ChannelName.EMAIL or row.priority == Priority.CRITICAL or row.kind != Kind.REMINDER
        )
        if not again or row.times > row.doubts + 1:
            yield f"message {row.id} was taken {row.times} times"


def _in_its_time(look: Look) -> Iterator[str]:
    m = messages.c
    early, late = attempts.c.began_at < m.not_before, attempts.c.began_at >= m.valid_until
    for row in look.rows(_accepted(m.not_before).where(or_(early, late))):
        when = "before its time" if row.began_at < row.not_before else "after its end"
        yield f"message {row.id} was sent {when}"


def _in_the_window(look: Look) -> Iterator[str]:
    m = messages.c
    recent = (m.kind == Kind.REMINDER, attempts.c.began_at > look.now - LOOKED_BACK)
    rows = look.rows(_accepted(m.patient_id, m.contact_id).where(*recent))
    known = look.tx.register.patients({row.patient_id for row in rows})
    for row in rows:
        zone = known[row.patient_id].contact(row.contact_id).zone
        if look.practice.window.defer(row.began_at, zone) > row.began_at:
            yield f"message {row.id} was sent outside the send window"


def _not_after_the_end_of_facts(look: Look) -> Iterator[str]:
    m, stopped = messages.c, func.coalesce(patients.c.died_at, procedures.c.cancelled_at)
    query = (
        _accepted(stopped.label("stopped"))
        .join(patients, patients.c.id == m.patient_id)
        .join(procedures, procedures.c.id == m.procedure_id)
        .where(stopped.is_not(None))
    )
    for row in look.rows(query):
        if row.began_at > row.stopped + LONGEST_ATTEMPT:
            yield f"message {row.id} was sent after its procedure was cancelled, or its patient had died"


def _not_while_forbidden(look: Look) -> Iterator[str]:
    m = messages.c
    rows = look.rows(_accepted(m.patient_id, m.contact_id, m.procedure_id, m.step).where(m.kind == Kind.REMINDER))
    known = look.tx.register.patients({row.patient_id for row in rows})
    for row in rows:
        if forbidding := _forbidding(look, known[row.patient_id], row):
            yield f"message {row.id} was sent while procedure {forbidding} still forbade what it allows"


def _forbidding(look: Look, patient: Patient, row: Row[Any]) -> int | None:
    """By the procedures that were known when it was sent."""
    known = [p for p in patient.procedures if p.enrolled_at <= row.began_at and p.standing]
    mine = next((p for p in known if p.id == row.procedure_id), None)
    plan = look.practice.plans.get(mine.plan) if mine else None
    step = next((s for s in plan.steps if s.key == row.step), None) if plan else None
    if step is None or step.ends is None:
        return None
    day = local_day(row.began_at, patient.contact(row.contact_id).zone)
    limit = holder(limits(known, look.practice.plans), step.ends, day)
    return limit.procedure if limit else None


def _has_an_id(look: Look) -> Iterator[str]:
    m = messages.c
    for row in look.rows(select(m.id, m.status).where(m.status.in_(TAKEN), m.provider_id.is_(None))):
        yield f"message {row.id} is {row.status}, and has no id of the provider's"


def _not_sent_is_not_taken(look: Look) -> Iterator[str]:
    unsent = sorted({Status.EXPIRED, Status.FAILED} | SET_ASIDE)
    for row in look.rows(_accepted(messages.c.status).where(messages.c.status.in_(unsent))):
        yield f"message {row.id} is {row.status}, and an attempt of it was taken"


def _in_living_hands(look: Look) -> Iterator[str]:
    m = messages.c
    old = m.sent_at < look.now - GRACE - timedelta(minutes=1)
    for row in look.rows(select(m.id).where(m.status == Status.SENDING, old)):
        yield f"message {row.id} has been in hand for over ten minutes, and nobody took it up"


def _never_back_to_planned(look: Look) -> Iterator[str]:
    a = audit.c
    back = (a.source.in_((Status.SENDING, Status.IN_DOUBT)), a.target == Status.PLANNED)
    for row in look.rows(select(a.message_id, a.source).where(*back)):
        yield f"message {row.message_id} went from {row.source} back to planned"


def _within_its_attempts(look: Look) -> Iterator[str]:
    m = messages.c
    over = or_(m.charged > MOST_ATTEMPTS, m.charged > m.attempt)
    for row in look.rows(select(m.id, m.charged, m.attempt).where(over)):
        yield f"message {row.id} was charged {row.charged} attempts of {row.attempt}"


def _trail_replays(look: Look) -> Iterator[str]:
    a = audit.c
    query = select(a.message_id, a.source, a.target, a.revision).where(a.source.is_not(None))
    standing: dict[int, str] = {}
    for row in look.rows(query.order_by(a.message_id, a.revision)):
        before = standing.get(row.message_id)
        if before is not None and before != row.source:
            yield f"message {row.message_id} left {row.source}, where it had come to {before}"
        standing[row.message_id] = row.target
    for row in look.rows(select(messages.c.id, messages.c.status, messages.c.attempt)):
        told = standing.get(row.id)
        if told is not None and told != row.status:
            yield f"message {row.id} is {row.status}, and its trail ends with {told}"
        if told is None and row.attempt:
            yield f"message {row.id} was attempted, and has no trail"
    yield from look.tx.chain.breaches()
    if count := look.tx.chain.unsealed_before(look.now - GRACE):
        yield f"{count} lines of the trail are older than ten minutes and bear no seal: does the daemon run?"


def _missed_is_a_task(look: Look) -> Iterator[str]:
    m, t = messages.c, tasks.c
    about = or_(t.patient_id == m.patient_id, t.message_id == m.id, t.kind == TaskKind.OUTAGE)
    missed = (m.status.in_(sorted(NOT_REACHED)), func.coalesce(m.reason, "") != Reason.TRIAL)
    query = select(m.id, m.status).where(*missed, ~exists(select(t.number).where(about)))
    for row in look.rows(query):
        yield f"message {row.id} is {row.status}, and no task was ever opened about it"


def _words_are_the_recorded(look: Look) -> Iterator[str]:
    a, sealer = attempts.c, look.tx.sealer
    for row in look.rows(select(a.id, a.message_id, a.words, a.words_hash)):
        try:
            words = sealer.open(Place("attempts", "words", row.id), row.words)
            unpacked(words)
        except (StorageError, ValueError):
            yield f"the words of message {row.message_id} do not open"
            continue
        if sealer.index("words", words) != bytes(row.words_hash):
            yield f"the words of message {row.message_id} are not those that were recorded"


def _one_version(look: Look) -> Iterator[str]:
    found = look.tx.connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found != schema.newest():
        yield f"the database is of version {found}, this program of {schema.newest()}"


def _no_line_of_the_future(look: Look) -> Iterator[str]:
    count = look.tx.connection.scalar(select(func.count()).where(audit.c.at > look.now + timedelta(minutes=2)))
    if count:
        yield f"{count} lines of the trail are from the future: a clock was wrong"


def _sums(look: Look) -> Iterator[str]:
    m, a = messages.c, attempts.c
    counted = select(func.count()).where(a.message_id == m.id).scalar_subquery()
    for row in look.rows(select(m.id, m.attempt, counted.label("found")).where(m.attempt != counted)):
        yield f"message {row.id} counts {row.attempt} attempts, and {row.found} are recorded"
    taken = exists(select(a.id).where(a.message_id == m.id, a.outcome.in_(TAKEN)))
    with_provider = (m.status.in_(sorted(WITH_PROVIDER - {Status.DELIVERED})), m.channel != ChannelName.PHONE)
    for row in look.rows(select(m.id, m.status).where(*with_provider, ~taken)):
        yield f"message {row.id} is {row.status}, and no attempt of it was taken"


def _what_came_in_is_handled(look: Look) -> Iterator[str]:
    r = replies.c
    for row in look.rows(select(r.id).where(r.handled_at.is_(None), r.read_at < look.now - GRACE)):
        yield f"reply {row.id} was stored over ten minutes ago, and nothing has followed from it"
    named = or_(r.reading.is_(None), r.reading == "")
    for row in look.rows(select(r.id).where(r.handled_at.is_not(None), named)):
        yield f"reply {row.id} is handled, and was read as nothing"


def _stopped_is_stopped(look: Look) -> Iterator[str]:
    m, s = messages.c, suppressions.c
    stoppable = sorted(kind for kind, policy in POLICIES.items() if policy.stopped)
    same = (s.address_index == m.address_index) & (s.channel == m.channel)
    query = (
        _accepted(m.kind)
        .join(suppressions, same)
        .where(m.kind.in_(stoppable), m.step.not_in(sorted(CONFIRMS_A_STOP)))
        .where(attempts.c.began_at > s.since, or_(s.lifted_at.is_(None), attempts.c.began_at < s.lifted_at))
    )
    for row in look.rows(query.add_columns(s.since)):
        if row.began_at > row.since + LONGEST_ATTEMPT:
            yield f"message {row.id} was sent to a number or address that had opted out"


CHECKS: Mapping[str, Callable[[Look], Iterator[str]]] = {
    "I1 nothing disappears": _nothing_disappears,
    "I2 nothing is taken twice": _once,
    "I3 never early, never late": _in_its_time,
    "I4 never outside the send window": _in_the_window,
    "I5 nothing after it was cancelled": _not_after_the_end_of_facts,
    "I6 nothing that is still forbidden": _not_while_forbidden,
    "I7 what was taken has its id": _has_an_id,
    "I8 what was not sent was not taken": _not_sent_is_not_taken,
    "I9 what is in hand is in living hands": _in_living_hands,
    "I10 nothing goes back from the wire": _never_back_to_planned,
    "I11 attempts stay within their number": _within_its_attempts,
    "I12 the trail replays, and its seals hold": _trail_replays,
    "I13 what was missed is a task": _missed_is_a_task,
    "I14 the words are those recorded": _words_are_the_recorded,
    "I18 one version": _one_version,
    "I19 time does not run ahead": _no_line_of_the_future,
    "I20 the sums agree": _sums,
    "I21 what came in is handled": _what_came_in_is_handled,
    "I22 who stopped us is written to no more": _stopped_is_stopped,
}
