"""Stand-ins for the providers: a local Twilio and a local mail server, on 127.0.0.1 only.

The demo, the tests and every fault injection run on them. They speak the published protocols over real sockets, so
the product is not told that it talks to a stand-in. They import nothing of the house.
"""

from followup.sandbox.faults import (
    BlackHole,
    Close,
    Delay,
    Fault,
    Garbage,
    Redirect,
    Refuse,
    Reset,
    Status,
    Trickle,
)
from followup.sandbox.sms import Fate, Pace, Sms
from followup.sandbox.smtp_faults import SmtpClose, SmtpDelay, SmtpFault, SmtpHide, SmtpReply, SmtpReset
from followup.sandbox.smtp_server import Mail, SmtpSandbox
from followup.sandbox.smtp_session import SmtpEvent
from followup.sandbox.twilio_server import SANDBOX_ACCOUNT, SANDBOX_TOKEN, Event, TwilioSandbox

__all__ = [
    "SANDBOX_ACCOUNT",
    "SANDBOX_TOKEN",
    "BlackHole",
    "Close",
    "Delay",
    "Event",
    "Fate",
    "Fault",
    "Garbage",
    "Mail",
    "Pace",
    "Redirect",
    "Refuse",
    "Reset",
    "Sms",
    "SmtpClose",
    "SmtpDelay",
    "SmtpEvent",
    "SmtpFault",
    "SmtpHide",
    "SmtpReply",
    "SmtpReset",
    "SmtpSandbox",
    "Status",
    "Trickle",
    "TwilioSandbox",
]
