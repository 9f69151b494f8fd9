"""Words what is wrong with the class or the config of an agent, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Listing, Table, Tree
from dagger_actors.supervised.config_check import Fault, check_config
from dagger_actors.supervised.config_check import Path as ConfigPath
from dagger_actors.supervised.files.definition import AgentSpec
from dagger_actors.supervised.files.places import AgentPlace

__all__ = ["Complaints", "Placed"]

MAX_NAMED = 5
"""Agents that a message names, of all that share a mistake."""

TAKE_ONE = "say in the class what it takes: `config: SomeStruct`"
BE_A_CLASS = "make the function a TaskAgent class with `config: SomeStruct`"


class Placed(NamedTuple):
    """An agent and where it stands."""

    spec: AgentSpec
    place: AgentPlace


class Complaints:
    """What is wrong with agents.

    Args:
        reader: Takes it.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def of_class(self, agents: Sequence[Placed], message: str, advice: str) -> None:
        """Complain once of what all these agents share."""
        first, *others = agents
        if others:
            named = ", ".join(quoted(agent.spec.id) for agent in others[:MAX_NAMED])
            more = ", ..." if len(others) > MAX_NAMED else ""
            message += f"; the same holds for {len(others):,} more: {named}{more}"
        self.reader.subject = first.spec.id
        self.reader.complain(first.place.class_at, f"class: {message}", advice)

    def of_agent(self, agent: Placed, at: int, message: str, advice: str) -> None:
        """Complain of one thing that an agent says."""
        self.reader.subject = agent.spec.id
        self.reader.complain(at, message, advice)

    def config_of(self, found: Any, wanted: type[msgspec.Struct] | None, agent: Placed) -> msgspec.Struct | None:
        """Make the config of an agent, and complain of what does not fit.

        Args:
            found: Its class, or the function that does its tasks.
            wanted: The class of its config; None = it takes none.
            agent: The agent.
        """
        if wanted is not None:
            config, faults = check_config(wanted, agent.spec.config)
            for fault in faults:
                self.of_config(agent, fault)
            return config
        if agent.spec.config:
            is_class = isinstance(found, type)
            advice = f"Remove it, or {TAKE_ONE if is_class else BE_A_CLASS}."
            self.of_config(
                agent, Fault((), f"{'class' if is_class else 'function'} {found.__name__} takes none", advice)
            )
        return None

    def of_config(self, agent: Placed, fault: Fault) -> None:
        """Complain of one thing in a config."""
        reader = self.reader
        reader.subject = agent.spec.id
        written = agent.place.config
        if written is not None and not isinstance(written, Table):
            return  # that it is no mapping was complained of
        is_key = bool(fault.known)
        advice = reader.suggest(str(fault.path[-1]), fault.known, fault.advice) if is_key else fault.advice
        at = agent.place.at if written is None else place_in(written, fault.path, is_key=is_key)
        path = fault.path[:-1] if is_key else fault.path
        reader.complain(at, f"{spelled(path)}: {fault.message}", advice)


def spelled(path: Sequence[str | int]) -> str:
    """Spell a path below `config`."""
    text = "config"
    for step in path:
        text += f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{quoted(step)}]"
    return text


def place_in(tree: Tree, path: ConfigPath, *, is_key: bool) -> int:
    """Find the place of what a path leads to, or of the last thing on the way that is there."""
    at = tree.at
    for step in path:
        if isinstance(tree, Table) and isinstance(step, str) and step in tree.entries:
            field = tree.entries[step]
            tree = field.value
            at = field.at if is_key else tree.at
        elif isinstance(tree, Listing) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
            at = tree.at
        else:
            break
    return at
