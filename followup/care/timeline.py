"""Steps placed in time: the reminders of one procedure, derived from facts alone.

The same facts give the same timeline: there is no cursor, and `now` is not asked. What is late shows as a `due_at`
in the past; the dispatcher sends it at once if it is still true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from followup.care.delivery import Status
from followup.care.local_time import instant, local_day
from followup.care.message import LEAST_ROOM, Held, Recorded, ReminderKey
from followup.care.people import ChannelName, Contact, Patient, Procedure, Role
from followup.care.plan import Anchor, Bound, CarePlan, Step
from followup.care.practice import QUESTION_OPEN_FOR, Practice
from followup.care.reason import Reason
from followup.care.rows import fell_through, goes_again, may_still_go, perhaps_said
from followup.care.standing import held_by_facts, home_at

_Strictest = Callable[[list[datetime]], datetime]


@dataclass(frozen=True, slots=True)
class Reminder:
    """A step placed in time for one procedure, contact and channel; moments are UTC.

    `held` says why it does not go. A `spare` is a channel, contact or step not used: it explains a row that
    earlier facts have made, and makes none itself; its times mean nothing while its anchor is not recorded.
    """

    key: ReminderKey
    step: Step
    not_before: datetime
    due_at: datetime
    valid_until: datetime
    held: Held | None = None
    spare: bool = False

    @property
    def goes(self) -> bool:
        """Whether it is to be sent."""
        return self.held is None


def build_timeline(
    plan: CarePlan, procedure: Procedure, patient: Patient, practice: Practice, recorded: Sequence[Recorded]
) -> tuple[Reminder, ...]:
    """All reminders of one procedure, with those set aside by the facts marked `held`.

    A step anchored on a discharge that nobody has recorded has only spares. What questions, caps and the
    patient's other timelines move or silence is told by `care.combine`.
    """
    own = tuple(row for row in recorded if row.key.procedure == procedure.id)
    placed: dict[tuple[str, int], Reminder] = {}
    reminders: list[Reminder] = []
    # A nudge is placed after the question it repeats, wherever the plan names it.
    for step in sorted(plan.steps, key=lambda step: step.nudges is not None):
        for contact, used in _recipients(step, patient):
            scene = _Scene(step, procedure, contact, practice, _freed(plan, step, procedure))
            times = scene.nudge(placed, own) if step.nudges else scene.place()
            for reminder in _offer(scene, times, own, patient, used=used):
                reminders.append(reminder)
                if not reminder.spare:
                    placed[step.key, contact.id] = reminder
    return tuple(reminders)


def _recipients(step: Step, patient: Patient) -> Iterator[tuple[Contact, bool]]:
    used = patient.recipients(of_question=step.waits_for_answer)
    return ((contact, contact in used) for contact in patient.contacts)


def _freed(plan: CarePlan, step: Step, procedure: Procedure) -> date | None:
    """The first day on which this procedure itself no longer restricts what the step ends."""
    days = [r.days for r in plan.restrictions if r.key == step.ends]
    return procedure.on + timedelta(days=max(days)) if days else None


@dataclass(frozen=True, slots=True)
class _Times:
    not_before: datetime
    due_at: datetime
    valid_until: datetime
    held: Held | None = None
    after: ChannelName | None = None
    """A nudge goes by the channels that come after the one its question went by."""
    unknown: bool = False
    """Nothing is recorded that these times could be counted from."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """One step for one contact, with all that its time depends on."""

    step: Step
    procedure: Procedure
    contact: Contact
    practice: Practice
    freed: date | None

    def place(self) -> _Times:
        """The step's own time, before questions, caps and other procedures have their say."""
        start = self._start()
        lower, upper = self._bound(self._lower_edges(), max), self._bound(self.step.valid_until, min)
        if start is None or upper is None:
            return self._unknown(Reason.NOT_HOME)
        lower = lower or (start if self.step.after is not None else self._midnight(start))
        return self._open(self._not_before(start, lower), lower, upper)

    def nudge(self, placed: Mapping[tuple[str, int], Reminder], own: Iterable[Recorded]) -> _Times:
        """A nudge counts from the moment its question was asked, or is going to be, and ends with it."""
        question = placed.get((self.step.nudges or "", self.contact.id))
        upper = self._bound(self.step.valid_until, min)
        if question is None or upper is None:
            return self._unknown(Reason.NOT_ASKED)
        row = next((r for r in own if r.key == question.key), None)
        asked_at = row.sent_at if row and row.sent_at and perhaps_said(row) else question.due_at
        closes = (row and row.question_closed_at) or asked_at + QUESTION_OPEN_FOR
        due = asked_at + (self.step.after or timedelta())
        times = replace(self._open(due, due, upper), after=question.key.channel)
        if row and row.answered:
            return replace(times, held=Held(Reason.ANSWERED))
        if not question.goes or (row and not may_still_go(row) and not perhaps_said(row)):
            return replace(times, held=Held(Reason.NOT_ASKED))
        if times.due_at + LEAST_ROOM > closes:
            return replace(times, held=Held(Reason.QUESTION_CLOSED))
        return times

    def _unknown(self, reason: Reason) -> _Times:
        moment = self.procedure.enrolled_at
        return _Times(moment, moment, moment, Held(reason), unknown=True)

    def _start(self) -> datetime | None:
        """The moment the step names, before bounds, window and enrollment have their say."""
        if self.step.after is not None:
            moment = self._anchor_moment(self.step.anchor)
            return None if moment is None else moment + self.step.after
        day = self._anchor_day(self.step.anchor)
        if day is None:
            return None
        return instant(day + timedelta(days=self.step.day), self.step.at, self.contact.zone)

    def _anchor_moment(self, anchor: Anchor) -> datetime | None:
        match anchor:
            case Anchor.ENROLLMENT:
                return self.procedure.enrolled_at
            case Anchor.PROCEDURE:
                return instant(self.procedure.on, self.step.at, self.contact.zone)
            case Anchor.DISCHARGE:
                return home_at(self.procedure, self.practice)

    def _anchor_day(self, anchor: Anchor) -> date | None:
        if anchor is Anchor.PROCEDURE:
            return self.procedure.on
        moment = self._anchor_moment(anchor)
        return None if moment is None else local_day(moment, self.contact.zone)

    def _lower_edges(self) -> tuple[Bound, ...]:
        """What ends a restriction never goes before this procedure's own restriction has ended."""
        if self.freed is None:
            return self.step.not_before
        return *self.step.not_before, Bound({Anchor.PROCEDURE: (self.freed - self.procedure.on).days})

    def _bound(self, bounds: Iterable[Bound], strictest: _Strictest) -> datetime | None:
        moments = [m for m in map(self._edge, bounds) if m is not None]
        return strictest(moments) if moments else None

    def _edge(self, bound: Bound) -> datetime | None:
        """The later of the days that one bound names; an unrecorded one is left out."""
        zone = self.contact.zone
        found = [
            instant(day + timedelta(days=count), bound.at, zone)
            for anchor, count in bound.days.items()
            if (day := self._anchor_day(anchor)) is not None
        ]
        moment = self._anchor_moment(self.step.anchor)
        if bound.after is not None and moment is not None:
            found.append(moment + bound.after)
        return max(found, default=None)

    def _midnight(self, moment: datetime) -> datetime:
        return instant(local_day(moment, self.contact.zone), time.min, self.contact.zone)

    def _at_on(self, moment: datetime, days: int) -> datetime:
        day = local_day(moment, self.contact.zone) + timedelta(days=days)
        return instant(day, self.step.at, self.contact.zone)

    def _not_before(self, start: datetime, lower: datetime) -> datetime:
        """A bound that comes later than the step moves it to the step's own wall time from there on."""
        if start >= lower or self.step.after is not None:
            return max(start, lower)
        same_day = self._at_on(lower, 0)
        return same_day if same_day >= lower else self._at_on(lower, 1)

    def _open(self, start: datetime, lower: datetime, upper: datetime) -> _Times:
        """Through the send window, and for a question to a staffed hour; never before the enrollment."""
        start = max(start, self.procedure.enrolled_at)
        try:
            due = self.practice.opening(self.step, start, self.contact.zone)
        except ValueError:
            return _Times(lower, start, upper, Held(Reason.NO_STAFFED_HOUR))
        return _Times(lower, due, upper, Held(Reason.NO_ROOM) if due + LEAST_ROOM > upper else None)


def _offer(
    scene: _Scene, times: _Times, own: Sequence[Recorded], patient: Patient, *, used: bool
) -> Iterator[Reminder]:
    """One reminder a channel: the chosen go, one explains where none can, the others are spares."""
    rows = [r for r in own if r.key.step == scene.step.key and r.key.contact == scene.contact.id]
    chosen = _chosen(scene, times, rows) if used else ()
    shown = chosen or (_explaining(scene, rows) if used else ())
    for channel in _channels(scene):
        key = ReminderKey(scene.procedure.id, scene.step.key, scene.contact.id, channel)
        spare = times.unknown or channel not in shown
        held = held_by_facts(key, scene.step, times.due_at, patient, scene.practice)
        if held is None and not used:
            held = Held(Reason.OTHER_CONTACT)
        held = held or times.held
        if held is None and channel not in chosen:
            held = Held(Reason.OTHER_CHANNEL if spare else Reason.NO_CHANNEL)
        yield Reminder(key, scene.step, times.not_before, times.due_at, times.valid_until, held, spare)


def _channels(scene: _Scene) -> tuple[ChannelName, ...]:
    """A call to a caregiver is never planned."""
    if scene.contact.role is Role.PATIENT:
        return scene.step.channels
    return tuple(c for c in scene.step.channels if c is not ChannelName.PHONE)


def _explaining(scene: _Scene, rows: Iterable[Recorded]) -> tuple[ChannelName, ...]:
    """The one channel whose row tells why nothing goes: one that has a row already, else the first."""
    known = {row.key.channel for row in rows}
    channels = _channels(scene)
    return tuple(c for c in channels if c in known)[:1] or channels[:1]


def _chosen(scene: _Scene, times: _Times, rows: Iterable[Recorded]) -> tuple[ChannelName, ...]:
    """The channels a step goes by: those already used, else the first that may be, or all of them.

    What fell through on one channel goes by the next; a person's call is the last resort, never an addition.
    A critical step that is in doubt on one channel goes by mail besides, at once (CARE.md §0, "In doubt").
    """
    rows = tuple(rows)
    failed = {r.key.channel for r in rows if fell_through(r)}
    settled = tuple(r.key.channel for r in rows if not fell_through(r) and (goes_again(r) or not may_still_go(r)))
    open_to = _after(times.after, _channels(scene))
    free = [c for c in open_to if scene.contact.may_use(c) and c not in failed]
    written = [c for c in free if c is not ChannelName.PHONE]
    if scene.step.also and written and ChannelName.PHONE not in settled:
        return (*settled, *(c for c in written if c not in settled))
    if _text_in_doubt(scene.step, rows) and ChannelName.EMAIL in free and ChannelName.EMAIL not in settled:
        return (*settled, ChannelName.EMAIL)
    return settled or tuple(free[:1])


def _text_in_doubt(step: Step, rows: Iterable[Recorded]) -> bool:
    """Whether nobody knows if a critical text has reached the contact."""
    texts = [row for row in rows if row.key.channel is ChannelName.SMS]
    return step.critical and any(row.status == Status.IN_DOUBT or goes_again(row) for row in texts)


def _after(used: ChannelName | None, channels: tuple[ChannelName, ...]) -> tuple[ChannelName, ...]:
    return channels if used is None else tuple(c for c in channels if is_later(c, used))


def is_later(channel: ChannelName, than: ChannelName) -> bool:
    """Whether `channel` asks more of everybody than the other does: text, mail, call."""
    order = list(ChannelName)
    return order.index(channel) > order.index(than)
