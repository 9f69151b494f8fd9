"""Takes over what workers that are gone, or stalled, had leased."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Clock
from dagger_actors.core.task_leases import Claimed, Taken
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.core.wording import counted
from dagger_actors.errors import StoreError
from dagger_actors.store.store import Store
from dagger_actors.tasks.working.left_behind import LeftBehind

__all__ = ["Takeover"]

logger = logging.getLogger("dagger_actors.tasks")

_names = msgspec.json.Encoder()


class Takeover:
    """Asks for it, and hands on what comes.

    Args:
        store: The open database.
        left_behind: Reads the slot files of the dead.
        clock: The time.
        ask: Hands a unit of operations over.
        adopt: Told of tasks that had ended, leased to this worker by now, with their encoded ends; any thread.
        taken: Called when a worker's tasks are nobody's any more; any thread.
    """

    def __init__(
        self,
        store: Store,
        left_behind: LeftBehind,
        *,
        clock: Clock,
        ask: Callable[[Sequence[TaskOperation]], ReplyFuture[list[Any]]],
        adopt: Callable[[tuple[tuple[Claimed, bytes], ...]], None],
        taken: Callable[[], None],
    ) -> None:
        self._store = store
        self._left_behind = left_behind
        self._clock = clock
        self._ask = ask
        self._adopt = adopt
        self._taken = taken

    def take_over(self, agents: Sequence[str], stalled: frozenset[int]) -> None:
        """Take what there is.

        Args:
            agents: The names of the agents that this worker has.
            stalled: Workers that stand still.
        """
        workers = self._store.workers()
        for (owner,) in self._store.readers.query("read.task_owners", _names.encode(agents).decode()):
            worker = workers.get(owner)
            if owner == self._store.worker_id:
                continue
            if worker is not None and owner not in stalled and not self._store.membership.is_gone(worker):
                continue
            operation, payloads = self._left_behind.of(owner, worker, self._clock.now().wall_us)
            self._ask([operation]).add_done(partial(self._has_taken, owner, payloads))

    def _has_taken(self, owner: int, payloads: dict[tuple[int, int], bytes], asked: ReplyFuture[list[Any]]) -> None:
        try:
            taken: Taken = asked.get(timeout=0)[0]
        except StoreError as error:
            logger.warning(
                "tasks cannot be taken over yet: %s", error, extra=LogFields(worker=owner, reason=str(error))
            )
            return
        if taken.ended:
            # Taken over, it has the next epoch; a slot file may still hold ends of earlier ones.
            self._adopt(tuple((task, payloads[task.task_key, task.epoch - 1]) for task in taken.ended))
        if taken.released or taken.parked or taken.ended:
            logger.info(
                "%s of worker %d taken over, %d parked",
                counted(len(taken.released) + len(taken.ended), "task"),
                owner,
                len(taken.parked),
                extra=LogFields(worker=owner),
            )
        self._taken()
