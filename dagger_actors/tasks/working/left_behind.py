"""What dead workers left of tasks: leases in the file, and in their slot files which bodies had begun, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.core.task_leases import TakeTasks
from dagger_actors.store.ownership import WorkerRow
from dagger_actors.store.slot_records import SlotRecord
from dagger_actors.store.store import Store
from dagger_actors.tasks.agents.registry import TaskAgents

__all__ = ["MOST_CRASHES", "TASK_NODE", "LeftBehind"]

TASK_NODE = -1
"""Stands in the place of the node in the records of tasks; those of flows are 0 or more."""

Begun = tuple[int, int, int, int]
"""The id of a task, the epoch of its lease, its attempt, and when that began (wall microseconds)."""

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

    def of(self, owner: int, worker: WorkerRow | None, now_us: int) -> tuple[TakeTasks, dict[tuple[int, int], bytes]]:
        """What is to be asked of the store about a worker's leases.

        Args:
            owner: The worker's id.
            worker: Its row; None when it is gone already.
            now_us: Wall microseconds.

        Returns:
            The operation, and the encoded ends of what it lists as ended, by task and the epoch of the lost lease.
        """
        records = [] if worker is None else self._store.membership.records_of(worker)
        ends: dict[tuple[int, int], bytes] = {
            (record.run_key, record.item): record.payload
            for record in records
            if _is_begun_task(record) and record.payload is not None
        }
        operation = self.operation(owner, self.begun_of(records), tuple(ends), now_us)
        return operation, ends

    @staticmethod
    def begun_of(records: Sequence[SlotRecord]) -> tuple[Begun, ...]:
        """What had begun of tasks, as a slot file has it."""
        return tuple(
            (record.run_key, record.item, record.attempt, record.started_us)
            for record in records
            if _is_begun_task(record)
        )

    @staticmethod
    def unbegun_of(records: Sequence[SlotRecord]) -> frozenset[tuple[int, int]]:
        """Tasks and epochs of what had a place and had not begun, as a slot file has it."""
        return frozenset(
            (record.run_key, record.item) for record in records if record.node == TASK_NODE and not record.has_begun
        )

    def operation(
        self, owner: int, begun: tuple[Begun, ...], ended: tuple[tuple[int, int], ...], now_us: int
    ) -> TakeTasks:
        """Ask for the leases of a worker, as far as its tasks can be done here."""
        names = self._agents.names()
        return TakeTasks(
            worker=owner,
            agents=tuple(names),
            begun=begun,
            ended=ended,
            at_most_once=tuple(name for name in names if self._agents.get(name).options.is_careful),
            most_crashes=MOST_CRASHES,
            owner=self._store.worker_id,
            now_us=now_us,
        )


def _is_begun_task(record: SlotRecord) -> bool:
    return record.node == TASK_NODE and record.has_begun
