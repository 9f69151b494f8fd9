"""From a system file to subscribers and channels: made of what was resolved, and wired; mistakes are told at their lines."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from dagger_actors.core.wording import quoted
from dagger_actors.errors import ActorClassError, Problem
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.declared.wiring import wire_all
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.subscribers.kind import Configured, configured, kind_of
from dagger_actors.pubsub.subscribers.places import InCode, Placed
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Document
from dagger_actors.supervised.files.channel_resolving import (
    ResolvedChannel,
    ResolvedSubscriber,
    place_of_option,
)
from dagger_actors.supervised.files.complaints import Placed as PlacedAgent
from dagger_actors.supervised.files.definition import ChannelSpec, SystemDefinition
from dagger_actors.supervised.files.resolving import Resolved

__all__ = ["Wired", "channels_by_file", "subscriber_by_file", "wired_by_file"]


class WireAll(Protocol):
    """Wires a system: gives the wiring, to be used only without problems; and the problems."""

    def __call__(
        self, members: Members, channels: Sequence[Channel], /, *, loops_acknowledged: bool
    ) -> tuple[Wiring, tuple[Problem, ...]]:
        """See ``wire_all``."""
        ...


class Wired(NamedTuple):
    """What a file is wired to.

    Attributes:
        wiring: The wiring.
        members: Its subscribers.
    """

    wiring: Wiring
    members: Members


class OfHandler:
    """A handler of an agent of a file.

    Args:
        document: The file.
        agent: The agent, and where it stands.
        handler: The handler.
    """

    def __init__(self, document: Document, agent: PlacedAgent, handler: HandlerKind) -> None:
        self._document = document
        self._agent = agent
        self._handler = handler

    def problem(self, option: str, message: str, advice: str) -> Problem:
        """See ``Placed``; what the file does not say itself stands in the code, of which the place is told."""
        told, at = place_of_option(self._agent, self._handler.name, option)
        in_code = f" ({self._handler.place})" if at == self._agent.place.class_at else ""
        text = f"agent {quoted(self._agent.spec.id)}: {told}: {message}{in_code}"
        return self._document.problem(at, text, advice)


class OfChannel:
    """A channel of a file."""

    def __init__(self, document: Document, name: str, at: int) -> None:
        self._document = document
        self._name = name
        self._at = at

    def problem(self, option: str, message: str, advice: str) -> Problem:
        """See ``Placed``."""
        told = f"{option}: {message}" if option else message
        return self._document.problem(self._at, f"channel {quoted(self._name)}: {told}", advice)


def subscriber_by_file(name: str, made: ResolvedSubscriber, document: Document | None) -> Configured:
    """The subscriber that a system file says; its id is its name.

    Args:
        name: Its id.
        made: What it is made of.
        document: The file; None = it was not read from one.

    Raises:
        ActorClassError: The id cannot be a name.
    """
    kind = kind_of(made.source)
    assert kind is not None, "what the file names was found to take messages"
    found = configured(kind, name, made.group, made.config, made.given)
    if document is None:
        return found
    where: dict[str, Placed] = {
        handler: OfHandler(document, made.placed, one) for handler, one in found.handlers.items()
    }
    return Configured(kind, found.name, found.group, found.config, found.handlers, where)


def channels_by_file(definition: SystemDefinition, resolved: Mapping[str, ResolvedChannel]) -> tuple[Channel, ...]:
    """The channels that a system file declares.

    Raises:
        ActorClassError: The types of one cannot be.
    """
    document = definition.places.document
    return tuple(
        _channel(name, spec, resolved[name], definition.file, document) for name, spec in definition.channels.items()
    )


def _channel(name: str, spec: ChannelSpec, resolved: ResolvedChannel, file: str, document: Document | None) -> Channel:
    line = 0 if document is None else document.line_and_column(resolved.at)[0]
    place = f"{file}:{line}" if file else document.where(resolved.at) if document is not None else "channels"
    return Channel(
        name,
        _union(resolved.types),
        ephemeral=spec.ephemeral,
        capacity=spec.capacity,
        overflow=spec.overflow,
        retain_age_s=spec.retain_age_s,
        retain_count=spec.retain_count,
        retain_bytes=spec.retain_bytes,
        place=place,
        where=InCode(place, f"channel {quoted(name)}") if document is None else OfChannel(document, name, resolved.at),
    )


def _union(types: tuple[Any, ...]) -> Any:
    return functools.reduce(operator.or_, types) if types else None


def wired_by_file(
    definition: SystemDefinition, resolved: Resolved[Any], reader: Reader, wire: WireAll = wire_all
) -> Wired | None:
    """Wire what a file says, and have the reader take what is wrong, for ``load_and_resolve``.

    While an agent, a subscription or a channel is wrong by itself, nothing is wired: it would look as if others were wrong.

    Args:
        definition: The file.
        resolved: What its agents are made of.
        reader: Takes what is wrong.
        wire: Does what ``wire_all`` does, and may add members.

    Returns:
        The wiring, and who is wired; None when something is wrong.
    """
    document = definition.places.document
    members = Members()
    is_whole = True
    for name, made in resolved.subscribers.items():
        if not made.is_right:
            is_whole = False
            continue
        try:
            members.add(subscriber_by_file(name, made, document))
        except ActorClassError as error:
            is_whole = False
            reader.subject, reader.noun = name, "agent"
            reader.complain(made.placed.place.at, _without(name, error), "")
    channels = _checked_channels(definition, resolved, reader) if definition.places.is_wiring_read else None
    known = {*resolved.subscribers, *resolved.tasks, *resolved.actors}
    if channels is None or not is_whole or any(agent.id not in known for agent in definition.all_agents()):
        return None
    wiring, problems = wire(members, channels, loops_acknowledged=definition.loops == "acknowledged")
    reader.add(problems)
    return None if problems else Wired(wiring, members)


def _checked_channels(
    definition: SystemDefinition, resolved: Resolved[Any], reader: Reader
) -> tuple[Channel, ...] | None:
    """The channels; None when one is wrong, of which the reader has been told."""
    made = []
    for name, spec in definition.channels.items():
        found = resolved.channels[name]
        if len(found.types) < len(spec.types):
            continue  # that they cannot be found was told
        try:
            made.append(_channel(name, spec, found, definition.file, definition.places.document))
        except ActorClassError as error:
            reader.subject, reader.noun = name, "channel"
            reader.complain(found.types_at, f"type: {error.what}", "")
    reader.subject = ""
    return tuple(made) if len(made) == len(definition.channels) else None


def _without(name: str, error: ActorClassError) -> str:
    """The text of an error about an agent whose name is said already."""
    return error.what if error.where == name else str(error)
