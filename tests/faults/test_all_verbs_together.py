"""All verbs in any order, faults among them, against a small model of what a patient may be told and when."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from databases import SEALER
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from world import World, open_world, person

from followup import change, consent, worklist
from followup.care.attempt import Receipt
from followup.care.delivery import NOT_REACHED, UNSENT, Status
from followup.care.message import Kind, Message
from followup.care.pain import Thresholds
from followup.care.people import ChannelName, ConsentTo
from followup.care.reason import Reason
from followup.channels import Channel, StillTrue
from followup.channels.slots import Slots
from followup.errors import FollowupError
from followup.pausing import pause, unpause
from followup.rounds import Rounds
from followup.sandbox import Close, Fault, Garbage, Refuse, Reset, SmtpClose, SmtpReply
from followup.sandbox.faults import Status as HttpStatus
from followup.storage import Storage
from followup.worklist import Done, Said

EXAMPLES = int(os.environ.get("FOLLOWUP_MACHINE_EXAMPLES", "100"))
STEPS = int(os.environ.get("FOLLOWUP_MACHINE_STEPS", "30"))

PEOPLE = [(f"P {letter}", f"+1214555010{n}", f"p{n}@example.org") for n, letter in enumerate("ABC")]
TEXT_FAULTS: list[Fault] = [
    Close("before reading"),
    Close("after reading"),
    Close("after accepting"),
    Reset("mid reply"),
    Garbage("no sid"),
    HttpStatus(503),
    HttpStatus(429, retry_after=5),
    HttpStatus(401),
    Refuse(21211),
    Refuse(21610),
]
MAIL_FAULTS = [
    SmtpClose("dot"),
    SmtpClose("accepted"),
    SmtpReply("RCPT", 451),
    SmtpReply("MAIL", 550),
    SmtpReply("AUTH", 535),
]


REFUSED = suppress(FollowupError)
"""What the house refuses in so many words is no fault, and changes nothing."""


class KilledError(BaseException):
    """The process dies here: nothing after this point happens."""


class DyingChannel:
    """A channel whose process is killed on its next message, before or after the provider has it."""

    def __init__(self, channel: Channel, *, after: bool) -> None:
        self.on_loopback = channel.on_loopback
        self._channel, self._after = channel, after

    def send(self, message: Message, still_true: StillTrue) -> Receipt:
        if self._after:
            self._channel.send(message, still_true)
        raise KilledError

    def check(self) -> None:
        self._channel.check()

    def close(self) -> None:
        """Its owner closes the real one."""


@dataclass
class Known:
    """The model of one patient: all that the test itself has done."""

    number: str
    email: str
    patient: int
    silent: set[str] = field(default_factory=set)
    """Why nothing may go: held, died, cancelled."""
    stopped: bool = False
    """No texts: the number opted out."""


@cache
def _empty_database() -> Path:
    """A database with the schema and nothing else, made once."""
    path = Path(tempfile.mkdtemp()) / "empty.db"
    with closing(Storage(f"sqlite:///{path}", SEALER)) as storage:
        storage.migrate()
    return path


class AllVerbs(RuleBasedStateMachine):
    """Staff, patients, providers and crashes, one step at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(_empty_database(), folder / "followup.db")
        self.world: World = self._stack.enter_context(open_world(folder, f"sqlite:///{folder}/followup.db"))
        self.known: list[Known] = []
        self._followed: dict[int, tuple[Status, int]] = {}

        Rounds(self.world.app).begin()

    def teardown(self) -> None:
        self._stack.close()

    # Staff

    @initialize()
    def somebody_is_enrolled(self) -> None:
        self.enroll(home=True)

    @precondition(lambda self: len(self.known) < len(PEOPLE))
    @rule(home=st.booleans())
    def enroll(self, home: bool) -> None:  # noqa: FBT001  drawn by Hypothesis
        name, number, email = PEOPLE[len(self.known)]
        today = self.world.clock.utc().astimezone(self.world.clinic.practice.zone).date()
        enrolled = self.world.enroll(
            name=name,
            record_number=f"R-{name}",
            birth_date=date(1940, 1, 1) + timedelta(days=len(self.known)),
            patient=person(name, number, email, agreed=[ConsentTo.SMS, ConsentTo.EMAIL]),
            on=today,
            discharged_at=self.world.clock.utc() if home else None,
        )
        self.known.append(Known(number, email, enrolled.patient_id))

    @rule(
        who=st.integers(0, 2),
        what=st.sampled_from(["hold", "lift", "died", "cancel", "home", "hospital", "undo", "move"]),
    )
    def a_fact_changes(self, who: int, what: str) -> None:
        one = self._one(who)
        with REFUSED, self.world.hand(one.patient) as (hand, patient):
            procedure = patient.procedures[0]
            match what:
                case "hold":
                    change.hold(hand, patient)
                    one.silent.add("held")
                case "lift":
                    change.lift_hold(hand, patient)
                    one.silent.discard("held")
                case "died":
                    change.died(hand, patient)
                    one.silent.add("died")
                case "cancel":
                    change.cancel(hand, patient, procedure)
                    one.silent.add("cancelled")
                case "home":
                    change.home(hand, patient, procedure, self.world.clock.utc())
                case "hospital":
                    change.in_hospital(hand, patient, procedure, readmitted=True)
                case "move":
                    change.move(hand, patient, procedure, procedure.on + timedelta(days=1))
                case "undo":
                    change.undo(hand, patient.id)
        if what == "undo":
            one.silent = self._silence_of(one)

    @rule(who=st.integers(0, 2), stops=st.booleans())
    def a_number_stops_or_starts(self, who: int, stops: bool) -> None:  # noqa: FBT001  drawn by Hypothesis
        one, now = self._one(who), self.world.clock.utc()
        with REFUSED, self.world.app.storage.transaction() as tx:
            patient = tx.register.patient(one.patient)
            line = consent.Line(one.patient, patient.contacts[0], ChannelName.SMS)
            if stops:
                consent.opt_out(tx, self.world.clinic, line, "phone", now, "ann")
                one.stopped = True

    @rule(who=st.integers(0, 2), score=st.integers(0, 10))
    def somebody_answers_on_the_phone(self, who: int, score: int) -> None:
        one = self._one(who)
        with REFUSED, self.world.app.storage.transaction() as tx:
            said = Said(self.world.clock.utc(), "ann")
            thresholds = Thresholds(7, 2)
            worklist.answer(tx, self.world.clinic, tx.register.patient(one.patient), score, thresholds, said)

    @rule(reached=st.booleans())
    def the_first_task_is_closed(self, reached: bool) -> None:  # noqa: FBT001  drawn by Hypothesis
        tasks = self.world.tasks()
        if tasks:
            with REFUSED, self.world.app.storage.transaction() as tx:
                now = self.world.clock.utc()
                worklist.done(tx, self.world.clinic, tasks[0].number, Done(reached=reached), now, "ann")

    @rule(stop=st.booleans())
    def everything_is_paused_or_goes_on(self, stop: bool) -> None:  # noqa: FBT001  drawn by Hypothesis
        with self.world.app.storage.transaction() as tx:
            turn = pause if stop else unpause
            turn(tx, None, self.world.clock.utc(), "ann")

    # The world

    @rule(hours=st.sampled_from([0.25, 1, 3, 9, 24, 72]))
    def time_passes(self, hours: float) -> None:
        self._watched(
            lambda: self.world.run_until(self.world.clock.utc() + timedelta(hours=hours), timedelta(hours=2))
        )

    @rule(fault=st.sampled_from(TEXT_FAULTS))
    def the_next_text_meets_a_fault(self, fault: Fault) -> None:
        self.world.twilio.next(fault)

    @rule(fault=st.sampled_from(MAIL_FAULTS))
    def the_next_mail_meets_a_fault(self, fault: SmtpClose | SmtpReply) -> None:
        self.world.post.next(fault)

    @rule(who=st.integers(0, 2), status=st.sampled_from(["undelivered", "delivered", "sent"]))
    def a_phone_is_dead_or_works(self, who: int, status: str) -> None:
        self.world.twilio.fate(self._one(who).number, status)  # type: ignore[arg-type]  # one of its fates

    @rule(channel=st.sampled_from([ChannelName.SMS, ChannelName.EMAIL]), after=st.booleans())
    def the_daemon_is_killed_in_mid_send(self, channel: ChannelName, after: bool) -> None:  # noqa: FBT001  drawn by Hypothesis
        dying = Slots(DyingChannel(self.world.app.channels[channel], after=after), 4)
        doomed = replace(self.world.dispatcher, slots={**self.world.app.slots, channel: dying})

        def until_killed() -> None:
            with suppress(KilledError):
                doomed.tick()

        with closing(dying):
            self._watched(until_killed)

    @rule(by=st.sampled_from([timedelta(hours=-2), timedelta(hours=5)]))
    def the_clock_is_set_wrong_and_right_again(self, by: timedelta) -> None:
        before = self.world.twilio.accepted(), self.world.post.accepted()
        self.world.clock.step(by)
        self.world.dispatcher.tick()
        self.world.clock.step(-by)
        assert (self.world.twilio.accepted(), self.world.post.accepted()) == before

    # What must hold

    @invariant()
    def nobody_is_written_to_at_night_or_past_the_end(self) -> None:
        zone = self.world.clinic.practice.zone
        for sms in self.world.twilio.messages:
            local = sms.created.astimezone(zone)
            assert (12 if local.weekday() == 6 else 9) <= local.hour < 20

    @invariant()
    def no_text_goes_twice_unless_it_is_critical_and_was_in_doubt(self) -> None:
        for one in self.known:
            rows = [r for r in self.world.rows(one.patient) if r.channel is ChannelName.SMS]
            taken = self.world.twilio.accepted(one.number)
            assert taken <= sum(row.attempt > 0 for row in rows) + sum(row.doubts > 0 for row in rows)
        by_mail = Counter(mail.message_id for mail in self.world.post.mails)
        doubted = {r.id for one in self.known for r in self.world.rows(one.patient) if r.doubts}
        assert sum(count - 1 for count in by_mail.values()) <= len(doubted)

    @invariant()
    def every_status_is_the_end_of_its_trail_and_every_miss_has_its_task(self) -> None:
        with self.world.app.storage.reading() as tx:
            for one in self.known:
                tasked = {task.kind for task in tx.tasks.of_patient(one.patient)}
                for row in tx.outbox.of_patients([one.patient]).get(one.patient, []):
                    if self._followed.get(row.id) != (row.status, row.revision):
                        self._followed[row.id] = row.status, row.revision
                        moves = tx.audit.moves_of(row.id)
                        assert not moves or moves[-1].target is row.status
                        assert all(a.target is b.source for a, b in pairwise(moves))
                    if row.status in NOT_REACHED and row.reason is not Reason.TRIAL:
                        assert tasked

    @invariant()
    def what_is_overdue_is_explained(self) -> None:
        """Nothing waits silently past its end: the next sweep names it."""
        now = self.world.clock.utc()
        with self.world.app.storage.reading() as tx:
            paused = tx.switches.paused_channels()
        for one in self.known:
            for row in self.world.rows(one.patient):
                waiting = row.status in UNSENT and row.kind is Kind.REMINDER and row.channel not in paused
                assert not waiting or row.valid_until > now - timedelta(days=4)

    # Parts

    def _one(self, who: int) -> Known:
        return self.known[who % len(self.known)]

    def _watched(self, deed: Callable[[], object]) -> None:
        """What is sent during a deed goes to nobody who must not be written to."""
        before = {one.number: self.world.twilio.accepted(one.number) for one in self.known}
        mails = {one.email: self._mails_to(one.email) for one in self.known}
        deed()
        for one in self.known:
            if one.silent or one.stopped:
                assert self.world.twilio.accepted(one.number) == before[one.number]
            if one.silent:
                assert self._mails_to(one.email) == mails[one.email]

    def _mails_to(self, address: str) -> int:
        return sum(address in mail.envelope_to for mail in self.world.post.mails)

    def _silence_of(self, one: Known) -> set[str]:
        patient = self.world.patient(one.patient)
        found = {"held"} if patient.on_hold else set()
        found |= {"died"} if patient.died else set()
        return found | ({"cancelled"} if not patient.procedures[0].standing else set())


@pytest.mark.timeout(7200)  # a failure is first made small, which takes minutes
def test_all_verbs_in_any_order_keep_the_promises() -> None:
    run_state_machine_as_test(
        AllVerbs,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=[phase for phase in Phase if phase is not Phase.explain],
        ),
    )
