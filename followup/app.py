"""The one place of wiring: a configuration becomes a working house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from followup.care.pace import ONE_NUMBER
from followup.care.people import ChannelName
from followup.channels import Channel, Inbox, Ledger
from followup.channels.wire import is_loopback
from followup.clock import Clock, StandingClock, SystemClock
from followup.config import Config, find_config, load_config
from followup.messages import ClinicWords, MessageLibrary, find_messages_folder
from followup.replan import Clinic
from followup.staff import Person, Staff
from followup.storage import Sealer, Storage
from followup.storage.generation import mark_path
from followup.storage.owner import Owner, owner_of
from followup.timekeeping import Timekeeper

if TYPE_CHECKING:
    from followup.channels.mailbox import Mailbox, Source
    from followup.channels.slots import Slots
    from followup.dispatch import Dispatcher
    from followup.generation import Keeper
    from followup.replies import Listener
    from followup.senders import Senders

CLAIMED = 2
"""For each message on its way another may be claimed, so that the wire does not wait for the database."""


@dataclass(frozen=True)
class App:
    """Everything a command may need; each part is made when it is first asked for."""

    config: Config
    clock: Clock

    @cached_property
    def library(self) -> MessageLibrary:
        """Raises MessageError if the folder of messages cannot be used."""
        return MessageLibrary.load(messages_folder(self.config), words_of(self.config))

    @cached_property
    def clinic(self) -> Clinic:
        practice = self.config.practice(self.library.plans)
        return Clinic(practice, self.config.on_loopback, self.config.trial_allowed)

    @cached_property
    def storage(self) -> Storage:
        keys = self.config.secrets.keys
        return Storage(self.config.database_url, Sealer(keys.current, keys.sealing, keys.index))

    @cached_property
    def channels(self) -> Mapping[ChannelName, Channel]:
        return {ChannelName.SMS: self._texts(), ChannelName.EMAIL: self._mails()}

    def _texts(self) -> Channel:
        from followup.channels.twilio_sms import TwilioAccount, TwilioSms  # noqa: PLC0415  the SDK takes 0.1 s

        twilio = self.config.twilio
        account = TwilioAccount(
            twilio.account_sid,
            self.config.secrets.twilio,
            twilio.sender_number,
            twilio.messaging_service,
            twilio.base_url,
            twilio.api_key,
        )
        if isinstance(self.clock, StandingClock):
            return TwilioSms(account)  # a clock that a person has put somewhere agrees with nobody's
        return TwilioSms(account, self.timekeeper.hear)

    def _mails(self) -> Channel:
        from followup.channels.mail import MailServer  # noqa: PLC0415  only what sends needs it
        from followup.channels.smtp_email import SmtpEmail  # noqa: PLC0415  only what sends needs it

        smtp = self.config.smtp
        username, password = self.config.smtp_login or (None, None)
        server = MailServer(
            smtp.host,
            smtp.port,
            smtp.security,
            username,
            password,
            smtp.sender_address,
            smtp.sender_name,
            smtp.reply_to,
            smtp.unsubscribe_address,
            Path(smtp.ca_file) if smtp.ca_file else None,
            bounces=self.config.mailbox is not None,
        )
        return SmtpEmail(server, self.clock.utc)

    @cached_property
    def mailbox(self) -> Mailbox | None:
        """Where answers and bounces come in by mail; None if nobody has named a place."""
        from followup.channels.mail import OurMails  # noqa: PLC0415  only what listens needs it
        from followup.channels.mailbox import Mailbox  # noqa: PLC0415  same

        source = self._mails_lie_in()
        return Mailbox(source, OurMails(self.config.smtp.sender_address)) if source else None

    def _mails_lie_in(self) -> Source | None:
        from followup.channels.imap import ImapMailbox, ImapServer  # noqa: PLC0415  only what listens needs it
        from followup.channels.maildir import Maildir  # noqa: PLC0415  same

        table, login = self.config.mailbox, self.config.mailbox_login
        if table is not None and table.maildir is not None:
            return Maildir(Path(table.maildir))
        if table is None or table.host is None or table.port is None or login is None:
            return None
        ca_file = Path(table.ca_file) if table.ca_file else None
        return ImapMailbox(ImapServer(table.host, table.port, table.security, *login, table.folder, ca_file))

    @cached_property
    def ledgers(self) -> Mapping[ChannelName, Ledger]:
        """Those who can say what became of a message: a mail server cannot."""
        return {name: channel for name, channel in self.channels.items() if isinstance(channel, Ledger)}

    @cached_property
    def owner(self) -> Owner:
        return owner_of(self.storage.engine)

    @cached_property
    def slots(self) -> Mapping[ChannelName, Slots]:
        from followup.channels.slots import Slots  # noqa: PLC0415  only what sends needs it

        return {name: Slots(channel, self.config.daemon.in_flight) for name, channel in self.channels.items()}

    @cached_property
    def senders(self) -> Senders:
        from followup.senders import Senders  # noqa: PLC0415  only what sends needs it

        twilio, smtp = self.config.twilio, self.config.smtp
        accounts = {
            ChannelName.SMS: f"{twilio.account_sid}@{urlsplit(twilio.base_url).hostname}",
            ChannelName.EMAIL: f"{smtp.host}:{smtp.port}",
        }
        return Senders(self.clinic, accounts, CLAIMED * self.config.daemon.in_flight, self.paces)

    @property
    def paces(self) -> Mapping[ChannelName, float]:
        """Segments, or mails, a second; a sandbox on this machine takes all at once unless told otherwise."""
        twilio, smtp = self.config.twilio, self.config.smtp
        here = is_loopback(urlsplit(twilio.base_url).hostname or "")
        segments = twilio.segments_per_second or (None if here else ONE_NUMBER)
        asked = {ChannelName.SMS: segments, ChannelName.EMAIL: smtp.mails_per_second}
        return {channel: float(pace) for channel, pace in asked.items() if pace is not None}

    @cached_property
    def timekeeper(self) -> Timekeeper:
        return Timekeeper(self.clock)

    @cached_property
    def keeper(self) -> Keeper:
        from followup.generation import Keeper  # noqa: PLC0415  only what sends needs it

        mark = mark_path(self.storage.engine, self.config.path)
        return Keeper(self.storage, self.clinic, self.library, self.owner, mark)

    @property
    def listened_to(self) -> tuple[ChannelName, ...]:
        """The channels whose answers the program reads."""
        return (ChannelName.SMS, *([ChannelName.EMAIL] if self.config.mailbox else []))

    @cached_property
    def inboxes(self) -> Mapping[ChannelName, Inbox]:
        """Where answers come in: texts at their provider, mails in the clinic's mailbox, if it has named one."""
        found = {name: channel for name, channel in self.channels.items() if isinstance(channel, Inbox)}
        return found | ({ChannelName.EMAIL: self.mailbox} if self.mailbox else {})

    @cached_property
    def staff(self) -> Staff:
        clinic = self.config.clinic
        on_call = clinic.on_call
        return Staff(
            clinic.name,
            clinic.zone,
            tuple(Person(person.name, person.phone, person.email) for person in clinic.staff),
            clinic.paged,
            timedelta(minutes=on_call.repeat_minutes),
            on_call.pages_each,
            on_call.carries_number,
        )

    @cached_property
    def listener(self) -> Listener:
        from followup.answering import Answering  # noqa: PLC0415  only what listens needs it
        from followup.care.pain import Thresholds  # noqa: PLC0415  same
        from followup.replies import Listener  # noqa: PLC0415  same

        pain = self.config.pain
        answering = Answering(
            self.library,
            self.mail_domain,
            Thresholds(pain.urgent_score, pain.urgent_rise),
            confirms_stops=not self.config.twilio.carrier_confirms_stop,
        )
        return Listener(self.storage, self.clinic, self.clock, answering, self.staff)

    @property
    def mail_domain(self) -> str:
        """What the Message-IDs of our mails end with."""
        return self.config.smtp.sender_address.rpartition("@")[2]

    @cached_property
    def dispatcher(self) -> Dispatcher:
        from followup.dispatch import Dispatcher  # noqa: PLC0415  only what sends needs it
        from followup.inbound import hears  # noqa: PLC0415  same

        return Dispatcher(
            self.storage,
            self.clinic,
            self.library,
            self.slots,
            self.clock,
            self.owner,
            self.senders,
            self.timekeeper,
            partial(hears, mailbox=ChannelName.EMAIL in self.listened_to),
        )

    def close(self) -> None:
        """Finish what is on the wire, give back the lock, close the connections; what was never made stays so."""
        made = self.__dict__
        if "dispatcher" in made:
            self.dispatcher.stopping.set()
        for slots in made.get("slots", {}).values():
            slots.close()
        for channel in made.get("channels", {}).values():
            channel.close()
        if "owner" in made:
            self.owner.release()
        if "storage" in made:
            self.storage.close()


def build_app(config_path: Path | None = None, clock: Clock | None = None) -> App:
    """The house of the configuration at `config_path`, or of the one found. Raises ConfigError with all faults."""
    return App(load_config(find_config(config_path)), clock or SystemClock())


def messages_folder(config: Config) -> Path:
    """The clinic's own copy of messages/, or the one that ships."""
    return config.messages or find_messages_folder()


def words_of(config: Config) -> ClinicWords:
    """What texts say about the clinic."""
    clinic = config.clinic
    return ClinicWords(clinic.name, clinic.phone, clinic.after_hours_phone, config.parameters)
