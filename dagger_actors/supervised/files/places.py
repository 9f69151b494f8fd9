"""Where the parts of a definition stand in its file, for what can only be found out after reading."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dagger_actors.reading.tree import Document, Field, Tree

__all__ = ["AgentPlace", "Places"]


class AgentPlace(msgspec.Struct, frozen=True, gc=False):
    """Where an agent stands.

    Attributes:
        at: Its own place.
        class_at: The place of its class reference.
        config: Its config as written; None when it has none.
        tasks: Its `tasks` as written; None when it has none.
        group: Its `group` as written; None when it has none.
        subscriptions: Its `subscriptions` as written; None when it has none.
        is_nested: Whether it stands below another supervisor than the root.
        supervised: Those of its keys that say how it is supervised or sent to, each with its place.
    """

    at: int
    class_at: int
    config: Tree | None = None
    tasks: Field | None = None
    group: Field | None = None
    subscriptions: Field | None = None
    is_nested: bool = False
    supervised: tuple[tuple[str, int], ...] = ()


class Places(msgspec.Struct, frozen=True):
    """Where the parts of a definition stand.

    Attributes:
        document: Knows lines and columns; None for a definition that was not read.
        agents: Their places, in the order of ``all_agents()``; empty for a definition that was not read.
        schema_at: The place of its schema; 0 without one.
        channels: Each of its channels as written, by name.
        triggers: Each of its triggers as written, in their order.
        is_wiring_read: Whether nothing was wrong with what it says of channels, subscriptions and triggers.
    """

    document: Document | None = None
    agents: tuple[AgentPlace, ...] = ()
    schema_at: int = 0
    channels: Mapping[str, Field] = {}
    triggers: tuple[Tree, ...] = ()
    is_wiring_read: bool = True
