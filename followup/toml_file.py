"""One TOML file into one frozen pydantic model, or all of its faults at once, each with its dotted path."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from followup.errors import Fault

LARGEST_FILE = 4_000_000
"""Bytes. An approvals file with every text in ten languages is a tenth of it; a bomb is more."""

_NAME = re.compile(r"[a-z0-9_-]{1,40}")
_TIME_WITHOUT_SECONDS = re.compile(r"(?:^|[=,\s])\d\d:\d\d\s*(?:$|[,}\]#])")


class TomlTable(BaseModel):
    """One table of a TOML file: closed, frozen, and silent about what was typed into it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


M = TypeVar("M", bound=BaseModel)


def read(path: Path, model: type[M], *, shown_as: str = "") -> tuple[M | None, list[Fault]]:
    """The file as `model`, or None and every fault; no fault repeats a value that stood in the file.

    `shown_as` is how faults call the file; its bare name if it is left out.
    """
    name = shown_as or path.name
    try:
        text = _text(path)
    except OSError as error:
        return None, [Fault(name, f"cannot be read: {(error.strerror or 'unknown reason').lower()}")]
    except UnicodeDecodeError as error:
        return None, [Fault(name, f"is not UTF-8 text (byte {error.start + 1}); save it as UTF-8")]
    except OverflowError:
        return None, [Fault(name, f"is larger than {LARGEST_FILE:,} bytes")]
    return parse(text, model, shown_as=name)


def parse(text: str, model: type[M], *, shown_as: str) -> tuple[M | None, list[Fault]]:
    """As `read`, from the text of a file called `shown_as`."""
    data, fault = _tables_of(text, shown_as)
    return (None, [fault]) if fault is not None else fit(data, model, shown_as=shown_as)


def fit(data: object, model: type[M], *, shown_as: str) -> tuple[M | None, list[Fault]]:
    """As `parse`, from tables already read (JSON has the same shape)."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [_fault(shown_as, model, data, detail) for detail in details]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise OverflowError
    return raw.decode("utf-8-sig")


def _tables_of(text: str, name: str) -> tuple[dict[str, object], Fault | None]:
    try:
        return tomllib.loads(text), None
    except tomllib.TOMLDecodeError as error:
        return {}, Fault(name, f"is not valid TOML: {error}{_hint(text, str(error))}")
    except RecursionError:
        return {}, Fault(name, "is nested too deeply")
    except ValueError:
        return {}, Fault(name, "holds a number that is too long")


def _hint(text: str, error: str) -> str:
    """TOML wants seconds in a time, and says so only as "expected newline"."""
    found = re.search(r"at line (\d+)", error)
    if found is None:
        return ""
    line = text.splitlines()[int(found[1]) - 1 : int(found[1])]
    return "; a time needs its seconds: 10:00:00" if any(map(_TIME_WITHOUT_SECONDS.search, line)) else ""


def _fault(name: str, model: type[BaseModel], data: object, detail: ErrorDetails) -> Fault:
    loc = detail["loc"]
    dotted = _dotted(loc, data)
    return Fault(f"{name}: {dotted}" if dotted else name, _what(model, detail))


def _dotted(loc: tuple[int | str, ...], data: object) -> str:
    """`step[3].channels`; an entry that has a plain `key` is called by it: `step[pain-check].channels`."""
    path, here = "", data
    for part in loc:
        here = _entry(here, part)
        if isinstance(part, int):
            key = here.get("key") if isinstance(here, dict) else None
            named = isinstance(key, str) and _NAME.fullmatch(key)
            path += f"[{key if named else part + 1}]"
        else:
            path += f".{part}" if path else part
    return path


def _entry(data: object, part: int | str) -> object:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


_WHAT_IS_WANTED = {
    "missing": "is missing",
    **dict.fromkeys(("model_type", "dict_type", "dataclass_type"), "must be a table"),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), 'must be a list: ["…", "…"]'),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "string_type": 'must be text in quotes: "…"',
}


def _what(model: type[BaseModel], detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), sorted(_known_keys(model, detail["loc"][:-1])))
    return _WHAT_IS_WANTED.get(detail["type"]) or _plain(detail["msg"])


def _plain(message: str) -> str:
    """Pydantic's sentence as the second half of ours."""
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = re.sub(r"^\w+ should have (.+) after validation, not \d+$", r"must have \1", message)
    message = re.sub(r"^(Input|String|Value) should ", "must ", message)
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _unknown(key: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if nearest:
        return f"unknown key; did you mean '{nearest[0]}'?"
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key"


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    tables = {model}
    for part in loc:
        inner = {
            m
            for t in tables
            for f in t.model_fields.items()
            if part in _names(*f)
            for m in _tables(f[1].annotation)
        }
        # A number, or a key of a free mapping, leads to no field: the tables stay the ones above it.
        tables = inner or tables
    return {name for table in tables for field in table.model_fields.items() for name in _names(*field)[:1]}


def _names(name: str, field: FieldInfo) -> tuple[str, ...]:
    """What a field is called in the file, first; then in Python."""
    return (field.alias, name) if field.alias else (name,)


def _tables(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables(argument)
