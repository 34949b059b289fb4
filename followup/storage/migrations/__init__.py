"""Alembic's folder: how a database of any released version is brought to this one."""
