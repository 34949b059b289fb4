"""Who may send: proven by something that ends with the process that holds it.

An SQLite file has one owner at a time, by `flock` on `<database>.sender`; PostgreSQL may have several, each proven
by its heartbeat (`heartbeat.py`). What is in the hand of an owner that lives no more belongs to the dead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from followup.errors import StorageError
from followup.storage.engine import sqlite_path
from followup.storage.heartbeat import HeartbeatOwner
from followup.storage.liveness import locked, new_name


class Owner(Protocol):
    """A process's proof that it may send."""

    name: str
    """Under which it claims; a proof that was lost and gained again has a new one."""

    def acquire(self) -> bool:
        """Gain the proof, or learn that another has it; gaining it twice is gaining it once.

        Safe to call from several threads, and cheap while the proof is held: it is asked before every first byte.
        Raises StorageError where the database had to be asked and cannot be.
        """

    def living(self, names: Collection[str]) -> set[str]:
        """Which of these owners may still send. Only one that may send itself can tell: StorageError."""

    def release(self) -> None:
        """Give the proof back."""


def owner_of(engine: Engine) -> Owner:
    """The kind of ownership that suits the database."""
    path = sqlite_path(engine)
    return FileOwner(path.with_name(path.name + ".sender")) if path else HeartbeatOwner(engine)


class FileOwner:
    """Holds an exclusive `flock` for the life of the process; it is free the moment the process is gone."""

    def __init__(self, path: Path) -> None:
        self.name = new_name()
        self._path = path
        self._file: int | None = None
        self._turn = threading.Lock()

    def acquire(self) -> bool:
        with self._turn:
            if self._file is None:
                self._file = locked(self._path)
            return self._file is not None

    def living(self, names: Collection[str]) -> set[str]:
        if self._file is None:
            raise StorageError("only who may send can tell which other senders live")
        return {self.name} & set(names)

    def release(self) -> None:
        with self._turn:
            if self._file is not None:
                os.close(self._file)
                self._file = None
