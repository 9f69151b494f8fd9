"""What is to run in a system: its file, its agents, channels, triggers and actions, read and wired before anything is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from dagger_actors.actors.runtime import THREADS
from dagger_actors.bridges.from_file import triggers_by_file
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.bridges.trigger_wiring import Triggers
from dagger_actors.errors import RequestError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.splitting import add_file, split_members
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.supervised.files.from_file import LoadedSystem, load_supervisor
from dagger_actors.supervised.spec import Supervisor
from dagger_actors.tasks.agents.importing import kinds_at, names_task_agent
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.agents.splitting import configured_by_file, split_agents

__all__ = ["Declaration", "read_declaration"]


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run.

    Attributes:
        root: The supervisor above all actors.
        task_agents: The task agents.
        members: The subscribers.
        triggers: Whose messages make tasks or start flows.
        wiring: What is declared of channels and subscriptions, those of triggers included.
        catalog: The actions.
        schema: The script of users' own tables that the system file names; None = it names none.
    """

    root: Supervisor
    task_agents: TaskAgents
    members: Members
    triggers: Triggers
    wiring: Wiring
    catalog: Catalog
    schema: Path | None


def read_declaration(
    spec: str | Path | Mapping[str, object] | None,
    *,
    agents: Sequence[object],
    channels: Sequence[Channel],
    triggers: Sequence[Trigger],
    loops: str,
    actions: Sequence[Callable[..., Any] | ModuleType],
    imports: Sequence[str],
) -> Declaration:
    """Read it; all as ``ActorSystem`` takes it, and raises it."""
    others, members = split_members(agents)
    loaded = None if spec is None else load_supervisor(spec)
    root, task_agents, schema = _root(loaded, others)
    declared = (*(() if loaded is None else add_file(loaded, members)), *channels)
    catalog = _catalog(actions, imports, task_agents)
    every = Triggers(_triggers(loaded, triggers), task_agents, catalog)
    wiring = every.wire(members, declared, loops_acknowledged=_are_meant(loops, loaded))
    return Declaration(
        root=root,
        task_agents=task_agents,
        members=members,
        triggers=every,
        wiring=wiring,
        catalog=catalog,
        schema=schema,
    )


def _catalog(
    actions: Sequence[Callable[..., Any] | ModuleType], references: Sequence[str], task_agents: TaskAgents
) -> Catalog:
    """Take in the actions that are given and what is named; task agents among it are added."""
    registry, folder = ActionRegistry(), Path.cwd()
    for one in actions:
        registry.add(one)
    of_actions = tuple(one for one in references if not names_task_agent(one, folder))
    for reference in of_actions:
        registry.load(reference, folder, insists=True)
    for reference in references:
        task_agents.take(kinds_at(reference, folder))
    return Catalog(registry, imports=of_actions, threads=THREADS)


def _root(loaded: LoadedSystem | None, agents: Sequence[object]) -> tuple[Supervisor, TaskAgents, Path | None]:
    """The root supervisor: that of the file, if there is one, with all that is to start; the task agents; the file's schema."""
    children, task_agents = split_agents(agents)
    root, schema = Supervisor("root"), None
    if loaded is not None:
        root, schema = loaded.root, loaded.definition.schema_path
        for name, made in loaded.tasks.items():
            task_agents.add(configured_by_file(name, made))
    given = msgspec.structs.replace(root, children=children).specs()  # which says what is wrong with them
    return msgspec.structs.replace(root, children=(*root.specs(), *given)), task_agents, schema


def _triggers(loaded: LoadedSystem | None, given: Sequence[Trigger]) -> tuple[Trigger, ...]:
    """The triggers of the file, and those that are given."""
    if not isinstance(given, Sequence) or not all(isinstance(one, Trigger) for one in given):
        raise RequestError(f"triggers are a list of Trigger(...), not {given!r:.100}")
    return (*(() if loaded is None else triggers_by_file(loaded.definition)), *given)


def _are_meant(loops: str, loaded: LoadedSystem | None) -> bool:
    """Whether loops of messages without an exit are meant."""
    if loops not in ("", "acknowledged"):
        raise RequestError(f"loops is 'acknowledged' or '', not {loops!r}")
    return "acknowledged" in (loops, "" if loaded is None else loaded.definition.loops)
