"""What `doctor` looks at, one part after the other; each finding says what to do about it."""

from __future__ import annotations

import http.client
import shutil
import stat
import urllib.error
import urllib.request
import zoneinfo
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from importlib import metadata
from pathlib import Path

from followup.app import App, messages_folder, words_of
from followup.care.people import ChannelName
from followup.cli.pulse import pulse
from followup.clock import Clock
from followup.errors import DeliveryError, FaultsError, FollowupError, StorageError
from followup.messages import MessageLibrary, Severity
from followup.storage import health
from followup.storage.engine import sqlite_path
from followup.storage.modes import open_to_others
from followup.storage.switches import Switch

FILES = FaultsError.exit_code

LEAST_SPACE = 200_000_000
"""Bytes: below it a busy week of messages and a backup may not fit."""

MOST_SKEW = timedelta(seconds=30)
"""A clock further off sends too early, too late, or misjudges what a provider did."""

_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

PATIENCE = 10
"""Seconds to wait for one answer."""


class State(Enum):
    """Fine; worth knowing; or to be mended."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's. `exit_code` is what a fault of this kind ends the command with."""

    about: str
    state: State
    said: str
    exit_code: int = FollowupError.exit_code


def ok(about: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding(about, State.OK, said)


def fault(about: str, said: str, code: int = FollowupError.exit_code) -> Finding:
    """To be mended; `said` tells how."""
    return Finding(about, State.FAULT, said, code)


def examine(app: App, *, offline: bool) -> Iterator[Finding]:
    """Everything, in the order in which it is best mended; `offline` leaves out what needs a network."""
    yield ok("configuration", str(app.config.path))
    yield from _permissions(app)
    usable = yield from _database(app)
    library = yield from _messages(app)
    yield from _machine(app)
    if usable:
        yield from _practice(app, library)
    if not offline:
        yield _reached("Twilio", partial(_check, app, ChannelName.SMS))
        yield _reached("mail server", partial(_check, app, ChannelName.EMAIL))
        if app.config.mailbox is not None:
            yield _reached("mailbox", partial(_open_mailbox, app))
        yield clock_against(app.config.twilio.base_url, app.clock)


def _permissions(app: App) -> Iterator[Finding]:
    """Others on this machine must neither read the database nor change what is configured."""
    changed = [path for path in _kept_from_others(app) if path.stat().st_mode & _WRITTEN_BY_OTHERS]
    read = open_to_others(app.storage.engine)
    yield from (fault("permissions", f"others can change {p}; run: chmod go-w {p}", FILES) for p in changed)
    yield from (fault("permissions", f"others can read {p}; run: chmod 600 {p}", FILES) for p in read)
    if not changed and not read:
        yield ok("permissions", "only the owner reads the secrets and the database")


def _kept_from_others(app: App) -> list[Path]:
    """Whoever writes into the database's folder could put another database, or another lock, in its place."""
    database = sqlite_path(app.storage.engine)
    folders = {app.config.path.parent} | ({database.parent} if database and database.parent.is_dir() else set())
    return [*sorted(folders), app.config.path]


def _database(app: App) -> Generator[Finding, None, bool]:
    """Whether it can be used for what follows."""
    try:
        app.storage.require_schema()
        with app.storage.reading() as tx:
            whole = health.sound(tx.connection)
            tx.directory.identities(tx.register.all_ids()[:1])
    except StorageError as error:
        yield fault("database", str(error), StorageError.exit_code)
        return False
    if not whole:
        yield fault(
            "database", "the file is damaged; stop the daemon and restore a backup", StorageError.exit_code
        )
        return False
    yield ok("database", "reachable, of this version, undamaged; the key opens it")
    return True


def _messages(app: App) -> Generator[Finding, None, MessageLibrary | None]:
    """The library, if it can be used for what follows."""
    try:
        library = MessageLibrary.open_to_check(messages_folder(app.config), words_of(app.config))
    except FaultsError as error:
        yield fault("messages", str(error), FILES)
        return None
    found = library.check(None, app.config.practice(library.plans), mailbox=app.config.mailbox is not None)
    faults = [f for f in found if f.severity is Severity.FAULT]
    yield from (fault("messages", f"{f.where}: {f.what}", FILES) for f in faults)
    if not faults:
        yield ok("messages", f"{len(library.plans)} care plans, without a fault")
    return None if library.faults else library


def _practice(app: App, library: MessageLibrary | None) -> Iterator[Finding]:
    """What depends on whether patients are really written to."""
    with app.storage.reading() as tx:
        live = tx.switches.get(Switch.LIVE) is not None
        paused = tx.switches.paused_channels()
        followed = health.plans_followed(tx.connection)
    if library:
        yield from _approvals(library, followed, live=live)
    if paused:
        yield fault("sending", f"paused: {', '.join(paused)}; when the cause is mended: followup unpause")
    yield _daemon(app, live=live)


def _approvals(library: MessageLibrary, followed: set[str], *, live: bool) -> Iterator[Finding]:
    for key, plan in library.plans.items():
        for language in library.languages(key) if key in followed or not plan.example else ():
            about, waiting = f"approvals of {key} in {language}", library.unapproved(key, language)
            how = f"followup plan approve {key} --language {language} --by NAME"
            if not waiting:
                yield ok(about, "every text is approved as it stands")
            elif live and library.never_approved(key, language):
                yield fault(about, f"texts go out that nobody approved: {how}", FILES)
            else:
                yield Finding(about, State.NOTE, f"{len(waiting)} texts wait: {how}")


def _daemon(app: App, *, live: bool) -> Finding:
    now = app.clock.utc()
    beat = pulse(app, now)
    if beat.alive:
        return ok("daemon", f"runs; {beat.said(now)}")
    said = f"does not run ({beat.said(now)}); start it: followup run"
    return fault("daemon", said) if live else Finding("daemon", State.NOTE, said)


def _machine(app: App) -> Iterator[Finding]:
    path = sqlite_path(app.storage.engine)
    free = shutil.disk_usage(path.parent if path and path.parent.is_dir() else app.config.path.parent).free
    said = f"{free // 1_000_000:,} MB free"
    yield ok("disk", said) if free >= LEAST_SPACE else fault("disk", f"{said}; make room, or nothing can be kept")
    yield ok("time zones", f"tzdata {_zones_version()}")


def _zones_version() -> str:
    """The machine's own data come first, as Python looks for them; the package is the fallback."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / "tzdata.zi"
        if path.is_file():
            with path.open(encoding="utf-8") as file:
                return file.readline().removeprefix("# version ").strip() + " (of this machine)"
    return f"{metadata.version('tzdata')} (of the Python package)"


def _check(app: App, channel: ChannelName) -> None:
    app.channels[channel].check()


def _open_mailbox(app: App) -> None:
    if app.mailbox is not None:
        app.mailbox.check()


def _reached(about: str, check: Callable[[], None]) -> Finding:
    """Address, encryption and credentials; nothing is sent, and no mail is read."""
    try:
        check()
    except DeliveryError as error:
        return fault(about, f"{error}; check its table in config.toml and its secret")
    except FaultsError as error:
        return fault(about, str(error), FILES)
    return ok(about, "reached; the credentials are right")


def clock_against(url: str, clock: Clock) -> Finding:
    """This machine's clock beside the date that the provider's server names in its answer."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310  the configuration allows https, or http to this machine
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310  same
            named = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        named = error.headers.get("Date")
    except (OSError, http.client.HTTPException):
        named = None
    now = clock.utc()
    there = _moment(named)
    if there is None:
        return Finding("clock", State.NOTE, "could not be compared: the provider named no time")
    off = int(abs(now - there).total_seconds())
    if off > MOST_SKEW.total_seconds():
        return fault("clock", f"is {off} s off the provider's; switch on time synchronisation (NTP)")
    return ok("clock", f"within {int(MOST_SKEW.total_seconds())} s of the provider's")


def _moment(named: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(named or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
