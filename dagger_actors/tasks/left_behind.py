"""What dead workers left of tasks: leases in the file, and in their slot files which bodies had begun, and how they ended."""

from __future__ import annotations

from dagger_actors.core.tasks import TakeTasks
from dagger_actors.store.ownership import WorkerRow
from dagger_actors.store.store import Store
from dagger_actors.tasks.registry import TaskAgents

__all__ = ["MOST_CRASHES", "TASK_NODE", "LeftBehind"]

TASK_NODE = -1
"""Stands in the place of the node in the records of tasks; those of flows are 0 or more."""

MOST_CRASHES = 3
"""Deaths of workers that one task may meet until it is parked as poison."""


class LeftBehind:
    """Reads the slot files of the dead.

    Args:
        store: The open database.
        agents: This worker's: the tasks of others are for those to take who have them.
    """

    def __init__(self, store: Store, agents: TaskAgents) -> None:
        self._store = store
        self._agents = agents

    def of(self, owner: int, worker: WorkerRow | None, now_us: int) -> tuple[TakeTasks, dict[int, bytes]]:
        """What is to be asked of the store about a worker's leases.

        Args:
            owner: The worker's id.
            worker: Its row; None when it is gone already.
            now_us: Wall microseconds.

        Returns:
            The operation, and the encoded ends of the tasks that it lists as ended.
        """
        begun: list[tuple[int, int, int, int]] = []
        ends: dict[tuple[int, int], bytes] = {}
        for record in [] if worker is None else self._store.membership.records_of(worker):
            if record.node != TASK_NODE or not record.has_begun:
                continue
            begun.append((record.run_key, record.item, record.attempt, record.started_us))
            if record.payload is not None:
                ends[record.run_key, record.item] = record.payload
        operation = TakeTasks(
            worker=owner,
            begun=tuple(begun),
            ended=tuple(ends),
            at_most_once=tuple(name for name in self._agents.names() if self._agents.get(name).options.is_careful),
            most_crashes=MOST_CRASHES,
            owner=self._store.worker_id,
            now_us=now_us,
        )
        return operation, {key: payload for (key, _), payload in ends.items()}
