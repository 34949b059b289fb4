"""One text: which few things it may do, what it uses, and how it is filled in.

A template is the clinic's, a value may be anybody's. A template is checked before it is ever compiled: names from
a fixed set, `until.` and `parameter.`, if and else, and, or, not, and one e-mail frame. There are no filters.
Values are put in once and are never read as a template.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from jinja2 import DictLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from followup.errors import Fault, MessageError

FRAMES = {".email.txt.j2": "frame.email.txt.j2", ".email.html.j2": "frame.email.html.j2"}
"""The one template that each kind of e-mail text may extend, in the same language."""

BLOCKS = frozenset({"title", "body"})
VIEWS = frozenset({"until", "parameter"})
LONGEST_SMS = 1_600
LONGEST_MAIL = 50_000
LONGEST_VALUE = 200
_DEEPEST = 12
_MOST_PARTS = 5_000
"""Of all kinds in one template, words included; the longest shipped text has 80."""


def is_html(path: str) -> bool:
    """Whether values in it are escaped for HTML."""
    return path.endswith(".html.j2")


def frame_of(path: str) -> str:
    """The frame that a text may extend; empty for an SMS, a call script, and a frame itself."""
    name = path.rpartition("/")[2]
    return next((f for ending, f in FRAMES.items() if name.endswith(ending) and name != f), "")


@dataclass(slots=True)
class Uses:
    """What a template uses. `bare` are the dates it prints without first asking whether they are known."""

    names: set[str] = field(default_factory=set)
    until: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    optional: bool = False


def read_template(path: str, text: str, allowed: frozenset[str]) -> tuple[Uses, list[Fault]]:
    """What the text uses, and a fault for each thing in it that is not allowed."""
    try:
        tree = _parser().parse(text)
        parts = sum(1 for _ in tree.find_all(nodes.Node))
    except TemplateSyntaxError as error:
        return Uses(), [Fault(f"{path}: line {error.lineno}", f"cannot be read: {error.message}")]
    except (RecursionError, MemoryError):
        return Uses(), [Fault(path, "is nested too deeply")]
    except ValueError:
        return Uses(), [Fault(path, "cannot be read: a number in it has thousands of digits")]
    if parts > _MOST_PARTS:
        return Uses(), [Fault(path, f"has more than {_MOST_PARTS:,} parts")]
    reader = _Reader(path, allowed)
    reader.body(tree.body, frozenset(), 0)
    return reader.uses, reader.faults


@lru_cache(maxsize=1)
def _parser() -> _Locked:
    return _environment("", html=False)


class _Reader:
    """Walks a template's tree; what it does not know by name is refused."""

    def __init__(self, path: str, allowed: frozenset[str]) -> None:
        self.uses = Uses()
        self.faults: list[Fault] = []
        self._path = path
        self._allowed = allowed
        self._frame = frame_of(path)
        self._is_frame = path.rpartition("/")[2] in FRAMES.values()
        self._seen: set[str] = set()

    def body(self, parts: list[nodes.Node], known: frozenset[str], depth: int) -> None:
        """`known` are the dates whose being known has been asked for around these parts."""
        if depth > _DEEPEST:
            self.faults.append(Fault(self._path, "is nested too deeply"))
            return
        extends = any(isinstance(part, nodes.Extends) for part in parts)
        for part in parts:
            if extends and not isinstance(part, nodes.Extends | nodes.Block) and not _blank(part):
                self._refuse(part, "stands outside the frame's blocks and would never be seen")
            self._part(part, known, depth)

    def _part(self, part: nodes.Node, known: frozenset[str], depth: int) -> None:
        match part:
            case nodes.Output():
                for printed in part.nodes:
                    self._printed(printed, known)
            case nodes.If():
                asked = known | self._test(part.test, depth)
                self.body(part.body, asked, depth + 1)
                self.body(list(part.elif_), known, depth + 1)
                self.body(part.else_, known, depth + 1)
            case nodes.Extends(template=nodes.Const(value=self._frame)) if self._frame and depth == 0:
                self._once(part, "extends")
            case nodes.Extends():
                wanted = f'; only {{% extends "{self._frame}" %}} is' if self._frame else " here"
                self._refuse(part, f"extends is not allowed{wanted}")
            case nodes.Block(name=name) if name in BLOCKS and (self._frame or self._is_frame):
                self._once(part, f"block {name}")
                self.body(part.body, known, depth + 1)
            case nodes.Block():
                self._refuse(part, f"a block may only be called {' or '.join(sorted(BLOCKS))}, in an e-mail")
            case _:
                self._refuse(part, f"{_called(part)} is not allowed; a text may only fill in names and use if")

    def _once(self, part: nodes.Node, what: str) -> None:
        if what in self._seen:
            self._refuse(part, f"{what} stands twice")
        self._seen.add(what)

    def _printed(self, part: nodes.Node, known: frozenset[str]) -> None:
        match part:
            case nodes.TemplateData():
                return
            case nodes.Name() | nodes.Getattr():
                key = self._name(part)
                if key and key not in known:
                    self.uses.bare.add(key)
            case _:
                self._refuse(part, f"{_called(part)} is not allowed; between {{{{ }}}} stands one name")

    def _test(self, part: nodes.Node, depth: int) -> frozenset[str]:
        """The dates that are known wherever this test holds."""
        if depth > _DEEPEST:
            self._refuse(part, "a test is nested too deeply")
            return frozenset()
        match part:
            case nodes.Name() | nodes.Getattr():
                return frozenset(filter(None, [self._name(part)]))
            case nodes.And():
                return self._test(part.left, depth + 1) | self._test(part.right, depth + 1)
            case nodes.Or():
                return self._test(part.left, depth + 1) & self._test(part.right, depth + 1)
            case nodes.Not():
                self._test(part.node, depth + 1)
            case _:
                self._refuse(part, f"{_called(part)} is not allowed; a test knows names, and, or, not")
        return frozenset()

    def _name(self, part: nodes.Node) -> str | None:
        """Notes a use; the restriction's key if it is a date."""
        match part:
            case nodes.Name(name=name, ctx="load") if name in self._allowed and name not in VIEWS:
                self.uses.names.add(name)
                self.uses.optional |= name == "approved"
            case nodes.Getattr(attr=key) if key.startswith("_"):
                self._refuse(part, "no restriction or parameter begins with _")
            case nodes.Getattr(node=nodes.Name(name="until"), attr=key) if "until" in self._allowed:
                self.uses.until.add(key)
                return str(key)
            case nodes.Getattr(node=nodes.Name(name="parameter"), attr=key) if "parameter" in self._allowed:
                self.uses.parameters.add(key)
            case nodes.Name(name=name):
                self._refuse(part, f"unknown placeholder '{name[:40]}'; known here: {self._known()}")
            case _:
                self._refuse(part, "only until. and parameter. have a dot")
        return None

    def _known(self) -> str:
        return ", ".join(sorted(n + ".…" if n in VIEWS else n for n in self._allowed))

    def _refuse(self, part: nodes.Node, what: str) -> None:
        self.faults.append(Fault(f"{self._path}: line {part.lineno}", what))


def _blank(part: nodes.Node) -> bool:
    if not isinstance(part, nodes.Output):
        return False
    return all(isinstance(p, nodes.TemplateData) and not p.data.strip() for p in part.nodes)


def _called(part: nodes.Node) -> str:
    return type(part).__name__.lower()


class _NotKnown(StrictUndefined):
    """A date or parameter that nobody has set: false when asked for, an error when printed."""

    def __bool__(self) -> bool:  # type: ignore[override]  # jinja2 types the strict one as never returning
        return False


class View:
    """What stands behind `until.` and `parameter.`; it has no attributes of its own."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> object:
        return self._values.get(key) or _NotKnown(name=str(key))


def fill_in(path: str, text: str, values: Mapping[str, object], *, frame: str = "") -> str:
    """The text with its values; `frame` is the source of the frame it may extend.

    Raises MessageError if a value is missing or the result is longer than any message may be.
    """
    limit = LONGEST_MAIL if ".email." in path or path.endswith(".txt.j2") else LONGEST_SMS
    try:
        parts = compiled(text, frame, frame_of(path), html=is_html(path)).generate(values)
        return "".join(_at_most(limit, parts))
    except OverflowError:
        raise MessageError([Fault(path, f"fills more than {limit:,} characters")]) from None
    except (RecursionError, MemoryError):
        raise MessageError([Fault(path, "cannot be filled in: it is nested too deeply")]) from None
    except TemplateError as error:
        raise MessageError([Fault(path, f"cannot be filled in: {error.message}")]) from error


def _at_most(limit: int, parts: Iterator[str]) -> Iterator[str]:
    length = 0
    for part in parts:
        length += len(part)
        if length > limit:
            raise OverflowError
        yield part


@lru_cache(maxsize=1024)
def compiled(text: str, frame: str, frame_name: str, *, html: bool) -> Template:
    """Compiling costs about 3 ms, a text is sent thousands of times: each is compiled once."""
    environment = _environment(frame, html=html, frame_name=frame_name)
    return environment.from_string(text)


class _Locked(ImmutableSandboxedEnvironment):
    """Calls nothing and reckons nothing, should such a template ever get past the reader.

    What is intercepted is not reckoned while compiling either, where no limit would hold.
    """

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def call(self, *_: object, **__: object) -> NoReturn:
        raise SecurityError("a text calls nothing")

    def call_binop(self, *_: object) -> NoReturn:
        raise SecurityError("a text does not reckon")

    def call_unop(self, *_: object) -> NoReturn:
        raise SecurityError("a text does not reckon")


@lru_cache(maxsize=64)
def _environment(frame: str, *, html: bool, frame_name: str = "") -> _Locked:
    environment = _Locked(
        autoescape=html,
        undefined=StrictUndefined,
        loader=DictLoader({frame_name: frame}),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for names in (environment.globals, environment.filters, environment.tests):
        names.clear()
    return environment


@lru_cache(maxsize=4096)  # the clinic's own words stand in every text
def clean(value: str) -> str:
    """A value on one line: each control, format or separator character becomes a space.

    Raises MessageError for a value longer than any name or number is.
    """
    letters = (" " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c for c in value)
    found = " ".join(unicodedata.normalize("NFC", "".join(letters)).split())
    if len(found) > LONGEST_VALUE:
        raise MessageError([Fault("values", f"one is longer than {LONGEST_VALUE} characters")])
    return found
