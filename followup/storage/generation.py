"""The generation of the database, and its mark beside the database: how an old copy put back is noticed.

The number only rises: first in the database, then, once that is committed, in the mark. So a mark that is ahead
of its database has seen a newer one. The mark is a small file that no backup of the database contains: it holds
numbers and a random name, nothing of a person. What it cannot show: that a copy is older by less than the time
between two raises.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from followup.errors import StorageError
from followup.storage.engine import sqlite_path
from followup.storage.switches import Switch, Switches

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of one database: `lineage` is the database's own random name, `number` only rises.

    `at` is when the number was raised (UTC). `taken_up` is when a copy was last taken up again: what a mark of
    before saw has been dealt with. `live`: messages went to patients.
    """

    lineage: str
    number: int
    at: datetime
    taken_up: datetime | None = None
    live: bool = False


def first(now: datetime) -> Generation:
    """The generation of a database that has none yet."""
    return Generation(secrets.token_hex(8), 0, now)


def older(present: Generation | None, mark: Generation | None) -> bool:
    """Whether the database is an older one, or another, than the mark has seen."""
    if mark is None:
        return False
    if present is None:
        return True
    ahead = mark.lineage != present.lineage or mark.number > present.number
    return ahead and (present.taken_up is None or mark.at > present.taken_up)


def recorded(switches: Switches) -> Generation | None:
    """What the database says of itself."""
    setting = switches.get(Switch.GENERATION)
    if setting is None:
        return None
    lineage, number, *taken_up = setting.value.split()
    moment = datetime.fromisoformat(taken_up[0]) if taken_up else None
    return Generation(lineage, int(number), setting.at, moment, live=switches.get(Switch.LIVE) is not None)


def record(switches: Switches, generation: Generation, by: str) -> None:
    """Write it into the database."""
    parts = [generation.lineage, str(generation.number)]
    if generation.taken_up:
        parts.append(generation.taken_up.isoformat())
    switches.set(Switch.GENERATION, " ".join(parts), generation.at, by)


def mark_path(engine: Engine, config: Path) -> Path:
    """Where the mark lies: beside an SQLite file; for PostgreSQL beside the configuration file."""
    beside = sqlite_path(engine) or config
    return beside.with_name(f"{beside.name}.generation")


def read_mark(path: Path) -> Generation | None:
    """The mark; None if there is none. Raises StorageError for one that cannot be read."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
        at = datetime.fromisoformat(said["at"])
        return Generation(str(said["lineage"]), int(said["number"]), at, live=bool(said["live"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the mark {path.name} beside the database cannot be read; remove it if no old backup was put back"
        ) from error


def write_mark(path: Path, generation: Generation) -> None:
    """Replace the mark in one step, so that a crash leaves the old one or the new one. Raises StorageError."""
    said = {
        "lineage": generation.lineage,
        "number": generation.number,
        "at": generation.at.isoformat(),
        "live": generation.live,
    }
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        _write(new, json.dumps(said) + "\n")
        new.replace(path)
        _keep(path.parent)
    except OSError as error:
        raise StorageError(f"the mark {path.name} beside the database cannot be written") from error


def _write(path: Path, text: str) -> None:
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, PRIVATE)
    try:
        os.fchmod(file, PRIVATE)  # one that a crash has left may be anybody's
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)


def _keep(folder: Path) -> None:
    """A new name lasts only once its folder is written."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
