"""Fault 11, in virtual time: a worker stops for longer than its lease, another takes over, then the first goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import Context, action
from dagger_actors.errors import OwnershipLost
from dagger_actors.store import writer
from dagger_actors.store.statements import sql
from dagger_actors.testing.simulation import Simulation, simulate

LEASE_S = 30
SPEC: dict[str, Any] = {
    "name": "slow",
    "nodes": [{"id": f"n{at}", "action": "slow", "dependencies": [f"n{at - 1}"] if at else []} for at in range(6)],
}


def query(path: Path, text: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(text))
    finally:
        connection.close()


def slow_action(starts: list[tuple[str, int]]) -> Callable[..., Any]:
    @action(name="slow")
    async def slow(ctx: Context) -> dict[str, int]:
        starts.append((ctx.node_id, ctx.attempt))
        await asyncio.sleep(1)
        return {"attempt": ctx.attempt}

    return slow


def stop_and_go_on(sim: Simulation, starts: list[tuple[str, int]]) -> None:
    """The first worker stops in the middle, the second finishes its run, the first goes on."""
    slow = slow_action(starts)
    first = sim.system(actions=[slow])
    run = first.flows.start(SPEC, run_id="r")
    sim.advance(2.5)
    sim.freeze(first)
    sim.system(actions=[slow], recover=True)
    sim.advance(LEASE_S / 2)
    assert query(sim.path, "SELECT status, owner FROM flow_runs") == [("running", 1)]
    sim.advance(2 * LEASE_S)
    assert query(sim.path, "SELECT status, owner FROM flow_runs") == [("succeeded", None)]
    sim.thaw(first)
    with pytest.raises(OwnershipLost):
        run.result(timeout=60)


def test_a_stalled_workers_run_is_taken_over_and_its_old_owner_writes_nothing_more() -> None:
    """Within two leases the work goes on elsewhere; each attempt has one end, and no attempt ran twice."""
    for seed in range(10):
        starts: list[tuple[str, int]] = []
        with simulate(seed) as sim:
            stop_and_go_on(sim, starts)
            rows = query(sim.path, "SELECT node_id, attempt, state FROM node_runs ORDER BY node, attempt")
            assert len(starts) == len(set(starts))
            assert [row for row in rows if row[2] != "succeeded"] == [("n2", 1, "interrupted")]
            assert query(sim.path, "SELECT owner, epoch FROM flow_runs") == [(None, 2)]


def test_without_fence_and_guard_the_old_owner_gives_an_attempt_a_second_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle is tested too: take both conditions away and the law above breaks; each alone still holds it."""
    fence = " AND flow_runs.owner = new.owner AND flow_runs.epoch = new.epoch"
    guard = "WHERE node_runs.state IN ('ready', 'running', 'waiting')"

    def second_ends(*removed: str) -> bool:
        def weakened(name: str) -> str:
            text = sql(name)
            for condition in removed:
                text = text.replace(condition, "")
            return text

        monkeypatch.setattr(writer, "sql", weakened)
        with simulate(1) as sim:
            with contextlib.suppress(pytest.fail.Exception):  # without a fence nobody tells the old owner
                stop_and_go_on(sim, [])
            states = query(sim.path, "SELECT state FROM node_runs WHERE node_id = 'n2' AND attempt = 1")
            return states != [("interrupted",)]

    assert fence in sql("flow_runs.put")
    assert guard in sql("node_runs.put")
    assert not second_ends()
    assert not second_ends(fence)
    assert not second_ends(guard)
    assert second_ends(fence, guard)
