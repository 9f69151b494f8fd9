"""Finds quickly who publishes to a channel and who reads it, among many who name channels and patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dagger_actors.core.channel_names import meet
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["Ends", "published_by", "read_by"]


class Ends:
    """Subscriptions by the channels and patterns that they name.

    Args:
        subscriptions: All of them, in order.
        named: What each of them names.
    """

    def __init__(self, subscriptions: Iterable[Subscription], named: Callable[[Subscription], tuple[str, ...]]) -> None:
        self._by_name: dict[str, list[Subscription]] = {}
        self._places: dict[str, int] = {}
        for one in subscriptions:
            self._places[one.name] = len(self._places)
            for name in named(one):
                self._by_name.setdefault(name, []).append(one)
        self._patterns = [name for name in self._by_name if "*" in name]

    @property
    def names(self) -> tuple[str, ...]:
        """All channels and patterns that are named."""
        return tuple(self._by_name)

    def of(self, channel: str) -> list[Subscription]:
        """Who names a channel, or a pattern that is met by one; in order."""
        meeting = [name for name in (self._by_name if "*" in channel else self._patterns) if meet(name, channel)]
        found = {one.name: one for name in (channel, *meeting) for one in self._by_name.get(name, ())}
        return sorted(found.values(), key=lambda one: self._places[one.name])


def published_by(one: Subscription) -> tuple[str, ...]:
    """What a subscription publishes to."""
    return one.handler.publishes


def read_by(one: Subscription) -> tuple[str, ...]:
    """What a subscription reads."""
    return one.handler.options.channels
