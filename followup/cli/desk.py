"""The desk a command works at: the house behind it, and who sits there."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from followup.app import App
    from followup.change import Hand
    from followup.storage import Transaction

T = TypeVar("T")


@dataclass
class Desk:
    """What every command shares; the house is built when a command first needs it."""

    config: str | None
    named: str | None

    @cached_property
    def app(self) -> App:
        """Raises ConfigError, MessageError or StorageError in words for staff."""
        from followup.app import build_app

        app = build_app(Path(self.config) if self.config else None)
        app.storage.require_schema()
        return app

    @property
    def by(self) -> str:
        """Who gives the order: `--by`, else the OS user."""
        return self.named or getpass.getuser()

    @property
    def now(self) -> datetime:
        return self.app.clock.utc()

    def hand(self, tx: Transaction) -> Hand:
        """What the verbs of `change` work with."""
        from followup.change import Hand

        return Hand(tx, self.app.clinic, self.now, self.by)

    def rehearse(self, verb: Callable[[Transaction], T]) -> T:
        """What the verb would do; nothing of it is kept."""
        with self.app.storage.rehearsal() as tx:
            return verb(tx)

    def carry_out(self, verb: Callable[[Transaction], T]) -> T:
        """Do it."""
        with self.app.storage.transaction() as tx:
            return verb(tx)

    def close(self) -> None:
        if "app" in self.__dict__:
            self.app.close()


pass_desk = click.make_pass_decorator(Desk)

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


def print_json(value: Any) -> None:  # noqa: ANN401  whatever JSON can say
    """One JSON document; moments as ISO text in UTC."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
