"""The database's address: a file of SQLite, or a PostgreSQL server. A password never stands in it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from followup.config.endpoints import is_loopback

_FILE = "sqlite:///"
_SERVER = re.compile(r"postgresql(\+psycopg)?://")
_PSYCOPG = "postgresql+psycopg://"
_OPTIONS = {"host", "sslmode", "sslrootcert", "sslcert", "sslkey"}


def database_url(url: str) -> str:
    """The address as it stands in the file, checked; raises ValueError."""
    if url.startswith(_FILE):
        return _file(url)
    if _SERVER.match(url) is None:
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    return _server(url)


def _file(url: str) -> str:
    name = url.removeprefix(_FILE)
    if name in {"", ":memory:"} or "?" in name or name.startswith("file:"):
        raise ValueError("must name a file, for example sqlite:///followup.db; a database in memory would be lost")
    return url


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        password, _port = parts.password, parts.port
        options = parse_qs(parts.query, keep_blank_values=True)
    except ValueError as error:
        raise ValueError("cannot be read; write postgresql+psycopg://user@host/database") from error
    if password or "password" in options:
        raise ValueError("holds a password; take it out, and put it into secrets/database_password")
    if not set(options) <= _OPTIONS:
        raise ValueError(f"has an unknown option after the ?; known: {', '.join(sorted(_OPTIONS))}")
    if not on_this_machine(url) and options.get("sslmode") != ["verify-full"]:
        raise ValueError("goes to another machine unprotected; add ?sslmode=verify-full")
    return url


def on_this_machine(url: str) -> bool:
    """Whether the database is a file, a local socket, or a server on loopback."""
    if url.startswith(_FILE):
        return True
    parts = urlsplit(url)
    hosts = [h for value in parse_qs(parts.query).get("host", []) for h in value.split(",")]
    return all(not h or h.startswith("/") or is_loopback(h) for h in [parts.hostname or "", *hosts])


def resolved(url: str, folder: Path, password: str | None) -> str:
    """The address to connect to: a relative file counts from `folder`; the password, if any, is put in."""
    if url.startswith(_FILE):
        return f"{_FILE}{(folder / url.removeprefix(_FILE)).absolute()}"
    rest = _SERVER.sub("", url, count=1)
    if not password:
        return f"{_PSYCOPG}{rest}"
    place = re.split(r"[/?]", rest, maxsplit=1)[0]
    login, _, host = place.rpartition("@")
    user = login.partition(":")[0]
    return f"{_PSYCOPG}{user}:{quote(password, safe='')}@{host}{rest.removeprefix(place)}"
