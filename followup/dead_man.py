"""A ping to a watcher outside: when it stays away, somebody is told that the daemon is dead."""

from __future__ import annotations

import urllib.error
import urllib.request

from followup import log

PATIENCE = 5
"""Seconds to wait for the watcher."""


def ping(url: str) -> None:
    """Tell the watcher that a tick succeeded; one that does not answer is its own alarm, and ours goes on."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  the configuration allows https, or http to this machine
            answer.read(1024)
    except (urllib.error.URLError, OSError) as error:
        log.fault("ping", error)
