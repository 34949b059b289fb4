"""approvals.toml: the words somebody has signed, kept whole, so that an edit waits for a new signature."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import Field

from followup.errors import Fault, RefusedError
from followup.toml_file import TomlTable, read

FILE = "approvals.toml"
_HEAD = (
    "# Written by `followup plan approve`: the words somebody has signed, in full. An edited text is sent only\n"
    "# once it is approved anew; until then the words kept here go on. Do not edit by hand.\n"
)


@dataclass(frozen=True, slots=True)
class Approval:
    """The last signature under one text. Earlier ones are not kept: each sent message keeps its own words."""

    path: str
    text: str
    parameters: Mapping[str, str]
    by: str
    on: date

    @property
    def hash(self) -> str:
        """Of text and parameters together."""
        return fingerprint(self.text, self.parameters)


@dataclass(frozen=True, slots=True)
class SheetText:
    """One text as it stands on the sheet somebody signs.

    `sample` is what a contact would read with every optional sentence in it. `approval` is the last signature, if
    there is one; `changed` says whether this text waits for a new one.
    """

    path: str
    text: str
    parameters: Mapping[str, str]
    sample: str = ""
    approval: Approval | None = None

    @property
    def changed(self) -> bool:
        return self.approval is None or self.approval.hash != fingerprint(self.text, self.parameters)


class _ApprovalTable(TomlTable):
    path: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}/[a-z-]{2,8}/[a-z0-9.-]{1,80}$")]
    by: Annotated[str, Field(min_length=1, max_length=200)]
    on: date
    hash: str
    text: str
    parameters: Mapping[str, str] = Field(default_factory=dict)


class _ApprovalsFile(TomlTable):
    approval: tuple[_ApprovalTable, ...] = ()


def fingerprint(text: str, parameters: Mapping[str, str]) -> str:
    """Sixty-four hex digits for one text with the parameters it uses."""
    whole = json.dumps([text, sorted(parameters.items())], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approvals:
    """Every signature in force, by the path of the text it stands under."""

    by_path: Mapping[str, Approval] = field(default_factory=dict)

    def get(self, path: str) -> Approval | None:
        return self.by_path.get(path)

    def with_(self, fresh: Mapping[str, Approval]) -> Approvals:
        return Approvals({**self.by_path, **fresh})


def read_approvals(folder: Path) -> tuple[Approvals, list[Fault]]:
    """The signatures; none if the file is missing. A text that is not the one signed is a fault."""
    path = folder / FILE
    if not path.exists():
        return Approvals(), []
    table, faults = read(path, _ApprovalsFile)
    found = {}
    for entry in table.approval if table else ():
        approval = Approval(entry.path, entry.text, entry.parameters, entry.by, entry.on)
        if approval.hash != entry.hash:
            faults.append(
                Fault(f"{FILE}: {entry.path}", "was changed by hand after it was signed; approve it again")
            )
        elif entry.path in found:
            faults.append(Fault(f"{FILE}: {entry.path}", "stands twice"))
        found[entry.path] = approval
    return Approvals(found), faults


def write_approvals(folder: Path, approvals: Approvals) -> None:
    """The whole file at once: a reader sees the old one or the new one.

    Raises RefusedError where the folder cannot be written, as inside an installed package.
    """
    entries = [_entry(approvals.by_path[path]) for path in sorted(approvals.by_path)]
    text = _HEAD + tomli_w.dumps({"approval": entries}, multiline_strings=True)
    try:
        _replace(folder / FILE, text.encode())
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise RefusedError(
            f"{FILE} cannot be written here ({reason}); approve texts in a copy of your own"
        ) from error


def _entry(approval: Approval) -> dict[str, object]:
    return {
        "path": approval.path,
        "by": approval.by,
        "on": approval.on,
        "hash": approval.hash,
        "text": approval.text,
        "parameters": dict(approval.parameters),
    }


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".approvals-", suffix=".toml")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
