"""A maildir on this machine, read beside whoever else reads it: nothing in it is moved, marked or deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from followup.channels.letter import RawMail
from followup.channels.mailbox import BEGINNING, END, LARGEST_WHOLE, joined
from followup.errors import SenderBlocked, Unavailable

_DELIVERED = re.compile(r"(\d{9,10})\.")
"""The seconds since 1970 that a delivered mail's name begins with."""
_TO_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_LOOKS = 3
"""A reader may move a mail from new/ to cur/ while it is looked for; three times in a row is not chance."""

Place = tuple[str, str]
"""The folder, new or cur, and the file's name."""


class Maildir:
    """A Source; `known` are the mails that were told, or were older than what was asked for at the first look."""

    on_loopback = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[str] = set()
        self._looked = False

    def check(self) -> None:
        """Prove that it can be read."""
        self._listed()

    def unread(self, since: datetime) -> Iterator[RawMail]:
        """Each mail that was not told yet and came at or after `since`, or appeared since the last look."""
        for _ in range(_LOOKS):
            places = self._listed()
            self._known &= places.keys()
            gone = False
            for name, place in places.items():
                if name not in self._known:
                    found = self._mail(place, since)
                    if isinstance(found, RawMail):
                        yield found
                    gone |= found is None
                    self._known |= {name} if found is not None else set()
            if not gone:
                self._looked = True
                return
        raise Unavailable("mails in the maildir are moved faster than they can be read")

    def _listed(self) -> dict[str, Place]:
        """Every mail by the part of its name that stays. new/ first: what is moved meanwhile is then in cur/."""
        places: dict[str, Place] = {}
        try:
            for folder in ("new", "cur"):
                with os.scandir(self._folder / folder) as entries:
                    names = [entry.name for entry in entries if _may_be_mail(entry)]
                places |= {name.partition(":")[0]: (folder, name) for name in names}
        except OSError as error:
            raise SenderBlocked(f"the maildir cannot be read: {type(error).__name__}") from None
        return places

    def _mail(self, place: Place, since: datetime) -> RawMail | bool | None:
        """The mail; False if it is older than is asked for; None if it is not there any more."""
        try:
            descriptor = os.open(self._folder.joinpath(*place), _TO_READ)
            with os.fdopen(descriptor, "rb") as file:
                return self._content(file, place[1], since)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SenderBlocked(f"a mail in the maildir cannot be read: {type(error).__name__}") from None

    def _content(self, file: BinaryIO, name: str, since: datetime) -> RawMail | bool:
        about = os.fstat(file.fileno())
        named = _DELIVERED.match(name)
        delivered = float(named[1]) if named else about.st_mtime
        if not self._looked and max(delivered, about.st_mtime) < since.timestamp():
            return False
        received = datetime.fromtimestamp(delivered, UTC)
        if about.st_size <= LARGEST_WHOLE:
            return RawMail(file.read(LARGEST_WHOLE), received)
        beginning = file.read(BEGINNING)
        file.seek(-END, os.SEEK_END)
        return RawMail(joined(beginning, file.read(END)), received, whole=False)


def _may_be_mail(entry: os.DirEntry[str]) -> bool:
    """Neither a link that leads elsewhere nor a pipe that hangs is a mail."""
    return not entry.name.startswith(".") and entry.is_file(follow_symlinks=False)
