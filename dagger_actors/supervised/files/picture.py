"""The picture of a system: its supervisors, and below each what it starts."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from dagger_actors.core.wording import counted
from dagger_actors.drawing.picture import Picture, PictureNode, line
from dagger_actors.reading.retry_keys import RetryStrategy
from dagger_actors.supervised.files.definition import (
    AgentSpec,
    PerKeySpec,
    Supervision,
    SupervisorSpec,
    SystemDefinition,
    TaskOptionsSpec,
)

__all__ = ["picture_of_system"]

Fact = tuple[str, str]


def picture_of_system(definition: SystemDefinition, unsupervised: Collection[str] = ()) -> Picture:
    """Make the picture of a system: the root first, then what is below it, in the order of the start.

    Args:
        definition: The system.
        unsupervised: The ids of agents that are nobody's children, besides those that the file says do tasks.
    """
    nodes = [_supervisor(definition.name, definition.supervision, ())]
    edges: list[tuple[int, int]] = []
    _add(definition.agents, 0, nodes, edges, unsupervised)
    agents, supervisors = definition.count()
    counts = [counted(agents, "agent"), counted(1 + supervisors, "supervisor")]
    return Picture(
        title=line(definition.name),
        subtitle=line(" · ".join([*counts, *([definition.description] if definition.description else [])])),
        nodes=tuple(nodes),
        edges=tuple(edges),
    )


def _add(
    children: tuple[AgentSpec | SupervisorSpec, ...],
    parent: int,
    nodes: list[PictureNode],
    edges: list[tuple[int, int]],
    unsupervised: Collection[str],
) -> None:
    for child in children:
        is_apart = isinstance(child, AgentSpec) and (child.tasks is not None or child.id in unsupervised)
        if not is_apart:  # who does tasks, or takes messages, is nobody's child
            edges.append((parent, len(nodes)))
        if isinstance(child, SupervisorSpec):
            nodes.append(_supervisor(child.id, child.supervision, _restarts(child)))
            _add(child.agents, len(nodes) - 1, nodes, edges, unsupervised)
        else:
            nodes.append(_agent(child) if child.id not in unsupervised else _unsupervised(child))


def _supervisor(name: str, supervision: Supervision, facts: tuple[Fact, ...]) -> PictureNode:
    own = [("intensity", f"{counted(supervision.intensity, 'restart')} in {supervision.period_s:g} s")]
    if supervision.auto_shutdown != "never":
        own.append(("auto_shutdown", supervision.auto_shutdown))
    return PictureNode(title=line(name), subtitle=f"supervisor, {supervision.strategy}", facts=(*own, *facts))


def _agent(agent: AgentSpec) -> PictureNode:
    if agent.tasks is not None:
        return _task_agent(agent, agent.tasks)
    facts = list(_restarts(agent))
    facts.append(("shutdown_s", "as long as it takes" if agent.shutdown_s is None else f"{agent.shutdown_s:g}"))
    if agent.mailbox is not None:
        facts.append(("mailbox", f"{agent.mailbox.capacity}, {agent.mailbox.overflow}"))
    facts += _config(agent)
    return PictureNode(
        title=line(agent.id),
        subtitle=line(agent.class_reference),
        is_mapped=agent.instances > 1,
        note=line(_pool(agent)) if agent.instances > 1 else "",
        facts=tuple(facts),
    )


def _task_agent(agent: AgentSpec, tasks: TaskOptionsSpec) -> PictureNode:
    """Who does tasks, as the file says it: what class or function says is not known without importing it."""
    facts: list[Fact] = []
    for name, value in msgspec.structs.asdict(tasks).items():
        if isinstance(value, PerKeySpec):
            facts.append(("per_key", line(f"{value.limit} of each {value.field}")))
        elif isinstance(value, RetryStrategy):
            facts.append(("retry", type(value.wait).__name__.lower()))
        elif value is not None:
            facts.append((name, line(str(value))))
    return PictureNode(
        title=line(agent.id),
        subtitle=line(agent.class_reference),
        note="does tasks",
        facts=(*facts, *_config(agent)),
    )


def _unsupervised(agent: AgentSpec) -> PictureNode:
    return PictureNode(title=line(agent.id), subtitle=line(agent.class_reference), facts=tuple(_config(agent)))


def _config(agent: AgentSpec) -> list[Fact]:
    return [("config", line(f"{name} = {value!r}")) for name, value in agent.config.items()]


def _pool(agent: AgentSpec) -> str:
    return (
        f"{agent.instances} of them, by {'.'.join(agent.key)}" if agent.key else f"{agent.instances} of them, in turn"
    )


def _restarts(child: AgentSpec | SupervisorSpec) -> tuple[Fact, ...]:
    facts: list[Fact] = [("restart", child.restart)]
    if child.significant:
        facts.append(("significant", "yes"))
    if child.backoff is not None:
        facts.append(("backoff", f"{child.backoff.min_s:g} to {child.backoff.max_s:g} s"))
    return tuple(facts)
