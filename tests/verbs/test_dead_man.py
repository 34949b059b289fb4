"""The ping that tells a watcher outside that the daemon lives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from followup import dead_man, log


@contextmanager
def a_watcher() -> Iterator[tuple[str, list[str]]]:
    heard: list[str] = []

    class Watcher(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Watcher)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alive/7", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_watcher_hears_each_ping() -> None:
    with a_watcher() as (url, heard):
        dead_man.ping(url)
        dead_man.ping(url)
    assert heard == ["/alive/7", "/alive/7"]


def test_a_watcher_that_is_away_stops_nothing_and_its_address_is_not_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with a_watcher() as (url, _):
        pass
    log.to_stderr()
    dead_man.ping(url)
    said = capsys.readouterr().err
    assert '"event": "ping"' in said
    assert "/alive/7" not in said
