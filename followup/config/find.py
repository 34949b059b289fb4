"""Where a configuration lies: the clinic's own, and the example that ships."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from followup.config.configuration import Config
from followup.config.load import load_without_secrets
from followup.errors import ConfigError, Fault

HOW_TO_MAKE_ONE = "`followup init` makes one"


def find_config(explicit: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The file named, `$FOLLOWUP_CONFIG`, ./config.toml, the user's own, or the machine's: the first there is.

    A file that was named must exist: another one is never taken instead. Raises ConfigError.
    """
    environment = os.environ if environ is None else environ
    if explicit is not None:
        return _existing(explicit, "the configuration you named")
    if environment.get("FOLLOWUP_CONFIG"):
        return _existing(Path(environment["FOLLOWUP_CONFIG"]), "$FOLLOWUP_CONFIG")
    places = _places(environment)
    for place in places:
        if _there(place):
            return place
    looked = ", ".join(str(place) for place in places)
    raise ConfigError([Fault("config.toml", f"there is none ({looked}); {HOW_TO_MAKE_ONE}")])


def _existing(path: Path, named_by: str) -> Path:
    if not _there(path):
        raise ConfigError([Fault(named_by, f"there is no file {path}; {HOW_TO_MAKE_ONE}")])
    return path


def _there(path: Path) -> bool:
    """Whether we may read it; a folder that is closed to us holds nothing for us."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def _places(environment: Mapping[str, str]) -> list[Path]:
    home = environment.get("HOME")
    own = [Path(home) / ".config/followup/config.toml"] if home else []
    return [Path("config.toml"), *own, Path("/etc/followup/config.toml")]


def example_path() -> Path:
    """config.example.toml: inside the package in a wheel, beside it in a checkout; raises ConfigError."""
    package = Path(__file__).parents[1]
    for place in (package / "_config.example.toml", package.parent / "config.example.toml"):
        if place.is_file():
            return place
    raise ConfigError([Fault("config.example.toml", "is missing from this installation; install followup anew")])


def example_config() -> Config:
    """The values of config.example.toml without secrets, for `plan` commands that have no configuration."""
    return load_without_secrets(example_path())
