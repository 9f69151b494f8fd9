"""Makes the configs of agents that are subscribers, judges their options and finds the types of channels.

Every mistake is told at its place. Whether channels and subscriptions fit together is found out by whoever wires them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.errors import ActorClassError, DefinitionError
from dagger_actors.reading.importing import import_target
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Field, Fields, Listing, Table, Tree
from dagger_actors.supervised.files.channel_keys import (
    UNSUPERVISED_SUBSCRIBER,
    SubscriberSource,
    key_of_option,
    options_of,
)
from dagger_actors.supervised.files.complaints import Complaints, Placed
from dagger_actors.supervised.files.definition import SystemDefinition
from dagger_actors.supervised.files.part_keys import A_CLASS, split_class

__all__ = [
    "ResolvedChannel",
    "ResolvedSubscriber",
    "place_of_option",
    "resolve_channels",
    "resolve_subscribers",
    "sentence",
]


class ResolvedSubscriber(msgspec.Struct, frozen=True):
    """What a subscriber is made of.

    Attributes:
        source: Its class.
        config: What its class's ``config`` is; None when it has none.
        group: The group of its subscriptions that name none; None = as its class says.
        given: The options that the file gives, as the arguments of ``@subscribe`` would give them, by handlers.
        placed: The agent, and where it stands.
        is_right: Whether nothing was wrong.
    """

    source: Any
    config: msgspec.Struct | None
    group: str | None
    given: dict[str, dict[str, object]]
    placed: Placed
    is_right: bool = True


class ResolvedChannel(msgspec.Struct, frozen=True):
    """What a channel takes.

    Attributes:
        types: Its types, in the order of the file; empty = they are not declared.
        at: Where it stands.
        types_at: Where its types do.
    """

    types: tuple[Any, ...]
    at: int
    types_at: int


def resolve_subscribers(
    found: Any,
    source: SubscriberSource,
    agents: Sequence[Placed],
    complaints: Complaints,
    resolved: dict[str, ResolvedSubscriber],
) -> None:
    """Resolve the agents of one class.

    Args:
        found: The class.
        source: What it says of itself.
        agents: The agents.
        complaints: Take what is wrong.
        resolved: Takes what they are made of, by their ids.
    """
    try:
        source.check()
    except ActorClassError as error:
        complaints.of_class(agents, f"{found.__name__} can take no messages", f"{error}.")
        return
    for agent in agents:
        before = complaints.reader.complained
        _refuse_supervision(found, agent, complaints)
        given = _given(found, source, agent, complaints)
        config = complaints.config_of(found, source.config, agent)
        is_right = complaints.reader.complained == before
        group = agent.spec.group or None
        resolved[agent.spec.id] = ResolvedSubscriber(found, config, group, given, agent, is_right)


def _refuse_supervision(found: Any, agent: Placed, complaints: Complaints) -> None:
    place = agent.place
    if place.is_nested:
        message = f"{found.__name__} takes the messages of channels, and no supervisor has to do with that"
        complaints.of_agent(agent, place.at, message, "Write it under the `agents` of the system itself.")
    for key, at in place.supervised:
        message = f"`{key}` does nothing, for {found.__name__} takes the messages of channels"
        complaints.of_agent(agent, at, message, f"Remove it; {UNSUPERVISED_SUBSCRIBER[key]}.")
    if place.tasks is not None:
        message = f"`tasks` is for who does tasks, and class {found.__name__} takes the messages of channels"
        complaints.of_agent(agent, place.tasks.at, message, "Remove it; write subscriptions: {HANDLER: {...}}.")


def _given(found: Any, source: SubscriberSource, agent: Placed, complaints: Complaints) -> dict[str, dict[str, object]]:
    known = source.subscribed
    given: dict[str, dict[str, object]] = {}
    for handler, spec in (agent.spec.subscriptions or {}).items():
        if handler in known:
            given[handler] = options_of(spec, source.retry_of(handler))
            continue
        field = _written(agent).get(handler)
        advice = complaints.reader.suggest(handler, known, f"It has {', '.join(known)}.")
        at = agent.place.at if field is None else field.at
        message = f"subscriptions: {found.__name__} has no handler {quoted(handler)} with @subscribe"
        complaints.of_agent(agent, at, message, advice)
    group = agent.spec.group or source.group or agent.spec.id
    for handler, problem in source.judge(given, group)[1]:
        told, at = place_of_option(agent, handler, problem.option)
        complaints.of_agent(agent, at, f"{told}: {problem.message}", sentence(problem.advice))
    return given


def place_of_option(agent: Placed, handler: str, option: str) -> tuple[str, int]:
    """Name what gives an option of a handler, and tell where it stands; where the file does not say it, the handler or agent."""
    field = _written(agent).get(handler)
    told = f"subscriptions.{handler}"
    if field is None:
        return f"{told}.{option}" if option else told, agent.place.class_at
    inside: Fields = field.value.entries if isinstance(field.value, Table) else {}
    key = key_of_option(option, inside)
    return f"{told}.{key or option}" if option else told, inside[key].at if key else field.at


def sentence(advice: str) -> str:
    """Advice as a sentence."""
    return f"{advice[:1].upper()}{advice[1:]}{'' if advice.endswith(('?', '.')) else '.'}"


def _written(agent: Placed) -> Mapping[str, Field]:
    field = agent.place.subscriptions
    return field.value.entries if field is not None and isinstance(field.value, Table) else {}


def resolve_channels(definition: SystemDefinition, folder: Path, reader: Reader) -> dict[str, ResolvedChannel]:
    """Import the types of channels; the reader takes what is wrong.

    Args:
        definition: The system.
        folder: Where modules are looked for first.
        reader: Takes what is wrong.
    """
    found = {}
    reader.noun = "channel"
    for name, spec in definition.channels.items():
        reader.subject = name
        field = definition.places.channels.get(name)
        at = 0 if field is None else field.at
        written = None if field is None else _types_in(field.value)
        types = [_type(reference, folder, reader, _nth(written, n, at)) for n, reference in enumerate(spec.types)]
        there = tuple(one for one in types if one is not None)
        found[name] = ResolvedChannel(there, at, at if written is None else written.at)
    reader.subject = ""
    return found


def _types_in(tree: Tree) -> Tree | None:
    field = tree.entries.get("type") if isinstance(tree, Table) else None
    return None if field is None else field.value


def _nth(written: Tree | None, n: int, at: int) -> int:
    if isinstance(written, Listing) and n < len(written.items):
        return written.items[n].at
    return at if written is None else written.at


def _type(reference: str, folder: Path, reader: Reader, at: int) -> Any:
    try:
        target, name = split_class(reference)
        module = import_target(target, folder, A_CLASS)
    except DefinitionError as error:
        for problem in error.problems:
            reader.complain(at, f"type: {problem.message}", problem.advice)
        return None
    found = getattr(module, name, None)
    if found is None:
        there = [other for other, value in vars(module).items() if isinstance(value, type)]
        advice = reader.suggest(name, there, f"Define it there: class {name}(msgspec.Struct): ...")
        reader.complain(at, f"type: there is no {quoted(name)} in {quoted(target)}", advice)
    return found
