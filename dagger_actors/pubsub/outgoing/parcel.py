"""What is published at once: messages of one channel, and what has become of each so far."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.wording import counted
from dagger_actors.pubsub.outgoing.outlet import Outlet

__all__ = ["FULL", "Parcel"]

FULL = -2
"""Instead of an offset: the channel is full."""


class Parcel:
    """Messages on their way.

    Args:
        outlet: Their channel.
        messages: One or more.
        size_bytes: Of their payloads.
        waits: Whether somebody waits for what becomes of them.
        since_us: When that began, monotonic microseconds.
        until_us: Until when they may wait for room in a full channel.

    Attributes:
        future: Brings an ``Appended`` for each, in order, or the error that kept some of them out.
        rest: The places of those that are not in the file, ascending.
        is_stalled: Whether they wait for room in their channel.
        is_counted: Whether they count as waiting for the journal.
        is_over: Whether they are answered, or about to be.
    """

    __slots__ = (
        "_answers", "future", "is_counted", "is_over", "is_stalled", "messages", "outlet", "rest", "since_us",
        "size_bytes", "until_us", "waits",
    )  # fmt: skip

    def __init__(
        self,
        outlet: Outlet,
        messages: tuple[NewMessage, ...],
        *,
        size_bytes: int,
        waits: bool,
        since_us: int,
        until_us: int,
    ) -> None:
        self.outlet = outlet
        self.messages = messages
        self.size_bytes = size_bytes
        self.waits = waits
        self.since_us = since_us
        self.until_us = until_us
        self.future: ReplyFuture[list[Appended]] = ReplyFuture()
        self.rest: list[int] = list(range(len(messages)))
        self.is_stalled = False
        self.is_counted = False
        self.is_over = False
        self._answers: list[Appended | None] = [None] * len(messages)

    def take(self, places: list[int], answers: Sequence[Appended]) -> None:
        """Note what has become of some of them; those that found their channel full are left in ``rest``."""
        full = []
        for place, answer in zip(places, answers, strict=True):
            if answer.offset == FULL:
                full.append(place)
            else:
                self._answers[place] = answer
        self.rest = full + self.rest[len(places) :]

    def resolve(self) -> None:
        """Tell that all are in the file."""
        self.future.set([one for one in self._answers if one is not None])

    def fail(self, error: Exception) -> None:
        """Tell that the rest is not, and why."""
        done = len(self.messages) - len(self.rest)
        if done:
            error.add_note(f"{counted(done, 'message')} of {len(self.messages):,} were published all the same")
        self.future.set_exception((type(error), error, None))
