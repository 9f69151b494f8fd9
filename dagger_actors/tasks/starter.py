"""Makes the bodies of tasks, and the gates where they wait for their places: one for each agent."""

from __future__ import annotations

from collections.abc import Callable

from dagger_actors.actors.gate import Gate, Gates, Share
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.body import BodyActor
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.spawner import Order, Spawner
from dagger_actors.core.messages import StartAttempt, TaskFacts
from dagger_actors.core.tasks import Claimed
from dagger_actors.store.store import Store
from dagger_actors.tasks.context import TaskContext
from dagger_actors.tasks.machine.events import Grant
from dagger_actors.tasks.registry import TaskAgents

__all__ = ["Starter"]


class Starter:
    """Turns grants into bodies.

    Args:
        runtime: The world.
        store: The open database.
        gates: All of the system's.
        agents: This worker's.
        concurrency: Attempts at once, of all its agents; 1 or more.
        backends: What contexts ask.
        on_started: Called, by any thread, when a gate has let something through.
        pool: The worker processes; None where there are none.
        telemetry: Told of attempts; None = nobody traces or measures this system.

    Attributes:
        artifacts: Where large values lie.
        gates: By the names of their agents.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        store: Store,
        gates: Gates,
        agents: TaskAgents,
        concurrency: int,
        backends: Backends,
        on_started: Callable[[], None],
        pool: LazyPool | None,
        telemetry: Telemetry | None,
    ) -> None:
        self._agents = agents
        self._worker_id = store.worker_id
        self.artifacts = RunArtifacts(store.artifacts, store.load_artifact)
        services = BodyServices(
            actions=agents.actions,
            context=TaskContext,
            artifacts=self.artifacts,
            clock=runtime.clock,
            is_refusing=gates.is_refusing,
            backends=backends,
            home=store.home,
            with_maker=lambda error, _task: error,
            pool=pool,
            telemetry=telemetry,
        )
        self._spawner = Spawner(services, blocking=runtime.blocking, io=runtime.io)
        share = Share(concurrency)
        self.gates: dict[str, Gate] = {
            name: gates.open(
                0,
                limit=agents.get(name).options.concurrency,
                on_started=on_started,
                name=lambda ticket, name=name: f"task {ticket.run_key} of agent {name!r}",  # type: ignore[misc]
                share=share,
                holds=False,
            )
            for name in agents.names()
        }

    def prepare(self, grant: Grant, tell: Callable[[bytes], None], arm: Callable[[BodyActor], None]) -> BodyActor:
        """Make the body of a granted attempt.

        Args:
            grant: The attempt.
            tell: Takes encoded messages to the supervisor; any thread.
            arm: Called when a body whose time is limited has passed its gate.
        """
        task = grant.task
        entry = self._agents.get(task.agent)
        start = StartAttempt(
            task.task_key,
            -1,
            task.epoch,
            grant.attempt,
            str(task.task_key),
            task.agent,
            "",
            task.agent,
            entry.inputs(task.input()),
            owner=self._worker_id,
            epoch=task.epoch,
            task=_facts(task),
        )
        options = entry.options
        order = Order(options.isolation or "", options.timeout_us, -task.priority, arm)
        return self._spawner.prepare(start, order, self.gates[task.agent], tell)


def _facts(task: Claimed) -> TaskFacts | None:
    if (
        task.try_no == 1
        and not task.has_children
        and task.job_key is None
        and task.parent_key is None
        and task.trace is None
    ):
        return None  # nearly always, and not paid for then
    return TaskFacts(task.try_no, task.job_key, task.parent_key, bool(task.has_children), task.trace)
