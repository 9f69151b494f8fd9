"""Wires a system that has triggers: what they begin is found, and they are wired as the subscribers that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagger_actors.bridges.awaitable_channels import KnownChannels
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.bridges.trigger_check import fit
from dagger_actors.bridges.trigger_targets import FlowTarget, target_of
from dagger_actors.bridges.triggering import subscriber_of
from dagger_actors.core.channel_names import meet
from dagger_actors.errors import ActorClassError, DefinitionError, Problem
from dagger_actors.flow.verbs.catalog import Catalog, FlowSource
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.wired import WiredChannel, Wiring
from dagger_actors.pubsub.declared.wiring import wire_all
from dagger_actors.pubsub.subscribers.kind import Configured
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.tasks.agents.registry import TaskAgents

__all__ = ["Triggers"]

ANYTHING: dict[str, Any] = {"": Any}


class Triggers:
    """The triggers of a system.

    Args:
        triggers: They.
        agents: The task agents of the system.
        catalog: Finds flows.
    """

    def __init__(self, triggers: Sequence[Trigger], agents: TaskAgents, catalog: Catalog) -> None:
        self._triggers = triggers
        self._agents = agents
        self._catalog = catalog
        self._awaiting: list[FlowSource] = []

    def wire(self, members: Members, channels: Sequence[Channel], *, loops_acknowledged: bool) -> Wiring:
        """``pubsub.declared.wiring.wire`` with the triggers, which are added to the members.

        Raises:
            DefinitionError: It cannot be; carries every problem.
        """
        wiring, problems = self.wire_all(members, channels, loops_acknowledged=loops_acknowledged)
        if problems:
            raise DefinitionError(problems)
        return wiring

    def wire_all(
        self, members: Members, channels: Sequence[Channel], *, loops_acknowledged: bool
    ) -> tuple[Wiring, tuple[Problem, ...]]:
        """``pubsub.declared.wiring.wire_all`` with the triggers, which are added to the members.

        What their messages are is found out without them: by those who publish, by others who read, by declarations.
        """
        if not self._triggers:
            return wire_all(members, channels, loops_acknowledged=loops_acknowledged)
        others, _ = wire_all(members, channels, loops_acknowledged=True)
        self._catalog.channels = KnownChannels(others, None, has_all=False)  # the database may know more
        problems: list[Problem] = []
        for number, trigger in enumerate(self._triggers):
            problems += self._add(trigger, others, members, f"trigger-{number}")
        wiring, more = wire_all(members, channels, loops_acknowledged=loops_acknowledged)
        return wiring, tuple(dict.fromkeys((*problems, *more)))

    def check_awaited(self) -> None:
        """Read the flows again whose nodes await messages, now that the catalog knows all channels there are.

        Raises:
            DefinitionError: There is no such channel; carries every problem.
        """
        problems: list[Problem] = []
        for flow in self._awaiting:
            try:
                self._catalog.find(flow)
            except DefinitionError as error:
                problems += error.problems
        if problems:
            raise DefinitionError(tuple(dict.fromkeys(problems)))

    def _add(self, trigger: Trigger, others: Wiring, members: Members, otherwise: str) -> Sequence[Problem]:
        every = (*others.channels.values(), *others.patterns)
        sources = [one for one in every if meet(trigger.channel, one.name)]
        takes = _types(sources)
        try:
            target = target_of(trigger, self._agents, self._catalog)
        except DefinitionError as error:
            made, problems = subscriber_of(trigger, None, takes, {}, otherwise)
            problems += error.problems
        else:
            if isinstance(target, FlowTarget) and target.awaits_messages and trigger.flow is not None:
                self._awaiting.append(trigger.flow)
            found = fit(trigger, target, takes, sources)
            made, problems = subscriber_of(trigger, target, takes, found.places, otherwise)
            problems += found.problems
        wrong = _clash(made, members)
        if wrong:
            problems.append(trigger.where.problem("group", wrong, "Give it a group of its own."))
        return problems


def _clash(made: Configured, members: Members) -> str:
    """Add a trigger to the members; why that cannot be, empty = it is done."""
    if made.name in members.names():
        other = members.get(made.name).kind
        return f"the {other.label} at {other.place} has the name {made.name!r} already"
    try:
        members.add(made)
    except ActorClassError as error:
        return error.what
    return ""


def _types(sources: Sequence[WiredChannel]) -> Mapping[str, Any]:
    """The types of all messages of some channels; anything where that is not known, or one name stands for two classes."""
    found: dict[str, Any] = {}
    for source in sources:
        for name, hint in source.types.items():
            if found.setdefault(name, hint) != hint:
                return ANYTHING
    return ANYTHING if not found or "" in found else found
