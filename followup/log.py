"""Log lines for machines: JSON, with ids, codes and counts only; what a patient is called or told never is.

The same holds for what nobody meant to write: errors that nobody caught, warnings, and lines of libraries are told
by class and place, never in their own words, which repeat what was typed, stored or sent.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from types import TracebackType

from followup.errors import FollowupError

LOUD = ("apscheduler", "sqlalchemy", "twilio", "twilio.http_client", "alembic")
"""Libraries that have much to say, and nothing that our own lines do not tell."""

_logger = logging.getLogger("followup")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        line = {"at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname.lower()}
        ours = record.name.partition(".")[0] == "followup"
        return json.dumps(line | ({"event": record.getMessage()} | fields if ours else _foreign(record)))


def _foreign(record: logging.LogRecord) -> dict[str, str]:
    """A library's line, without its words and values."""
    raised = record.exc_info[0] if record.exc_info else None
    said = {"event": "library", "logger": record.name, "where": f"{record.filename}:{record.lineno}"}
    return said | ({"error": raised.__name__} if raised else {})


def to_stderr() -> None:
    """Write this program's events to standard error; from libraries only that something is wrong, and where."""
    hide_values()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    _logger.handlers = [handler]
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def hide_values() -> None:
    """From now on no library's line and no line that cannot be formatted is written with its values."""
    logging.raiseExceptions = False
    last = logging.StreamHandler(sys.stderr)
    last.setLevel(logging.WARNING)
    last.setFormatter(_Json())
    logging.lastResort = last


def event(name: str, **fields: str | float | None) -> None:
    """Something happened; `fields` are ids, codes and counts."""
    _logger.info(name, extra={"fields": fields})


def fault(name: str, error: BaseException, **fields: str | float | None) -> None:
    """Something failed: its class and place. Only our own errors are quoted, since they carry no identity."""
    said = str(error) if isinstance(error, FollowupError) else ""
    where = _places(error.__traceback__)
    _logger.error(name, extra={"fields": {"error": type(error).__name__, "said": said, "where": where, **fields}})


def unexpected(error: BaseException) -> None:
    """Nobody caught it: a fault of the program itself, told to its log, or to whoever typed the command."""
    if _logger.handlers:
        fault("unexpected", error)
        return
    what = f"{type(error).__name__} at {_places(error.__traceback__)}"
    sys.stderr.write(f"a fault of the program itself: {what}; its own words may name a patient and are left out\n")


def warned(category: type[Warning], filename: str, lineno: int) -> None:
    """A warning of Python or of a library."""
    _logger.warning("warning", extra={"fields": {"error": category.__name__, "where": _place(filename, lineno)}})


def _places(trace: TracebackType | None) -> str:
    """The last three places, without the lines of code or values."""
    frames = traceback.extract_tb(trace)[-3:]
    return " < ".join(_place(f.filename, f.lineno) for f in reversed(frames))


def _place(filename: str, lineno: int | None) -> str:
    return f"{filename.rsplit('/', 1)[-1]}:{lineno}"
