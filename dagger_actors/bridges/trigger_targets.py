"""What triggers begin: tasks of an agent, or runs of a flow; found when a system is wired, and begun by each message."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.bridges.message_values import ABSENT, Names, found_at, plain
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import (
    ActorClassError,
    DefinitionError,
    DeliveryRefused,
    InputError,
    InvalidInputs,
    PayloadRefused,
    UnknownAgent,
)
from dagger_actors.flow.definition import AwaitMessage, InputSpec
from dagger_actors.flow.definition.inputs import declared_inputs
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.flow.verbs.preparing import LONGEST_ID, PinnedFlow, pin
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.pubsub.turns.sources import StartOptions
from dagger_actors.tasks.agents.registry import AgentEntry, TaskAgents

__all__ = ["FlowTarget", "Target", "TaskTarget", "target_of"]


class TaskTarget(msgspec.Struct, frozen=True, eq=False):
    """An agent whose tasks are made.

    Attributes:
        agent: As its door finds it.
        entry: It.
    """

    agent: Any
    entry: AgentEntry

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.entry.name

    def begin(self, ctx: TurnContext, message: Any, places: Mapping[str, Names]) -> None:
        """Make the task of a message."""
        data = plain(message)
        values = _values(data, message, places)
        if "" in places:
            if not values:
                raise DeliveryRefused(ctx.subscription, _place(ctx), f"it has no {'.'.join(_of(places[''], message))}")
            payload = values[""]
        else:
            payload = values if places else data
        try:
            # Read as the agent will read it: then fields that it does not take, which are no mistake of a publisher, fall away.
            made = self.entry.action.parameters[0].decode(msgspec.json.encode(payload))
            ctx.spawn(self.agent, made, key=_identity(ctx))
        except InputError as error:
            raise DeliveryRefused(ctx.subscription, _place(ctx), error.reason) from None
        except PayloadRefused as error:
            raise DeliveryRefused(ctx.subscription, _place(ctx), str(error)) from None


class FlowTarget(msgspec.Struct, frozen=True, eq=False):
    """A flow of which runs are started.

    Attributes:
        flow: It.
        declared: Its inputs by name.
    """

    flow: PinnedFlow
    declared: dict[str, InputSpec]

    @property
    def name(self) -> str:
        """The flow's name."""
        return self.flow.definition.name

    @property
    def awaits_messages(self) -> bool:
        """Whether nodes of it, or of flows inside it, may wait for messages."""
        flow = self.flow.definition
        return bool(flow.flows) or any(isinstance(node.awaits, AwaitMessage) for node in flow.nodes)

    def begin(self, ctx: TurnContext, message: Any, places: Mapping[str, Names]) -> None:
        """Start the run of a message."""
        values = _values(plain(message), message, places)
        # Whatever run has this id is that of this message, also where the flow was another one then.
        options = StartOptions(run_id=_identity(ctx), is_unique=False)
        try:
            ctx.begin_run(self.flow, values, options)
        except InvalidInputs as error:
            raise DeliveryRefused(ctx.subscription, _place(ctx), str(error)) from None


Target = TaskTarget | FlowTarget


def _values(data: Any, message: Any, places: Mapping[str, Names]) -> dict[str, Any]:
    """What of a message is handed on, by name; what it has not is left to its default."""
    found = {name: found_at(data, _of(names, message)) for name, names in places.items()}
    return {name: value for name, value in found.items() if value is not ABSENT}


def _of(names: Names, message: Any) -> tuple[str, ...]:
    kind = type(message).__name__
    return names[kind] if kind in names else next(iter(names.values()))


def _place(ctx: TurnContext) -> str:
    return f"{ctx.channel}/{ctx.offset}"


def _identity(ctx: TurnContext) -> str:
    """The same whenever this message is taken, by this trigger, and no other's."""
    text = f"{ctx.group}/{ctx.channel}/{ctx.offset}"
    return text if len(text) <= LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()


def target_of(trigger: Trigger, agents: TaskAgents, catalog: Catalog) -> Target:
    """Find what a trigger begins.

    Raises:
        DefinitionError: It is not there, or cannot be begun; carries every problem.
    """
    if trigger.task is not None:
        return _task(trigger, agents)
    flow = trigger.flow
    if isinstance(flow, str | Path) and not Path(flow).is_file():
        raise DefinitionError(
            [trigger.where.problem("flow", f"there is no file {quoted(str(flow))}", "Write the path of a flow file.")]
        )
    assert flow is not None
    found = pin(catalog, flow)
    catalog.config(found.loaded, None, sequential=False)
    return FlowTarget(found, declared_inputs(found.definition))


def _task(trigger: Trigger, agents: TaskAgents) -> TaskTarget:
    task = trigger.task
    try:
        entry = agents.find(task)
    except UnknownAgent as error:
        near = nearest(error.agent, agents.names())
        advice = f"Did you mean {near!r}?" if near else "Give the system such an agent: agents=[...]."
        raise DefinitionError(
            [trigger.where.problem("task", f"there is no task agent {quoted(error.agent)}", advice)]
        ) from None
    except ActorClassError as error:
        raise DefinitionError([trigger.where.problem("task", error.what, "Name a task agent.")]) from None
    return TaskTarget(entry.name if entry.name in agents.names() else task, entry)
