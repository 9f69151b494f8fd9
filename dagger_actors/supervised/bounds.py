"""How much a mailbox takes, wherever that is said: on a class, in a child spec, in a system's file."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from dagger_actors.errors import ActorClassError

__all__ = ["MAX_CAPACITY", "OVERFLOWS", "MailboxSpec", "Overflow"]

Overflow = Literal["block", "reject", "drop_oldest"]

OVERFLOWS: Final[tuple[str, ...]] = get_args(Overflow)

MAX_CAPACITY: Final = 1_000_000


class MailboxSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many messages may be queued, and what happens to more.

    Attributes:
        capacity: Messages, 1 to 1,000,000.
        overflow: ``block``: an outside caller waits 5 s for room, a handler's actor is parked; ``reject``: the sender gets
            ``MailboxFull``; ``drop_oldest``: the oldest is undelivered.
    """

    capacity: int = 1_000
    overflow: Overflow = "block"

    def __post_init__(self) -> None:
        if type(self.capacity) is not int or not 1 <= self.capacity <= MAX_CAPACITY:
            raise ActorClassError("mailbox", f"its capacity is 1 to {MAX_CAPACITY:,}, not {self.capacity!r}")
        if self.overflow not in OVERFLOWS:
            raise ActorClassError("mailbox", f"its overflow is block, reject or drop_oldest, not {self.overflow!r}")
