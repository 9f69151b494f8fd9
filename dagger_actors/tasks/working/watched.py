"""What a look at the file means for tasks: those that others have made ready, or want stopped, and those that people wait for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.store.store import Store
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.machine.events import Woken
from dagger_actors.tasks.working.orders import Stops
from dagger_actors.tasks.working.stalls import Stalls
from dagger_actors.tasks.working.supervisor import TaskSupervisor
from dagger_actors.tasks.working.takeover import Takeover
from dagger_actors.tasks.working.waiters import Waiters

__all__ = ["WatchedTasks"]

logger = logging.getLogger("dagger_actors.tasks")

LIVELY_US = 1_000_000
LIVELY_PACE_US = 5_000
"""The pace while others have written within ``LIVELY_US``: a task that another process submits begins within this."""

LOOK_ON_US = 5_000
"""How soon the next of many waiters are looked after, though the file has not changed again: a pace, not a loop."""

QUICK_US = 20_000
BUSY_US = 50_000
"""The pace while something runs here and nobody else is known to be there: whoever comes may be about to cancel it."""

IDLE_US = 500_000


class WatchedTasks:
    """Implements ``watch.Watched``.

    Args:
        runtime: The world.
        store: The open database.
        agents: This worker's.
        supervisor: Told what others want.
        waiters: Who waits for tasks.
        stalls: Knows which jobs may stall.
        takeover: Takes what dead workers had leased.
        errand: Has something done behind what is done already, one at a time.
        due: Told when the next task is due, wall microseconds.
        is_given_up: Tells whether tasks are left to other workers.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        *,
        agents: TaskAgents,
        supervisor: TaskSupervisor,
        waiters: Waiters,
        stalls: Stalls,
        takeover: Takeover,
        errand: Callable[[Callable[[], None]], None],
        due: Callable[[int], None],
        is_given_up: Callable[[], bool],
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._agents = agents
        self._supervisor = supervisor
        self._waiters = waiters
        self._stalls = stalls
        self._takeover = takeover
        self._errand = errand
        self._due = due
        self._is_given_up = is_given_up
        self._lock = threading.Lock()
        self._looked_us = -LIVELY_US
        self._is_busy = False
        self._is_hurried = False
        self._is_leaving = False

    def has_begun(self) -> bool:
        """Something runs here; tells whether the pace is a quicker one with that. Any thread."""
        was_busy, self._is_busy = self._is_busy, True
        return not was_busy

    def pace_us(self, *, has_neighbours: bool) -> int:
        """How long it can go without a look: a moment while others write, who may be submitting tasks."""
        if not self._supervisor.in_hand:
            self._is_busy = False
        if not has_neighbours:
            return QUICK_US if self._waiters.are_there else BUSY_US if self._is_busy else IDLE_US
        if not self._agents.names():
            return QUICK_US if self._waiters.are_there else IDLE_US
        is_lively = self._runtime.clock.now().mono_us - self._looked_us < LIVELY_US
        return LIVELY_PACE_US if is_lively else QUICK_US

    def look(self) -> None:
        """The file has changed: see what others want, and what they have made ready."""
        self._looked_us = self._runtime.clock.now().mono_us
        self._waiters.look(self._store.readers)
        self._look_on_later()
        self._stalls.look()
        if not self._agents.names() or self._is_given_up():
            return
        stops = self._store.readers.query("read.task_stops", self._store.worker_id)
        if stops:
            self._supervisor.tell(Stops(tuple((key, epoch) for key, epoch in stops)))
        next_us = self._store.readers.query("read.next_due")[0][0]
        if next_us is not None:
            self._due(next_us)
        self._supervisor.tell(Woken())

    def hurry(self) -> None:
        """Look at the file soon; any thread."""
        with self._lock:
            if self._is_hurried or self._is_leaving:
                return
            self._is_hurried = True
        self._errand(self._look_hurried)

    def _look_hurried(self) -> None:
        self._is_hurried = False
        _quietly(self.look)

    def _look_on_later(self) -> None:
        """See to it that those are looked after whom one look had no time for."""
        if self._waiters.is_cut_short and not self._is_leaving:
            due_us = self._runtime.clock.now().mono_us + LOOK_ON_US
            self._runtime.timers.set((id(self), "look on"), due_us, lambda: self._errand(self._look_on))

    def _look_on(self) -> None:
        if _quietly(lambda: self._waiters.look_on(self._store.readers)):
            self._look_on_later()

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take what workers that are gone, or stalled, had leased."""
        if not self._is_given_up():
            self._takeover.take_over(self._agents.names(), stalled)

    def begin_leaving(self) -> None:
        """Nobody is hurried any more."""
        self._is_leaving = True


def _quietly(look: Callable[[], None]) -> bool:
    """Look, and only log it when the file cannot be read; False = the system is closed."""
    try:
        look()
    except StoreError as error:
        logger.warning("looking at the file failed: %s", error, extra=LogFields(reason=str(error)))
    except SystemClosed:
        return False
    return True
