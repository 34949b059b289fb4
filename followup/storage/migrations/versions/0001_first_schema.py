"""The first schema: people, procedures, the outbox, tasks, the trail, and the triggers that note changed facts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from followup.storage.column_types import Id, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FACTS = "on_date, plan, patient_id, discharged_at, in_hospital, cancelled_at"
"""What the timeline is made from; `planned_on` is what it was last made from."""

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER procedures_inserted AFTER INSERT ON procedures
    BEGIN
      INSERT OR IGNORE INTO stale (patient_id) VALUES (NEW.patient_id);
    END
    """,
    f"""
    CREATE TRIGGER procedures_updated AFTER UPDATE OF {FACTS} ON procedures
    BEGIN
      INSERT OR IGNORE INTO stale (patient_id) VALUES (NEW.patient_id);
      INSERT OR IGNORE INTO stale (patient_id) VALUES (OLD.patient_id);
    END
    """,  # noqa: S608  a constant of this file
    """
    CREATE TRIGGER procedures_deleted AFTER DELETE ON procedures
    BEGIN
      INSERT OR IGNORE INTO stale (patient_id) VALUES (OLD.patient_id);
    END
    """,
)

POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION procedures_note_stale() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP <> 'DELETE' THEN
        INSERT INTO stale (patient_id) VALUES (NEW.patient_id) ON CONFLICT DO NOTHING;
      END IF;
      IF TG_OP <> 'INSERT' THEN
        INSERT INTO stale (patient_id) VALUES (OLD.patient_id) ON CONFLICT DO NOTHING;
      END IF;
      RETURN NULL;
    END $$
    """,
    f"""
    CREATE TRIGGER procedures_changed AFTER INSERT OR DELETE OR UPDATE OF {FACTS} ON procedures
    FOR EACH ROW EXECUTE FUNCTION procedures_note_stale()
    """,
)


def upgrade() -> None:
    """Make every table, then the triggers."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.schema.CreateSequence(sa.Sequence("task_numbers")))
    op.create_table(
        "audit",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("patient_id", Id, nullable=True),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("detail", sa.String(length=400), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("undone_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_patient_id"), "audit", ["patient_id"], unique=False)
    op.create_table(
        "patients",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("short_id", sa.String(length=8), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("record_number", sa.LargeBinary(), nullable=True),
        sa.Column("record_index", sa.LargeBinary(length=16), nullable=True),
        sa.Column("birth_date", sa.LargeBinary(), nullable=False),
        sa.Column("birth_index", sa.LargeBinary(length=16), nullable=False),
        sa.Column("person_index", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("died_at", Utc(), nullable=True),
        sa.Column("held_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("short_id", name=op.f("uq_patients_short_id")),
    )
    op.create_index(op.f("ix_patients_birth_index"), "patients", ["birth_index"], unique=False)
    op.create_index(op.f("ix_patients_person_index"), "patients", ["person_index"], unique=False)
    op.create_index(op.f("ix_patients_record_index"), "patients", ["record_index"], unique=False)
    op.create_table(
        "stale",
        sa.Column("patient_id", Id, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_stale")),
    )
    op.create_table(
        "suppressions",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("address_index", sa.LargeBinary(length=16), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("lifted_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "uq_suppressions_standing",
        "suppressions",
        ["channel", "address_index"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("patient_id", Id, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.LargeBinary(), nullable=True),
        sa.Column("number_index", sa.LargeBinary(length=16), nullable=True),
        sa.Column("last_four_index", sa.LargeBinary(length=16), nullable=True),
        sa.Column("landline", sa.Boolean(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=True),
        sa.Column("email_index", sa.LargeBinary(length=16), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("bad_sms_at", Utc(), nullable=True),
        sa.Column("bad_email_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_contacts_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_email_index"), "contacts", ["email_index"], unique=False)
    op.create_index(op.f("ix_contacts_last_four_index"), "contacts", ["last_four_index"], unique=False)
    op.create_index(op.f("ix_contacts_number_index"), "contacts", ["number_index"], unique=False)
    op.create_index(op.f("ix_contacts_patient_id"), "contacts", ["patient_id"], unique=False)
    op.create_table(
        "procedures",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("patient_id", Id, nullable=False),
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("enrolled_at", Utc(), nullable=False),
        sa.Column("discharged_at", Utc(), nullable=True),
        sa.Column("in_hospital", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancelled_at", Utc(), nullable=True),
        sa.Column("baseline_pain", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_procedures_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_procedures")),
    )
    op.create_index(op.f("ix_procedures_patient_id"), "procedures", ["patient_id"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("contact_id", Id, nullable=False),
        sa.Column("about", sa.String(length=16), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("wording", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_consents_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_contact_id"), "consents", ["contact_id"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("patient_id", Id, nullable=True),
        sa.Column("contact_id", Id, nullable=True),
        sa.Column("procedure_id", Id, nullable=True),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("held_by", Id, nullable=True),
        sa.Column("not_before", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("valid_until", Utc(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("asks", sa.Boolean(), nullable=False),
        sa.Column("trial", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("charged", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("first_tried_at", Utc(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("address", sa.LargeBinary(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("address_index", sa.LargeBinary(length=16), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("poll_at", Utc(), nullable=True),
        sa.Column("question_closed_at", Utc(), nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("planned_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_messages_contact_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_messages_patient_id")),
        sa.ForeignKeyConstraint(["procedure_id"], ["procedures.id"], name=op.f("fk_messages_procedure_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_messages_key")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_messages_provider_id")),
    )
    op.create_index("ix_messages_address", "messages", ["address_index", "sent_at"], unique=False)
    op.create_index(
        "ix_messages_claim",
        "messages",
        ["channel", "priority", "due_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
        postgresql_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
    )
    op.create_index(
        "ix_messages_due",
        "messages",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
        postgresql_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
    )
    op.create_index(
        "ix_messages_owner",
        "messages",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("status = 'sending'"),
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.create_index(op.f("ix_messages_patient_id"), "messages", ["patient_id"], unique=False)
    op.create_index(
        "ix_messages_poll",
        "messages",
        ["poll_at"],
        unique=False,
        sqlite_where=sa.text("poll_at IS NOT NULL"),
        postgresql_where=sa.text("poll_at IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_question",
        "messages",
        ["sent_at"],
        unique=False,
        sqlite_where=sa.text("asks AND question_closed_at IS NULL"),
        postgresql_where=sa.text("asks AND question_closed_at IS NULL"),
    )
    op.create_index(
        "ix_messages_trial",
        "messages",
        ["valid_until"],
        unique=False,
        sqlite_where=sa.text("trial AND status IN ('planned', 'retry_wait')"),
        postgresql_where=sa.text("trial AND status IN ('planned', 'retry_wait')"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("began_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("words_hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_attempts_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("uq_attempts_message_number", "attempts", ["message_id", "number"], unique=True)
    op.create_table(
        "replies",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=False),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("patient_id", Id, nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(length=16), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("reading", sa.String(length=32), nullable=True),
        sa.Column("written_at", Utc(), nullable=False),
        sa.Column("read_at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_replies_message_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_replies_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_replies_provider_id")),
    )
    op.create_index(op.f("ix_replies_address_index"), "replies", ["address_index"], unique=False)
    op.create_index(op.f("ix_replies_patient_id"), "replies", ["patient_id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("patient_id", Id, nullable=True),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("closed_by", sa.String(length=128), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_tasks_message_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_tasks_patient_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tasks")),
    )
    op.create_index(
        "uq_tasks_open_kind",
        "tasks",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL AND patient_id IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND patient_id IS NULL"),
    )
    op.create_index(
        "uq_tasks_open_patient_kind",
        "tasks",
        ["patient_id", "kind"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL AND patient_id IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND patient_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_tasks_patient_id"), "tasks", ["patient_id"], unique=False)
    triggers = POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else SQLITE_TRIGGERS
    for trigger in triggers:
        op.execute(trigger)


def downgrade() -> None:
    """Remove everything; the triggers go with their table."""
    op.drop_index(
        "uq_tasks_open_patient_kind",
        table_name="tasks",
        sqlite_where=sa.text("closed_at IS NULL AND patient_id IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND patient_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_tasks_open_kind",
        table_name="tasks",
        sqlite_where=sa.text("closed_at IS NULL AND patient_id IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND patient_id IS NULL"),
    )
    op.drop_index(op.f("ix_tasks_patient_id"), table_name="tasks")
    op.drop_table("tasks")
    op.drop_index(op.f("ix_replies_patient_id"), table_name="replies")
    op.drop_index(op.f("ix_replies_address_index"), table_name="replies")
    op.drop_table("replies")
    op.drop_index("uq_attempts_message_number", table_name="attempts")
    op.drop_table("attempts")
    op.drop_index(
        "ix_messages_trial",
        table_name="messages",
        sqlite_where=sa.text("trial AND status IN ('planned', 'retry_wait')"),
        postgresql_where=sa.text("trial AND status IN ('planned', 'retry_wait')"),
    )
    op.drop_index(
        "ix_messages_question",
        table_name="messages",
        sqlite_where=sa.text("asks AND question_closed_at IS NULL"),
        postgresql_where=sa.text("asks AND question_closed_at IS NULL"),
    )
    op.drop_index(
        "ix_messages_poll",
        table_name="messages",
        sqlite_where=sa.text("poll_at IS NOT NULL"),
        postgresql_where=sa.text("poll_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_messages_patient_id"), table_name="messages")
    op.drop_index(
        "ix_messages_owner",
        table_name="messages",
        sqlite_where=sa.text("status = 'sending'"),
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.drop_index(
        "ix_messages_due",
        table_name="messages",
        sqlite_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
        postgresql_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
    )
    op.drop_index(
        "ix_messages_claim",
        table_name="messages",
        sqlite_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
        postgresql_where=sa.text("status IN ('planned', 'retry_wait') AND NOT trial"),
    )
    op.drop_index("ix_messages_address", table_name="messages")
    op.drop_table("messages")
    op.drop_index(op.f("ix_consents_contact_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_index(op.f("ix_procedures_patient_id"), table_name="procedures")
    op.drop_table("procedures")
    op.drop_index(op.f("ix_contacts_patient_id"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_number_index"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_last_four_index"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_email_index"), table_name="contacts")
    op.drop_table("contacts")
    op.drop_table("switches")
    op.drop_index(
        "uq_suppressions_standing",
        table_name="suppressions",
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.drop_table("suppressions")
    op.drop_table("stale")
    op.drop_index(op.f("ix_patients_record_index"), table_name="patients")
    op.drop_index(op.f("ix_patients_person_index"), table_name="patients")
    op.drop_index(op.f("ix_patients_birth_index"), table_name="patients")
    op.drop_table("patients")
    op.drop_index(op.f("ix_audit_patient_id"), table_name="audit")
    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION procedures_note_stale()")
        op.execute(sa.schema.DropSequence(sa.Sequence("task_numbers")))
