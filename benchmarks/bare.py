"""The bare loop: the same client with nothing around it, the physical limit that a drain is compared with.

    python benchmarks/bare.py KIND N [--threads T] [--http-port P] [--smtp-port P]

KIND: `sms` the product's own transport, texts at hand; `sms-stock` the SDK as it comes, one after the other;
`email` smtplib on one kept connection, the bytes prebuilt. Prints one JSON line. No database, no gate, no sealing.
"""

from __future__ import annotations

import argparse
import json
import smtplib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import house
from sinks import Sinks, running_sinks

from followup.care.message import Message, Text
from followup.care.people import ChannelName
from followup.channels.mail import MailServer, build
from followup.channels.twilio_sms import TwilioAccount, TwilioSms

WORDS = (
    "Riverside Clinic: You may do normal activity again. No hard effort. No heavy lifting before Nov 23 at least."
)
MOMENT = datetime(2026, 10, 16, 15, 30, tzinfo=UTC)


def sms(count: int, threads: int, sinks: Sinks) -> tuple[float, float]:
    """The product's channel: the official SDK over its own transport."""
    channel = TwilioSms(_account(sinks.http_port))
    channel.send(_text(0), lambda: timedelta(days=1))  # imports, and the first connection
    return timed(lambda: _each(count, threads, lambda n: channel.send(_text(n), lambda: timedelta(days=1))))


def sms_stock(count: int, _threads: int, sinks: Sinks) -> tuple[float, float]:
    """The SDK with its own client, kept, one text after the other: the loop of most tutorials."""
    from twilio.rest import Client  # noqa: PLC0415  0.1 s, only here

    account = _account(sinks.http_port)
    client = Client(account.account_sid, account.auth_token)
    client.api.base_url = account.base_url
    send = lambda n: client.messages.create(to=_number(n), from_=account.sender_number, body=WORDS)  # noqa: E731
    send(0)
    return timed(lambda: [send(n) for n in range(count)])


def email(count: int, _threads: int, sinks: Sinks) -> tuple[float, float]:
    """smtplib on one kept connection; every mail built before the clock runs."""
    server = MailServer(
        "127.0.0.1", sinks.smtp_port, "plain", None, None, "care@clinic.example.org", "Riverside Clinic", None,
        "care@clinic.example.org",
    )  # fmt: skip
    mails = [(f"p{n}@example.org", build(_mail(n), server, MOMENT)) for n in range(count)]
    with smtplib.SMTP("127.0.0.1", sinks.smtp_port, local_hostname="clinic.example.org") as kept:
        return timed(lambda: [kept.sendmail(server.sender_address, to, content) for to, content in mails])


def _each(count: int, threads: int, send: Callable[[int], object]) -> None:
    numbers = iter(range(count))

    def work() -> None:
        for number in numbers:  # a range's iterator is safe between threads
            send(number)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall and seconds of this process's CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def _account(port: int) -> TwilioAccount:
    return TwilioAccount(f"AC{0:032d}", "token", "+15005550006", base_url=f"http://127.0.0.1:{port}")


def _number(number: int) -> str:
    return f"+1214{2000000 + number:07d}"


def _text(number: int) -> Message:
    return Message(number, 1, ChannelName.SMS, _number(number), Text(WORDS), f"m{number}")


def _mail(number: int) -> Message:
    """As long as the plan's: 0.6 kB of text, 4 kB of HTML."""
    texts = house.HERE.parent / "messages" / "kyphoplasty" / "en"
    plain = (texts / "activity.email.txt.j2").read_text()
    page = (texts.parent.parent / "shared" / "en" / "frame.email.html.j2").read_text()
    words = Text(plain, "A message from Riverside Clinic", page + plain)
    return Message(number, 1, ChannelName.EMAIL, f"p{number}@example.org", words, f"m{number}")


KINDS = {"sms": sms, "sms-stock": sms_stock, "email": email}


def run(kind: str, count: int, threads: int, sinks: Sinks) -> dict[str, Any]:
    seconds, cpu = KINDS[kind](count, threads, sinks)
    return {
        "bare": kind,
        "n": count,
        "threads": threads,
        "seconds": round(seconds, 4),
        "rate": round(count / seconds, 1),
        "cpu_per_1000": round(cpu / count * 1000, 4),
    }


def main() -> None:
    """Read the command line; print the line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("n", type=int)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--http-port", type=int)
    parser.add_argument("--smtp-port", type=int)
    options = parser.parse_args()
    with ExitStack() as stack:
        given = options.smtp_port if options.kind == "email" else options.http_port
        own = Sinks(options.http_port or 1, options.smtp_port or 1)
        sinks = own if given else stack.enter_context(running_sinks())
        print(json.dumps(run(options.kind, options.n, options.threads, sinks)))


if __name__ == "__main__":
    main()
