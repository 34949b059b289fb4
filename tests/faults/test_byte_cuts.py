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

NUMBER = "+1500556{:04d}"
ADDRESS = "p{}@example.org"
"""Each attempt has its own recipient: what a stand-in counts late belongs to its attempt all the same."""


@dataclass
class Stage:
    """One transport behind a proxy: how much a whole exchange says each way, what the provider took of one."""

    proxy: CutProxy
    channel: Callable[[], Channel]
    message: Callable[[int], Message]
    taken: Callable[[int], int]


@contextmanager
def texts() -> Iterator[Stage]:
    with TwilioSandbox() as twilio, CutProxy(twilio.port) as proxy:
        account = TwilioAccount(
            SANDBOX_ACCOUNT, SANDBOX_TOKEN, "+15005550006", base_url=f"http://127.0.0.1:{proxy.port}"
        )
        yield Stage(
            proxy,
            lambda: TwilioSms(account),
            lambda n: Message(n, 1, ChannelName.SMS, NUMBER.format(n), Text(f"Words {n}"), f"r{n}"),
            lambda n: twilio.accepted(NUMBER.format(n)),
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
                n,
                1,
                ChannelName.EMAIL,
                ADDRESS.format(n),
                Text(f"Words {n}", "A word", "<p>Words</p>"),
                f"r{n}",
            ),
            lambda n: post.accepted(ADDRESS.format(n)),
        )


def attempt(stage: Stage, number: int) -> object:
    """What one sending over a fresh connection led to."""
    with closing(stage.channel()) as channel:
        try:
            return channel.send(stage.message(number), lambda: timedelta(hours=1))
        except DeliveryError as error:
            return error


def counted(stage: Stage, number: int) -> int:
    """What the provider took of what has a receipt; it may need a moment to notice that its line is gone."""
    until = time.monotonic() + PATIENCE
    while not stage.taken(number) and time.monotonic() < until:
        time.sleep(0.005)
    return stage.taken(number)


def whole(stage: Stage) -> dict[str, int]:
    """How many bytes an exchange without a fault says each way, up to the provider's last word on the message."""
    assert isinstance(attempt(stage, CUTS), Receipt)
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
        unsent: list[int] = []
        ends = {"request": length["request"] + 1, "response": length["response"] + 1}
        for number in range(1, CUTS // 2 + 1):
            way = dice.choice(["request", "response"])
            # Late bytes matter more: half of the cuts fall into the last forty.
            latest = dice.randrange(ends[way]) if dice.random() < 0.5 else max(0, ends[way] - dice.randrange(40))
            stage.proxy.cut = Cut(way, latest, reset=dice.random() < 0.5)  # type: ignore[arg-type]  # one of two
            match attempt(stage, number):
                case Receipt():
                    assert counted(stage, number) == 1, f"message {number}: a receipt for what nobody took"
                    found["receipt"] += 1
                case Uncertain():
                    found["doubt"] += 1
                case Unavailable():
                    unsent.append(number)
                case result:
                    pytest.fail(f"message {number}: {type(result).__name__} is nobody's word")
    # Asked when the stand-in has ended and all its lines with it: none is about to be counted.
    assert [number for number in unsent if stage.taken(number)] == [], "taken, and called unsent"
    fault_table.tried(
        f"cut at a byte, {transport.__name__}",
        tried=sum(found.values()) + len(unsent),
        accepted=found["receipt"],
        in_doubt=found["doubt"],
    )
    assert found["doubt"]
    # A text is one write, and from its first byte on there is doubt; a mail is certain until its dot.
    assert unsent or transport is texts


def test_a_cut_line_lets_through_exactly_what_it_is_told() -> None:
    with texts() as stage:
        stage.proxy.cut = Cut("request", 10)
        assert isinstance(attempt(stage, 1), Uncertain)
        assert stage.proxy.passed["request"] == 10
        assert isinstance(attempt(stage, 2), Receipt)
