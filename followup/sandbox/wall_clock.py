"""The time in the stand-ins' own world, unless a demo or a test hands them a simulated one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]


def world_time() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  the provider's clock is not the product's: the sandbox imports nothing of the house
