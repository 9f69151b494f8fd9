"""``kill -9`` of a system while its actions run in worker processes: no worker survives it, no attempt runs twice.

CI runs a slice; fifty rounds are behind the marker: ``pytest -m full tests/crash/test_processes.py``.
"""

from __future__ import annotations

import os
import random
import select
from collections import Counter
from typing import Any

import pytest

from tests.crash.flows import BODIES
from tests.crash.stage import Stage
from tests.crash.test_kill import go_on, kill_after

ITEMS = 24
PATIENCE_S = 30


def flow() -> dict[str, Any]:
    return {
        "name": "processes",
        "actions": [str(BODIES)],
        "config": {"max_parallel_nodes": 2},
        "nodes": [
            {"id": "numbers", "action": "numbers", "inputs": {"count": {"value": ITEMS}}},
            {"id": "each", "action": "dozing", "isolation": "process", "map": {"over": "numbers", "item": "n"}},
        ],
        "outputs": {"each": "each"},
    }


def wait_until_gone(pid: int) -> None:
    """A worker that is dying already may take a moment."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], PATIENCE_S)[0], f"the worker {pid} outlives its system"
    finally:
        os.close(descriptor)


def one_round(stage: Stage, seed: int) -> int:
    """Kill the system somewhere, and go on elsewhere; tells how many attempts were cut off."""
    chance = random.Random(seed)
    stage.perform(flow())
    child = stage.child("run")
    stage.wait_for_log(chance.randint(3, 2 * ITEMS), child)
    kill_after(stage, child, chance.uniform(0, 0.03))
    workers = {line.pid for line in stage.lines() if line.node == "each"}
    assert child.pid not in workers
    for pid in workers:
        wait_until_gone(pid)
    size = stage.log_size()
    go_on(stage, by_cli=seed % 4 == 0)
    begun = Counter((line.node, line.key, line.attempt) for line in stage.lines() if line.mark == "start")
    assert max(begun.values()) == 1, begun
    late = {line.pid for line in stage.lines(size)}
    assert not late & workers, "a worker of the dead system went on"
    states = stage.query("SELECT state, count(*) FROM node_runs WHERE node_id = 'each' AND item >= 0 GROUP BY 1")
    counts = dict(states)
    assert counts.pop("succeeded") == ITEMS
    cut_off = counts.pop("interrupted", 0)
    assert not counts, counts
    assert cut_off <= 2, "two at once may be cut off"
    ends = Counter(line.key for line in stage.lines() if line.mark == "end" and line.node == "each")
    assert set(ends) == {str(item) for item in range(ITEMS)}
    return cut_off


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_no_worker_outlives_its_system_and_no_attempt_runs_twice(stages: Any, figure: Any, count: int) -> None:
    """Law: FAULTS 12; recovery makes again what was cut off, under another number."""
    cut_off = [one_round(stages(), seed) for seed in range(count)]
    figure(
        f"worker processes: {count} kills of the system; attempts cut off {sum(cut_off)}, at most {max(cut_off)} a kill"
    )
