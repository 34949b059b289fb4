"""Time zones by the names people know, and the nearest right one where a name is wrong."""

from __future__ import annotations

import difflib
import hashlib
import zoneinfo
from functools import cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from followup.errors import InputError

_SPOKEN = {
    "America/New_York": ("eastern", "et", "est", "edt", "eastern time", "est5edt"),
    "America/Chicago": ("central", "ct", "cst", "cdt", "central time", "cst6cdt", "texas", "dallas", "houston"),
    "America/Denver": ("mountain", "mt", "mst", "mdt", "mountain time", "mst7mdt"),
    "America/Phoenix": ("arizona",),
    "America/Los_Angeles": ("pacific", "pt", "pst", "pdt", "pacific time", "pst8pdt", "california"),
    "America/Anchorage": ("alaska", "akst", "akdt"),
    "Pacific/Honolulu": ("hawaii", "hst"),
}
"""What Americans call their zones. `EST` is in the zone database too, but never changes its clocks."""


def zone(text: str) -> ZoneInfo:
    """The zone of that IANA name (`America/Chicago`); raises InputError with the nearest right name."""
    name = text.strip()
    if name in _places():
        return ZoneInfo(name)
    nearest = _nearest(name.lower())
    hint = f"did you mean '{nearest}'?" if nearest else "write it as Area/City, for example America/Chicago"
    raise InputError(f"there is no time zone of this name; {hint}")


def rules_in_use() -> str:
    """A fingerprint of all rules of time zones, as this machine has them: it changes when any of them does."""
    digest = hashlib.sha256()
    for name in sorted(available_timezones()):
        digest.update(name.encode() + b"\0" + _rules(name))
    return digest.hexdigest()


def _rules(name: str) -> bytes:
    """Found where `zoneinfo` finds them: on the system's path first, else in the package `tzdata`."""
    for folder in zoneinfo.TZPATH:  # asked each time: the command line resets it
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    package, _, place = f"tzdata.zoneinfo.{name.replace('/', '.')}".rpartition(".")
    return resources.files(package).joinpath(place).read_bytes()


@cache
def _places() -> frozenset[str]:
    """Zones of places: those without a place are fixed offsets, wrong for half of the year."""
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))


def _nearest(wanted: str) -> str | None:
    for name, spoken in _SPOKEN.items():
        if wanted in spoken:
            return name
    by_name = {name.lower(): name for name in sorted(_places())}
    by_city = {name.rpartition("/")[2]: name for name in reversed(by_name)}
    if city := by_city.get(wanted.replace(" ", "_")):
        return by_name[city]
    close = difflib.get_close_matches(wanted, by_name, n=1, cutoff=0.7)
    if close:
        return by_name[close[0]]
    city_like = difflib.get_close_matches(wanted.replace(" ", "_"), by_city, n=1, cutoff=0.75)
    return by_name[by_city[city_like[0]]] if city_like else None
