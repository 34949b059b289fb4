"""Sealing: what identifies a person, and what was said, is unreadable without a key kept outside the database.

A value is bound to its table, column and row, so that nobody can move one person's number to another's row. The
key's id is written in front of each value, so that keys can be changed while old values are still read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from followup.errors import StorageError

_NONCE = 12
_INDEX = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives: nowhere else can it be opened."""

    table: str
    column: str
    row: int

    def __bytes__(self) -> bytes:
        return f"{self.table}.{self.column}:{self.row}".encode()


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals with the current key, opens with any of `keys` (32 bytes each, by id); `index_key` finds values."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    index_key: bytes = field(repr=False)

    def seal(self, place: Place, text: str) -> bytes:
        key_id, nonce = self.current.encode(), secrets.token_bytes(_NONCE)
        sealed = self._cipher(self.current).encrypt(nonce, text.encode(), bytes(place))
        return bytes([len(key_id)]) + key_id + nonce + sealed

    def open(self, place: Place, value: bytes) -> str:
        """The text; StorageError where the key is missing or the value was moved or changed."""
        key_id, nonce, sealed = _parts(value)
        try:
            return self._cipher(key_id).decrypt(nonce, sealed, bytes(place)).decode()
        except (InvalidTag, ValueError):
            raise StorageError(
                f"a sealed value does not open with key {key_id!r}: a wrong key, or the row was tampered with"
            ) from None

    def index(self, kind: str, text: str) -> bytes:
        """The blind index of a value of one kind (`number`, `email`, …): equal values, equal bytes."""
        return hmac.digest(self.index_key, f"{kind}:{text}".encode(), hashlib.sha256)[:_INDEX]

    def _cipher(self, key_id: str) -> AESGCM:
        try:
            return _cipher_of(self.keys[key_id])
        except KeyError:
            raise StorageError(f"the key {key_id!r}, which a sealed value needs, is not configured") from None


_cipher_of = lru_cache(maxsize=16)(AESGCM)
"""Making one costs as much as using it."""


def _parts(value: bytes) -> tuple[str, bytes, bytes]:
    """Key id, nonce and what is sealed; the id is shown in an error, so what is no id is not repeated."""
    end = 1 + (value[0] if value else 0)
    key_id = value[1:end].decode("ascii", errors="replace")
    known = key_id if key_id.isprintable() and key_id.isascii() else "?"
    return known, value[end : end + _NONCE], value[end + _NONCE :]
