"""Sends on what turns of ephemeral channels publish: to ephemeral channels at once, to durable ones by the outbox.

Of a durable channel the commit is not waited for; who sends more than the outbox or an ephemeral channel has room for
waits, without holding a thread.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Clock
from dagger_actors.core.wording import counted
from dagger_actors.errors import DaggerError
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.outgoing.outbox import Outbox
from dagger_actors.pubsub.outgoing.parcel import Parcel

__all__ = ["PATIENCE_US", "Onward", "Sender", "by_channel", "lost"]

logger = logging.getLogger("dagger_actors.pubsub")

PATIENCE_US = 30_000_000
"""How long room is waited for; as who publishes does by default."""

IN_FLIGHT = 16
"""Parcels of one taker that are not committed: some may wait for room in a full channel, and those the outbox does not bound."""

Post = Callable[[str, Sequence[NewMessage], int], ReplyFuture[Any]]


class Onward:
    """What all senders share.

    Args:
        doors: Knows channels.
        outbox: Takes what durable channels get.
        clock: The time.
        post: Hands over what ephemeral channels get, waiting for room until then, monotonic microseconds.
        rested: Called when nothing is under way any more.
    """

    def __init__(self, *, doors: Doors, outbox: Outbox, clock: Clock, post: Post, rested: Callable[[], None]) -> None:
        self.doors = doors
        self.outbox = outbox
        self.clock = clock
        self.post = post
        self._rested = rested
        self._lock = threading.Lock()
        self._flying = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for its commit."""
        return not self._flying

    def began(self) -> None:
        """Something waits for its commit."""
        with self._lock:
            self._flying += 1

    def ended(self) -> None:
        """It was committed, or refused."""
        with self._lock:
            self._flying -= 1
            is_idle = not self._flying
        if is_idle:
            self._rested()


class Sender:
    """Sends on what one taker's turns publish, in order.

    Args:
        onward: What all senders share.
    """

    def __init__(self, onward: Onward) -> None:
        self._onward = onward
        self._parts: deque[tuple[str, Sequence[NewMessage]]] = deque()
        self._flying: deque[Parcel] = deque()
        self._asked: ReplyFuture[Any] | None = None
        self._parcel: Parcel | None = None

    def add(self, published: Iterable[NewMessage]) -> None:
        """Take what a turn has published."""
        self._parts.extend(by_channel(published))

    def send(self) -> ReplyFuture[Any] | None:
        """Send what there is room for.

        Returns:
            None when that is all; else it is resolved when this is to be called again.
        """
        while self._parts:
            channel, messages = self._parts[0]
            door = self._onward.doors.find(channel)
            waited = self._hand_over(channel, messages) if door.is_ephemeral else self._post(channel, messages)
            if waited is not None:
                return waited
            self._parts.popleft()
        return None

    def _hand_over(self, channel: str, messages: Sequence[NewMessage]) -> ReplyFuture[Any] | None:
        if self._asked is None:
            until_us = self._onward.clock.now().mono_us + PATIENCE_US
            self._asked = self._onward.post(channel, messages, until_us)
        if not self._asked.is_done():
            return self._asked
        asked, self._asked = self._asked, None
        lost(channel, len(messages), asked)
        return None

    def _post(self, channel: str, messages: Sequence[NewMessage]) -> ReplyFuture[Any] | None:
        while self._flying and self._flying[0].future.is_done():
            self._flying.popleft()
        if len(self._flying) >= IN_FLIGHT:
            return self._flying[0].future
        onward = self._onward
        if self._parcel is None:
            since_us = onward.clock.now().mono_us
            size_bytes = sum(len(one.payload) for one in messages)
            self._parcel = Parcel(
                onward.doors.find(channel).outlet,
                tuple(messages),
                size_bytes=size_bytes,
                waits=True,
                since_us=since_us,
                until_us=since_us + PATIENCE_US,
            )
            onward.began()
            self._parcel.future.add_done(lambda asked: self._ended(channel, len(messages), asked))
        parcel = self._parcel
        try:
            room = onward.outbox.post(parcel)
        except DaggerError as error:
            parcel.fail(error)
            room = None
        if room is not None:
            return room
        self._parcel = None
        self._flying.append(parcel)
        return None

    def _ended(self, channel: str, count: int, asked: ReplyFuture[Any]) -> None:
        lost(channel, count, asked)
        self._onward.ended()


def lost(channel: str, count: int, asked: ReplyFuture[Any]) -> None:
    """Tell the log when what a turn has published did not come."""
    try:
        asked.get(timeout=0)
    except DaggerError as error:
        fields = LogFields(channel=channel, reason=str(error))
        told = counted(count, "message")
        logger.warning("of what turns have published to %r, %s: not taken, for %s", channel, told, error, extra=fields)


def by_channel(messages: Iterable[NewMessage]) -> list[tuple[str, list[NewMessage]]]:
    """Messages that follow each other and go to one channel, together."""
    found: list[tuple[str, list[NewMessage]]] = []
    for message in messages:
        if found and found[-1][0] == message.channel:
            found[-1][1].append(message)
        else:
            found.append((message.channel, [message]))
    return found
