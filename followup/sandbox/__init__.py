"""Stand-ins for the providers: a local Twilio, a local mail server and a mailbox, on 127.0.0.1 only.

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
from followup.sandbox.imap_faults import ImapCut, ImapFault, ImapNo, ImapSay, ImapSilent
from followup.sandbox.imap_server import SANDBOX_LOGIN, ImapSandbox
from followup.sandbox.imap_session import Stored
from followup.sandbox.sms import Fate, Pace, Sms
from followup.sandbox.smtp_faults import SmtpClose, SmtpDelay, SmtpFault, SmtpHide, SmtpReply, SmtpReset
from followup.sandbox.smtp_server import Mail, SmtpSandbox
from followup.sandbox.smtp_session import SmtpEvent
from followup.sandbox.twilio_server import SANDBOX_ACCOUNT, SANDBOX_TOKEN, Event, TwilioSandbox

__all__ = [
    "SANDBOX_ACCOUNT",
    "SANDBOX_LOGIN",
    "SANDBOX_TOKEN",
    "BlackHole",
    "Close",
    "Delay",
    "Event",
    "Fate",
    "Fault",
    "Garbage",
    "ImapCut",
    "ImapFault",
    "ImapNo",
    "ImapSandbox",
    "ImapSay",
    "ImapSilent",
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
    "Stored",
    "Trickle",
    "TwilioSandbox",
]
