"""The channels of this process, as whoever publishes must know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["Catalog", "KnownChannel"]


class KnownChannel(Protocol):
    """A channel as this process has it declared."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def types(self) -> Mapping[str, Any]:
        """What it takes, by the names of the classes; ``{"": Any}`` = anything."""
        ...

    @property
    def ephemeral(self) -> bool:
        """Whether nothing of it is stored."""
        ...

    @property
    def capacity(self) -> int:
        """Messages that its slowest subscription may not have done."""
        ...

    @property
    def overflow(self) -> Literal["block", "reject", "drop_oldest"]:
        """What becomes of one more."""
        ...


class Catalog(Protocol):
    """The channels that this process has declared."""

    @property
    def channels(self) -> Mapping[str, KnownChannel]:
        """Those whose names are known, by name."""
        ...

    @property
    def patterns(self) -> Sequence[KnownChannel]:
        """Those that make channels when they are first published to."""
        ...

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """The subscriptions of its subscribers, by name."""
        ...

    def channel(self, name: str) -> KnownChannel | None:
        """Give a channel by its name, one that a pattern makes too; None = there is none."""
        ...
