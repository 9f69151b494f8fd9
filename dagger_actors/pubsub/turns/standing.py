"""What the contexts of all turns of one subscription share in one member."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from dagger_actors.pubsub.turns.plan import Plan
from dagger_actors.pubsub.turns.sources import Bridges, Publisher

__all__ = ["Standing"]


class Standing(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What is the same for all turns of a subscription in one member.

    Attributes:
        subscription: ``GROUP.HANDLER``.
        group: The group's name.
        group_key: Its id.
        member: The member's name.
        may_publish: Whether a channel is declared.
        declared: What is, for people.
        is_ordered: Whether messages without a key have an order.
        publisher: Encodes messages.
        timers: How the handlers of timers are called, by the names of their messages' classes.
        bridges: Make tasks and start runs.
    """

    subscription: str
    group: str
    group_key: int
    member: str
    may_publish: Callable[[str], bool]
    declared: tuple[str, ...]
    is_ordered: bool
    publisher: Publisher
    timers: Mapping[str, Plan]
    bridges: Bridges
