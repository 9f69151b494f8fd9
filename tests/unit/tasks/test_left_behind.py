"""What is read of a dead worker's slot file belongs to one lease, not to its task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dagger_actors.store.slot_records import SlotRecord
from dagger_actors.tasks.working.left_behind import TASK_NODE, LeftBehind


def record(epoch: int, payload: bytes) -> Any:
    return SimpleNamespace(
        run_key=7, node=TASK_NODE, item=epoch, attempt=epoch, started_us=1, has_begun=True, payload=payload
    )


@pytest.mark.parametrize("order", [1, -1])
def test_each_end_of_a_task_keeps_its_epoch(order: int) -> None:
    """Law: an end of an earlier lease is never taken for that of the one that was lost, wherever it lies in the file."""
    records: list[SlotRecord] = [record(1, b"earlier"), record(2, b"lost")][::order]
    store: Any = SimpleNamespace(worker_id=9, membership=SimpleNamespace(records_of=lambda _worker: records))
    agents: Any = SimpleNamespace(names=list)
    worker: Any = object()
    operation, payloads = LeftBehind(store, agents).of(1, worker, 0)
    assert set(operation.ended) == {(7, 1), (7, 2)}
    assert payloads == {(7, 1): b"earlier", (7, 2): b"lost"}
