"""Puts together what an open run consists of: its gate, its way out and its supervisor, each of which tells another.

A supervisor decides, its emitter lets out what follows, and its gate tells it what has started. Here alone they are tied to
each other and to what all runs of the system share; what happens to the run afterwards, nobody here knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.core.wording import quoted
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.children import Children
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.running.handover import Services
from dagger_actors.flow.running.run_events import Observer
from dagger_actors.flow.running.supervisor import FlowSupervisor
from dagger_actors.flow.stored.rows import RunRow

__all__ = ["Assembler"]


class Assembler:
    """Assembles runs of one system.

    Args:
        runtime: The world.
        worker_id: This worker, whose the runs are.
        services: What their supervisors share.
        gates: Where their attempts start.
        children: Keeps the runs of flows inside others.
        followers: Woken when something of a run is committed.
        observers: Told what changes.
        at_rest: Told which run has come to rest, and in which state.
        crashed: Told which run must be rebuilt, why, and what it had been told and has not committed.
    """

    def __init__(
        self,
        runtime: Runtime,
        worker_id: int,
        *,
        services: Services,
        gates: Gates,
        children: Children,
        followers: Arrivals,
        observers: Sequence[Observer],
        at_rest: Callable[[ActiveRun, str], None],
        crashed: Callable[[ActiveRun, BaseException, list[bytes]], None],
    ) -> None:
        self._runtime = runtime
        self._worker_id = worker_id
        self._services = services
        self._gates = gates
        self._children = children
        self._followers = followers
        self._observers = tuple(observers)
        self._at_rest = at_rest
        self._crashed = crashed

    def assemble(self, row: RunRow, definition: FlowDefinition, actions: ActionRegistry) -> ActiveRun:
        """Make a run that nothing has been decided about yet; its supervisor waits for what it decides with.

        Args:
            row: The row of it, which names this worker as owner.
            definition: What it is pinned to.
            actions: What the names of actions mean in it.
        """
        identity = RunIdentity(
            run_key=row.run_key,
            run_id=row.run_id,
            owner=self._worker_id,
            epoch=row.epoch,
            root_run=row.root_run,
        )
        active = ActiveRun(row, identity, definition, actions)
        active.gate = self._gate(active)
        active.emitter = self._emitter(active)
        active.supervisor = self._supervisor(active)
        active.emitter.tell = active.supervisor.tell
        return active

    def _gate(self, active: ActiveRun) -> Gate:
        return self._gates.open(
            active.identity.run_key,
            limit=active.definition.config.limit,
            on_started=lambda: active.supervisor.on_started(),  # noqa: PLW0108 - the supervisor is made with the gate
            name=lambda ticket: f"node {quoted(active.emitter.node_id(ticket.node))} of run {quoted(active.run_id)}",
        )

    def _emitter(self, active: ActiveRun) -> Emitter:
        return Emitter(
            run_key=active.identity.run_key,
            run_id=active.run_id,
            gate=active.gate,
            clock=self._runtime.clock,
            timers=self._runtime.timers,
            outside=self._services.outside,
            children=self._children,
            followers=self._followers,
            observers=self._observers,
            at_rest=lambda state: self._at_rest(active, state),
        )

    def _supervisor(self, active: ActiveRun) -> FlowSupervisor:
        ref = FlowSupervisor.spawn(
            self._services,
            active.gate,
            active.emitter,
            ask_rebuild=lambda error, told: self._crashed(active, error, told),
            dispatcher=self._runtime.control,
        )
        supervisor = ref._actor_weakref()  # noqa: SLF001 - pykka has no public way from a ref to its actor
        assert supervisor is not None
        return supervisor
