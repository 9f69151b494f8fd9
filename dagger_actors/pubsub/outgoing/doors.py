"""Where messages are published to: channels that this process has declared, and those of which only the database tells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import msgspec

from dagger_actors.core.declarations import ChannelRow
from dagger_actors.core.wording import nearest
from dagger_actors.errors import PublicationRefused, UnknownChannel
from dagger_actors.pubsub.outgoing.catalog import Catalog, KnownChannel
from dagger_actors.pubsub.outgoing.encoding import Encoding, NamedMessages, TypedMessages
from dagger_actors.pubsub.outgoing.outlet import Outlet
from dagger_actors.pubsub.reports.asked_names import refuse_no_name
from dagger_actors.store.reader import Readers

__all__ = ["Door", "Doors"]

MAX_CHANNELS = 10_000
"""Channels of one database; a pattern makes no more."""

_names = msgspec.json.Decoder(list[str])


class Door(msgspec.Struct, frozen=True):
    """What whoever publishes must know of a channel.

    Attributes:
        encoding: What it takes.
        outlet: How to append to it.
        is_ephemeral: Whether nothing of it is stored.
    """

    encoding: Encoding
    outlet: Outlet
    is_ephemeral: bool = False


class Doors:
    """Finds channels; any thread.

    Args:
        wiring: Those that are declared here.
        readers: The database, which knows others.
        row: Gives what the database is told of a channel before its first message.
    """

    def __init__(self, wiring: Catalog, readers: Readers, row: Callable[[Any], ChannelRow]) -> None:
        self._wiring = wiring
        self._readers = readers
        self._row = row
        self._lock = threading.Lock()
        self._found: dict[str, Door] = {}

    def find(self, channel: str) -> Door:
        """Find a channel.

        Args:
            channel: Its name; of one that only the database knows, the classes are known by their names alone.

        Raises:
            UnknownChannel: There is none; names the nearest.
            RequestError: That is no name.
            PublicationRefused: A pattern would have to make more channels than there may be.
        """
        found = self._found.get(channel) if isinstance(channel, str) else None
        if found is not None:
            return found
        refuse_no_name(channel)
        known = self._wiring.channel(channel)
        if known is None:
            return self._stored(channel)
        door = self._declared(known)
        with self._lock:
            if len(self._found) >= MAX_CHANNELS:  # of ephemeral ones there may be more
                self._found.clear()
            self._found[channel] = door
        return door

    def _declared(self, known: KnownChannel) -> Door:
        encoding = TypedMessages(known.name, known.types)
        if known.ephemeral:
            return Door(encoding, Outlet(known.name, known.capacity), is_ephemeral=True)
        overflow = known.overflow
        assert overflow != "drop_oldest", "a durable channel loses nothing"
        is_new = known.name not in self._wiring.channels and not self._readers.query("read.channel_door", known.name)
        if is_new and len(self._stored_names()) >= MAX_CHANNELS:
            reason = (
                f"it would be a new one, and the database has {MAX_CHANNELS:,} channels, which is the most there may be"
            )
            raise PublicationRefused(known.name, reason, "tell messages apart by their keys, not by channels")
        return Door(encoding, Outlet(known.name, known.capacity, overflow, self._row(known) if is_new else None))

    def _stored(self, channel: str) -> Door:
        rows = self._readers.query("read.channel_door", channel)
        if not rows:
            raise UnknownChannel(channel, self.near(channel))
        capacity, overflow, types = rows[0]
        return Door(NamedMessages(channel, _names.decode(types)), Outlet(channel, capacity, cast("Any", overflow)))

    def near(self, channel: str) -> str:
        """The channel whose name is nearest to a wrong one; empty when none is near."""
        return nearest(channel, [*self._wiring.channels, *self._stored_names()]) or ""

    def _stored_names(self) -> list[str]:
        return _names.decode(self._readers.query("read.channel_names")[0][0])
