"""Both transports cut at any byte of what is said or answered: certain only where nothing can have been taken.

`FOLLOWUP_CUTS` is how many cuts are tried; `FOLLOWUP_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import fault_table
import pytest

from followup.care.attempt import Receipt
from followup.care.message import Message, Text
from followup.care.people import ChannelName
from followup.channels import Channel
from followup.channels.mail import MailServer
from followup.channels.smtp_email import SmtpEmail
from followup.channels.twilio_sms import TwilioAccount, TwilioSms
from followup.errors import DeliveryError, Unavailable, Uncertain
from followup.sandbox import SANDBOX_ACCOUNT, SANDBOX_TOKEN, SmtpSandbox, TwilioSandbox
from followup.sandbox.cut_proxy import Cut, CutProxy

CUTS = int(os.environ.get("FOLLOWUP_CUTS", "200"))
PATIENCE = 5
"""Seconds in which a stand-in, once its line is cut, has counted what it took."""


@dataclass
class Stage:
    """One transport behind a proxy: how much a whole exchange says each way, and what the provider has taken."""

    proxy: CutProxy
    channel: Callable[[], Channel]
    message: Callable[[int], Message]
    taken: Callable[[], int]


@contextmanager
def texts() -> Iterator[Stage]:
    with TwilioSandbox() as twilio, CutProxy(twilio.port) as proxy:
        account = TwilioAccount(
            SANDBOX_ACCOUNT, SANDBOX_TOKEN, "+15005550006", base_url=f"http://127.0.0.1:{proxy.port}"
        )
        yield Stage(
            proxy,
            lambda: TwilioSms(account),
            lambda n: Message(n, 1, ChannelName.SMS, "+15005550010", Text(f"Words {n}"), f"r{n}"),
            twilio.accepted,
        )


@contextmanager
def mails() -> Iterator[Stage]:
    with SmtpSandbox() as post, CutProxy(post.port) as proxy:
        server = MailServer(
            "127.0.0.1",
            proxy.port,
            "plain",
            None,
            None,
            "care@example.org",
            "The Clinic",
            None,
            "stop@example.org",
        )
        yield Stage(
            proxy,
            lambda: SmtpEmail(server, lambda: datetime(2026, 11, 2, 16, tzinfo=UTC)),
            lambda n: Message(
                n, 1, ChannelName.EMAIL, "p@example.org", Text(f"Words {n}", "A word", "<p>Words</p>"), f"r{n}"
            ),
            post.accepted,
        )


def attempt(stage: Stage, number: int) -> object:
    """What one sending over a fresh connection led to."""
    with closing(stage.channel()) as channel:
        try:
            return channel.send(stage.message(number), lambda: timedelta(hours=1))
        except DeliveryError as error:
            return error


def counted(stage: Stage, before: int, expected: int) -> int:
    """What the provider took; it may need a moment to notice that its line is gone."""
    until = time.monotonic() + (PATIENCE if expected else 0.05)
    while stage.taken() - before < expected and time.monotonic() < until:
        time.sleep(0.005)
    return stage.taken() - before


def whole(stage: Stage) -> dict[str, int]:
    """How many bytes an exchange without a fault says each way, up to the provider's last word on the message."""
    assert isinstance(attempt(stage, 0), Receipt)
    return dict(stage.proxy.passed)


@pytest.mark.parametrize("transport", [texts, mails], ids=["text", "mail"])
def test_wherever_the_line_is_cut_what_may_have_been_taken_is_never_called_unsent(
    transport: Callable[[], Iterator[Stage]],
) -> None:
    seed = fault_table.seed()
    sys.stdout.write(f"seed {seed}, {CUTS // 2} cuts\n")
    dice, found = random.Random(seed), Counter[str]()  # noqa: S311  faults, not secrets
    with transport() as stage:  # type: ignore[attr-defined]  # a context manager by its decorator
        length = whole(stage)
        ends = {"request": length["request"] + 1, "response": length["response"] + 1}
        for number in range(1, CUTS // 2 + 1):
            way = dice.choice(["request", "response"])
            # Late bytes matter more: half of the cuts fall into the last forty.
            latest = dice.randrange(ends[way]) if dice.random() < 0.5 else max(0, ends[way] - dice.randrange(40))
            stage.proxy.cut = Cut(way, latest, reset=dice.random() < 0.5)  # type: ignore[arg-type]  # one of two
            before = stage.taken()
            result = attempt(stage, number)
            taken = counted(stage, before, int(isinstance(result, Receipt)))
            found[_judged(result, taken, number)] += 1
    fault_table.tried(
        f"cut at a byte, {transport.__name__}",
        tried=sum(found.values()),
        accepted=found["receipt"],
        in_doubt=found["doubt"],
    )
    assert found["doubt"]
    # A text is one write, and from its first byte on there is doubt; a mail is certain until its dot.
    assert found["unsent"] or transport is texts


def _judged(result: object, taken: int, number: int) -> str:
    """The class of one result; a wrong one fails the test."""
    match result:
        case Receipt():
            assert taken == 1, f"message {number}: a receipt for what nobody took"
            return "receipt"
        case Uncertain():
            return "doubt"
        case Unavailable():
            assert taken == 0, f"message {number}: taken, and called unsent"
            return "unsent"
    pytest.fail(f"message {number}: {type(result).__name__} is nobody's word")


def test_a_cut_line_lets_through_exactly_what_it_is_told() -> None:
    with texts() as stage:
        stage.proxy.cut = Cut("request", 10)
        assert isinstance(attempt(stage, 1), Uncertain)
        assert stage.proxy.passed["request"] == 10
        assert isinstance(attempt(stage, 2), Receipt)
