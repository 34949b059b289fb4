"""What comes in and its reading, answers, pages to staff, absences, conversations, opt-outs taken back by text."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from followup.storage.column_types import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UNHANDLED = "handled_at IS NULL"
UNTOLD = "told_at IS NULL AND closed_at IS NULL"


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    """What each table gains; made anew each time, since a column belongs to one table."""
    return {
        "replies": (
            sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
            sa.Column("media", sa.Integer, nullable=False, server_default="0"),
            sa.Column("automatic", sa.Boolean, nullable=False, server_default=sa.text("false")),
            sa.Column("answers", sa.Text),
            sa.Column("pressing", sa.Boolean, nullable=False, server_default=sa.text("false")),
            sa.Column("score", sa.Integer),
            sa.Column("handled_at", Utc),
        ),
        "tasks": (
            sa.Column("acknowledged_at", Utc),
            sa.Column("acknowledged_by", sa.String(128)),
            sa.Column("page_at", Utc),
            sa.Column("pages", sa.Integer, nullable=False, server_default="0"),
            sa.Column("told_at", Utc),
        ),
        "patients": (sa.Column("conversation_at", Utc), sa.Column("conversation_by", sa.String(128))),
        "suppressions": (sa.Column("pending_at", Utc),),
    }


def upgrade() -> None:
    """From 0002. What was taken down on the phone before is handled; every open task is told of once more."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    with op.batch_alter_table("replies") as replies:
        replies.alter_column("reading", existing_type=sa.String(32), type_=sa.String(200))
    op.execute("UPDATE replies SET handled_at = read_at")
    _partial_index("ix_replies_unhandled", "replies", ["pressing", "id"], UNHANDLED)
    _partial_index("ix_replies_score", "replies", ["patient_id", "score"], "score IS NOT NULL")
    _partial_index("ix_tasks_page_at", "tasks", ["page_at"], "page_at IS NOT NULL")
    _partial_index("ix_tasks_untold", "tasks", ["number"], UNTOLD)
    op.create_table(
        "absences",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False, autoincrement=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("first", sa.Date, nullable=False),
        sa.Column("last", sa.Date, nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("ended_at", Utc),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Back to 0002: who is away, and what was read and not yet handled, is lost."""
    op.drop_table("absences")
    op.drop_index("ix_tasks_untold", table_name="tasks")
    op.drop_index("ix_tasks_page_at", table_name="tasks")
    op.drop_index("ix_replies_score", table_name="replies")
    op.drop_index("ix_replies_unhandled", table_name="replies")
    with op.batch_alter_table("replies") as replies:
        replies.alter_column("reading", existing_type=sa.String(200), type_=sa.String(32))
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
