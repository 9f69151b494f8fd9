"""From a system file to what is supervised: the classes are found, the configs made, the tree put together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.files.definition import AgentSpec, BackoffSpec, SupervisorSpec, SystemDefinition
from dagger_actors.supervised.files.resolving import Resolved, ResolvedAgent, load_and_resolve
from dagger_actors.supervised.files.task_resolving import ResolvedTasks
from dagger_actors.supervised.spec import BackOff, ChildSpec, Supervisor

__all__ = ["LoadedSystem", "load_supervisor"]

Actors = Mapping[str, ResolvedAgent[Actor]]


class LoadedSystem(msgspec.Struct, frozen=True):
    """What a system file says.

    Attributes:
        definition: As it stands there.
        root: The root supervisor with its children.
        resolved: Those who are nobody's children: who does tasks, who takes messages; and the channels.
    """

    definition: SystemDefinition
    root: Supervisor
    resolved: Resolved[Any]

    @property
    def tasks(self) -> Mapping[str, ResolvedTasks]:
        """Those who do tasks, by their names."""
        return self.resolved.tasks


def load_supervisor(source: str | Path | Mapping[str, object]) -> LoadedSystem:
    """Read a system file.

    Args:
        source: The path of a YAML file, or the same structure as data.

    Raises:
        DefinitionError: The system cannot run; carries every problem, in file order.
    """
    definition, resolved = load_and_resolve(source, Actor)
    root = SupervisorSpec(id="root", supervision=definition.supervision, agents=definition.agents)
    return LoadedSystem(definition, _supervisor(root, resolved.actors), resolved)


def _supervisor(spec: SupervisorSpec, resolved: Actors) -> Supervisor:
    own = spec.supervision
    return Supervisor(
        spec.id,
        tuple(
            _supervisor(one, resolved) if isinstance(one, SupervisorSpec) else _child(one, resolved[one.id])
            for one in spec.agents
            if isinstance(one, SupervisorSpec) or one.id in resolved
        ),
        strategy=own.strategy,
        intensity=own.intensity,
        period_s=own.period_s,
        auto_shutdown=own.auto_shutdown,
        restart=spec.restart,
        shutdown_s=spec.shutdown_s,
        significant=spec.significant,
        backoff=_backoff(spec.backoff),
    )


def _child(spec: AgentSpec, resolved: ResolvedAgent[Actor]) -> ChildSpec:
    return ChildSpec(
        resolved.agent_class,
        spec.id,
        resolved.config,
        restart=spec.restart,
        shutdown_s=spec.shutdown_s,
        significant=spec.significant,
        backoff=_backoff(spec.backoff),
        instances=spec.instances,
        route=spec.route,
        key=".".join(spec.key),
        mailbox=spec.mailbox,
    )


def _backoff(spec: BackoffSpec | None) -> BackOff | None:
    if spec is None:
        return None
    return BackOff(min_s=spec.min_s, max_s=spec.max_s, factor=spec.factor, jitter=spec.jitter, reset_s=spec.reset_s)
