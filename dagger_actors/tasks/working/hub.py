"""The root of the task paradigm in one system: its agents, the supervisor above its leases, and what other workers left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.due import DueTimes
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.root import Root
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.asking import ask_journal, wait_beside, wait_quietly
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.bodies.publications import Messages
from dagger_actors.bodies.resources import Resources
from dagger_actors.bodies.stored_tables import StoredTables
from dagger_actors.core.protocols import Write
from dagger_actors.core.tasks import AdmitHeld, PromoteDue, TaskOperation
from dagger_actors.errors import SupervisorGaveUp, SystemClosed
from dagger_actors.store.store import Store
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.machine.events import AgentTerms, Woken
from dagger_actors.tasks.machine.machine import TaskMachine
from dagger_actors.tasks.working.children import Children
from dagger_actors.tasks.working.handover import Services
from dagger_actors.tasks.working.keys import Keys
from dagger_actors.tasks.working.left_behind import LeftBehind
from dagger_actors.tasks.working.orders import Adopt, Detach
from dagger_actors.tasks.working.restarts import Restarts
from dagger_actors.tasks.working.stalls import Stalls
from dagger_actors.tasks.working.starter import Starter
from dagger_actors.tasks.working.steps import TaskSteps
from dagger_actors.tasks.working.supervisor import TaskSupervisor
from dagger_actors.tasks.working.takeover import Takeover
from dagger_actors.tasks.working.tally import TaskTally
from dagger_actors.tasks.working.waiters import Waiters
from dagger_actors.tasks.working.watched import WatchedTasks

__all__ = ["TaskHub"]

logger = logging.getLogger("dagger_actors.tasks")


class TaskHub:
    """Keeps the task paradigm going.

    Args:
        runtime: The world.
        store: The open database.
        gates: Where attempts start.
        agents: This worker's.
        concurrency: Attempts at once, of all its agents; 1 or more.
        resources: What ``ctx.resource`` gives.
        messages: Knows the channels that bodies publish to.
        pool: The worker processes; None where there are none.
        telemetry: Told of attempts; None = nobody traces or measures this system.

    Attributes:
        watched: What a look at the file means here.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        store: Store,
        gates: Gates,
        agents: TaskAgents,
        concurrency: int,
        resources: Resources,
        messages: Messages,
        pool: LazyPool | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.runtime = runtime
        self.store = store
        self.agents = agents
        self.waiters = Waiters()
        self.tally = TaskTally()
        self.keys = Keys(store, "task", wait=runtime.wait_in_body)
        self.job_keys = Keys(store, "job", wait=runtime.wait_in_body)
        self.trace: Callable[[], str | None] = (lambda: None) if telemetry is None else telemetry.carrier
        """Gives the trace context of the code that calls, as text; None = it is in no trace."""
        self._concurrency = concurrency
        left_behind = LeftBehind(store, agents)
        self.on_changed: Callable[[], None] = lambda: None
        """Called when the pace may have become a quicker one."""
        self.waiters.on_watched = self._on_watched
        self._due_times = DueTimes(
            runtime,
            "what is due",
            ask=lambda: self.ask([PromoteDue(runtime.clock.now().wall_us)]),
            answered=self._promoted,
        )
        self.due = self._due_times.at
        self.stalls = Stalls(runtime, store, ask=self.ask, moved=self.has_reopened)
        self._starter = Starter(
            runtime=runtime,
            store=store,
            gates=gates,
            agents=agents,
            concurrency=concurrency,
            backends=Backends(
                steps=TaskSteps(store, clock=runtime.clock, wait=runtime.wait_in_body),
                resources=resources,
                tables=StoredTables(store),
                owner=Children(store, agents, self.keys, clock=runtime.clock, messages=messages),
                result_type=agents.result_type,
            ),
            on_started=self._on_started,
            pool=pool,
            telemetry=telemetry,
        )
        self.artifacts = self._starter.artifacts
        self._root = Root.spawn(dispatcher=runtime.control)
        supervisor = self.supervisor = self._appoint(left_behind, messages)
        self._restarts = Restarts(
            runtime,
            store,
            gates=self._starter.gates,
            left_behind=left_behind,
            errand=self.errand,
            ask=self.ask,
            reopen=lambda owned: supervisor.reopen(self._machine(), owned),
            gave_up=self.waiters.close,
            left=supervisor.give_up,
        )
        takeover = Takeover(
            store,
            left_behind,
            clock=runtime.clock,
            ask=self.ask,
            adopt=lambda ends: supervisor.tell(Adopt(ends)),
            taken=lambda: supervisor.tell(Woken()),
        )
        self.watched = WatchedTasks(
            runtime,
            store,
            agents=agents,
            supervisor=supervisor,
            waiters=self.waiters,
            stalls=self.stalls,
            takeover=takeover,
            errand=self.errand,
            due=self.due,
            is_given_up=lambda: self.failure is not None,
        )
        self.waiters.hurry = self.watched.hurry

    def _appoint(self, left_behind: LeftBehind, messages: Messages) -> TaskSupervisor:
        ref = TaskSupervisor.spawn(
            Services(
                clock=self.runtime.clock,
                timers=self.runtime.timers,
                journal=self.store.journal,
                agents=self.agents,
                prepare=self._starter.prepare,
                prepare_shift=self._starter.prepare_shift,
                gate_of=self._starter.gates.__getitem__,
                tally=self.tally,
                unbegun=lambda: left_behind.unbegun_of(self.store.membership.own_records()),
                told=self.waiters.told,
                appended=messages.appended,
                due=self.due,
                breathe=self.runtime.breathe,
            ),
            self._machine(),
            ask_rebuild=self._crashed,
            dispatcher=self.runtime.control,
        )
        supervisor = ref._actor_weakref()  # noqa: SLF001 - pykka has no public way from a ref to its actor
        assert supervisor is not None
        return supervisor

    @property
    def failure(self) -> SupervisorGaveUp | None:
        """Why no task is done here any more; None = they are."""
        return self._restarts.failure

    def _on_started(self) -> None:
        self.supervisor.on_started()
        if self.watched.has_begun():
            self.on_changed()

    def _machine(self) -> TaskMachine:
        terms = {
            name: AgentTerms(
                name=name,
                concurrency=self.agents.get(name).options.concurrency,
                is_at_most_once=self.agents.get(name).options.is_careful,
                takes_shifts=self.agents.get(name).takes_shifts,
            )
            for name in self.agents.names()
        }
        return TaskMachine(self.store.worker_id, terms, self._concurrency)

    # --- starting

    def start(self) -> None:
        """Tell the database of this worker's agents, and begin.

        Raises:
            StoreError: It cannot be written.
        """
        rows = [self.agents.get(name).row(self.runtime.clock.now().wall_us) for name in self.agents.names()]
        if rows:
            self.keys.fill()
            doing = [(name, self.store.worker_id) for name in self.agents.names()]
            writes = [Write("task_agents.put", rows, len(rows)), Write("task_agent_workers.put", doing, None)]
            self.commit(writes, [AdmitHeld(self.agents.names())])
            self._due_times.now()
            self.supervisor.tell(Woken())

    # --- asking the store

    def ask(self, operations: Sequence[TaskOperation], writes: Sequence[Write] = ()) -> ReplyFuture[list[Any]]:
        """Hand over a unit of operations; resolved with their answers after the commit, or with what refused it."""
        return ask_journal(self.store.journal, writes, operations)

    def commit(self, writes: Sequence[Write], operations: Sequence[TaskOperation] = ()) -> list[Any]:
        """Write one unit; it is durable when this returns. Answers what the operations do.

        Raises:
            UnitRejected: One of its expectations did not hold.
            StoreError: It could not be written.
        """
        answers: list[Any] = wait_beside(self.runtime.wait, self.ask(operations, writes), None)
        return answers

    # --- what has changed

    def _on_watched(self) -> None:
        self.on_changed()

    def has_new(self, agent: str, due_us: int | None, expires_us: int | None) -> None:
        """A task is handed over to the journal, whatever becomes of it there; any thread."""
        for at_us in (due_us, expires_us):
            if at_us is not None:
                self.due(at_us)
        if agent in self._starter.gates:  # else another worker has to hear of it, from the file
            self.supervisor.tell(Woken(frozenset((agent,))))

    def has_reopened(self) -> None:
        """Tasks may be ready that were not, or at rest; any thread."""
        self.supervisor.tell(Woken())
        self.watched.hurry()

    def has_cancelled(self, tasks: Sequence[int]) -> None:
        """Tasks were cancelled here; any thread."""
        if tasks:
            self.waiters.told([(key, "cancelled") for key in tasks])
            self.watched.hurry()

    def _promoted(self, next_us: int | None) -> int | None:
        self.supervisor.tell(Woken())
        return next_us

    def _crashed(self, error: BaseException) -> None:
        self._restarts.crashed(error)

    def errand(self, errand: Callable[[], None]) -> None:
        """Have the root do something, behind what it does already."""
        self._root.tell(errand)

    def check(self) -> None:
        """Refuse what can come to nothing here.

        Raises:
            SupervisorGaveUp: No task is done in this process any more.
        """
        if self.failure is not None:
            raise self.failure

    # --- leaving

    def begin_leaving(self) -> ReplyFuture[Any]:
        """Begin nothing any more, and give back what has not begun; resolved when nothing runs."""
        self.watched.begin_leaving()
        self._due_times.stop()
        self.stalls.due.stop()
        return self.supervisor.ask(Detach())

    def detach(self, idle: ReplyFuture[Any], grace_s: float) -> None:
        """Give what runs ``grace_s`` to end, then give every lease back.

        Args:
            idle: What ``begin_leaving`` gave.
            grace_s: Seconds; 0 or more.
        """
        wait_quietly(self.runtime, idle, grace_s, logger)
        wait_quietly(self.runtime, self.supervisor.ask(Detach(now=True)), 10.0, logger)
        for gate in self._starter.gates.values():
            gate.close()
        self.waiters.close(SystemClosed())
