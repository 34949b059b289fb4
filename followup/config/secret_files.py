"""Secrets and keys: from systemd credentials, files of our own, or the environment; never from config.toml.

Nothing here is ever shown: no fault, and no repr, repeats what was read.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from followup.errors import Fault

KEY_BYTES = 32
LARGEST_SECRET = 65_536
"""Bytes; hundreds of retired keys fit."""

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")

_WHAT = {
    "twilio_auth_token": "the auth token of the Twilio account",
    "twilio_api_key_secret": "the secret of the Twilio API key",
    "smtp_password": "the password of the mail account",
    "mailbox_password": "the password of the mailbox",
    "database_password": "the password of the database",
    "keys": "the keys that seal the database (from your backup; for a new database, `followup init` makes them)",
    "index_key": "the key of the search index (from your backup; for a new database, `followup init` makes it)",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """What seals the database: `current` is the id of the key for new values; `sealing` has retired ones too."""

    current: str
    sealing: Mapping[str, bytes] = field(repr=False)
    index: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """`twilio` is the auth token or, where an API key is configured, the key's secret."""

    twilio: str = field(repr=False)
    keys: Keys = field(repr=False)
    smtp_password: str | None = field(repr=False)
    database_password: str | None = field(repr=False)
    mailbox_password: str | None = field(default=None, repr=False)


def new_keys() -> dict[str, str]:
    """The text of fresh key files, by name; to be written once, mode 0600, and kept outside the database."""
    first, index = (base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() for _ in range(2))
    return {"keys": f"k1 {first}\n", "index_key": f"{index}\n"}


class Drawer:
    """The places a secret may lie in, in order: systemd's credentials, `secrets/` beside the file, a variable.

    `faults` gathers what is wrong with those asked for.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder / "secrets"
        self._environ = environ
        self.faults: list[Fault] = []

    def take(self, name: str, *, optional: bool = False) -> str | None:
        """The secret, without its line end; None, and a fault unless `optional`, if it is nowhere or unusable."""
        found = self._find(name)
        if found is None and not optional:
            found = Fault(f"secrets/{name}", self._missing(name))
        if isinstance(found, Fault):
            self.faults.append(found)
            return None
        return found

    def line(self, name: str, *, optional: bool = False) -> str | None:
        """As `take`, for a secret of one line."""
        found = self.take(name, optional=optional)
        if found is not None and not found.isprintable():
            self.faults.append(Fault(f"secrets/{name}", "must be one line without control characters"))
            return None
        return found

    def _find(self, name: str) -> str | Fault | None:
        credentials = self._environ.get("CREDENTIALS_DIRECTORY")
        found = _read(Path(credentials) / name, f"credential {name}", ours=False) if credentials else None
        if found is None:
            found = _read(self._folder / name, f"secrets/{name}", ours=True)
        if found is None and (text := self._environ.get(_variable(name))) is not None:
            found = _filled(text, f"${_variable(name)}")
        return found

    def _missing(self, name: str) -> str:
        return (
            f"is missing: put {_WHAT[name]} into the file {self._folder / name} (then `chmod 600` it), "
            f"or give it as systemd credential {name}, or in the variable {_variable(name)}"
        )


def _variable(name: str) -> str:
    return f"FOLLOWUP_{name.upper()}"


def _filled(text: str, where: str) -> str | Fault:
    return text.strip("\r\n") if text.strip() else Fault(where, "is empty")


def _read(path: Path, where: str, *, ours: bool) -> str | Fault | None:
    """The file's text; None if there is none.

    It is read through the descriptor that was checked. O_NONBLOCK, lest a FIFO hang us.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            what = _unsafe(path, os.fstat(descriptor), ours=ours)
            raw = b"" if what else os.read(descriptor, LARGEST_SECRET + 1)
        finally:
            os.close(descriptor)
        what = "is far too large" if len(raw) > LARGEST_SECRET else what
        return Fault(where, what) if what else _filled(raw.decode(), where)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Fault(where, f"cannot be read: {(error.strerror or 'unknown reason').lower()}")
    except UnicodeDecodeError:
        return Fault(where, "is not text")


def _unsafe(path: Path, found: os.stat_result, *, ours: bool) -> str | None:
    """What is wrong with the file itself; systemd sees to its own credentials."""
    if not stat.S_ISREG(found.st_mode):
        return "is no file"
    if ours and found.st_uid != os.geteuid():
        return f"belongs to another user; as root, run: chown {os.geteuid()} {path}"
    if ours and found.st_mode & 0o077:
        return f"others on this machine can read it; run: chmod 600 {path}"
    if ours and path.parent.stat().st_mode & 0o022:
        return f"others on this machine can replace it; run: chmod 700 {path.parent}"
    return None


def read_keys(drawer: Drawer) -> Keys | None:
    """`keys`: one `<key id> <base64 of 32 bytes>` a line, the first is current; `index_key`: one key alone."""
    lines, index_text = drawer.take("keys"), drawer.take("index_key")
    sealing = _sealing(lines, drawer.faults) if lines is not None else {}
    index = _key(index_text.strip()) if index_text is not None else None
    if index_text is not None and index is None:
        drawer.faults.append(Fault("secrets/index_key", f"must be one key: {KEY_BYTES} bytes in base64"))
    if not sealing or index is None:
        return None
    if index in sealing.values():
        drawer.faults.append(Fault("secrets/index_key", "is also in secrets/keys; it must be a key of its own"))
        return None
    return Keys(next(iter(sealing)), sealing, index)


def _sealing(text: str, faults: list[Fault]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for n, line in enumerate(text.splitlines(), start=1):
        key_id, _, encoded = line.strip().partition(" ")
        if not key_id:
            continue
        key = _key(encoded.strip())
        if key is None or _KEY_ID.fullmatch(key_id) is None or key_id in found:
            faults.append(Fault(f"secrets/keys: line {n}", _wrong_line(key_id, key, found)))
            return {}
        found[key_id] = key
    return found


def _wrong_line(key_id: str, key: bytes | None, found: Mapping[str, bytes]) -> str:
    if key is not None and key_id in found:
        return "has the id of a line above it; every key has its own"
    return f"must be a key id of 1 to 16 letters or digits, a space, and {KEY_BYTES} bytes in base64"


def _key(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None
