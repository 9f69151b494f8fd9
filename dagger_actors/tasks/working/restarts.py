"""The task supervisor when it crashes: it goes on in place from the file, at most ``INTENSITY`` times in ``PERIOD_US``.

Bodies that run go on meanwhile. When it crashes once more, tasks are left to other workers.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.intensity import record_restart
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.errors import StoreError, SupervisorGaveUp, SystemClosed
from dagger_actors.store.store import Store
from dagger_actors.tasks.machine.events import TaskRef
from dagger_actors.tasks.working.left_behind import LeftBehind

__all__ = ["Restarts"]

logger = logging.getLogger("dagger_actors.tasks")

INTENSITY = 3
PERIOD_US = 5_000_000

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

_refs = msgspec.json.Decoder(list[tuple[int, int]])


class Restarts:
    """Sees to it.

    Args:
        runtime: The world.
        store: The open database.
        gates: Where the bodies of this worker's agents start.
        left_behind: Knows what its bodies have begun.
        errand: Has something done behind what is done already, one at a time.
        ask: Hands a unit of operations over.
        reopen: Told of all leases of this worker, as the file has them: the supervisor goes on with those.
        gave_up: Told why it gives up, at once.
        left: Called when the tasks are left to other workers.

    Attributes:
        failure: Why no task is done here any more; None = they are.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        *,
        gates: Mapping[str, Gate],
        left_behind: LeftBehind,
        errand: Callable[[Callable[[], None]], None],
        ask: Callable[[Sequence[TaskOperation]], ReplyFuture[list[Any]]],
        reopen: Callable[[Sequence[TaskRef]], None],
        gave_up: Callable[[SupervisorGaveUp], None],
        left: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._gates = gates
        self._left_behind = left_behind
        self._errand = errand
        self._ask = ask
        self._reopen = reopen
        self._gave_up = gave_up
        self._left = left
        self._restarts: deque[int] = deque()
        self.failure: SupervisorGaveUp | None = None

    def crashed(self, error: BaseException) -> None:
        """The supervisor has crashed; any thread."""
        for gate in self._gates.values():
            gate.hold()
        # Behind everything the journal has of ours already, so that the file holds all of it or none.
        self._store.transact(
            lambda _connection: None, lambda _result, _error: self._errand(lambda: self._rebuild(error))
        )

    def _rebuild(self, error: BaseException) -> None:
        now = self._runtime.clock.now()
        if record_restart(self._restarts, now.mono_us, intensity=INTENSITY, period_us=PERIOD_US):
            cause = f"{type(error).__name__}: {error}"
            self._give_up(SupervisorGaveUp("the task supervisor", INTENSITY, PERIOD_US / 1e6, cause))
            return
        self._go_on()

    def _go_on(self) -> None:
        try:
            owned = _refs.decode(self._store.readers.query("read.owned_tasks", self._store.worker_id)[0][0])
        except StoreError as error:
            logger.warning("the task supervisor cannot go on yet: %s", error, extra=LogFields(reason=str(error)))
            due_us = self._runtime.clock.now().mono_us + AGAIN_US
            self._runtime.timers.set((id(self), "go on"), due_us, lambda: self._errand(self._go_on))
            return
        # All gates are held, so what waits in them has not begun.
        for gate in self._gates.values():
            gate.drain()
        for gate in self._gates.values():
            gate.take_started()
            gate.release()
        self._reopen(owned)

    def _give_up(self, failure: SupervisorGaveUp) -> None:
        """Leave the tasks to other workers, as a dead one would: what has begun counts a crash."""
        self.failure = failure
        logger.error("%s", failure)
        self._gave_up(failure)
        for gate in self._gates.values():
            gate.drain()
        begun = self._left_behind.begun_of(self._store.membership.own_records())
        operation = self._left_behind.operation(self._store.worker_id, begun, (), self._runtime.clock.now().wall_us)
        self._ask([operation]).add_done(self._given_back)

    def _given_back(self, asked: ReplyFuture[list[Any]]) -> None:
        try:
            asked.get(timeout=0)
        except (StoreError, SystemClosed) as error:
            logger.warning("tasks cannot be given back: %s", error, extra=LogFields(reason=str(error)))
        self._left()
