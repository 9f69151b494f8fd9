"""A task supervisor that crashes goes on from the file, while bodies go on; nothing is done twice and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, RetryPolicy
from dagger_actors.errors import SupervisorGaveUp
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.tasks.working.supervisor import TaskSupervisor
from dagger_actors.testing.simulation import Simulation, simulate

NONSENSE = object()
"""What no supervisor understands: its turn ends with an error, as a defect of ours would end it."""

COUNT = 12
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (task INTEGER NOT NULL) STRICT;"


def crash(system: ActorSystem) -> None:
    system._paradigms.task_hub.supervisor.tell(NONSENSE)


def query(sim: Simulation, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def schema(sim: Simulation) -> Path:
    path = sim.path.with_name("schema.sql")
    path.write_text(SCHEMA)
    return path


@pytest.mark.parametrize("durability", ["at_least_once", "at_most_once"])
@pytest.mark.parametrize("seed", range(25))
def test_whenever_it_crashes_each_body_runs_once_and_each_end_is_committed_once(seed: int, durability: Any) -> None:
    """Law: what runs goes on, what has ended is not lost, what was leased and not begun is not begun twice."""
    ran: Counter[int] = Counter()

    @task_agent(concurrency=3, durability=durability)
    async def work(task: int, ctx: TaskContext) -> int:
        ran[ctx.task_id] += 1
        await asyncio.sleep(0.001 * (task % 4))
        ctx.execute("INSERT INTO effects VALUES (?)", (ctx.task_id,))
        return task

    with simulate(seed) as sim:
        chance = random.Random(seed)
        system = sim.system(agents=[work], schema=schema(sim))
        tasks = system.tasks.submit_many(work, list(range(COUNT)))
        for _ in range(3):
            for _ in range(chance.randrange(1, 40)):
                sim.world.step()
            crash(system)
        sim.run()
        assert query(sim, "SELECT state, owner, count(*) FROM tasks GROUP BY 1, 2") == [("completed", None, COUNT)]
        assert ran == Counter(task.id for task in tasks)
        assert query(sim, "SELECT count(DISTINCT task), count(*) FROM effects") == [(COUNT, COUNT)]
        assert not system._paradigms.task_hub.supervisor.in_hand
        slots = system._store.membership.slots
        assert len(slots._free) == slots.capacity, "a record is still taken"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("tries", [1, 2])
def test_a_time_out_is_decided_though_it_crashes_before_or_after(seed: int, tries: int) -> None:
    """Law: an attempt whose time is up has timed out, whatever its supervisor met; its body is told to stop."""
    stopped: list[int] = []

    @task_agent(timeout_s=1.0, retry=RetryPolicy(tries=tries))
    async def slow(task: int, ctx: TaskContext) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            stopped.append(ctx.attempt)
            await asyncio.sleep(0.5)  # late: the next try waits for it
            return

    with simulate(seed) as sim:
        chance = random.Random(seed)
        system = sim.system(agents=[slow])
        system.tasks.submit(slow, 1)
        sim.advance(chance.choice((0.5, 0.99, 1.0)))
        for _ in range(chance.randrange(6)):
            sim.world.step()
        crash(system)
        sim.advance(chance.choice((0.0, 0.2)))
        crash(system)
        sim.run()
        outcomes = query(sim, "SELECT attempt, outcome FROM task_attempts")
        assert outcomes == [(attempt, "timed_out") for attempt in range(1, tries + 1)]
        assert query(sim, "SELECT state, owner FROM tasks") == [("failed", None)]
        assert stopped == list(range(1, tries + 1))


def test_leaving_after_a_crash_gives_back_what_runs_and_does_not_let_others_begin_it(tmp_path: Path) -> None:
    """Law: the new machine knows what has begun: in a leaving worker it waits for that, as the old one did."""
    ran: Counter[str] = Counter()

    @task_agent
    async def slow(task: int, ctx: TaskContext) -> int:
        ran[f"{task}"] += 1
        await asyncio.sleep(3)
        return task

    with simulate(1) as sim:
        system = sim.system(agents=[slow])
        task = system.tasks.submit(slow, 1)
        sim.advance(1)
        crash(system)
        sim.settle()
        other = sim.system(agents=[slow])
        system.stop(grace_s=10)
        assert other.tasks.get(task.id).state == "completed"
        sim.advance(10)
        assert ran == {"1": 1}


@pytest.mark.parametrize("durability", ["at_least_once", "at_most_once"])
def test_what_was_leased_ahead_is_given_back_by_who_leaves_and_never_begins_there(durability: Any) -> None:
    """Law: whatever began in a leaving worker has the grace to end; nothing begins, so nothing begins in two of them."""
    ran: Counter[int] = Counter()

    @task_agent(concurrency=2, durability=durability)
    async def work(task: int, ctx: TaskContext) -> int:
        ran[ctx.task_id] += 1
        await asyncio.sleep(0.002)
        return task

    with simulate(1) as sim:
        system = sim.system(agents=[work])
        system.tasks.submit_many(work, list(range(200)))
        sim.advance(0.03)
        done = len(ran)
        assert 2 <= done < 100
        system.stop(grace_s=1)
        assert len(ran) <= done + 2
        other = sim.system(agents=[work])
        sim.run()
        assert query(sim, "SELECT state, count(*) FROM tasks GROUP BY 1") == [("completed", 200)]
        assert set(ran.values()) == {1}
        other.stop()


def test_one_that_crashes_again_and_again_gives_up_and_says_so_to_all_who_wait(tmp_path: Path) -> None:
    """Law: three crashes in five seconds and no more; what it held is free for others; who waits, and who asks, hears of it."""

    @task_agent(concurrency=1)
    async def slow(task: int) -> int:
        await asyncio.sleep(100)
        return task

    with simulate(1) as sim:
        system = sim.system(agents=[slow])
        tasks = system.tasks.submit_many(slow, [1, 2, 3])
        sim.advance(1)
        for _ in range(4):
            crash(system)
            sim.settle()
        assert isinstance(system._paradigms.task_hub.failure, SupervisorGaveUp)
        assert query(sim, "SELECT owner, state FROM tasks") == [(None, "ready")] * 3
        with pytest.raises(SupervisorGaveUp, match="open the system again"):
            tasks[0].result()
        with pytest.raises(SupervisorGaveUp):
            system.tasks.submit(slow, 4)
        sim.advance(60)
        assert query(sim, "SELECT owner, state FROM tasks") == [(None, "ready")] * 3
        system.stop()
        other = sim.system(agents=[slow])
        sim.run()
        assert [other.tasks.get(task.id).state for task in tasks] == ["completed"] * 3


def test_crashes_far_apart_never_add_up() -> None:
    """Law: the intensity is of a period."""

    @task_agent
    def work(task: int) -> int:
        return task

    with simulate(1) as sim:
        system = sim.system(agents=[work])
        for number in range(10):
            crash(system)
            sim.advance(2)
            assert system.tasks.submit(work, number).result() == number
        assert system._paradigms.task_hub.failure is None


def test_it_crashes_where_the_test_says() -> None:
    """The oracle: nonsense does crash it."""
    assert not hasattr(TaskSupervisor, "nonsense")

    @task_agent
    def work(task: int) -> int:
        return task

    with simulate(1) as sim:
        system = sim.system(agents=[work])
        before = system._paradigms.task_hub.supervisor._deciding.machine
        crash(system)
        sim.settle()
        assert system._paradigms.task_hub.supervisor._deciding.machine is not before
