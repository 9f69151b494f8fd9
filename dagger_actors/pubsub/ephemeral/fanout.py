"""One ephemeral channel: gives each message to every subscription that reads it, in the order in which they were published.

A message goes to all of them or waits for room with all of them: so a slow subscription slows no other until it is as far
behind as the capacity allows. What waits for room goes first.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.protocols import Clock, Timers
from dagger_actors.core.turns import Delivered
from dagger_actors.core.wording import counted
from dagger_actors.errors import ChannelFull, SystemClosed
from dagger_actors.pubsub.declared.wired import WiredChannel
from dagger_actors.pubsub.ephemeral.feed import Entry, Feed
from dagger_actors.pubsub.reports.tally import TurnTally

__all__ = ["Fanout"]


class Handful:
    """What is published at once.

    Attributes:
        future: Brings an ``Appended`` for each, or the error that kept some of them out.
        taken: How many are handed over.
    """

    __slots__ = ("first", "future", "messages", "since_us", "taken", "until_us")

    def __init__(self, messages: Sequence[NewMessage], since_us: int, until_us: int) -> None:
        self.messages = messages
        self.since_us = since_us
        self.until_us = until_us
        self.taken = 0
        self.first: list[tuple[int, int]] = []
        self.future: ReplyFuture[list[Appended]] = ReplyFuture()

    def resolve(self) -> None:
        """All are handed over."""
        self.future.set([Appended(first + at, True) for first, count in self.first for at in range(count)])  # noqa: FBT003

    def fail(self, error: Exception) -> None:
        """The rest is not."""
        if self.taken:
            error.add_note(f"{counted(self.taken, 'message')} of {len(self.messages):,} were published all the same")
        self.future.set_exception((type(error), error, None))


class Fanout:
    """That of one channel; any thread.

    Args:
        channel: The channel.
        feeds: Those of its subscriptions.
        clock: The time.
        timers: One-shot timers.
        tally: Told what was dropped.
    """

    def __init__(
        self, channel: WiredChannel, feeds: Sequence[Feed], *, clock: Clock, timers: Timers, tally: TurnTally
    ) -> None:
        self._name = channel.name
        self._capacity = channel.capacity
        self._overflow = channel.overflow
        self._feeds = tuple((feed, _chooses(feed, channel)) for feed in feeds)
        self._clock = clock
        self._timers = timers
        self._tally = tally
        self._lock = threading.Lock()
        self._offset = 0
        self._waiting: deque[Handful] = deque()
        self._is_closed = False

    @property
    def published(self) -> int:
        """How many messages were handed over."""
        return self._offset

    def publish(self, messages: Sequence[NewMessage], *, waits: bool, until_us: int) -> ReplyFuture[list[Appended]]:
        """Hand messages over.

        Args:
            messages: Of this channel; one or more.
            waits: Whether room is waited for, where the channel's ``overflow`` is ``block``.
            until_us: Until when, monotonic microseconds.

        Returns:
            Brings what became of each, or ``ChannelFull``, or ``SystemClosed``.
        """
        handful = Handful(messages, self._clock.now().mono_us, until_us)
        with self._lock:
            is_closed = self._is_closed
            is_through = not is_closed and not self._waiting and self._offer(handful)
            may_wait = waits and self._overflow == "block" and until_us > handful.since_us and not is_closed
            if may_wait and not is_through:
                self._waiting.append(handful)
        self._wake()
        if is_through:
            handful.resolve()
        elif is_closed:
            handful.fail(SystemClosed())
        elif not may_wait:
            handful.fail(ChannelFull(self._name, self._capacity))
        else:
            self._await(handful)
        return handful.future

    def _await(self, handful: Handful) -> None:
        with contextlib.suppress(SystemClosed):
            self._timers.set((id(handful), "full"), handful.until_us, lambda: self._late(handful))
        for feed, _ in self._feeds:
            feed.await_room(self._pump)
        self._pump()  # there may have been room before they knew that it is waited for

    def _offer(self, handful: Handful) -> bool:
        """Hand over as many as there is room for; True = that is all of them."""
        left = len(handful.messages) - handful.taken
        count = left
        if self._overflow != "drop_oldest":
            for feed, _ in self._feeds:
                room = self._capacity - feed.waiting
                count = min(count, room)
        if count <= 0:
            return False
        first = self._offset
        # No more than is handed over: this comes for each message that is taken while somebody waits for room.
        messages = handful.messages[handful.taken : handful.taken + count]
        now_us = self._clock.now().wall_us
        items = [
            Delivered(0, first + at, self._name, one.type, one.payload.encode(), now_us, 1, one.headers)
            for at, one in enumerate(messages)
        ]
        entries: list[Entry] = [("", item) for item in items]
        for feed, chooses in self._feeds:
            feed.queue.extend(feed.chosen(items, messages) if chooses else entries)
        if self._overflow == "drop_oldest":
            self._drop()
        self._offset += count
        handful.first.append((first, count))
        handful.taken += count
        return count == left

    def _drop(self) -> None:
        for feed, _ in self._feeds:
            excess = feed.waiting - self._capacity
            if excess > 0:
                self._tally.count_lost(feed.name, feed.drop(self._name, excess))

    def _wake(self) -> None:
        for feed, _ in self._feeds:
            if feed.free and feed.queue:
                feed.wake()

    def _pump(self) -> None:
        """There may be room again."""
        through = []
        with self._lock:
            while self._waiting and self._offer(self._waiting[0]):
                through.append(self._waiting.popleft())
            is_awaited = bool(self._waiting)
        self._wake()
        for handful in through:
            self._timers.cancel((id(handful), "full"))
            handful.resolve()
        if through and not is_awaited:
            self._forget()

    def _forget(self) -> None:
        for feed, _ in self._feeds:
            feed.await_no_room(self._pump)
        with self._lock:
            is_awaited = bool(self._waiting)
        if is_awaited:  # somebody has come meanwhile
            for feed, _ in self._feeds:
                feed.await_room(self._pump)
            self._pump()

    def _late(self, handful: Handful) -> None:
        with self._lock:
            if handful not in self._waiting:
                return
            self._waiting.remove(handful)
        waited_s = round((self._clock.now().mono_us - handful.since_us) / 1e6, 1)
        handful.fail(ChannelFull(self._name, self._capacity, waited_s))
        self._pump()

    def close(self) -> None:
        """Take nothing any more; who waits for room is told."""
        with self._lock:
            self._is_closed = True
            left = list(self._waiting)
            self._waiting.clear()
        for handful in left:
            self._timers.cancel((id(handful), "full"))
            handful.fail(SystemClosed())


def _chooses(feed: Feed, channel: WiredChannel) -> bool:
    """Whether a subscription has something to say about each message: its key, its class, a filter, whose it is."""
    handler = feed.handler
    if handler.key_of is not None or handler.filter_of is not None:
        return True
    if handler.publishes and not handler.options.echo:
        return True
    return any(handler.hint_of(name) is None for name in channel.types) or (
        "" in channel.types and "" not in handler.takes
    )
