"""A10: tasks that grow, share, wait and take their turn; on virtual time, over many interleavings, and on real threads."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    Linear,
    RetryPolicy,
    TaskAgent,
    TaskChanged,
    TaskContext,
    TaskTransitionRefused,
    task_agent,
)
from dagger_actors.testing.simulation import simulate

SEEDS = range(5)


class Topic(msgspec.Struct, frozen=True):
    text: str


class Findings(msgspec.Struct, frozen=True):
    lines: list[str]


class Report(msgspec.Struct, frozen=True):
    text: str


class Research(TaskAgent, concurrency=2):
    def execute(self, task: Topic) -> Findings:
        return Findings([f"{task.text} is old", f"{task.text} is new" * 200])


class Analysis(TaskAgent):
    async def execute(self, task: Topic) -> Findings:
        await asyncio.sleep(0.01)
        return Findings([f"{task.text} matters"])


class Writing(TaskAgent):
    def execute(self, task: Topic, ctx: TaskContext) -> Report:
        research, analysis = ctx.results()
        assert isinstance(research, Findings)
        assert isinstance(analysis, Findings)
        return Report(f"{task.text}: {research.lines[0]}, {analysis.lines[0]}")


def grow(task: Topic, ctx: TaskContext) -> str:
    # The order is another one than that of the ids.
    analysis = ctx.spawn(Analysis, task, key="analysis")
    research = ctx.spawn("research", {"text": task.text})
    report = ctx.spawn(Writing, task, depends_on=[research, analysis])
    (written,) = ctx.gather([report])
    assert isinstance(written, Report)
    return written.text


class Planner(TaskAgent):
    def execute(self, task: Topic, ctx: TaskContext) -> str:
        return grow(task, ctx)


class AsyncPlanner(TaskAgent):
    async def execute(self, task: Topic, ctx: TaskContext) -> str:
        await asyncio.sleep(0.01)
        return grow(task, ctx)


PLANNED = [Research, Analysis, Writing, Planner, AsyncPlanner]


def rows(path: Path, text: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return list(connection.execute(text))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("planner", [Planner, AsyncPlanner])
def test_a_planner_spawns_research_analysis_and_a_report_that_depends_on_both(seed: int, planner: type) -> None:
    with simulate(seed) as sim:
        system = sim.system(agents=PLANNED)
        assert system.tasks.submit(planner, Topic("tea")).result() == "tea: tea is old, tea matters"


@pytest.mark.parametrize("planner", [Planner, AsyncPlanner])
def test_a_planner_grows_on_real_threads_and_every_task_of_it_runs_once(planner: type, tmp_path: Path) -> None:
    path = tmp_path / "real.db"
    with ActorSystem(path, agents=PLANNED) as system:
        tasks = system.tasks.submit_many(planner, [Topic(str(number)) for number in range(20)])
        for number, task in enumerate(tasks):
            assert task.result(timeout=30) == f"{number}: {number} is old, {number} matters"
    assert rows(path, "SELECT agent, count(*), sum(attempt) FROM tasks GROUP BY agent ORDER BY agent") == [
        ("analysis", 20, 20),
        (planner.__name__.lower(), 20, 40),
        ("research", 20, 20),
        ("writing", 20, 20),
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_shared_values_are_by_scope_and_key_and_end_with_their_ttl(seed: int) -> None:
    seen: list[Any] = []

    @task_agent
    def teller(task: str, ctx: TaskContext) -> None:
        ctx.shared.put("plan", task, {"by": ctx.task_id}, ttl=60)
        ctx.shared.put("other", task, "another scope")
        ctx.shared.increment("plan", "tellers", 2)
        seen.append(ctx.shared.get("plan", "tellers"))

    @task_agent
    def reader(task: str, ctx: TaskContext) -> list[Any]:
        return [ctx.shared.get(*name, "none") for name in (("plan", task), ("other", task), ("plan", "tellers"))]

    with simulate(seed) as sim:
        system = sim.system(agents=[teller, reader])
        told = system.tasks.submit(teller, "a")
        told.result()
        system.tasks.submit(teller, "b").result()
        assert system.tasks.submit(reader, "a").result() == [{"by": told.id}, "another scope", 4]
        sim.advance(61)
        assert system.tasks.submit(reader, "a").result() == ["none", "another scope", 4]
    assert seen == [2, 4], "the last commit, and what the turn itself has changed"


@pytest.mark.parametrize("seed", SEEDS)
def test_of_tasks_that_put_a_version_all_get_through_and_none_overwrites_another(seed: int) -> None:
    @task_agent(concurrency=5, retry=RetryPolicy(tries=20))
    def append(task: int, ctx: TaskContext) -> None:
        entry = ctx.shared.read("log", "lines")
        ctx.shared.put("log", "lines", [*(entry.value or []), task], version=entry.version)

    with simulate(seed) as sim:
        system = sim.system(agents=[append])
        for task in system.tasks.submit_many(append, list(range(8))):
            task.result()

        @task_agent
        def read(task: None, ctx: TaskContext) -> Any:
            return ctx.shared.get("log", "lines")

        other = sim.system(agents=[read])
        assert sorted(other.tasks.submit(read, None).result()) == list(range(8))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_running_task_adds_a_dependency_is_blocked_and_runs_again_when_it_is_met(seed: int) -> None:
    begun: list[int] = []

    @task_agent
    async def slow(task: float) -> str:
        await asyncio.sleep(task)
        return f"slept {task}"

    @task_agent
    def needy(task: int, ctx: TaskContext) -> list[str]:
        begun.append(ctx.attempt)
        return ctx.depend_on(task)

    with simulate(seed) as sim:
        system = sim.system(agents=[slow, needy])
        first = system.tasks.submit(slow, 10.0)
        waiting = system.tasks.submit(needy, first.id)
        sim.advance(5)
        assert waiting.state == "blocked"
        assert begun == [1]
        sim.advance(5.1)
        assert waiting.result() == ["slept 10.0"]
        assert begun == [1, 2]
        assert system.tasks.submit(needy, first.id).result() == ["slept 10.0"], "it is met already"
        assert begun == [1, 2, 1]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_waits_holds_no_place(seed: int) -> None:
    @task_agent(concurrency=1)
    def countdown(task: int, ctx: TaskContext) -> int:
        if task == 0:
            return 0
        (below,) = ctx.gather([ctx.spawn("countdown", task - 1)])
        return below + 1

    with simulate(seed) as sim:
        system = sim.system(agents=[countdown])
        assert system.tasks.submit(countdown, 10).result() == 10


@pytest.mark.parametrize("seed", SEEDS)
def test_higher_priority_goes_first_and_then_age(seed: int) -> None:
    order: list[int] = []

    @task_agent(concurrency=1)
    async def work(task: int) -> None:
        order.append(task)
        await asyncio.sleep(0.1)

    @task_agent
    def submitter(task: None, ctx: TaskContext) -> None:
        for number, priority in enumerate([0, 5, 1, 5, -1, 0]):
            ctx.spawn(work, number, priority=priority)

    with simulate(seed) as sim:
        system = sim.system(agents=[work, submitter])
        system.tasks.submit(submitter, None).result()
        sim.run()
    assert order == [1, 3, 2, 0, 5, 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_agent_has_more_attempts_at_once_than_its_concurrency(seed: int) -> None:
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def body(name: str) -> None:
        now[name] += 1
        most[name] = max(most[name], now[name])
        await asyncio.sleep(0.05)
        now[name] -= 1

    @task_agent(concurrency=1)
    async def one(task: int) -> None:
        await body("one")

    @task_agent(concurrency=3)
    async def three(task: int) -> None:
        await body("three")

    with simulate(seed) as sim:
        system = sim.system(agents=[one, three])
        tasks = [*system.tasks.submit_many(one, list(range(10))), *system.tasks.submit_many(three, list(range(30)))]
        for task in tasks:
            task.result()
    assert most == {"one": 1, "three": 3}


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_workers_each_task_is_done_once(seed: int) -> None:
    done: Counter[int] = Counter()

    @task_agent(concurrency=4)
    async def work(task: int) -> None:
        done[task] += 1
        await asyncio.sleep(0.01)

    with simulate(seed) as sim:
        workers = [sim.system(agents=[work]), sim.system(agents=[work])]
        tasks = workers[seed % 2].tasks.submit_many(work, list(range(100)))
        for task in tasks:
            task.result()
    assert done == dict.fromkeys(range(100), 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_full_queue_holds_the_spawning_task_back_and_loses_nothing(seed: int) -> None:
    done: Counter[str] = Counter()

    @task_agent(capacity=3, concurrency=1)
    async def work(task: str) -> None:
        done[task] += 1
        await asyncio.sleep(1)

    @task_agent(concurrency=4, retry=RetryPolicy(tries=20, wait=Linear(delay_secs=1)))
    def spawner(task: str, ctx: TaskContext) -> None:
        ctx.spawn(work, f"{task}a")
        ctx.spawn(work, f"{task}b")

    with simulate(seed) as sim:
        system = sim.system(agents=[work, spawner])
        for task in system.tasks.submit_many(spawner, [str(number) for number in range(5)]):
            task.result()
        sim.run()
    assert done == {f"{number}{letter}": 1 for number in range(5) for letter in "ab"}


@pytest.mark.parametrize("seed", SEEDS)
def test_illegal_and_stale_updates_raise_and_change_nothing(seed: int) -> None:
    @task_agent
    def work(task: str) -> str:
        return task

    with simulate(seed) as sim:
        system = sim.system(agents=[work])
        task, waiting = system.tasks.submit(work, "a"), system.tasks.submit(work, "b", delay=60)
        version = task.wait().version
        with pytest.raises(TaskChanged, match=f"it is of version {version}, not {version - 1}"):
            system.tasks.accept(task, version=version - 1)
        with pytest.raises(TaskTransitionRefused, match="pending, it cannot become accepted"):
            system.tasks.accept(waiting)
        with pytest.raises(TaskTransitionRefused, match="completed, it cannot become ready"):
            system.tasks.retry(task)
        assert [one.state for one in (task, waiting)] == ["completed", "pending"]
        system.tasks.accept(task, version=version)
        with pytest.raises(TaskTransitionRefused, match="accepted, it cannot become rejected"):
            system.tasks.reject(task, "too late")
        assert task.state == "accepted"
