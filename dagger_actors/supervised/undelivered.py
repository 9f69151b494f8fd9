"""Mail that was never handled: counted by reason, the last of it kept, told to whoever listens."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

import msgspec

from dagger_actors.core.log_fields import LogFields

__all__ = ["Reason", "Undelivered", "UndeliveredMail"]

logger = logging.getLogger("dagger_actors.actors")

Reason = Literal["stopped", "unhandled", "undecodable", "dropped", "full", "held"]

KEPT = 1_000
"""Events kept for whoever looks; the counts know of all."""

CONTENT_BYTES = 1_024
"""Of each message's bytes, at most so many are kept."""


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """One message that was never handled.

    Attributes:
        message: Name of its class.
        to: Name of the actor it was sent to.
        reason: ``stopped``: the actor was gone; ``unhandled``: it has no handler for that class; ``undecodable``: it
            does not hold what its class says; ``dropped``: newer ones took its place; ``full``: the message of a
            timer, of a watch or of a durable turn found no room; ``held``: the actor is held, for its stored state cannot
            be had.
        was_ask: Whether somebody waited for an answer; it got an error.
        at_us: When, in microseconds since 1970-01-01 UTC.
        content: The first bytes of the message as MessagePack, 1,024 at most.
    """

    message: str
    to: str
    reason: Reason
    was_ask: bool
    at_us: int
    content: bytes


class UndeliveredMail:
    """What a system knows of undelivered mail.

    Attributes:
        counts: How many there were, by reason.
    """

    def __init__(self, listen: Callable[[Undelivered], None] | None) -> None:
        self.counts: Counter[Reason] = Counter()
        self._lock = threading.Lock()
        self._last: deque[Undelivered] = deque(maxlen=KEPT)
        self._listen = listen

    def tell(self, event: Undelivered) -> None:
        """Count and keep one; any thread."""
        with self._lock:
            self.counts[event.reason] += 1
            self._last.append(event)
        if self._listen is None:
            return
        try:
            self._listen(event)
        except BaseException as error:  # who sends, or stops, must not pay for a listener's mistake
            if getattr(error, "is_death", False):
                raise
            logger.exception(
                "the listener of undelivered mail failed",
                extra=LogFields(actor=event.to, message_type=event.message, reason=event.reason),
            )

    def last(self, limit: int = KEPT) -> tuple[Undelivered, ...]:
        """The latest ones, the newest last.

        Args:
            limit: How many at most, 1 to 1,000.
        """
        with self._lock:
            return tuple(self._last)[-limit:]
