"""Which durable channels this process knows, and how far each of them goes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping

from dagger_actors.core.declarations import ChannelRow
from dagger_actors.pubsub.declared.declared_rows import channel_row
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.members.orders import Head

__all__ = ["Heads"]


class Heads:
    """Remembers it, and implements ``batch.Outlets``: what turns may publish to. Any thread may use it.

    Args:
        wiring: What is declared of channels.
        grown: Told of each channel that has grown.
    """

    def __init__(self, wiring: Wiring, grown: Callable[[Head], None]) -> None:
        self._wiring = wiring
        self._told = grown
        self._lock = threading.Lock()
        self._keys: dict[str, int] = {}
        self._heads: dict[int, int] = {}
        self.grown_no = 0
        """Changes when a channel has grown."""

    def learn(self, keys: Mapping[str, int]) -> None:
        """Channels are in the database, by their names."""
        self._keys.update(keys)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those that were not learned yet."""
        return [name for name in names if name not in self._keys]

    def grow(self, channel_key: int, next_offset: int) -> None:
        """A channel goes to this offset at least; tells of it when that is new."""
        with self._lock:
            if next_offset <= self._heads.get(channel_key, 0):
                return
            self._heads[channel_key] = next_offset
            self.grown_no += 1
        self._told(Head(channel_key, next_offset))

    def grow_named(self, heads: Mapping[str, int]) -> None:
        """``grow``, by name; of channels that are not known others will hear from the file."""
        for name, next_offset in heads.items():
            key = self._keys.get(name)
            if key is not None:
                self.grow(key, next_offset)

    def all(self) -> list[Head]:
        """How far each goes, for whoever has not been told."""
        return [Head(channel_key, head) for channel_key, head in list(self._heads.items())]

    # --- what turns publish to

    def is_ephemeral(self, channel: str) -> bool:
        """Whether nothing of a channel is stored."""
        known = self._wiring.channel(channel)
        return known is not None and known.ephemeral

    def waits(self, channel: str) -> bool:
        """Whether publishers wait for room in a channel."""
        known = self._wiring.channel(channel)
        return known is not None and known.overflow == "block"

    def new_rows(self, channels: Collection[str]) -> tuple[ChannelRow, ...]:
        """The rows of those channels that may not be in the database yet."""
        new = [self._wiring.channel(name) for name in self.unknown(channels)]
        return tuple(channel_row(one) for one in new if one is not None)
