"""Takes the subscribers out of ``agents=[...]``, and from a system file what it says of channels."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.from_file import channels_by_file, subscriber_by_file
from dagger_actors.pubsub.subscribers.kind import Configured, kind_of
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.supervised.files.from_file import LoadedSystem

__all__ = ["add_file", "split_members"]


def split_members(agents: Sequence[object]) -> tuple[Sequence[object], Members]:
    """Split what a system is given.

    Args:
        agents: ``Subscriber`` classes and what their ``configured`` gave, among others.

    Returns:
        The others, for ``split_agents``; and the subscribers; each in the order given.

    Raises:
        ActorClassError: They are no list, or a subscriber cannot be.
        ConfigRefused: It needs a config.
    """
    if not isinstance(agents, Sequence):
        raise ActorClassError("agents", f"they are a list, not {repr(agents)[:100]}")
    members, others = Members(), []
    for one in agents:
        if isinstance(one, Configured) or kind_of(one) is not None:
            members.add(one)
        else:
            others.append(one)
    return others, members


def add_file(loaded: LoadedSystem, members: Members) -> tuple[Channel, ...]:
    """Add the subscribers of a system file, and give the channels that it declares.

    Raises:
        ActorClassError: One cannot be, or its name is another's.
    """
    document = loaded.definition.places.document
    for name, made in loaded.resolved.subscribers.items():
        members.add(subscriber_by_file(name, made, document))
    return channels_by_file(loaded.definition, loaded.resolved.channels)
