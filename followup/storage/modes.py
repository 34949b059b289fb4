"""Who else on this machine may read the files of an SQLite database: nobody, or it is not used for sending."""

from __future__ import annotations

import stat
from pathlib import Path

from sqlalchemy import Engine

from followup.errors import StorageError
from followup.storage.engine import sqlite_path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_to_others(engine: Engine) -> list[Path]:
    """The database's files that group or others may touch: itself, its log, its lock, its mark, copies beside it.

    Empty for PostgreSQL, whose server keeps its own.
    """
    path = sqlite_path(engine)
    return [file for file in sorted(path.parent.glob(f"{path.name}*")) if _mode(file) & _OTHERS] if path else []


def require_private(engine: Engine) -> None:
    """Raises StorageError, in one line, where others may touch one of the files."""
    if open_to_others(engine):
        raise StorageError(f"others on this machine can read the database; run: chmod 600 {sqlite_path(engine)}*")


def _mode(file: Path) -> int:
    """SQLite takes its log away when the last program is done: what is gone nobody reads."""
    try:
        return file.stat().st_mode
    except FileNotFoundError:
        return 0
