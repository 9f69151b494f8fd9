"""A worker that stood still for longer than its lease, and goes on: what it has leased by then is its own again."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import apsw
import pytest

from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks
from dagger_actors.store import writer
from dagger_actors.store.statements import sql
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.testing.simulation import Simulation, simulate

LEASE_S = 30


def query(sim: Simulation, text: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(text))
    finally:
        connection.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_worker_that_goes_on_is_not_robbed_of_what_it_leases_from_then_on(seed: int) -> None:
    """Law: stalled is who shows no beat, not who once showed none; no task becomes poison for it."""

    @task_agent(concurrency=1)
    async def slow(task: int) -> int:
        await asyncio.sleep(4)
        return task

    with simulate(seed) as sim:
        first, second = sim.system(agents=[slow], recover=True), sim.system(agents=[slow], recover=True)
        sim.advance(1)
        sim.freeze(first)
        sim.advance(3 * LEASE_S)
        sim.thaw(first)
        sim.settle()
        first.tasks.submit_many(slow, [1, 2])
        sim.advance(2)
        owners = {owner for (owner,) in query(sim, "SELECT owner FROM tasks")}
        assert owners == {first._store.worker_id, second._store.worker_id}
        sim.advance(6)
        assert query(sim, "SELECT state, crash_no FROM tasks") == [("completed", 0)] * 2
        assert query(sim, "SELECT * FROM task_attempts") == []


@pytest.mark.parametrize("seed", range(8))
def test_a_worker_that_goes_on_begins_nothing_of_what_was_taken_over(seed: int) -> None:
    """Law: it hears which leases it has lost: what it had not begun it begins no more, what runs is told to stop."""
    ran: Counter[tuple[int, int]] = Counter()
    stopped: list[int] = []

    @task_agent(concurrency=2)
    async def work(task: int, ctx: TaskContext) -> int:
        ran[ctx.task_id, ctx._start.owner] += 1
        try:
            await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            stopped.append(ctx.task_id)
            raise
        return task

    with simulate(seed) as sim:
        first = sim.system(agents=[work], recover=True)
        tasks = first.tasks.submit_many(work, list(range(20)))
        sim.advance(0.2)
        sim.freeze(first)
        second = sim.system(agents=[work], recover=True)
        sim.advance(3 * LEASE_S)
        assert [second.tasks.get(task.id).state for task in tasks] == ["completed"] * 20
        sim.thaw(first)
        sim.advance(10)
        assert sum(count for (_, owner), count in ran.items() if owner == first._store.worker_id) <= 4
        assert not first._paradigms.task_hub.supervisor.in_hand
        assert query(sim, "SELECT count(*) FROM task_stops") == [(0,)]


def old_owner_ends(monkeypatch: pytest.MonkeyPatch, *removed: str) -> bool:
    """Whether the old owner's end of a task that was taken over is written."""

    def weakened(name: str) -> str:
        text = sql(name)
        for condition in removed:
            text = text.replace(condition, "")
        return text

    monkeypatch.setattr(writer, "sql", weakened)

    @task_agent(concurrency=1)
    async def work(task: int, ctx: TaskContext) -> int:
        await asyncio.sleep(5)
        return ctx._start.owner

    with simulate(1) as sim:
        first = sim.system(agents=[work], recover=True)
        sim.advance(0.1)
        task = first.tasks.submit(work, 1)
        sim.advance(1)
        sim.freeze(first)
        second = sim.system(agents=[work], recover=True)
        for _ in range(400):
            sim.advance(0.25)
            if query(sim, "SELECT owner FROM tasks") == [(second._store.worker_id,)]:
                break
        # Its body had ended before it was stopped: the first thing that it does is to write that.
        monkeypatch.setattr(first._paradigms.task_hub.watched, "look", lambda: None)
        sim.thaw(first)
        sim.advance(1)
        return query(sim, f"SELECT result FROM tasks WHERE task_key = {task.id}") == [(str(first._store.worker_id),)]


def test_without_the_fence_the_old_owner_ends_what_was_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle is tested too: owner and epoch in the condition of ``tasks.end`` are what keeps it out."""
    fence = " AND tasks.owner = new.owner AND tasks.epoch = new.epoch"
    assert fence in sql("tasks.end")
    assert not old_owner_ends(monkeypatch)
    assert old_owner_ends(monkeypatch, fence)


def test_an_end_that_is_refused_for_what_it_brings_is_no_lost_lease() -> None:
    """Law: the rows of a turn may meet a constraint; its attempt has failed with that, and nobody holds it for ever."""

    @task_agent
    def leaf(task: int) -> int:
        return task

    @task_agent
    def parent(task: int, ctx: TaskContext) -> list[int]:
        return ctx.gather([ctx.spawn(leaf, task)])

    with simulate(1) as sim:
        system = sim.system(agents=[parent, leaf])
        taken = system.tasks.submit(leaf, 0).id
        sim.run()
        task_key = taken + 1
        task = system.tasks.submit(parent, 1)
        assert task.id == task_key
        # Somebody has written a row under an id that this worker has reserved, for the child.
        system._paradigms.task_hub.commit((), [SubmitTasks((NewTask(task_key + 1, "leaf", "0"),), 0)])
        sim.run()
        assert query(sim, f"SELECT state, owner FROM tasks WHERE task_key = {task_key}") == [("failed", None)]
