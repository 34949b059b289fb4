"""What shows that a process of this machine lives: a lock that the system gives back when its holder is gone.

Each owner on PostgreSQL holds such a lock on a private file of its own, for the others on its machine to try. A
file that is there and whose lock is free proves a death; a file that is not there proves nothing: its holder may
run on another machine, or see another folder for temporary files.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from followup.errors import StorageError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Linux's name of this run of this machine: a file left by an earlier run, or by another machine, is not ours."""


def new_name() -> str:
    """Host, process and a random part: a process id comes round again."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"


def locked(path: Path) -> int | None:
    """The open file with its lock; None if another has it."""
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"the lock beside the database cannot be opened ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def hold(name: str) -> int | None:
    """An open file whose lock says that the owner of this name lives; None where no safe place for it is found.

    It is locked before it bears its name: nobody ever finds a living owner's file free.
    """
    if (folder := _folder()) is None:
        return None
    unnamed = folder / secrets.token_hex(16)
    try:
        if (file := locked(unnamed)) is not None:
            unnamed.rename(_path(folder, name))
    except (OSError, StorageError):
        return None
    return file


def gone(name: str) -> bool:
    """Whether the owner of this name provably lives no more."""
    if (folder := _folder()) is None:
        return False
    try:
        file = os.open(_path(folder, name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who try at once do not mislead each other
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def forget(name: str) -> None:
    """Take the file of this name away: nobody asks after it any more."""
    if (folder := _folder()) is not None:
        with suppress(OSError):
            _path(folder, name).unlink(missing_ok=True)


def _folder() -> Path | None:
    """Our own folder for these files; None if it is not ours alone: what stands in it could then say anything."""
    folder = Path(tempfile.gettempdir()) / f"followup-owners-{os.getuid()}"
    try:
        folder.mkdir(0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return folder if private and found.st_uid == os.getuid() else None


def _path(folder: Path, name: str) -> Path:
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        boot = ""
    return folder / hashlib.sha256(f"{name} {boot}".encode()).hexdigest()[:32]
