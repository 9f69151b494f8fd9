"""What a look at the file means for pub/sub: channels that have grown, groups that have changed, messages that become due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.pubsub.members.heads import Heads
from dagger_actors.pubsub.members.left_behind import LeftBehind
from dagger_actors.pubsub.members.seats import Seats
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.store.reader import Readers

__all__ = ["WatchedChannels"]

logger = logging.getLogger("dagger_actors.pubsub")

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

LIVELY_US = 1_000_000
LIVELY_PACE_US = 5_000
"""The pace while others have written within ``LIVELY_US``: a message that another process publishes is read within this."""

QUICK_US = 20_000
IDLE_US = 500_000

_heads = msgspec.json.Decoder(list[tuple[str, int, int, int]])


class WatchedChannels:
    """Implements ``watch.Watched``.

    Args:
        runtime: The world.
        readers: The file.
        members: The subscribers of this system.
        seats: Tells those that take turns.
        heads: Told how far channels go.
        arrivals: Wakes those who follow channels.
        left_behind: Takes over what dead workers held.
        errand: Has something done behind what is done already, one at a time.
        attach: Puts this process's subscriptions on channels that are new to it.
        due: Told when the next delayed message is due, wall microseconds.
    """

    def __init__(
        self,
        runtime: Runtime,
        readers: Readers,
        *,
        members: Members,
        seats: Seats,
        heads: Heads,
        arrivals: Arrivals,
        left_behind: LeftBehind,
        errand: Callable[[Callable[[], None]], None],
        attach: Callable[[Sequence[str]], None],
        due: Callable[[int], None],
    ) -> None:
        self._runtime = runtime
        self._readers = readers
        self._members = members
        self._seats = seats
        self._heads = heads
        self._arrivals = arrivals
        self._left_behind = left_behind
        self._errand = errand
        self._attach = attach
        self._due = due
        self._looked_us = -LIVELY_US
        self._is_leaving = False

    def pace_us(self, *, has_neighbours: bool) -> int:
        """How long it can go without a look: a moment while others write, who may be publishing."""
        if not has_neighbours or not (self._members or self._arrivals.are_awaited):
            return IDLE_US
        is_lively = self._runtime.clock.now().mono_us - self._looked_us < LIVELY_US
        return LIVELY_PACE_US if is_lively else QUICK_US

    def look(self) -> None:
        """The file has changed: see what there is to read, and whose it is."""
        self._looked_us = self._runtime.clock.now().mono_us
        self._arrivals.look()
        if self._is_leaving or not self._members:
            return
        heads = _heads.decode(self._readers.query("read.channel_heads")[0][0])
        new = self._heads.unknown(name for name, *_ in heads)
        self._heads.learn({name: key for name, key, *_ in heads})
        if new:
            self._attach(new)
        for _name, channel_key, next_offset, _first in heads:
            self._heads.grow(channel_key, next_offset)
        self._seats.look_at_groups()
        next_us = self._readers.query("read.next_delayed")[0][0]
        if next_us is not None:
            self._due(next_us)

    def look_quietly(self) -> None:
        """``look``, and look again a moment later when the file cannot be read."""
        try:
            self.look()
        except StoreError as error:
            logger.warning("looking at the file failed: %s", error, extra=LogFields(reason=str(error)))
            due_us = self._runtime.clock.now().mono_us + AGAIN_US
            self._runtime.timers.set((id(self), "look"), due_us, self.changed)
        except SystemClosed:
            return

    def changed(self) -> None:
        """Channels, leases, pauses or cursors were changed here: see what it means; any thread."""
        self.heard()

    def heard(self) -> ReplyFuture[None]:
        """``changed``, and be told when the members have been told, or the file could not be read."""
        future: ReplyFuture[None] = ReplyFuture()

        def look() -> None:
            self.look_quietly()
            future.set(None)

        self._errand(look)
        return future

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take from workers that are gone, or stalled, what they held of any group."""
        if self._seats:
            self._left_behind.take_over(stalled)

    def begin_leaving(self) -> None:
        """Only those who follow channels are told from now on."""
        self._is_leaving = True
