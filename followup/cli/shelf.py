"""Where the `plan` commands find texts: the clinic's own configuration, else the example's values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.errors import ConfigError

if TYPE_CHECKING:
    from followup.care.practice import Practice
    from followup.cli.desk import Desk
    from followup.config import Config
    from followup.messages import ClinicWords, MessageLibrary


@dataclass(frozen=True)
class Shelf:
    """A configuration and the folder of messages that goes with it; no database is needed.

    `own`: the folder is the clinic's own copy, in which approvals may be written.
    """

    config: Config
    folder: Path
    own: bool

    @property
    def words(self) -> ClinicWords:
        from followup.app import words_of

        return words_of(self.config)

    @cached_property
    def library(self) -> MessageLibrary:
        """Raises MessageError with every fault that makes the folder unusable."""
        from followup.messages import MessageLibrary

        return MessageLibrary.load(self.folder, self.words)

    def to_check(self) -> MessageLibrary:
        """The library with its faults kept, so that all can be told at once."""
        from followup.messages import MessageLibrary

        return MessageLibrary.open_to_check(self.folder, self.words)

    def practice(self, library: MessageLibrary) -> Practice:
        return self.config.practice(library.plans)


def shelf(desk: Desk) -> Shelf:
    """The clinic's shelf; without any configuration the example's, and one line that says so.

    Raises ConfigError for a configuration that was named and is missing, or that has faults.
    """
    from followup.app import messages_folder
    from followup.config import example_config, find_config, load_config

    named = desk.config or os.environ.get("FOLLOWUP_CONFIG")
    try:
        path = find_config(Path(desk.config) if desk.config else None)
    except ConfigError:
        if named:
            raise
        click.echo("There is no configuration here: these are the values of config.example.toml.", err=True)
        config = example_config()
        return Shelf(config, messages_folder(config), own=False)
    config = load_config(path)
    return Shelf(config, messages_folder(config), own=config.messages is not None)
