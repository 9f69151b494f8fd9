"""The root of the task paradigm in one system: its agents, the supervisor above its leases, and what other workers left.

A crashed supervisor goes on in place from the file, at most ``INTENSITY`` times in ``PERIOD_US``; bodies that run go on
meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.due import DueTimes
from dagger_actors.actors.gate import Gates
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.root import Root
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.asking import wait_beside
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.bodies.publications import Messages
from dagger_actors.bodies.resources import Resources
from dagger_actors.bodies.stored_tables import StoredTables
from dagger_actors.core.intensity import record_restart
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Unit, Write
from dagger_actors.core.tasks import AdmitHeld, PromoteDue, TaskOperation
from dagger_actors.core.wording import counted
from dagger_actors.errors import StoreError, SupervisorGaveUp, SystemClosed
from dagger_actors.store.store import Store
from dagger_actors.tasks.children import Children
from dagger_actors.tasks.handover import Services
from dagger_actors.tasks.keys import Keys
from dagger_actors.tasks.left_behind import LeftBehind
from dagger_actors.tasks.machine.events import AgentTerms, Woken
from dagger_actors.tasks.machine.machine import TaskMachine
from dagger_actors.tasks.orders import Adopt, Detach, Stops
from dagger_actors.tasks.registry import TaskAgents
from dagger_actors.tasks.stalls import Stalls
from dagger_actors.tasks.starter import Starter
from dagger_actors.tasks.steps import TaskSteps
from dagger_actors.tasks.supervisor import TaskSupervisor
from dagger_actors.tasks.tally import TaskTally
from dagger_actors.tasks.waiters import Waiters

__all__ = ["TaskHub"]

logger = logging.getLogger("dagger_actors.tasks")

INTENSITY = 3
PERIOD_US = 5_000_000

LIVELY_US = 1_000_000
LIVELY_PACE_US = 5_000
"""The pace while others have written within ``LIVELY_US``: a task that another process submits begins within this."""

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

LOOK_ON_US = 5_000
"""How soon the next of many waiters are looked after, though the file has not changed again: a pace, not a loop."""

QUICK_US = 20_000
BUSY_US = 50_000
"""The pace while something runs here and nobody else is known to be there: whoever comes may be about to cancel it."""

IDLE_US = 500_000

_refs = msgspec.json.Decoder(list[tuple[int, int]])
_names = msgspec.json.Encoder()


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
        failure: Why no task is done here any more; None = they are.
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
        self.failure: SupervisorGaveUp | None = None
        self.trace: Callable[[], str | None] = (lambda: None) if telemetry is None else telemetry.carrier
        """Gives the trace context of the code that calls, as text; None = it is in no trace."""
        self._concurrency = concurrency
        self._left_behind = LeftBehind(store, agents)
        self._lock = threading.Lock()
        self._restarts: deque[int] = deque()
        self._is_leaving = False
        self._looked_us = -LIVELY_US
        self._is_busy = False
        self._is_hurried = False
        self.on_changed: Callable[[], None] = lambda: None
        """Called when the pace may have become a quicker one."""
        self.waiters.on_watched = self._on_watched
        self.waiters.hurry = self.hurry
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
        ref = TaskSupervisor.spawn(
            Services(
                clock=runtime.clock,
                timers=runtime.timers,
                journal=store.journal,
                agents=agents,
                prepare=self._starter.prepare,
                prepare_shift=self._starter.prepare_shift,
                gate_of=self._starter.gates.__getitem__,
                tally=self.tally,
                unbegun=lambda: self._left_behind.unbegun_of(store.membership.own_records()),
                told=self.waiters.told,
                appended=messages.appended,
                due=self.due,
                breathe=runtime.breathe,
            ),
            self._machine(),
            ask_rebuild=self._on_crash,
            dispatcher=runtime.control,
        )
        supervisor = ref._actor_weakref()  # noqa: SLF001 - pykka has no public way from a ref to its actor
        assert supervisor is not None
        self.supervisor = supervisor

    def _on_started(self) -> None:
        self.supervisor.on_started()
        if not self._is_busy:
            self._is_busy = True
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
        future: ReplyFuture[list[Any]] = ReplyFuture()
        answers: list[Any] = []
        self.store.journal.submit(
            Unit(
                writes,
                lambda: future.set(answers),
                lambda error: future.set_exception((type(error), error, None)),
                operations,
                answered=answers.extend,
            )
        )
        return future

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
        self.hurry()

    def has_cancelled(self, tasks: Sequence[int]) -> None:
        """Tasks were cancelled here; any thread."""
        if tasks:
            self.waiters.told([(key, "cancelled") for key in tasks])
            self.hurry()

    def hurry(self) -> None:
        """Look at the file soon; any thread."""
        with self._lock:
            if self._is_hurried or self._is_leaving:
                return
            self._is_hurried = True
        self.errand(self._look_hurried)

    def _look_hurried(self) -> None:
        self._is_hurried = False
        try:
            self.look()
        except StoreError as error:
            logger.warning("looking at the file failed: %s", error, extra=LogFields(reason=str(error)))
        except SystemClosed:
            return

    def _promoted(self, next_us: int | None) -> int | None:
        self.supervisor.tell(Woken())
        return next_us

    # --- other workers

    def pace_us(self, *, has_neighbours: bool) -> int:
        """How long it can go without a look: a moment while others write, who may be submitting tasks."""
        if not self.supervisor.in_hand:
            self._is_busy = False
        if not has_neighbours:
            return QUICK_US if self.waiters.are_there else BUSY_US if self._is_busy else IDLE_US
        if not self.agents.names():
            return QUICK_US if self.waiters.are_there else IDLE_US
        is_lively = self.runtime.clock.now().mono_us - self._looked_us < LIVELY_US
        return LIVELY_PACE_US if is_lively else QUICK_US

    def look(self) -> None:
        """The file has changed: see what others want, and what they have made ready."""
        self._looked_us = self.runtime.clock.now().mono_us
        self.waiters.look(self.store.readers)
        self._look_on_later()
        self.stalls.look()
        if not self.agents.names() or self.failure is not None:
            return
        stops = self.store.readers.query("read.task_stops", self.store.worker_id)
        if stops:
            self.supervisor.tell(Stops(tuple((key, epoch) for key, epoch in stops)))
        next_us = self.store.readers.query("read.next_due")[0][0]
        if next_us is not None:
            self.due(next_us)
        self.supervisor.tell(Woken())

    def _look_on_later(self) -> None:
        if self.waiters.is_cut_short and not self._is_leaving:
            due_us = self.runtime.clock.now().mono_us + LOOK_ON_US
            self.runtime.timers.set((id(self), "look on"), due_us, lambda: self.errand(self._look_on))

    def _look_on(self) -> None:
        try:
            self.waiters.look_on(self.store.readers)
        except StoreError as error:
            logger.warning("looking at the file failed: %s", error, extra=LogFields(reason=str(error)))
        except SystemClosed:
            return
        self._look_on_later()

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take what workers that are gone, or stalled, had leased."""
        if self.failure is not None:
            return
        workers = self.store.workers()
        for (owner,) in self.store.readers.query("read.task_owners", _names.encode(self.agents.names()).decode()):
            worker = workers.get(owner)
            if owner == self.store.worker_id:
                continue
            if worker is not None and owner not in stalled and not self.store.membership.is_gone(worker):
                continue
            operation, payloads = self._left_behind.of(owner, worker, self.runtime.clock.now().wall_us)
            asked = self.ask([operation])
            asked.add_done(lambda asked, owner=owner, payloads=payloads: self._taken(asked, owner, payloads))  # type: ignore[misc]

    def _taken(self, asked: ReplyFuture[list[Any]], owner: int, payloads: dict[tuple[int, int], bytes]) -> None:
        try:
            taken = asked.get(timeout=0)[0]
        except StoreError as error:
            logger.warning(
                "tasks cannot be taken over yet: %s", error, extra=LogFields(worker=owner, reason=str(error))
            )
            return
        if taken.ended:
            # Taken over, it has the next epoch; a slot file may still hold ends of earlier ones.
            adopted = tuple((task, payloads[task.task_key, task.epoch - 1]) for task in taken.ended)
            self.supervisor.tell(Adopt(adopted))
        if taken.released or taken.parked or taken.ended:
            logger.info(
                "%s of worker %d taken over, %d parked",
                counted(len(taken.released) + len(taken.ended), "task"),
                owner,
                len(taken.parked),
                extra=LogFields(worker=owner),
            )
        self.supervisor.tell(Woken())

    # --- after a crash

    def errand(self, errand: Callable[[], None]) -> None:
        """Have the root do something, behind what it does already."""
        self._root.tell(errand)

    def _on_crash(self, error: BaseException) -> None:
        for gate in self._starter.gates.values():
            gate.hold()
        # Behind everything the journal has of ours already, so that the file holds all of it or none.
        self.store.transact(lambda _connection: None, lambda _result, _error: self.errand(lambda: self._rebuild(error)))

    def _rebuild(self, error: BaseException) -> None:
        now = self.runtime.clock.now()
        if record_restart(self._restarts, now.mono_us, intensity=INTENSITY, period_us=PERIOD_US):
            cause = f"{type(error).__name__}: {error}"
            self._give_up(SupervisorGaveUp("the task supervisor", INTENSITY, PERIOD_US / 1e6, cause))
            return
        self._go_on()

    def _go_on(self) -> None:
        try:
            owned = _refs.decode(self.store.readers.query("read.owned_tasks", self.store.worker_id)[0][0])
        except StoreError as error:
            logger.warning("the task supervisor cannot go on yet: %s", error, extra=LogFields(reason=str(error)))
            due_us = self.runtime.clock.now().mono_us + AGAIN_US
            self.runtime.timers.set((id(self), "go on"), due_us, lambda: self.errand(self._go_on))
            return
        # All gates are held, so what waits in them has not begun.
        for gate in self._starter.gates.values():
            gate.drain()
        for gate in self._starter.gates.values():
            gate.take_started()
            gate.release()
        self.supervisor.reopen(self._machine(), owned)

    def _give_up(self, failure: SupervisorGaveUp) -> None:
        """Leave the tasks to other workers, as a dead one would: what has begun counts a crash."""
        self.failure = failure
        logger.error("%s", failure)
        self.waiters.close(failure)
        for gate in self._starter.gates.values():
            gate.drain()
        begun = self._left_behind.begun_of(self.store.membership.own_records())
        operation = self._left_behind.operation(self.store.worker_id, begun, (), self.runtime.clock.now().wall_us)
        self.ask([operation]).add_done(self._given_back)

    def _given_back(self, asked: ReplyFuture[list[Any]]) -> None:
        try:
            asked.get(timeout=0)
        except (StoreError, SystemClosed) as error:
            logger.warning("tasks cannot be given back: %s", error, extra=LogFields(reason=str(error)))
        self.supervisor.give_up()

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
        self._is_leaving = True
        self._due_times.stop()
        self.stalls.due.stop()
        return self.supervisor.ask(Detach())

    def detach(self, idle: ReplyFuture[Any], grace_s: float) -> None:
        """Give what runs ``grace_s`` to end, then give every lease back.

        Args:
            idle: What ``begin_leaving`` gave.
            grace_s: Seconds; 0 or more.
        """
        self._wait_quietly(idle, grace_s)
        self._wait_quietly(self.supervisor.ask(Detach(now=True)), 10.0)
        for gate in self._starter.gates.values():
            gate.close()
        self.waiters.close(SystemClosed())

    def _wait_quietly(self, future: ReplyFuture[Any], timeout_s: float) -> None:
        try:
            self.runtime.wait(future, timeout_s)
        except Exception:  # what still runs is given back, or was lost: there is nothing to wait for
            logger.debug("the task supervisor did not answer while the system was left", exc_info=True)
