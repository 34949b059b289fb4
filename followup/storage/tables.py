"""Every table, with a sentence for each column that does not speak for itself.

Sealed columns hold identity and texts; `*_index` columns hold a keyed hash of the same value, so that it can be
found without being read. The indexes are not unique: couples and daughters share a phone.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    Text,
    text,
)

from followup.storage.column_types import BlindIndex, Id, Sealed, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

patients = Table(
    "patients",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("short_id", String(8), nullable=False, unique=True),  # what staff say and type
    Column("name", Sealed, nullable=False),
    Column("record_number", Sealed),  # the clinic's own
    Column("record_index", BlindIndex, index=True),
    Column("birth_date", Sealed, nullable=False),
    Column("birth_index", BlindIndex, nullable=False, index=True),
    Column("person_index", BlindIndex, nullable=False, index=True),  # name and birth date together
    Column("created_at", Utc, nullable=False),
    Column("died_at", Utc),  # when it was recorded, not when it was
    Column("held_at", Utc),  # since when nothing is sent
    Column("conversation_at", Utc),  # since when staff are texting with them: automatic messages wait
    Column("conversation_by", String(128)),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("patient_id", Id, ForeignKey("patients.id"), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("name", Sealed, nullable=False),
    Column("number", Sealed),  # E.164
    Column("number_index", BlindIndex, index=True),
    Column("last_four_index", BlindIndex, index=True),
    Column("landline", Boolean, nullable=False),
    Column("email", Sealed),
    Column("email_index", BlindIndex, index=True),
    Column("language", String(16), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("bad_sms_at", Utc),  # since when the number is known not to take texts
    Column("bad_email_at", Utc),
    Column("created_at", Utc, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("about", String(16), nullable=False),  # sms, email, share
    Column("given", Boolean, nullable=False),  # False: refused or withdrawn; the latest event rules
    Column("at", Utc, nullable=False),
    Column("method", String(32), nullable=False),  # in person, phone, paper, text
    Column("wording", String(64), nullable=False),  # version of the script that was read aloud
    Column("by", String(128), nullable=False),
)

procedures = Table(
    "procedures",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("patient_id", Id, ForeignKey("patients.id"), nullable=False, index=True),
    Column("plan", String(40), nullable=False),
    Column("on_date", Date, nullable=False),  # local day 0; other programs may write here
    Column("planned_on", Date),  # the date the timeline was last made from; differs while a change is unconfirmed
    Column("enrolled_at", Utc, nullable=False),
    Column("discharged_at", Utc),
    Column("in_hospital", Boolean, nullable=False, server_default=text("false")),
    Column("cancelled_at", Utc),
    Column("baseline_pain", Integer),  # 0 to 10, asked at enrollment
)

# What the partial indexes hold. The queries say it in the same words: a database uses such an index only if it can
# see, before any value is known, that the query asks for nothing else.
WAITING = text("status IN ('planned', 'retry_wait') AND NOT trial AND NOT held_back")
ON_TRIAL = text("trial AND status IN ('planned', 'retry_wait')")
IN_HAND = text("status = 'sending'")
OPEN_QUESTION = text("asks AND question_closed_at IS NULL")
SCORED = text("score IS NOT NULL")
UNHANDLED = text("handled_at IS NULL")
UNTOLD = text("told_at IS NULL AND closed_at IS NULL")
TO_PAGE = text("page_at IS NOT NULL")

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(160), nullable=False, unique=True),
    Column("patient_id", Id, ForeignKey("patients.id"), index=True),
    Column("contact_id", Id, ForeignKey("contacts.id")),
    Column("procedure_id", Id, ForeignKey("procedures.id")),
    Column("step", String(40), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("held_by", Id),  # the procedure that holds it
    Column("not_before", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("valid_until", Utc, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("asks", Boolean, nullable=False),
    Column("trial", Boolean, nullable=False),  # stays planned until the clinic is live
    Column("attempt", Integer, nullable=False),  # claims so far
    Column("charged", Integer, nullable=False),  # attempts that count towards the most a message gets
    Column("revision", Integer, nullable=False),  # rises with every move: the compare of compare-and-swap
    Column("owner", String(64)),  # who claimed it last
    Column("first_tried_at", Utc),  # when the first attempt began: waiting grows with the time since
    Column("sent_at", Utc),  # when the last attempt began
    Column("address", Sealed),  # of a message that is no reminder: a reminder's is looked up when it is sent
    Column("words", Sealed),  # the same
    Column("address_index", BlindIndex),  # where the last attempt went: caps count by number
    Column("told", Text),  # restrictions and dates the text named, as JSON
    Column("provider_id", String(200), unique=True),
    Column("doubted_at", Utc),  # since when it is, or was last, in doubt
    Column("doubts", Integer, nullable=False, server_default=text("0")),  # how often it came into doubt
    Column("settle_at", Utc),  # when evidence is looked for next
    Column("looks", Integer, nullable=False, server_default=text("0")),  # at a whole list, in vain, apart in time
    Column("looked_at", Utc),  # when the last of these was
    Column("held_back", Boolean, nullable=False, server_default=text("false")),  # overdue after an outage
    Column("code", String(32)),  # the provider's last code
    Column("poll_at", Utc),  # when its receipt is asked for next
    Column("question_closed_at", Utc),
    Column("answered", Boolean, nullable=False),
    Column("planned_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    # The claim asks one channel's priorities in turn; "is anything due at all?" reads one entry of the second.
    Index("ix_messages_claim", "channel", "priority", "due_at", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_messages_due", "due_at", sqlite_where=WAITING, postgresql_where=WAITING),
    Index(
        "ix_messages_owner",
        "owner",
        sqlite_where=IN_HAND,
        postgresql_where=IN_HAND,
    ),
    Index(
        "ix_messages_poll",
        "poll_at",
        sqlite_where=text("poll_at IS NOT NULL"),
        postgresql_where=text("poll_at IS NOT NULL"),
    ),
    Index(
        "ix_messages_settle",
        "settle_at",
        sqlite_where=text("settle_at IS NOT NULL"),
        postgresql_where=text("settle_at IS NOT NULL"),
    ),
    Index("ix_messages_address", "address_index", "sent_at"),
    Index(
        "ix_messages_question",
        "sent_at",
        sqlite_where=OPEN_QUESTION,
        postgresql_where=OPEN_QUESTION,
    ),
    Index(
        "ix_messages_trial",
        "valid_until",
        sqlite_where=ON_TRIAL,
        postgresql_where=ON_TRIAL,
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("message_id", Id, ForeignKey("messages.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("began_at", Utc, nullable=False),
    Column("ended_at", Utc),  # empty: claimed, and nothing heard of since
    Column("outcome", String(16)),  # the status it led to
    Column("code", String(32)),
    Column("words", Sealed, nullable=False),  # what was sent, exactly
    Column("words_hash", BlindIndex, nullable=False),
    Column("version", String(64), nullable=False),  # of the text it was made from
    Column("segments", Integer, nullable=False),  # 0 for an e-mail
    Index("uq_attempts_message_number", "message_id", "number", unique=True),
)

replies = Table(
    "replies",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("provider_id", String(200), nullable=False, unique=True),
    Column("message_id", Id, ForeignKey("messages.id")),  # the question it answers
    Column("patient_id", Id, ForeignKey("patients.id"), index=True),
    Column("channel", String(8), nullable=False),
    Column("address", Sealed, nullable=False),
    Column("address_index", BlindIndex, nullable=False, index=True),
    Column("words", Sealed, nullable=False),
    Column("reading", String(200)),  # what we take it to mean: its meanings, joined by commas
    Column("written_at", Utc, nullable=False),  # when the provider took it in
    Column("read_at", Utc, nullable=False),
    Column("by", String(128), nullable=False),  # the provider, or who took it down on the phone
    Column("contact_id", Id),  # who wrote, where that is known
    Column("media", Integer, nullable=False, server_default=text("0")),  # pictures and other attachments
    Column("automatic", Boolean, nullable=False, server_default=text("false")),  # no person wrote it, it says
    Column("answers", Text),  # the left parts of the Message-IDs of our mails that it answers, as JSON
    Column("pressing", Boolean, nullable=False, server_default=text("false")),  # a red flag: handled before others
    Column("score", Integer),  # pain, 0 to 10
    Column("handled_at", Utc),  # empty: stored, and nothing has followed from it yet
    Index("ix_replies_score", "patient_id", "score", sqlite_where=SCORED, postgresql_where=SCORED),
    Index("ix_replies_unhandled", "pressing", "id", sqlite_where=UNHANDLED, postgresql_where=UNHANDLED),
)

task_numbers = Sequence("task_numbers", metadata=metadata)

OPEN = "closed_at IS NULL"

tasks = Table(
    "tasks",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("level", String(16), nullable=False),
    Column("patient_id", Id, ForeignKey("patients.id"), index=True),
    Column("message_id", Id, ForeignKey("messages.id")),
    Column("opened_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("times", Integer, nullable=False),  # how often its cause has come up while it was open
    Column("detail", Sealed, nullable=False),  # what a person needs to know, as JSON
    Column("closed_at", Utc),
    Column("closed_by", String(128)),
    Column("note", Sealed),
    Column("acknowledged_at", Utc),  # somebody has it in hand: no more pages go
    Column("acknowledged_by", String(128)),
    Column("page_at", Utc),  # when the next page goes; empty: none does
    Column("pages", Integer, nullable=False, server_default=text("0")),  # pages so far
    Column("told_at", Utc),  # when staff were told of it by e-mail
    Index("ix_tasks_page_at", "page_at", sqlite_where=TO_PAGE, postgresql_where=TO_PAGE),
    Index("ix_tasks_untold", "number", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
    Index(
        "uq_tasks_open_patient_kind",
        "patient_id",
        "kind",
        unique=True,
        sqlite_where=text(f"{OPEN} AND patient_id IS NOT NULL"),
        postgresql_where=text(f"{OPEN} AND patient_id IS NOT NULL"),
    ),
    Index(
        "uq_tasks_open_kind",
        "kind",
        unique=True,
        sqlite_where=text(f"{OPEN} AND patient_id IS NULL"),
        postgresql_where=text(f"{OPEN} AND patient_id IS NULL"),
    ),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("channel", String(8), nullable=False),
    Column("address_index", BlindIndex, nullable=False),
    Column("since", Utc, nullable=False),
    Column("source", String(32), nullable=False),  # staff, carrier, reply
    Column("lifted_at", Utc),  # a new recorded consent lifts it
    Column("pending_at", Utc),  # START was texted: staff ask, and record the consent that lifts it
    Index(
        "uq_suppressions_standing",
        "channel",
        "address_index",
        unique=True,
        sqlite_where=text("lifted_at IS NULL"),
        postgresql_where=text("lifted_at IS NULL"),
    ),
)

stale = Table(
    "stale",
    metadata,
    # A patient whose facts changed since the timeline was made; triggers on procedures write here.
    Column("patient_id", Id, primary_key=True, autoincrement=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("by", String(128), nullable=False),
    Column("action", String(48), nullable=False),
    Column("patient_id", Id, index=True),
    Column("message_id", Id, index=True),
    Column("detail", String(400), nullable=False),  # codes and ids only
    Column("before", Sealed),  # what it changed, as JSON, so that it can be undone
    Column("undone_at", Utc),
    # A line about one message's move says from where to where, so that its status can be replayed.
    Column("source", String(16)),
    Column("target", String(16)),
    Column("reason", String(32)),
    Column("attempt", Integer),
    Column("revision", Integer),  # of the message, after the move
    Column("seal", Integer, index=True),  # which seal covers the line; triggers let nothing else change
    Index("ix_audit_unsealed", "id", sqlite_where=text("seal IS NULL"), postgresql_where=text("seal IS NULL")),
)
