"""Every error the house raises on purpose; the text is written for the person who reads it.

No text carries a name, a number, an address or a message: errors are logged and shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class FollowupError(Exception):
    """Something followup can explain; the CLI prints its text as one line and exits with `exit_code`."""

    exit_code = 1


class InputError(FollowupError):
    """What was typed, or given as JSON, cannot be right; nothing was changed."""

    exit_code = 2


class NotFoundError(FollowupError):
    """Nothing, or more than one thing, answers to what was asked for."""

    exit_code = 3


class RefusedError(FollowupError):
    """What was asked for is understood, and not allowed in the present state."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: where (`config.toml: clinic.zone`), what, and what would be right."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class FaultsError(FollowupError):
    """All faults of a file or folder at once, one a line."""

    exit_code = 5

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


class ConfigError(FaultsError):
    """The configuration cannot be used."""


class MessageError(FaultsError):
    """The care plans, texts or approvals under messages/ cannot be used."""


class StorageError(FollowupError):
    """The database cannot be used: locked, missing, full, of another schema version, or the key is wrong."""

    exit_code = 6


class BusyError(StorageError):
    """Another program holds the database; the same call may succeed in a moment."""


class DeliveryError(FollowupError):
    """One attempt to send did not end with a receipt.

    `code` is the provider's own code (`21610`, `550 5.1.1`), never its text: texts repeat numbers and addresses.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        self.reason = reason
        self.code = code
        super().__init__(f"{reason} ({code})" if code else reason)


class Rejected(DeliveryError):  # noqa: N818  outcomes are named for what happened, HOUSE.md's words
    """This will never work for this contact, or for this text.

    `opted_out`: the carrier layer says that the number has stopped us. `bad_address`: this number or address
    cannot be reached on this channel by anybody.
    """

    def __init__(self, reason: str, code: str = "", *, opted_out: bool = False, bad_address: bool = False) -> None:
        super().__init__(reason, code)
        self.opted_out = opted_out
        self.bad_address = bad_address


class Unavailable(DeliveryError):  # noqa: N818
    """Certainly not sent; the same message may be tried later, `retry_after` at the soonest if it is known.

    `charged` is False where the fault lies in the infrastructure and must not use up the message's attempts.
    `of_sender`: the provider, or the way to it, failed before it had the message; any other would have fared
    alike, and `care.breaker` counts it.
    """

    def __init__(
        self,
        reason: str,
        code: str = "",
        *,
        retry_after: timedelta | None = None,
        charged: bool = False,
        of_sender: bool = False,
    ) -> None:
        super().__init__(reason, code)
        self.retry_after = retry_after
        self.charged = charged
        self.of_sender = of_sender


class Uncertain(DeliveryError):  # noqa: N818
    """We spoke and heard no valid answer: the message may or may not have been accepted.

    `blocks_sender`: what was heard also tells that the sender is set up wrongly: no other should follow.
    """

    def __init__(self, reason: str, code: str = "", *, blocks_sender: bool = False) -> None:
        super().__init__(reason, code)
        self.blocks_sender = blocks_sender


class SenderBlocked(DeliveryError):  # noqa: N818
    """The account or the sender is at fault, not this patient: certainly not sent, and nothing else would be."""
