"""What the database is told of channels and subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.pubsub.declared.wired import WiredChannel, Wiring
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["channel_row", "channel_rows", "subscription_rows"]


def channel_row(channel: WiredChannel) -> ChannelRow:
    """The row of a durable channel."""
    assert channel.overflow != "drop_oldest", "a durable channel loses nothing"
    return ChannelRow(
        name=channel.name,
        schema=_schema(channel.types),
        types=tuple(name for name in channel.types if name),
        capacity=channel.capacity,
        overflow=channel.overflow,
        retain_age_us=channel.retain_age_us,
        retain_count=channel.retain_count,
        retain_bytes=channel.retain_bytes,
    )


def channel_rows(wiring: Wiring) -> tuple[ChannelRow, ...]:
    """The rows of all durable channels whose names are known."""
    return tuple(channel_row(one) for one in wiring.channels.values() if not one.ephemeral)


def subscription_rows(wiring: Wiring, channels: Iterable[str]) -> tuple[SubscriptionRow, ...]:
    """The rows of those subscriptions that read durable channels, on those of these that they read.

    Args:
        wiring: The wiring.
        channels: Names of durable channels that are there.
    """
    names = [name for name in channels if not _is_ephemeral(wiring, name)]
    found = []
    for one in wiring.subscriptions.values():
        read = tuple(name for name in names if one.handler.options.reads(name))
        if read:
            found.append(_subscription_row(one, read))
    return tuple(found)


def _is_ephemeral(wiring: Wiring, name: str) -> bool:
    channel = wiring.channel(name)
    return channel is not None and channel.ephemeral


def _subscription_row(one: Subscription, channels: Sequence[str]) -> SubscriptionRow:
    options = one.handler.options
    ranges: Literal[1, 64] = 1 if options.is_ordered else 64
    settings = {name: value for name, value in msgspec.to_builtins(options, enc_hook=str).items() if name != "channels"}
    return SubscriptionRow(
        group=one.group,
        name=one.name,
        pattern=options.pattern,
        channels=tuple(channels),
        start=options.start,
        ranges=ranges,
        keying=f"{options.order} {options.key}".rstrip(),
        settings=msgspec.json.encode(settings).decode(),
        place=one.handler.place,
    )


def _schema(types: dict[str, Any]) -> str:
    named = [hint for name, hint in types.items() if name]
    if not named:
        return "{}"
    try:
        (first, *rest), components = msgspec.json.schema_components(named)
    except TypeError:  # a class that msgspec cannot describe: it is checked all the same
        return "{}"
    schema = {"anyOf": [first, *rest]} if rest else first
    return msgspec.json.encode({**schema, "$defs": components}).decode()
