"""Doubt and its settling, moves in the trail and its seals, breakers, heartbeats, what an outage held back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from followup.storage.column_types import BlindIndex, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITING_BEFORE = "status IN ('planned', 'retry_wait') AND NOT trial"
WAITING = f"{WAITING_BEFORE} AND NOT held_back"


def _doubt() -> tuple[sa.Column[Any], ...]:
    """What a message gains; made anew each time, since a column belongs to one table."""
    return (
        sa.Column("doubted_at", Utc),
        sa.Column("doubts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("settle_at", Utc),
        sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
        sa.Column("looked_at", Utc),
        sa.Column("held_back", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )


def _moves() -> tuple[sa.Column[Any], ...]:
    """What a line of the trail gains."""
    return (
        sa.Column("source", sa.String(16)),
        sa.Column("target", sa.String(16)),
        sa.Column("reason", sa.String(32)),
        sa.Column("attempt", sa.Integer),
        sa.Column("revision", sa.Integer),
        sa.Column("seal", sa.Integer),
    )


KEPT = (
    '"id", "at", "by", "action", "patient_id", "message_id", "detail", "before", '
    '"source", "target", "reason", "attempt", "revision"'
)
"""What a line of the trail says; only that it was undone, and its seal, come later."""

SQLITE_TRIGGERS = (
    f"""
    CREATE TRIGGER audit_only_grows BEFORE UPDATE OF {KEPT} ON audit
    BEGIN
      SELECT RAISE(ABORT, 'the trail only grows');
    END
    """,
    """
    CREATE TRIGGER audit_stays_sealed BEFORE UPDATE OF seal ON audit WHEN OLD.seal IS NOT NULL
    BEGIN
      SELECT RAISE(ABORT, 'the trail only grows');
    END
    """,
    """
    CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
    BEGIN
      SELECT RAISE(ABORT, 'the trail only grows');
    END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the trail only grows';
    END $$
    """,
    f"""
    CREATE TRIGGER audit_only_grows BEFORE UPDATE OF {KEPT} ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()
    """,
    """
    CREATE TRIGGER audit_stays_sealed BEFORE UPDATE OF seal ON audit
    FOR EACH ROW WHEN (OLD.seal IS NOT NULL) EXECUTE FUNCTION audit_refuse()
    """,
    """
    CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()
    """,
)
TRIGGERS = ("audit_only_grows", "audit_stays_sealed", "audit_never_shrinks")


def upgrade() -> None:
    """From 0001."""
    for column in _doubt():
        op.add_column("messages", column)
    _drop_waiting_indexes(WAITING_BEFORE)
    _create_waiting_indexes(WAITING)
    _partial_index("ix_messages_settle", "messages", ["settle_at"], "settle_at IS NOT NULL")
    for column in _moves():
        op.add_column("audit", column)
    op.create_index(op.f("ix_audit_message_id"), "audit", ["message_id"])
    op.create_index(op.f("ix_audit_seal"), "audit", ["seal"])
    _partial_index("ix_audit_unsealed", "audit", ["id"], "seal IS NULL")
    _create_tables()
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for trigger in POSTGRESQL_TRIGGERS if on_postgresql else SQLITE_TRIGGERS:
        op.execute(trigger)


def _create_tables() -> None:
    op.create_table(
        "seals",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("head", BlindIndex, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seals")),
    )
    op.create_table(
        "breakers",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("opened_at", Utc),
        sa.Column("retry_at", Utc),
        sa.Column("wait_seconds", sa.Integer, nullable=False),
        sa.Column("allowance", sa.Integer, nullable=False),
        sa.Column("changed_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_breakers")),
    )
    op.create_table(
        "owners",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("started_at", Utc, nullable=False),
        sa.Column("beat_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_owners")),
    )


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_waiting_indexes(where: str) -> None:
    _partial_index("ix_messages_claim", "messages", ["channel", "priority", "due_at"], where)
    _partial_index("ix_messages_due", "messages", ["due_at"], where)


def _drop_waiting_indexes(where: str) -> None:
    for name in ("ix_messages_claim", "ix_messages_due"):
        op.drop_index(name, table_name="messages", sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Back to 0001: the trail's moves and everything else new is lost."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON audit" if on_postgresql else f"DROP TRIGGER {name}")
    if on_postgresql:
        op.execute("DROP FUNCTION audit_refuse()")
    for table in ("owners", "breakers", "seals"):
        op.drop_table(table)
    op.drop_index("ix_audit_unsealed", table_name="audit")
    op.drop_index(op.f("ix_audit_seal"), table_name="audit")
    op.drop_index(op.f("ix_audit_message_id"), table_name="audit")
    for column in _moves():
        op.drop_column("audit", column.name)
    op.drop_index("ix_messages_settle", table_name="messages")
    _drop_waiting_indexes(WAITING)
    for column in _doubt():
        op.drop_column("messages", column.name)
    _create_waiting_indexes(WAITING_BEFORE)
