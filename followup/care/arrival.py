"""What came in: a text, a mail, or a mail server's word that it could not hand a mail of ours over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from followup.care.people import ChannelName


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something a person, or a machine in their name, wrote to us.

    `provider_id` is the provider's own id of it, the same however often it is listed. `address` is who wrote: an
    E.164 number, a short code, or an e-mail address. `written_at` (UTC) is when the provider took it in. `media`
    counts pictures and other attachments. `automatic`: it says of itself that no person wrote it. `answers` are
    the left parts of the Message-IDs of our mails that it answers.
    """

    channel: ChannelName
    provider_id: str
    address: str = field(repr=False)
    words: str = field(repr=False)
    written_at: datetime
    media: int = 0
    automatic: bool = False
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery status notification (RFC 3464): what became of one of our mails after the server had taken it.

    `mail_id` is the left part of our mail's Message-ID, from the address it came back to. `permanent`: the server
    has given up, be it with a status of class 4 (4.4.7: expired in its queue). `status` is the enhanced code, as
    5.1.1, or empty. `bad_address`: nobody can be reached there (5.1.x but for our own address, 5.2.1).
    """

    provider_id: str
    mail_id: str
    status: str
    permanent: bool
    bad_address: bool
    received_at: datetime
