"""What waits for one subscription of this process on ephemeral channels, and who takes it from there.

Whoever publishes puts, takers take; neither waits for the other. A taker that finds nothing frees itself, and whoever puts
something wakes a free one: it looks for one *behind* its put, and a taker looks for something *behind* freeing itself, so
that one of the two sees the other.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.turns import Delivered, StartTurn
from dagger_actors.pubsub.subscribers.choosing import key_in, passes
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind

__all__ = ["Feed", "Taker"]

Entry = tuple[str, Delivered]
"""The key of a message, and the message."""


class Taker(Protocol):
    """Takes turns, one after the other."""

    def wake(self) -> None:
        """There is something to take; any thread, must not block."""
        ...

    def cancel(self) -> None:
        """Tell the turn that is being taken that it is over; any thread."""
        ...


class Feed:
    """What waits for one subscription.

    Args:
        name: The subscription's.
        handler: Its handler.
        rested: Called when nothing waits and nothing is in hand any more.

    Attributes:
        name: As given.
        handler: As given.
        takers: All that take from it.
        free: Those that have nothing to do.
        queue: What waits, in order; of a keyed one without that which waits for an earlier message of its key.
        awaited: Who is to be told when something was taken from it.
        is_closed: Whether nothing is taken any more.
        is_sole: Whether all that waits is of one channel.
    """

    def __init__(self, name: str, handler: HandlerKind, rested: Callable[[], None]) -> None:
        self.name = name
        self.handler = handler
        self.takers: tuple[Taker, ...] = ()
        self.free: deque[Taker] = deque()
        self.queue: deque[Entry] = deque()
        self.awaited: tuple[Callable[[], None], ...] = ()
        self.is_closed = False
        self.is_sole = len(handler.options.channels) == 1 and "*" not in handler.options.channels[0]
        self._is_keyed = handler.key_of is not None
        self._batch = handler.options.batch
        self._rested = rested
        self._lock = threading.Lock()
        self._lanes: dict[str, deque[Delivered]] = {}
        self._parked = 0

    def seat(self, takers: Iterable[Taker]) -> None:
        """Give it its takers."""
        self.takers = tuple(takers)
        self.free.extend(self.takers)

    # --- putting

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self.queue) + self._parked

    @property
    def in_hand(self) -> int:
        """How many turns are being taken."""
        return len(self.takers) - len(self.free)

    def chosen(self, items: Sequence[Delivered], messages: Sequence[NewMessage]) -> list[Entry]:
        """Those of some messages that it takes, with their keys."""
        handler = self.handler
        found = []
        for item, message in zip(items, messages, strict=True):
            if handler.hint_of(item.type) is None or not passes(handler, item.payload):
                continue
            key = key_in(handler, message.key, item.payload) if self._is_keyed else ""
            is_echo = message.source == self.name and (message.source_key or "") == key
            if not is_echo or handler.options.echo:
                found.append((key, item))
        return found

    def drop(self, channel: str, excess: int) -> int:
        """Drop the oldest messages of a channel that wait, at most so many; tells how many."""
        with self._lock:
            kept: deque[Entry] = deque()
            found = 0
            lanes = [lane for lane in self._lanes.values() if lane]
            while found < excess and lanes:
                oldest = min(lanes, key=lambda lane: lane[0].offset if lane[0].channel == channel else 1 << 63)
                if oldest[0].channel != channel:
                    break
                oldest.popleft()
                self._parked -= 1
                found += 1
                lanes = [lane for lane in lanes if lane]
            while found < excess:
                try:
                    entry = self.queue.popleft()
                except IndexError:
                    break
                if entry[1].channel == channel:
                    found += 1
                else:
                    kept.append(entry)
            self.queue.extendleft(reversed(kept))
            return found

    def wake(self) -> None:
        """Let a free taker begin."""
        with self._lock:
            taker = self.free.popleft() if self.free and not self.is_closed else None
        if taker is not None:
            taker.wake()

    # --- taking

    def next(self, done: str | None) -> StartTurn | None:
        """Take what comes next.

        Args:
            done: The key of the turn that the taker has taken before; None = it begins.

        Returns:
            None when there is nothing that could be taken now.
        """
        if not self._is_keyed:
            return self._plain()
        with self._lock:
            if done is not None:
                lane = self._lanes[done]
                if lane:
                    return StartTurn(done, self._parked_ones(lane))
                del self._lanes[done]
            while self.queue:
                key, one = self.queue.popleft()
                busy = self._lanes.get(key)
                if busy is None:
                    self._lanes[key] = deque()
                    return StartTurn(key, (one,))
                busy.append(one)
                self._parked += 1
            return None

    def _parked_ones(self, lane: deque[Delivered]) -> tuple[Delivered, ...]:
        taken = tuple(lane.popleft() for _ in range(min(self._batch, len(lane))))
        self._parked -= len(taken)
        return taken

    def _plain(self) -> StartTurn | None:
        taken: list[Delivered] = []
        with self._lock, contextlib.suppress(IndexError):  # a quick taker beside this one takes without the lock
            while len(taken) < self._batch:
                taken.append(self.queue.popleft()[1])
        return StartTurn("", tuple(taken)) if taken else None

    def moved(self) -> None:
        """Tell whoever waits for room that there may be some."""
        for tell in self.awaited:
            tell()

    def await_room(self, tell: Callable[[], None]) -> None:
        """Have somebody told when something was taken."""
        with self._lock:
            if tell not in self.awaited:
                self.awaited = (*self.awaited, tell)

    def await_no_room(self, tell: Callable[[], None]) -> None:
        """Have somebody told no more."""
        with self._lock:
            self.awaited = tuple(one for one in self.awaited if one != tell)

    def settle(self, taker: Taker) -> bool:
        """A taker has found nothing.

        Returns:
            True when there is something after all; else the taker is free, and may be woken already.
        """
        with self._lock:
            self.free.append(taker)
            if self.queue and not self.is_closed:
                self.free.remove(taker)
                return True
            is_idle = len(self.free) == len(self.takers)
        # What was put meanwhile has seen the taker free, or is seen here: both look behind what they do.
        if self.queue and self._take_back(taker):
            return True
        if is_idle:
            self._rested()
        return False

    def _take_back(self, taker: Taker) -> bool:
        with self._lock:
            if taker not in self.free or self.is_closed:
                return False
            self.free.remove(taker)
            return True

    # --- the end

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in hand."""
        with self._lock:
            return not self.queue and len(self.free) == len(self.takers)

    def close(self) -> int:
        """Take nothing any more, and tell those whose turns run; tells how many messages are lost."""
        with self._lock:
            self.is_closed = True
            lost = self.waiting
            self.queue.clear()
            for lane in self._lanes.values():
                lane.clear()
            self._parked = 0
            busy = [taker for taker in self.takers if taker not in self.free]
        for taker in busy:
            taker.cancel()
        return lost
