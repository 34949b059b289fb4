"""The schema's version: brought up by `followup migrate`, asked before anything else touches the database.

Alembic takes a third of a second to import: only what moves the schema does so, since every command asks for it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from followup.errors import StorageError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


class OtherSchemaError(StorageError):
    """The database is empty, or of another version than this program."""


@cache
def newest() -> str:
    """The version this program was written for: migrations are numbered, and each follows the one before.

    Looked up once: a process stays what it is when its program's files are replaced by newer ones.
    """
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def present(connection: Connection) -> str | None:
    """The version of this database; None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415  see above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to `revision`, in the caller's transaction."""
    from alembic import command  # noqa: PLC0415  see above
    from alembic.util import CommandError  # noqa: PLC0415  see above

    try:
        command.upgrade(_config(connection), revision)
    except CommandError:
        found = present(connection)
        raise StorageError(f"the database is of version {found}, which this program does not know") from None


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take the schema back to `revision`, in the caller's transaction; what it held beyond that is lost."""
    from alembic import command  # noqa: PLC0415  see above

    command.downgrade(_config(connection), revision)


def require(connection: Connection) -> None:
    """Raises OtherSchemaError, in one line, unless the database is of this program's version."""
    found, wanted = present(connection), newest()
    if found == wanted:
        return
    if found is None:
        raise OtherSchemaError("the database is empty: run `followup migrate`")
    raise OtherSchemaError(
        f"the database is of version {found}, this program needs {wanted}: run `followup migrate`"
    )
