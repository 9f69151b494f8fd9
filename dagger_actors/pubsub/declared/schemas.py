"""What channels take and subscribers take and give, as JSON Schema (draft 2020-12)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.action_schemas import schema_of_type
from dagger_actors.pubsub.outgoing.catalog import Catalog
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["ChannelSchema", "SubscriptionSchema", "channel_schemas", "subscription_schemas"]


class ChannelSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, or all that a pattern stands for.

    Attributes:
        name: Its name.
        messages: JSON Schema of each class that it takes, by the name of the class; empty name = anything.
    """

    name: str
    messages: dict[str, dict[str, Any]]


class SubscriptionSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription.

    Attributes:
        name: ``group.handler``.
        place: File and line of its handler.
        description: The docstring of the handler, else of its class; empty without one.
        channels: The channels that it reads.
        publishes: The channels that it may publish to.
        takes: JSON Schema of each class that it takes, by the name of the class.
        gives: JSON Schema of each class that it gives.
    """

    name: str
    place: str
    description: str
    channels: tuple[str, ...]
    publishes: tuple[str, ...]
    takes: dict[str, dict[str, Any]]
    gives: dict[str, dict[str, Any]]


def channel_schemas(catalog: Catalog) -> tuple[ChannelSchema, ...]:
    """Describe every channel and pattern of a system."""
    every = (*catalog.channels.values(), *catalog.patterns)
    return tuple(ChannelSchema(name=one.name, messages=_schemas(one.types)) for one in every)


def subscription_schemas(subscriptions: Mapping[str, Subscription]) -> tuple[SubscriptionSchema, ...]:
    """Describe every subscription of a system."""
    return tuple(
        SubscriptionSchema(
            name=name,
            place=one.handler.place,
            description=inspect.cleandoc(one.handler.function.__doc__ or vars(one.kind.source).get("__doc__") or ""),
            channels=one.handler.options.channels,
            publishes=one.handler.publishes,
            takes=_schemas(one.handler.takes),
            gives=_schemas(one.handler.gives),
        )
        for name, one in subscriptions.items()
    )


def _schemas(types: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: schema_of_type(hint) for name, hint in types.items()}
