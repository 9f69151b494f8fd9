"""The keys of a group that one member has in memory: for each the user's instance and its state.

A keyed subscriber is a virtual agent: its key is activated by the first turn, with the state of the last commit, and
deactivated when nothing has come for a minute or others need its place. Rules:

* A state that is handed over and not committed is nowhere but here, so its activation is *pinned*: by each shift that has a
  turn of it, and by each changed state until ``committed``. What is pinned is not deactivated.
* The state is kept as its encoding, that of the last handled turn. A turn that fails gives up the instance, and the next one
  is made of the encoding.
* ``drop`` forgets an activation whatever pins it. Shifts that have it in hand go on with what they have, for nobody.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from dagger_actors.core.channel_rows import range_of
from dagger_actors.core.durable import FORMAT
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import StateUnreadable, SubscriberStateUnreadable
from dagger_actors.pubsub.turns.sources import StateSource
from dagger_actors.supervised.state_codec import StateCodec

__all__ = ["IDLE_US", "MOST_ACTIVE", "Activation", "Activations"]

MOST_ACTIVE: Final = 10_000
"""Keys of one member in memory, pinned ones apart."""

IDLE_US: Final = 60_000_000
"""How long a key is kept that nothing comes for."""


class Activation:
    """One key in memory.

    Attributes:
        key: The key.
        instance: The user's object; None = it is made for the next turn.
        label: Group and key, for messages.
        known: The state as it was handed over last, or read; None = there is none yet.
        is_loaded: Whether that is known at all.
        pins: What keeps it.
        used_us: When a shift has taken it last, on a monotonic clock.
    """

    __slots__ = ("instance", "is_loaded", "key", "known", "label", "pins", "used_us")

    def __init__(self, key: str, group: str, known: bytes | None = None, *, is_loaded: bool = False) -> None:
        self.key = key
        self.label = f"{group}/{key}" if key else group
        self.instance: Any = None
        self.known = known
        self.is_loaded = is_loaded
        self.pins = 0
        self.used_us = 0


class Activations:
    """Those of one member of one group; any thread.

    Args:
        make: Makes the user's object, with that state; None = it has none.
        codec: How its state is stored; None = it has none.
        group: The group's name.
        group_key: Its id.
        source: Reads states.
        clock: The time.
        most: Keys in memory, those in use apart; 1 or more.
        idle_us: How long an unused one is kept.

    Attributes:
        codec: How states are stored; None = the subscriber has none.
        lock: Held for some microseconds, and never while user code runs; what a shift has ended is noted under it too.
    """

    def __init__(
        self,
        make: Callable[[Any], Any],
        codec: StateCodec | None,
        *,
        group: str,
        group_key: int,
        source: StateSource,
        clock: Clock,
        most: int = MOST_ACTIVE,
        idle_us: int = IDLE_US,
    ) -> None:
        self._make = make
        self._group = group
        self._group_key = group_key
        self._source = source
        self._clock = clock
        self._most = most
        self._idle_us = idle_us
        self.codec = codec
        self.lock = threading.Lock()
        self._making = threading.Lock()
        self._by_key: OrderedDict[str, Activation] = OrderedDict()
        self._shared = Activation("", group)

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def shared(self) -> Activation:
        """The one of all messages that have no key, of a subscriber without state."""
        return self._shared

    # --- a shift

    def open(self, keys: Iterable[str]) -> tuple[dict[str, Activation], list[Activation]]:
        """Take keys into hand, and pin each.

        Returns:
            Their activations by key; and those of them whose states are to be loaded first.
        """
        now_us = self._clock.now().mono_us
        opened: dict[str, Activation] = {}
        missing = []
        with self.lock:
            by_key = self._by_key
            for key in keys:
                if key in opened:
                    continue
                found = by_key.get(key)
                if found is None:
                    found = by_key[key] = Activation(key, self._group)
                else:
                    by_key.move_to_end(key)
                if not found.is_loaded:
                    missing.append(found)
                found.pins += 1
                found.used_us = now_us
                opened[key] = found
            self._deactivate(now_us)
        return opened, missing if self.codec is not None else []

    def load(self, missing: Sequence[Activation]) -> None:
        """Read the states of new activations, in one read.

        Raises:
            StoreError: They cannot be read; the activations are forgotten.
        """
        try:
            found = self._source.load(self._group_key, [one.key for one in missing])
        except BaseException:
            with self.lock:
                for one in missing:
                    self._forget(one)
            raise
        with self.lock:
            for one in missing:
                if not one.is_loaded:  # else somebody has gone on, whose shift began when this one was given up
                    one.known, one.is_loaded = found.get(one.key), True

    def close(self, opened: Iterable[Activation]) -> None:
        """Give keys out of hand; the lock is held."""
        for one in opened:
            one.pins -= 1

    def detach(self, one: Activation) -> None:
        """Leave an activation to a turn that goes on though it was given up, and go on with its last state; the lock is held."""
        if self._by_key.get(one.key) is one:
            other = self._by_key[one.key] = Activation(one.key, self._group, one.known, is_loaded=one.is_loaded)
            other.pins, other.used_us = one.pins, one.used_us

    # --- commits

    def committed(self, keys: Iterable[str]) -> None:
        """Changed states are committed: one key for each turn that changed one."""
        with self.lock:
            for key in keys:
                found = self._by_key.get(key)
                if found is not None and found.pins > 0:
                    found.pins -= 1

    def drop(self, keys: Iterable[str]) -> None:
        """Forget keys: what was handed over of them is not in the file, so the next shift reads it again."""
        with self.lock:
            for key in keys:
                self._by_key.pop(key, None)

    def drop_ranges(self, ranges: Iterable[int]) -> None:
        """Forget all keys of ranges that are another's now."""
        gone = frozenset(ranges)
        with self.lock:
            for key in [key for key in self._by_key if (range_of(key) if key else 0) in gone]:
                del self._by_key[key]

    def redone(self, key: str, state: bytes) -> None:
        """A dropped turn is handed over again, with the state that it left: the next turn of its key begins with that."""
        with self.lock:
            found = self._by_key.get(key)
            if found is None:
                found = self._by_key[key] = Activation(key, self._group)
                found.used_us = self._clock.now().mono_us
            found.known, found.is_loaded, found.instance = state, True, None
            found.pins += 1

    def sweep(self) -> None:
        """Deactivate what has been idle; when nothing comes, nobody else does."""
        now_us = self._clock.now().mono_us
        with self.lock:
            self._deactivate(now_us)

    def _deactivate(self, now_us: int) -> None:
        by_key = self._by_key
        for _ in range(len(by_key)):
            key = next(iter(by_key))
            oldest = by_key[key]
            if len(by_key) <= self._most and now_us - oldest.used_us < self._idle_us:
                return
            if oldest.pins:
                by_key.move_to_end(key)
                oldest.used_us = now_us  # it is in use
            else:
                del by_key[key]

    def _forget(self, one: Activation) -> None:
        if self._by_key.get(one.key) is one:
            del self._by_key[one.key]

    # --- instances

    def instance(self, one: Activation) -> Any:
        """Give the user's object, made if there is none; in the thread of the turn.

        Raises:
            SubscriberStateUnreadable: Its stored state does not fit the class.
            BaseException: Whatever its ``__init__`` raises.
        """
        found = one.instance
        if found is not None:
            return found
        if one is self._shared:
            with self._making:  # its turns run at once
                if one.instance is None:
                    one.instance = self._make(None)
                return one.instance
        one.instance = self._make(None if self.codec is None else self._state_of(self.codec, one))
        return one.instance

    def _state_of(self, codec: StateCodec, one: Activation) -> object:
        if one.known is None:
            state = codec.kind()
            one.known = codec.encode(one.label, state)
            return state
        try:
            return codec.decode(one.label, one.known, FORMAT)
        except StateUnreadable as error:
            raise SubscriberStateUnreadable(self._group, one.key, error.detail) from None

    def encode(self, one: Activation) -> bytes | None:
        """Encode the state that a turn has left; None = it is as it was.

        Raises:
            TurnRefused: It cannot be stored.
        """
        codec = self.codec
        if codec is None:
            return None
        known = one.known
        data = codec.encode(one.label, one.instance.state, known=known)
        return None if data == known else data
