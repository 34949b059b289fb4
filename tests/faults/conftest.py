"""The fault tests' table: each worker sends its rows to the process that prints them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import fault_table
import pytest

_gathered: dict[str, Counter[str]] = {}


def _gather(rows: dict[str, dict[str, int]]) -> None:
    for name, counts in rows.items():
        _gathered.setdefault(name, Counter()).update(counts)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = {name: dict(counts) for name, counts in fault_table.rows.items()}
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        _gather(rows)
    else:
        output["fault_table"] = rows


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _gather(getattr(node, "workeroutput", {}).get("fault_table", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _gathered:
        terminalreporter.section("faults")
        for line in fault_table.lines(_gathered):
            terminalreporter.write_line(line)
