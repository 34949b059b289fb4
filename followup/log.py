"""Log lines for machines: JSON, with ids, codes and counts only; what a patient is called or told never is."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from types import TracebackType

from followup.errors import FollowupError

LOUD = ("apscheduler", "sqlalchemy", "twilio", "twilio.http_client", "alembic")
"""Libraries that would write values of their own into the log."""

_logger = logging.getLogger("followup")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        line = {"at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname.lower()}
        return json.dumps(line | {"event": record.getMessage()} | fields)


def to_stderr() -> None:
    """Write this program's events to standard error; from libraries only what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    _logger.handlers = [handler]
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def event(name: str, **fields: str | float | None) -> None:
    """Something happened; `fields` are ids, codes and counts."""
    _logger.info(name, extra={"fields": fields})


def fault(name: str, error: BaseException, **fields: str | float | None) -> None:
    """Something failed: its class and place. Only our own errors are quoted, since they carry no identity."""
    said = str(error) if isinstance(error, FollowupError) else ""
    where = _places(error.__traceback__)
    _logger.error(name, extra={"fields": {"error": type(error).__name__, "said": said, "where": where, **fields}})


def _places(trace: TracebackType | None) -> str:
    """The last three places, without the lines of code or values."""
    frames = traceback.extract_tb(trace)[-3:]
    return " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
