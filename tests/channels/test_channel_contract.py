"""What every channel promises, proven on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from channel_parts import a_mail, a_text, an_hour, mailing, outcome, texting

from followup.care.attempt import Receipt
from followup.care.delivery import Status
from followup.care.message import Message
from followup.errors import Rejected, SenderBlocked, Unavailable, Uncertain
from followup.sandbox.faults import Close, Refuse
from followup.sandbox.smtp_faults import SmtpClose, SmtpReply
from followup.sandbox.smtp_server import SmtpSandbox
from followup.sandbox.twilio_server import TwilioSandbox


@dataclass
class Stage:
    """A channel and the provider it speaks to."""

    channel: Any
    provider: Any
    message: Callable[..., Message]
    taken: Status
    refusal: object
    account_refused: object
    hang_up: object
    again: Callable[[int], Any]
    elsewhere: Callable[[int], Any]


@pytest.fixture(params=["sms", "email"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "sms":
        with TwilioSandbox() as provider, texting(provider.base_url) as channel:
            yield Stage(
                channel,
                provider,
                a_text,
                Status.ACCEPTED,
                Refuse(21211),
                Refuse(20003),
                Close("after accepting"),
                lambda port: TwilioSandbox(port=port),
                lambda port: texting(f"http://127.0.0.1:{port}"),
            )
    else:
        with SmtpSandbox() as provider, mailing(provider.port) as channel:
            yield Stage(
                channel,
                provider,
                a_mail,
                Status.SENT,
                SmtpReply("RCPT", 550, "5.1.1"),
                SmtpReply("MAIL", 550, "5.7.1"),
                SmtpClose("accepted"),
                lambda port: SmtpSandbox(port=port),
                mailing,
            )


def test_a_message_that_is_taken_brings_a_receipt_and_is_there_once(stage: Stage) -> None:
    receipt = stage.channel.send(stage.message(), an_hour)
    assert isinstance(receipt, Receipt)
    assert receipt.status is stage.taken
    assert receipt.provider_id
    assert stage.provider.accepted() == 1


def test_the_refused_recipient_is_rejected_and_marked_as_a_bad_address(stage: Stage) -> None:
    stage.provider.next(stage.refusal)
    result = outcome(lambda: stage.channel.send(stage.message(), an_hour))
    assert isinstance(result, Rejected)
    assert result.bad_address
    assert not result.opted_out
    assert stage.provider.accepted() == 0


def test_a_refused_account_blocks_the_sender_and_not_the_patient(stage: Stage) -> None:
    stage.provider.next(stage.account_refused)
    assert isinstance(outcome(lambda: stage.channel.send(stage.message(), an_hour)), SenderBlocked)
    assert stage.provider.accepted() == 0


def test_after_a_refusal_the_next_message_goes(stage: Stage) -> None:
    stage.provider.next(stage.refusal)
    outcome(lambda: stage.channel.send(stage.message(), an_hour))
    stage.channel.send(stage.message(id_=2), an_hour)
    assert stage.provider.accepted() == 1


def test_a_provider_that_is_down_is_unavailable_and_costs_no_attempt(stage: Stage, closed_port: int) -> None:
    with stage.elsewhere(closed_port) as channel:
        result = outcome(lambda: channel.send(stage.message(), an_hour))
    assert isinstance(result, Unavailable)
    assert not result.charged


def test_a_message_that_was_taken_without_an_answer_is_in_doubt_and_not_repeated(stage: Stage) -> None:
    stage.provider.next(stage.hang_up)
    assert isinstance(outcome(lambda: stage.channel.send(stage.message(), an_hour)), Uncertain)
    assert stage.provider.accepted() == 1


def test_a_message_that_is_no_longer_true_never_reaches_the_provider(stage: Stage) -> None:
    result = outcome(lambda: stage.channel.send(stage.message(), timedelta))
    assert isinstance(result, Unavailable)
    assert not result.charged
    assert stage.provider.accepted() == 0


def test_whether_it_is_still_true_is_asked_once_and_before_anything_of_it_is_said(stage: Stage) -> None:
    points = []
    stage.provider.on_event(lambda event: points.append(event.point))

    def still_true() -> timedelta:
        points.append("asked")
        return timedelta(hours=1)

    stage.channel.send(stage.message(), still_true)
    assert points.count("asked") == 1
    assert not {"before reading", "MAIL"} & set(points[: points.index("asked")])


def test_if_the_last_question_cannot_be_answered_nothing_is_sent(stage: Stage) -> None:
    def still_true() -> timedelta:
        raise KeyError("Canary")

    assert isinstance(outcome(lambda: stage.channel.send(stage.message(), still_true)), Unavailable)
    assert stage.provider.accepted() == 0


def test_after_a_message_that_was_no_longer_true_the_next_one_goes(stage: Stage) -> None:
    outcome(lambda: stage.channel.send(stage.message(), timedelta))
    stage.channel.send(stage.message(id_=2), an_hour)
    assert stage.provider.accepted() == 1


def test_many_threads_send_every_message_once(stage: Stage) -> None:
    with ThreadPoolExecutor(16) as pool:
        receipts = list(
            pool.map(lambda n: stage.channel.send(stage.message(id_=n, words=f"Message {n}"), an_hour), range(200))
        )
    assert len({receipt.provider_id for receipt in receipts}) == 200
    assert stage.provider.accepted() == 200
    assert stage.provider.duplicates() == {}


def test_a_provider_that_restarts_between_two_messages_costs_neither(stage: Stage) -> None:
    stage.channel.send(stage.message(), an_hour)
    stage.provider.stop()
    with stage.again(stage.provider.port) as provider:
        stage.channel.send(stage.message(id_=2), an_hour)
        assert provider.accepted() == 1


def test_the_connection_is_kept_between_messages(stage: Stage) -> None:
    events = []
    stage.provider.on_event(lambda event: events.append(event.point))
    for number in range(5):
        stage.channel.send(stage.message(id_=number), an_hour)
    assert sum(point in {"connected", "connect"} for point in events) == 1


def test_the_check_sends_nothing(stage: Stage) -> None:
    stage.channel.check()
    assert stage.provider.accepted() == 0


def test_the_check_of_a_provider_that_is_down_says_so(stage: Stage, closed_port: int) -> None:
    with stage.elsewhere(closed_port) as channel:
        assert isinstance(outcome(channel.check), Unavailable)


def test_a_provider_on_this_machine_is_known_as_such(stage: Stage) -> None:
    assert stage.channel.on_loopback


def test_a_closed_channel_keeps_no_connection(stage: Stage) -> None:
    stage.channel.send(stage.message(), an_hour)
    stage.channel.close()
    stage.channel.send(stage.message(id_=2), an_hour)
    assert stage.provider.accepted() == 2
