"""`python -m followup.sandbox`: all three stand-ins until SIGTERM or SIGINT.

The first line printed is JSON and tells their ports.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from followup.sandbox.imap_server import ImapSandbox
from followup.sandbox.smtp_server import SmtpSandbox
from followup.sandbox.twilio_server import TwilioSandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; 0 = stopped, 2 = wrong arguments or a port that is taken."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        twilio, mail = TwilioSandbox(port=options.http_port), SmtpSandbox(options.smtp_port)
        mailbox = ImapSandbox(options.imap_port)
    except OSError as error:
        sys.stderr.write(f"followup.sandbox: {error.strerror}\n")
        return 2
    twilio.mail, twilio.mailbox = mail, mailbox
    with twilio, mail, mailbox:
        sys.stdout.write(json.dumps(_where(twilio, mail, mailbox)) + "\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m followup.sandbox", description=__doc__)
    parser.add_argument("--http-port", type=int, default=0, help="of the Twilio stand-in; 0 = a free one")
    parser.add_argument("--smtp-port", type=int, default=0, help="of the mail stand-in; 0 = a free one")
    parser.add_argument("--imap-port", type=int, default=0, help="of the mailbox; 0 = a free one")
    return parser


def _where(twilio: TwilioSandbox, mail: SmtpSandbox, mailbox: ImapSandbox) -> dict[str, object]:
    return {
        "base_url": twilio.base_url,
        "account_sid": twilio.account_sid,
        "auth_token": twilio.auth_token,
        "control": f"{twilio.base_url}/_sandbox/",
        "smtp_port": mail.port,
        "imap_port": mailbox.port,
        "imap_username": mailbox.login[0],
        "imap_password": mailbox.login[1],
    }


if __name__ == "__main__":
    sys.exit(main())
