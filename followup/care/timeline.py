"""Steps placed in time: the reminders of one procedure, derived from facts alone.

The same facts give the same timeline: there is no cursor, and `now` is not asked. What is late shows as a `due_at`
in the past; the dispatcher sends it at once if it is still true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from followup.care.delivery import FELL_THROUGH, SET_ASIDE, UNSENT, Reason
from followup.care.local_time import defer_question, instant, local_day
from followup.care.message import LEAST_ROOM, Held, Recorded, ReminderKey
from followup.care.people import ChannelName, Contact, Patient, Procedure, Role
from followup.care.plan import Anchor, Bound, CarePlan, Step
from followup.care.practice import QUESTION_OPEN_FOR, Practice
from followup.care.standing import held_by_facts

_Strictest = Callable[[list[datetime]], datetime]


@dataclass(frozen=True, slots=True)
class Reminder:
    """A step placed in time for one procedure, contact and channel; moments are UTC.

    `held` says why it does not go. A `spare` is a channel or contact not used: it explains a row that earlier
    facts have made, and makes none itself.
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


@dataclass(frozen=True, slots=True)
class Question:
    """A question this patient was asked, and when it closes or closed."""

    asked_at: datetime
    closed_at: datetime | None

    @property
    def closes_at(self) -> datetime:
        """Its answer, or the moment at which it is given up."""
        return self.closed_at or self.asked_at + QUESTION_OPEN_FOR


def questions(recorded: Iterable[Recorded]) -> tuple[Question, ...]:
    """Every question of the patient that was really asked."""
    return tuple(
        Question(row.sent_at, row.question_closed_at)
        for row in recorded
        if row.asks and row.sent_at is not None and row.status not in UNSENT | SET_ASIDE | FELL_THROUGH
    )


def build_timeline(
    plan: CarePlan, procedure: Procedure, patient: Patient, practice: Practice, recorded: Sequence[Recorded]
) -> tuple[Reminder, ...]:
    """All reminders of one procedure, with those set aside by the patient's own facts marked `held`.

    A step anchored on a discharge that nobody has recorded has no reminder; what the patient's other procedures
    and the caps change is told by `care.combine`.
    """
    own = tuple(row for row in recorded if row.key.procedure == procedure.id)
    asked = questions(recorded)
    placed: dict[tuple[str, int], Reminder] = {}
    reminders: list[Reminder] = []
    for step in plan.steps:
        for contact, used in _recipients(step, patient):
            scene = _Scene(step, procedure, contact, practice, asked)
            times = scene.nudge(placed, own) if step.nudges else scene.place(placed.values())
            if times is None:
                continue
            for reminder in _offer(scene, times, own, patient, used=used):
                reminders.append(reminder)
                if not reminder.spare:
                    placed[step.key, contact.id] = reminder
    return tuple(reminders)


def _recipients(step: Step, patient: Patient) -> Iterator[tuple[Contact, bool]]:
    used = patient.recipients(of_question=step.asks is not None)
    return ((contact, contact in used) for contact in patient.contacts)


@dataclass(frozen=True, slots=True)
class _Times:
    not_before: datetime
    due_at: datetime
    valid_until: datetime
    held: Held | None = None
    after: ChannelName | None = None
    """A nudge goes by the channels that come after the one its question went by."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """One step for one contact, with all that its time depends on."""

    step: Step
    procedure: Procedure
    contact: Contact
    practice: Practice
    asked: tuple[Question, ...]

    def place(self, placed: Iterable[Reminder]) -> _Times | None:
        """The step's own time; None while its anchor is not recorded."""
        start = self._start()
        lower, upper = self._bound(self.step.not_before, max), self._bound(self.step.valid_until, min)
        if start is None or upper is None:
            return None
        if self.step.unless_alert:
            start = max([start, *self._days_after_questions(placed)])
        lower = lower or (start if self.step.after is not None else self._midnight(start))
        return self._open(self._not_before(start, lower), lower, upper)

    def nudge(self, placed: Mapping[tuple[str, int], Reminder], own: Iterable[Recorded]) -> _Times | None:
        """A nudge counts from the moment its question was asked, or is going to be."""
        question = placed.get((self.step.nudges or "", self.contact.id))
        upper = self._bound(self.step.valid_until, min)
        if question is None or upper is None:
            return None
        row = next((r for r in own if r.key == question.key), None)
        asked_at = row.sent_at if row and row.sent_at else question.due_at
        due = asked_at + (self.step.after or timedelta())
        times = replace(self._open(due, due, upper), after=question.key.channel)
        if row and row.answered:
            return replace(times, held=Held(Reason.ANSWERED))
        silent = row is None or row.status in UNSENT or row.sent_at is not None
        return times if silent and question.goes else replace(times, held=Held(Reason.NOT_ASKED))

    def _start(self) -> datetime | None:
        """The moment the step names, before bounds, question days, window and enrollment have their say."""
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
                return self.procedure.discharged_at

    def _anchor_day(self, anchor: Anchor) -> date | None:
        if anchor is Anchor.PROCEDURE:
            return self.procedure.on
        moment = self._anchor_moment(anchor)
        return None if moment is None else local_day(moment, self.contact.zone)

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
        return instant(local_day(moment, self.contact.zone), datetime.min.time(), self.contact.zone)

    def _at_on(self, moment: datetime, days: int) -> datetime:
        day = local_day(moment, self.contact.zone) + timedelta(days=days)
        return instant(day, self.step.at, self.contact.zone)

    def _days_after_questions(self, placed: Iterable[Reminder]) -> list[datetime]:
        """The step's wall time on the day after each question's answer, or after it is to be asked."""
        ahead = [r.due_at for r in placed if r.step.asks and r.goes and not r.step.nudges]
        return [self._at_on(m, 1) for m in [*ahead, *(q.closes_at for q in self.asked)]]

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
            due = self.move(start)
        except ValueError:
            return _Times(lower, start, upper, Held(Reason.NO_STAFFED_HOUR))
        held = Held(Reason.NO_ROOM) if due + LEAST_ROOM > upper else None
        return _Times(min(lower, due), due, upper, held)

    def move(self, moment: datetime) -> datetime:
        """`moment`, moved to where this step may go."""
        zone, practice = self.contact.zone, self.practice
        if self.step.asks:
            return defer_question(moment, self.step.at, zone, practice.window, practice.staffed)
        return practice.window.defer(moment, zone)


def next_open(
    reminder: Reminder, moment: datetime, contact: Contact, practice: Practice, procedure: Procedure
) -> datetime:
    """Where a displaced reminder may go from `moment` on; raises ValueError if nowhere."""
    return _Scene(reminder.step, procedure, contact, practice, ()).move(moment)


def _offer(
    scene: _Scene, times: _Times, own: Sequence[Recorded], patient: Patient, *, used: bool
) -> Iterator[Reminder]:
    """One reminder a channel: the chosen go, the others are spares."""
    chosen = _chosen(scene, times, own) if used else ()
    fallback = _channels(scene)[:1] if used and not chosen and not _any_recorded(scene, own) else ()
    for channel in _channels(scene):
        key = ReminderKey(scene.procedure.id, scene.step.key, scene.contact.id, channel)
        held = held_by_facts(key, scene.step, times.due_at, patient, scene.practice) or times.held
        spare = channel not in chosen and channel not in fallback
        if held is None and channel not in chosen:
            held = Held(_unused(used=used, spare=spare))
        yield Reminder(key, scene.step, times.not_before, times.due_at, times.valid_until, held, spare)


def _unused(*, used: bool, spare: bool) -> Reason:
    if not used:
        return Reason.OTHER_CONTACT
    return Reason.OTHER_CHANNEL if spare else Reason.NO_CHANNEL


def _channels(scene: _Scene) -> tuple[ChannelName, ...]:
    """A call to a caregiver is never planned."""
    if scene.contact.role is Role.PATIENT:
        return scene.step.channels
    return tuple(c for c in scene.step.channels if c is not ChannelName.PHONE)


def _rows(scene: _Scene, own: Iterable[Recorded]) -> list[Recorded]:
    return [r for r in own if r.key.step == scene.step.key and r.key.contact == scene.contact.id]


def _any_recorded(scene: _Scene, own: Iterable[Recorded]) -> bool:
    return any(r.status not in SET_ASIDE for r in _rows(scene, own))


def _chosen(scene: _Scene, times: _Times, own: Iterable[Recorded]) -> tuple[ChannelName, ...]:
    """The channels a step goes by: those already used, else the first that may be, or all of them.

    What fell through on one channel goes by the next; a person's call is the last resort, never an addition.
    """
    rows = _rows(scene, own)
    failed = {r.key.channel for r in rows if r.status in FELL_THROUGH}
    settled = [r.key.channel for r in rows if r.status not in UNSENT | SET_ASIDE | FELL_THROUGH or _final(r)]
    open_to = _after(times.after, _channels(scene))
    free = [c for c in open_to if scene.contact.may_use(c) and c not in failed]
    written = [c for c in free if c is not ChannelName.PHONE]
    if scene.step.also and written:
        return (*settled, *(c for c in written if c not in settled))
    return tuple(settled) or tuple(free[:1])


def _final(row: Recorded) -> bool:
    """Set aside by a gate, not by facts: it stays the one row of its reminder."""
    return row.status in SET_ASIDE and row.reason is not None and not Reason(row.reason).by_facts


def _after(used: ChannelName | None, channels: tuple[ChannelName, ...]) -> tuple[ChannelName, ...]:
    order = list(ChannelName)
    if used is None:
        return channels
    return tuple(c for c in channels if order.index(c) > order.index(used))
