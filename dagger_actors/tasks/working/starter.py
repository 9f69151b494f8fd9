"""Makes the bodies of tasks, and the gates where they wait for their places: one for each agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.line import Share
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.body import FOR_THREADS, BodyActor
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.spawner import Order, Spawner
from dagger_actors.core.messages import StartAttempt, StartAttempts, TaskFacts, encode
from dagger_actors.core.task_leases import Claimed
from dagger_actors.store.store import Store
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.machine.events import Grant
from dagger_actors.tasks.working.shift import ShiftBody

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
        self._blocking = runtime.blocking
        services = self._services = BodyServices(
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
        options = self._agents.get(task.agent).options
        order = Order(options.isolation or "", options.timeout_us, -task.priority, arm)
        return self._spawner.prepare(self._start(grant), order, self.gates[task.agent], tell)

    def prepare_shift(self, grants: Sequence[Grant], tell: Callable[[object], None]) -> ShiftBody:
        """Make the body of a shift, its starts in its mailbox, not yet scheduled: its ticket is to be offered to its gate.

        Args:
            grants: Attempts of one agent that takes shifts, and of one priority; 1 or more.
            tell: Takes ``ShiftEnds``, and encoded messages, to the supervisor; any thread.
        """
        starts = tuple(self._start(grant) for grant in grants)
        first = starts[0]
        refs = tuple((start.run_key, start.item) for start in starts)
        shift = ShiftBody(self._services, self.gates[first.action], tell, refs, first.action)
        inbox = shift.actor_inbox
        # Held: the gate gives it its one turn.
        inbox.bind_held(shift, FOR_THREADS, Envelope(encode(StartAttempts(starts))))
        shift.ticket = Ticket(
            first.run_key,
            first.node,
            first.item,
            first.attempt,
            inbox,
            self._blocking,
            is_thread=True,
            priority=-grants[0].task.priority,
        )
        return shift

    def _start(self, grant: Grant) -> StartAttempt:
        task = grant.task
        entry = self._agents.get(task.agent)
        return StartAttempt(
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
