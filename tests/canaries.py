"""A pytest plugin: names, numbers, addresses, texts and secrets are searched wherever a test run leaves something.

What the tests enter is the canary: few people, numbers and one clinic, all fictional, that nothing else is called.
Staff's screens (standard output) show them; nothing else may. Searched are

- the fields of every log line of this program in the test's own process,
- the standard error of every command and the log of every daemon,
- the command line, title and environment of every process that is started, and of those that run,
- every file that is left, the database among them: what lies there is sealed.

Only `config.toml`, `secrets/` and the clinic's own texts in `messages/` may hold what is theirs.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

PEOPLE = ("Ruth", "Miller", "Otto Other", "Otto Berg", "John Baker", "Ines Soto", "Spoilt Zone", "Quillfeather")
RECORDS = ("A-1001", "A-1042", "1948-03-07", "1944-05-06")
TEXTS = ("Lakeside IR", "You will get")
"""The clinic's name stands in every text that is filled in; in a template stands its placeholder."""

CANARIES = (*PEOPLE, *RECORDS, *TEXTS)

NUMBER = re.compile(rb"(?<!\d)1?21455[5-7]\d{4}(?!\d)|214[-. )]{1,2}55[5-7]")
"""As it is dialled or written; within a longer row of digits it is part of an id."""

AT = b"@example.org"
ADDRESS = re.compile(rb"[\w.+-]+@example\.org")
MAIL_ID = re.compile(rb"[\w.+-]*[0-9a-f]{4}@example\.org|[0-9a-f]+@example\.org")
"""What a mail is called is no address, though the clinic's own domain stands in it; where a page of a database is
used again, only its end may be left, behind a byte of something else."""

LAWFUL = {"config.toml", "config.example.toml", "secrets", "messages", "followup"}
"""What the operator writes: the clinic's own name and staff; the secrets; the texts, which name nobody. `followup`
is the program itself where a test installs it."""

EXAMPLES = ("214-555-0100", "214-555-0123", "name@example.org", "1948-03-07")
"""Stand in what is said about a wrong answer, for the right one; they are nobody's."""

SECRETS = ("keys", "index_key", "twilio_auth_token", "smtp_password", "mailbox_password", "database_password")
FEWEST_LETTERS = 12
"""Of a secret that is searched for: a test's short one may be a word."""

ON_PURPOSE = "CANARIES_ON_PURPOSE"
"""Set in the environment of the processes of a test that types or plants a leak on purpose."""

NO_SEARCH = {"PYTEST_CURRENT_TEST", "PYTEST_XDIST_TESTRUNUID"}
"""Variables of pytest's own: a test may be called after what it types."""

TYPED_WRONG = {
    "test_wrong_input.py": "somebody types a name or a number where none belongs, and it must not be repeated",
    "test_cli_send_test.py": "staff type their own number or address, which is no patient's",
}
"""Test files whose commands hold such a word on purpose; their processes' command lines are left out."""

LOOK_EVERY = 0.5
"""Seconds between two looks at the processes that run."""


def found(text: str | bytes, more: frozenset[str] = frozenset()) -> list[str]:
    """The canaries in it."""
    content = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    hits = [canary for canary in (*CANARIES, *sorted(more)) if canary.encode() in content]
    hits += ["a number"] if NUMBER.search(content) else []
    addresses = ADDRESS.findall(content) if AT in content else []
    return hits + (["an address"] if any(not MAIL_ID.fullmatch(a) for a in addresses) else [])


def secrets_in(folder: Path) -> frozenset[str]:
    """What lies in the secret files below a folder, part by part: a key beside its id."""
    paths = [path for name in SECRETS for path in folder.rglob(f"secrets/{name}") if path.is_file()]
    texts = [path.read_text(errors="replace") for path in paths]
    return frozenset(part for text in texts for part in text.split() if len(part) >= FEWEST_LETTERS)


def leaks_of_files(folder: Path) -> Iterator[str]:
    """A line for each file below the folder that holds a canary, or a secret of the clinics there."""
    more = secrets_in(folder)
    for path in folder.rglob("*"):
        where = path.relative_to(folder)
        if LAWFUL.isdisjoint(where.parts) and path.is_file() and not path.is_symlink():
            for canary in found(path.read_bytes(), more):
                yield f"the file {where} holds {_named(canary)}"


def leaks_of_process(words: str, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each canary in what everybody on the machine, or the same user, reads of a process."""
    for canary in found(words):
        yield f"a command line or title holds {_named(canary)}"
    for name, value in environ.items():
        if name not in NO_SEARCH:
            yield from (f"the variable {name} holds {_named(canary)}" for canary in found(value))


def _named(canary: str) -> str:
    known = canary in CANARIES or canary in {"a number", "an address"}
    return repr(canary) if known else "a secret"


class Watch:
    """Everything heard and seen since it was last asked; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leaks: dict[str, None] = {}
        self._records: list[logging.LogRecord] = []
        self._seen: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="canaries", daemon=True)

    def begin(self) -> None:
        make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(lambda *given, **more: self._kept(make(*given, **more)))
        logging.getLogger("followup").setLevel(logging.INFO)
        sys.addaudithook(self._audit)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def tell(self, leaks: Iterator[str]) -> None:
        with self._lock:
            self._leaks.update(dict.fromkeys(leaks))

    def told(self) -> list[str]:
        """What leaked since the last call."""
        with self._lock:
            records, self._records = self._records, []
            leaks = [*self._leaks, *(leak for record in records for leak in _leaks_of_line(record))]
            self._leaks = {}
        return leaks

    def _kept(self, record: logging.LogRecord) -> logging.LogRecord:
        """Its fields are set only later, so it is read when the test is over."""
        if record.name.partition(".")[0] == "followup":
            self._records.append(record)
        return record

    def _audit(self, event: str, given: tuple[Any, ...]) -> None:
        """Every process that is started from here."""
        if event != "subprocess.Popen":
            return
        _, words, _, environ = given
        environ = dict(os.environ if environ is None else environ)
        if ON_PURPOSE not in environ:
            line = words if isinstance(words, str) else " ".join(os.fsdecode(word) for word in words)
            self.tell(leaks_of_process(_without_code(line), environ))

    def _look(self) -> None:
        """Every process below this one, for as long as it runs."""
        while not self._stop.wait(LOOK_EVERY):
            for pid in _below(os.getpid()):
                self._look_at(pid)

    def _look_at(self, pid: int) -> None:
        try:
            process = Path("/proc", str(pid))
            words = process.joinpath("comm").read_bytes() + b" " + process.joinpath("cmdline").read_bytes()
            variables = process.joinpath("environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            return
        state = hash((pid, words))
        environ = dict(v.partition("=")[::2] for v in variables)
        if state not in self._seen and ON_PURPOSE not in environ:
            self._seen.add(state)
            self.tell(
                leaks_of_process(_without_code(words.replace(b"\0", b" ").decode(errors="replace")), environ)
            )


def _leaks_of_line(record: logging.LogRecord) -> Iterator[str]:
    line = f"{record.getMessage()} {getattr(record, 'fields', '')}"
    yield from (f"a log line at {record.filename}:{record.lineno} holds {_named(c)}" for c in found(line))


def _without_code(line: str) -> str:
    """A program given with -c is a test's own."""
    return line.partition(" -c ")[0]


def _below(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        if not _is_on_purpose(child):
            yield from _below(child)


def _children(pid: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path("/proc", str(pid), "task").glob("*/children")]
    except OSError:  # it has ended meanwhile
        return []
    return [int(child) for children in lists for child in children.split()]


def _is_on_purpose(pid: int) -> bool:
    """What runs below such a process is searched by its own plugin."""
    try:
        return f"{ON_PURPOSE}=".encode() in Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return False


WATCH = Watch()


def hear(text: str, whose: str) -> None:
    """What a command wrote to its standard error; a canary in it fails the test that is running."""
    for example in EXAMPLES:
        text = text.replace(example, "")
    WATCH.tell(f"the standard error of {whose} holds {_named(canary)}" for canary in found(text))


# What pytest calls.

_gathered: list[str] = []
_searched: set[Path] = set()


def pytest_configure() -> None:
    WATCH.begin()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a test starts bears the mark itself: it may still run when the next test does."""
    if item.path.name in TYPED_WRONG:
        os.environ[ON_PURPOSE] = item.path.name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """When all that a test began has ended, what it left is searched; a leak is the test's own failure."""
    done = yield
    if os.environ.get(ON_PURPOSE) == item.path.name:
        del os.environ[ON_PURPOSE]
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    leaks = WATCH.told()
    if isinstance(folder, Path) and folder.is_dir():
        _searched.add(folder)
        leaks += leaks_of_files(folder)
    if leaks:
        pytest.fail("\n".join(["this leaked:", *leaks]), pytrace=False)
    return done


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """What no single test left: the folders they shared."""
    WATCH.end()
    leaks = WATCH.told()
    for folder in _shared_folders(session.config):
        leaks += [f"{folder.name}: {leak}" for leak in leaks_of_files(folder)]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["canaries"] = leaks
    _gathered.extend(leaks)
    if _gathered and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _shared_folders(config: pytest.Config) -> list[Path]:
    """Of this process: one that only hands out tests to workers has none of its own."""
    base = getattr(getattr(config, "_tmp_path_factory", None), "_basetemp", None)
    if base is None or (config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")):
        return []
    return [f for f in base.iterdir() if f.is_dir() and not f.is_symlink() and f not in _searched]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _gathered.extend(getattr(node, "workeroutput", {}).get("canaries", []))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _gathered:
        terminalreporter.section("canaries")
        for leak in _gathered:
            terminalreporter.write_line(f"this leaked: {leak}", red=True)
