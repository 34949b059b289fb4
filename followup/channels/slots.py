"""Several messages on the wire at once: so many threads as a channel has slots, kept between batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import timedelta

from followup.care.attempt import Receipt
from followup.care.message import Message
from followup.channels import Channel
from followup.errors import DeliveryError, Unavailable, Uncertain

Result = Receipt | DeliveryError

_NOT_BEGUN = "stopped before it was begun"


class Slots:
    """Sends through one channel, `size` messages at a time. The channel stays its owner's, who closes it."""

    def __init__(self, channel: Channel, size: int) -> None:
        self._channel = channel
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="slot")

    def send_all(
        self, batch: Sequence[Message], still_true: Callable[[Message], timedelta]
    ) -> Iterator[tuple[Message, Result]]:
        """Start at once; each message comes back once, with what became of it, as soon as that is known."""
        sent = {self._begin(message, still_true): message for message in batch}
        return _as_known(sent)

    def close(self) -> None:
        """Begin nothing more and wait for what is on the wire; the rest comes back as Unavailable."""
        self._stopping.set()
        self._pool.shutdown()

    def _begin(self, message: Message, still_true: Callable[[Message], timedelta]) -> Future[Result]:
        try:
            return self._pool.submit(self._send, message, still_true)
        except RuntimeError:  # the pool is closed; its caller has claimed the message and must hear of it
            never: Future[Result] = Future()
            never.set_result(Unavailable(_NOT_BEGUN))
            return never

    def _send(self, message: Message, still_true: Callable[[Message], timedelta]) -> Result:
        if self._stopping.is_set():
            return Unavailable(_NOT_BEGUN)
        try:
            return self._channel.send(message, lambda: still_true(message))
        except DeliveryError as error:
            return error
        except Exception as error:  # noqa: BLE001  something may have been on the wire: it must end as doubt
            return Uncertain(f"unexpected fault: {type(error).__name__}")


def _as_known(sent: dict[Future[Result], Message]) -> Iterator[tuple[Message, Result]]:
    for future in as_completed(sent):
        yield sent[future], future.result()
