"""Tells what of ``agents=[...]`` does tasks from what is supervised, and takes from a system file what does."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.errors import ActorClassError
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.files.task_resolving import ResolvedTasks
from dagger_actors.supervised.spec import ChildSpec, Supervisor
from dagger_actors.tasks.agents.agent import TaskAgent
from dagger_actors.tasks.agents.kind import Configured, configured, kind_of
from dagger_actors.tasks.agents.registry import TaskAgents

__all__ = ["configured_by_file", "split_agents"]


def split_agents(agents: Sequence[object]) -> tuple[tuple[ChildSpec | Supervisor | type[Actor], ...], TaskAgents]:
    """Split what a system is given.

    Args:
        agents: Actor classes, ``ChildSpec``, ``Supervisor``; ``TaskAgent`` classes, what their ``configured`` gave, functions
            marked ``@task_agent``.

    Returns:
        The children of the system's root supervisor, and the task agents, each in the order given.

    Raises:
        ActorClassError: Something is none of these, or a task agent cannot be; says what to write.
        ConfigRefused: A task agent needs a config.
    """
    if not isinstance(agents, Sequence):
        raise ActorClassError("agents", f"they are a list, not {repr(agents)[:100]}")
    children: list[ChildSpec | Supervisor | type[Actor]] = []
    found = TaskAgents()
    for one in agents:
        if isinstance(one, ChildSpec | Supervisor):
            children.append(one)
        elif isinstance(one, Configured) or kind_of(one) is not None:
            found.add(one)
        elif isinstance(one, type) and issubclass(one, Actor) and one is not TaskAgent:
            children.append(one)
        elif callable(one) and not isinstance(one, type):
            raise ActorClassError(repr(one)[:100], "a function that does tasks is marked: write @task_agent above it")
        else:
            what = (
                "an agent is an Actor class, a ChildSpec, a Supervisor, a TaskAgent or Subscriber class, or a function marked "
                "@task_agent"
            )
            raise ActorClassError(repr(one)[:100], what)
    return tuple(children), found


def configured_by_file(name: str, made: ResolvedTasks) -> Configured:
    """The task agent that a system file says; its id is its name.

    Raises:
        ActorClassError: The id cannot be a name.
    """
    kind = kind_of(made.source)
    assert kind is not None, "what the file names was found to do tasks"
    return configured(kind, name, made.config, made.given)
