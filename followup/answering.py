"""Fixed answers to people who have just written: which text, in whose language, within the limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from followup import log
from followup.care.message import Kind, Text
from followup.care.pain import Thresholds
from followup.care.people import ChannelName, Contact
from followup.care.response import LIMITS, Answer
from followup.errors import MessageError
from followup.messages import MessageLibrary, Opening
from followup.replan import Clinic
from followup.storage import Transaction
from followup.storage.inbox import Reply
from followup.storage.outbox_rows import NewMessage
from followup.writers import Writer

DEFAULT_LANGUAGE = "en"
"""Of an answer to somebody unknown, and where theirs has no such text."""


@dataclass(frozen=True)
class Answering:
    """What the clinic has decided about answers. `confirms_stops`: the carrier does not tell who texts STOP.

    `mail_domain` is what our Message-IDs end with.
    """

    library: MessageLibrary
    mail_domain: str
    thresholds: Thresholds
    confirms_stops: bool = False

    def give(
        self, tx: Transaction, clinic: Clinic, reply: Reply, writer: Writer, answer: Answer, now: datetime
    ) -> int | None:
        """Plan the answer, due since it was asked for; its id, or None where a limit or the trial forbids it."""
        limit = LIMITS[answer.kind]
        longest = max(length for _, length in limit.most)
        # Whoever was sent to 911 a moment ago has not been told of 988.
        step = answer if answer is Answer.SUICIDE else None
        given = tx.outbox.written_to(reply.channel, reply.address, answer.kind, now - longest, step)
        if not limit.allows(given, now) or self._on_trial(tx, clinic, reply, answer):
            return None
        words = self._words(clinic, reply, writer.contact, answer, now)
        if words is None:
            return None
        new = NewMessage(
            answer.kind,
            f"answer:{reply.id}",
            reply.channel,
            min(now, reply.written_at),
            now + limit.valid_for,
            reply.address,
            words,
            answer,
            writer.patient.id if writer.patient else None,
            writer.contact.id if writer.contact else None,
        )
        return tx.outbox.add_message(new, now)

    def _on_trial(self, tx: Transaction, clinic: Clinic, reply: Reply, answer: Answer) -> bool:
        """Before the clinic is live only its own list is answered; a red flag outranks that too."""
        listed = reply.address in clinic.trial_list
        return answer.kind is Kind.ANSWER and not listed and clinic.in_trial(tx)

    def _words(
        self, clinic: Clinic, reply: Reply, contact: Contact | None, answer: Answer, now: datetime
    ) -> Text | None:
        """In the writer's language, else in the default one: silence would be the worst answer of all."""
        opens = self._opening(clinic, contact, now)
        texting = reply.channel is not ChannelName.EMAIL
        for language in dict.fromkeys([contact.language if contact else DEFAULT_LANGUAGE, DEFAULT_LANGUAGE]):
            try:
                return self.library.answer(language, answer, opens, texting=texting)
            except MessageError as error:
                log.fault("cannot answer", error, reply=reply.id)
        return None

    def _opening(self, clinic: Clinic, contact: Contact | None, now: datetime) -> Opening | None:
        """When somebody is there again, by the reader's clock; None while somebody is."""
        staffed = clinic.practice.staffed
        if staffed.contains(now):
            return None
        zone = contact.zone if contact else clinic.practice.zone
        return Opening(staffed.defer(now, timedelta()).astimezone(zone), now.astimezone(zone))
