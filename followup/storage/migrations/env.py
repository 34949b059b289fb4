"""Alembic's entry: it is handed a connection by `schema.upgrade`, never a URL."""

from __future__ import annotations

from alembic import context

from followup.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
