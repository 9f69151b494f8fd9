"""A worker dies before and after every commit of small stories of tasks, and another goes on: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, RetryPolicy
from dagger_actors.core.retry import Linear
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

SCHEMA = "CREATE TABLE IF NOT EXISTS effects (task INTEGER NOT NULL) STRICT;"
SWEEP_S = 11.0


class Story:
    """Agents, and a record of their bodies across deaths."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.begun: Counter[tuple[int, int]] = Counter()
        self.schema = sim.path.with_name("schema.sql")
        self.schema.write_text(SCHEMA)

        def begin(ctx: TaskContext) -> None:
            self.begun[ctx.task_id, ctx.attempt] += 1
            ctx.execute("INSERT INTO effects VALUES (?)", (ctx.task_id,))

        @task_agent(retry=RetryPolicy(tries=3, wait=Linear(delay_secs=1)))
        def flaky(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            if ctx.try_no == 1:
                raise ValueError("the first time")
            ctx.shared.increment("counts", "flaky")
            return task

        @task_agent(concurrency=2)
        async def slow(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            await asyncio.sleep(0.2)
            return task * 10

        @task_agent(durability="at_most_once")
        def careful(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            return -task

        @task_agent
        def parent(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            children = [ctx.spawn(slow, number) for number in range(task)]
            return sum(ctx.gather(children))

        self.agents = [flaky, slow, careful, parent]

    def play(self, work: Any) -> Any:
        """Play with as many workers as it takes."""
        return self.sim.keep_going(work, agents=self.agents, schema=self.schema)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = apsw.Connection(str(self.sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(connection.execute(sql))
        finally:
            connection.close()

    def check(self, deaths: int) -> None:
        assert self.query("SELECT count(*) FROM tasks WHERE owner IS NOT NULL OR state IN ('ready', 'running')") == [
            (0,)
        ]
        completed = Counter(key for (key,) in self.query("SELECT task_key FROM tasks WHERE state = 'completed'"))
        assert Counter(task for (task,) in self.query("SELECT task FROM effects")) == completed
        assert max(self.begun.values()) == 1, "an attempt began twice"
        interrupted = self.query("SELECT count(*) FROM task_attempts WHERE outcome = 'interrupted'")[0][0]
        assert interrupted <= 4 * deaths
        open_states = "('pending', 'blocked', 'ready', 'running', 'paused')"
        wrong = f"open <> (SELECT count(*) FROM tasks WHERE agent = name AND state IN {open_states})"
        assert self.query(f"SELECT name FROM task_agents WHERE {wrong}") == []
        assert self.query("PRAGMA integrity_check") == [("ok",)]


def growing(sim: Simulation) -> None:
    """A task that spawns and waits, one that needs it, and one that fails once."""
    story = Story(sim)

    def work(system: ActorSystem) -> list[Any]:
        tasks = system.tasks
        parent = tasks.submit("parent", 3, key="p")
        after = tasks.submit("flaky", 4, key="f", depends_on=[parent], job="j")
        return [parent.result(), after.result()]

    assert story.play(work) == [30, 4]
    assert story.query("SELECT count(*) FROM tasks") == [(5,)], "each child once"
    assert story.query("SELECT value FROM shared_state") == [("1",)], "counted once"
    assert story.query("SELECT total, succeeded, open FROM jobs") == [(1, 1, 0)]
    story.check(len(sim.deaths))


def once(sim: Simulation) -> None:
    """Work that must not be repeated, among other work."""
    story = Story(sim)

    def work(system: ActorSystem) -> list[str]:
        tasks = [system.tasks.submit("careful", number, key=f"c{number}") for number in range(3)]
        tasks.append(system.tasks.submit("slow", 1, key="s"))
        return [task.wait().state for task in tasks]

    states = story.play(work)
    assert states[3] == "completed"
    assert set(states) <= {"completed", "paused"}
    assert states.count("paused") <= 3 * len(sim.deaths)
    reasons = story.query("SELECT DISTINCT reason FROM tasks WHERE state = 'paused'")
    assert reasons in ([], [("interrupted",)])
    by_task = Counter(task for task, _ in story.begun)
    careful = {key for (key,) in story.query("SELECT task_key FROM tasks WHERE agent = 'careful'")}
    assert all(by_task[key] <= 1 for key in careful)
    story.check(len(sim.deaths))


@pytest.mark.parametrize("story", [growing, once])
@pytest.mark.parametrize("seeds", [1, pytest.param(25, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_the_story_ends_as_if_undisturbed(story: Any, seeds: int) -> None:
    """Law: FAULTS 1, the promise b to f and j; what was accepted is there, once, and its effects once."""
    explored = explore(story, seeds, crash="every_commit")
    assert explored.commits >= 8
