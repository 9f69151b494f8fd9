"""Who publishes to which channels and who reads them, once all of a system is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dagger_actors.core.channel_names import matches
from dagger_actors.core.channel_options import ChannelOverflow
from dagger_actors.errors import Problem
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["WiredChannel", "Wiring"]

MAX_MADE = 100_000
"""Channels that patterns have made and that are kept; more are made again when they are asked for."""


class WiredChannel(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One channel, or all that a pattern stands for.

    Attributes:
        name: Its name; a pattern has ``*``.
        types: What it takes, by the names of the classes; ``{"": Any}`` = anything.
        ephemeral: Whether nothing of it is stored.
        capacity: Messages that its slowest subscription may not have done.
        overflow: What becomes of one more.
        retain_age_us: How long done messages are kept; None = as long as the others allow.
        retain_count: How many of them; None = any number.
        retain_bytes: How much of them; None = any amount.
        is_declared: Whether somebody has declared it, or a pattern that it is of.
        publishers: The names of the subscriptions whose turns may publish to it.
        readers: The names of the subscriptions that read it.
    """

    name: str
    types: dict[str, Any]
    ephemeral: bool
    capacity: int
    overflow: ChannelOverflow
    retain_age_us: int | None
    retain_count: int | None
    retain_bytes: int | None
    is_declared: bool
    publishers: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


class Wiring:
    """The wiring of a system.

    Args:
        channels: All channels whose names are known, by name.
        patterns: Those that make channels when they are first published to; of several that fit the first does.
        subscriptions: By name.
        warnings: What is no mistake and probably none of the author's wishes.

    Attributes:
        channels: As given.
        patterns: As given.
        subscriptions: As given.
        warnings: As given.
    """

    def __init__(
        self,
        channels: Mapping[str, WiredChannel],
        patterns: Iterable[WiredChannel],
        subscriptions: Mapping[str, Subscription],
        warnings: Iterable[Problem] = (),
    ) -> None:
        self.channels = dict(channels)
        self.patterns = tuple(patterns)
        self.subscriptions = dict(subscriptions)
        self.warnings = tuple(warnings)
        self._made: dict[str, WiredChannel] = {}

    def channel(self, name: str) -> WiredChannel | None:
        """Give a channel by its name, one that a pattern makes too; None = there is none."""
        found = self.channels.get(name) or self._made.get(name)
        if found is not None:
            return found
        maker = next((one for one in self.patterns if matches(one.name, name)), None)
        if maker is None:
            return None
        made = msgspec.structs.replace(
            maker,
            name=name,
            publishers=self._names(name, "publishes"),
            readers=self._names(name, "channels"),
        )
        if len(self._made) >= MAX_MADE:
            self._made.clear()
        self._made[name] = made
        return made

    def readers(self, channel: str) -> tuple[Subscription, ...]:
        """The subscriptions that read a channel, whether it is there or not."""
        return tuple(one for one in self.subscriptions.values() if one.handler.options.reads(channel))

    def read_by(self, subscription: str) -> tuple[WiredChannel, ...]:
        """The channels with names known so far that a subscription reads."""
        options = self.subscriptions[subscription].handler.options
        known = (*self.channels.values(), *self._made.values())
        return tuple(one for one in known if options.reads(one.name))

    def _names(self, channel: str, field: str) -> tuple[str, ...]:
        return tuple(
            name
            for name, one in self.subscriptions.items()
            if any(matches(pattern, channel) for pattern in getattr(one.handler.options, field))
        )
