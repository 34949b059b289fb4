"""What can go wrong at the provider, written down as data, and the plan that deals it out request by request."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

Moment = Literal["before reading", "after reading", "after accepting", "mid headers", "mid reply"]
GarbageKind = Literal["html", "empty object", "list", "empty", "no sid", "truncated", "oversized", "wrong to"]
AnyFault = TypeVar("AnyFault")


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with Twilio's error `code`, in Twilio's shape and with its HTTP status; nothing is accepted."""

    code: int


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with a bare HTTP status; `accepted` = the message was taken all the same, as a 5xx may hide."""

    status: int
    retry_after: int | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """Point the client at another address; nothing is accepted."""

    to: str
    status: int = 302


@dataclass(frozen=True, slots=True)
class Garbage:
    """Accept the message, then answer with something that is no message resource."""

    kind: GarbageKind
    accepted: bool = True

    def __post_init__(self) -> None:
        one_of(self.kind, get_args(GarbageKind))


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer rightly after so many seconds of real time; `accepted` = the message is taken before the wait."""

    seconds: float
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class BlackHole:
    """Read the request and never answer."""

    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Trickle:
    """Accept, and send the answer one byte at a time, `pause` seconds of real time apart."""

    pause: float = 0.1


@dataclass(frozen=True, slots=True)
class Close:
    """Hang up at a moment; from "after accepting" on, the message counts."""

    when: Moment

    def __post_init__(self) -> None:
        one_of(self.when, get_args(Moment))


@dataclass(frozen=True, slots=True)
class Reset:
    """As `Close`, with RST instead of FIN."""

    when: Moment

    def __post_init__(self) -> None:
        one_of(self.when, get_args(Moment))


Fault = Refuse | Status | Redirect | Garbage | Delay | BlackHole | Trickle | Close | Reset
Request = Literal["create", "read"]
"""What a fault strikes: POST of a message, or any GET of the API."""

_KINDS: dict[str, type[Fault]] = {kind.__name__: kind for kind in get_args(Fault)}


def fault_from_json(described: Mapping[str, object]) -> Fault:
    """`{"kind": "Refuse", "code": 21610}` as a fault.

    Raises ValueError or TypeError if it is none.
    """
    return from_json(described, _KINDS)


def from_json(described: Mapping[str, object], kinds: Mapping[str, type[AnyFault]]) -> AnyFault:
    """The dataclass named by `kind`, made from the other keys."""
    rest = dict(described)
    kind = rest.pop("kind", None)
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"kind is one of {', '.join(kinds)}")
    fields = {field.name for field in dataclasses.fields(kinds[kind])}  # type: ignore[arg-type]  # every kind is a dataclass
    if unknown := set(rest) - fields:
        raise ValueError(f"{kind} has no {', '.join(sorted(unknown))}")
    return kinds[kind](**rest)


def one_of(value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError, naming what is allowed, for a value that is not."""
    if value not in allowed:
        raise ValueError(f"one of: {', '.join(allowed)}")


class FaultPlan(Generic[AnyFault]):
    """Faults waiting for their turn: first those queued, in order, then a standing one; safe between threads.

    A fault is filed under the place it strikes and, optionally, the one recipient it is meant for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued: list[tuple[str, str | None, AnyFault]] = []
        self._standing: dict[tuple[str, str | None], AnyFault] = {}

    def add(self, place: str, to: str | None, fault: AnyFault) -> None:
        with self._lock:
            self._queued.append((place, to, fault))

    def stand(self, place: str, to: str | None, fault: AnyFault) -> None:
        with self._lock:
            self._standing[place, to] = fault

    def clear(self) -> None:
        with self._lock:
            self._queued.clear()
            self._standing.clear()

    def take(
        self, place: str, to: str | None = None, *, only: Callable[[AnyFault], bool] | None = None
    ) -> AnyFault | None:
        """The fault that strikes now, if any; a first one that is not `only` what is asked for stays queued."""
        with self._lock:
            for index, (where, whom, fault) in enumerate(self._queued):
                if where == place and whom in {None, to}:
                    return self._pop(index) if only is None or only(fault) else None
            standing = self._standing.get((place, to), self._standing.get((place, None)))
            return standing if standing is not None and (only is None or only(standing)) else None

    def _pop(self, index: int) -> AnyFault:
        return self._queued.pop(index)[2]
