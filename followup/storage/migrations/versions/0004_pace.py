"""Senders keep to a pace that all daemons of a database share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from followup.storage.column_types import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0003: a sender without a row has sent nothing yet."""
    op.create_table(
        "paces",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paces")),
    )


def downgrade() -> None:
    """Back to 0003."""
    op.drop_table("paces")
