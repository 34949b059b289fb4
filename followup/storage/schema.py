"""The schema's version: brought up by `followup migrate`, asked before anything else touches the database."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from followup.errors import StorageError


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest() -> str:
    """The version this program was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def present(connection: Connection) -> str | None:
    """The version of this database; None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to `revision`, in the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError:
        found = present(connection)
        raise StorageError(f"the database is of version {found}, which this program does not know") from None


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take the schema back to `revision`, in the caller's transaction; what it held beyond that is lost."""
    config = _config()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def require(connection: Connection) -> None:
    """Raises StorageError, in one line, unless the database is of this program's version."""
    found, wanted = present(connection), newest()
    if found == wanted:
        return
    if found is None:
        raise StorageError("the database is empty: run `followup migrate`")
    raise StorageError(f"the database is of version {found}, this program needs {wanted}: run `followup migrate`")
