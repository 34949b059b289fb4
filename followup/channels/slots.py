"""Several messages on the wire at once: at most so many as a channel has slots, by threads kept between batches.

A provider that answers within a millisecond keeps a few threads busy; more would only get in each other's way,
since the interpreter runs one at a time. One that takes fifty keeps them all busy. So a flight begins with a few,
and all the slots are opened once nothing has come back for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from math import ceil
from queue import SimpleQueue
from time import monotonic

from followup.care.attempt import Receipt
from followup.care.message import Message
from followup.channels import Channel
from followup.errors import DeliveryError, Unavailable, Uncertain

Result = Receipt | DeliveryError
_Heard = Receipt | BaseException
StillTrueOf = Callable[[Message], timedelta]

_NOT_BEGUN = "stopped before it was begun"

GATHERING = timedelta(milliseconds=20)
"""So long the first results that are known wait for others to be written down with them."""

FEWEST = 3
"""Slots of a flight to a quick provider."""

SLOW = timedelta(milliseconds=10)
"""A provider of which nothing is heard for so long is slow: waiting for it, threads are in nobody's way."""

SOON = timedelta(milliseconds=80)
"""Beyond what has a slot at once, so much more is begun as will have one within this time: what was begun sooner
would wait until its claim's answer holds no longer (`last_word.py`)."""


class Slots:
    """Sends through one channel, `size` messages at a time. The channel stays its owner's, who closes it."""

    def __init__(self, channel: Channel, size: int) -> None:
        self.size = size
        self._channel = channel
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._open = size

    def flight(self, still_true: StillTrueOf) -> Flight:
        """For one drain: `still_true` is asked about each of its messages once connected."""
        self._open = min(FEWEST, self.size)
        return Flight(self, still_true)

    def open_all(self) -> None:
        """The provider is slow."""
        with self._lock:
            self._open = self.size
            self._grow()

    def close(self) -> None:
        """Begin nothing more and wait for what is on the wire; the rest comes back as Unavailable."""
        with self._lock:
            self._stopping.set()
            threads = list(self._threads)
            for _ in threads:
                self._work.put(None)
        for thread in threads:
            thread.join()

    def begin(self, message: Message, still_true: StillTrueOf, tell: Callable[[_Heard], None]) -> None:
        """Start as soon as a slot is free; `tell` is called once, with what became of it.

        With what is no error of a message but ends a thread, too: whoever waits for the message must not do so
        for ever.
        """
        with self._lock:
            if not self._stopping.is_set():
                self._work.put(lambda: tell(self._send(message, still_true)))
                self._grow()
                return
        tell(Unavailable(_NOT_BEGUN))  # its caller has claimed the message and must hear of it

    def _grow(self) -> None:
        for _ in range(min(self._open - len(self._threads), self._work.qsize())):
            thread = threading.Thread(target=self._run, name="slot", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            with self._lock:
                if len(self._threads) > self._open and not self._stopping.is_set():
                    self._threads.discard(threading.current_thread())
                    return

    def _send(self, message: Message, still_true: StillTrueOf) -> _Heard:
        if self._stopping.is_set():
            return Unavailable(_NOT_BEGUN)
        try:
            return self._channel.send(message, lambda: still_true(message))
        except DeliveryError as error:
            return error
        except Exception as error:  # noqa: BLE001  something may have been on the wire: it must end as doubt
            return Uncertain(f"unexpected fault: {type(error).__name__}")
        except BaseException as error:  # noqa: BLE001  raised again where it is heard
            return error


class Flight:
    """What one drain has begun: batch after batch goes out while results come back in groups. Of one thread."""

    def __init__(self, slots: Slots, still_true: StillTrueOf) -> None:
        self._slots, self._still_true = slots, still_true
        self._known: deque[tuple[Message, _Heard]] = deque()
        self._news = threading.Condition()
        self._wanted = 1
        self._out = self._back = 0
        self._since = monotonic()

    def __len__(self) -> int:
        """How many were begun and have not been heard of."""
        return self._out

    @property
    def room(self) -> int:
        """How many more may be begun now, at the pace at which messages have come back so far."""
        size, each_second = self._slots.size, self._back / max(monotonic() - self._since, 0.001)
        soon = ceil(each_second * SOON.total_seconds())
        return size + min(soon, size) - self._out

    def begin(self, batch: Sequence[Message]) -> None:
        """Start at once, as far as slots are free."""
        for message in batch:
            self._out += 1
            self._slots.begin(message, self._still_true, self._teller(message))

    def heard(self, most: int) -> list[tuple[Message, Result]]:
        """Wait until something is known; then at most `most`, with what follows within a moment.

        Each message comes back once, with what became of it; nothing, once all have. What ended a message's thread
        is raised here.
        """
        wanted = min(most, self._out)
        with self._news:
            if not self._waited_for(min(1, wanted), SLOW):
                self._slots.open_all()
                self._waited_for(1)
            self._waited_for(wanted, GATHERING)
            taken = [self._known.popleft() for _ in range(min(wanted, len(self._known)))]
        self._out -= len(taken)
        self._back += len(taken)
        return [(message, _result(heard)) for message, heard in taken]

    def _waited_for(self, count: int, longest: timedelta | None = None) -> bool:
        """Whether so many are known; woken once, and not by every single result on the way."""
        self._wanted = count
        seconds = None if longest is None else longest.total_seconds()
        return self._news.wait_for(lambda: len(self._known) >= count, seconds)

    def _teller(self, message: Message) -> Callable[[_Heard], None]:
        def tell(heard: _Heard) -> None:
            with self._news:
                self._known.append((message, heard))
                if len(self._known) == self._wanted:
                    self._news.notify()

        return tell


def _result(heard: _Heard) -> Result:
    if isinstance(heard, Receipt | DeliveryError):
        return heard
    raise heard
