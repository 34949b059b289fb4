"""A copy of the shipped messages that a test may edit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from followup.messages import find_messages_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_messages_folder(), tmp_path / "messages"))
