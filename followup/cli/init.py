"""`followup init`: ten answers become configuration, keys, database and an editable copy of messages/."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from followup.errors import ConfigError, InputError, RefusedError

if TYPE_CHECKING:
    from followup.cli.init_questions import Told

MADE = ("messages", "secrets", "followup.db", "config.toml")
"""What is made, in the order it is put in place: a folder with config.toml in it is complete."""

PLACEHOLDERS = {"FOLLOWUP_TWILIO_AUTH_TOKEN": "later", "FOLLOWUP_SMTP_PASSWORD": "later"}
"""Stand in for secrets not given yet, while the rest of the configuration is checked."""

WHERE = {
    "twilio_auth_token": "the auth token of the Twilio account",
    "smtp_password": "the password of the mail account",
}


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False), default=".", show_default=True, help="Where to make it."
)
@click.option("--json", "as_json", is_flag=True, help="Read the answers as JSON from standard input.")
@click.option("--json-help", is_flag=True, help="Show what that JSON holds.")
def init(folder: str, *, as_json: bool, json_help: bool) -> None:
    """Ask ten things; make config.toml, secrets/, the database and your own copy of messages/.

    Nothing is made before every answer is right, and nothing that exists is overwritten.
    """
    from followup.cli.init_questions import EXAMPLE, from_json, from_prompts

    if json_help:
        click.echo(EXAMPLE)
        return
    place = Path(folder)
    _require_free(place)
    told = from_json(sys.stdin.buffer.read()) if as_json else from_prompts()
    make(place, told)
    _tell(place, told)


def _require_free(place: Path) -> None:
    for name in MADE:
        if (place / name).exists() or (place / name).is_symlink():
            raise RefusedError(f"there is a {name} in this folder already; nothing was changed (see --folder)")


def make(place: Path, told: Told) -> None:
    """Make all of it in a folder of its own, then move it in place; a fault leaves nothing behind.

    Raises InputError where the answers make no configuration, RefusedError where the folder cannot be written.
    """
    new = not place.exists()
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=place, prefix=".followup-init-") as made:
            _build(Path(made), told)
            _move(Path(made), place)
    except InputError:
        if new:
            place.rmdir()
        raise
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise RefusedError(f"this folder cannot be written: {reason}; nothing was made") from error


def _build(made: Path, told: Told) -> None:
    from followup.config import load_config, new_keys, write_config
    from followup.messages import find_messages_folder
    from followup.storage import Sealer, Storage

    _write(made / "config.toml", write_config(told.answers))
    (made / "secrets").mkdir(mode=0o700)
    for name, text in (new_keys() | told.secrets).items():
        _write(made / "secrets" / name, text)
    _copy(find_messages_folder(), made / "messages")
    try:
        config = load_config(made / "config.toml", PLACEHOLDERS)
    except ConfigError as error:
        raise InputError(str(error)) from error
    keys = config.secrets.keys
    storage = Storage(config.database_url, Sealer(keys.current, keys.sealing, keys.index))
    storage.migrate()
    storage.close()


def _write(path: Path, text: str) -> None:
    """For its owner alone, and on the disk: a key that is lost takes the database with it."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _copy(shipped: Path, own: Path) -> None:
    """To be edited, whatever the modes of an installed package are."""
    shutil.copytree(shipped, own, copy_function=shutil.copyfile)
    for folder in (own, *(path for path in own.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def _move(made: Path, place: Path) -> None:
    _require_free(place)
    moved: list[Path] = []
    try:
        for name in MADE:
            (made / name).rename(place / name)
            moved.append(place / name)
    except OSError:
        for path in reversed(moved):
            path.rename(made / path.name)
        raise


def _tell(place: Path, told: Told) -> None:
    where = place.resolve()
    click.echo(f"Made in {where}: config.toml, secrets/, followup.db, messages/.")
    click.echo("Keep a copy of secrets/keys and secrets/index_key elsewhere: without them the database is lost.")
    for name, what in WHERE.items():
        if name not in told.secrets and (name != "smtp_password" or told.answers.mail_user):
            click.echo(f"Still missing: {what}; put it into secrets/{name}, then: chmod 600 secrets/{name}")
    there = "" if where == Path.cwd() else f" --config {where / 'config.toml'}"
    click.echo("Next:")
    click.echo(f"  followup{there} doctor    what is wrong, and what to do about it")
    click.echo(
        f"  followup{there} enroll    enter somebody of your own; it is a trial, only your staff are written to"
    )
    click.echo(f"  followup{there} live      the checklist that ends the trial")
