"""A11: tasks that fail, time out, wait in vain, or ask for something else; in virtual time, and once with a real clock."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from dagger_actors import (
    ActorSystem,
    Cancel,
    DependencyCycle,
    Exponential,
    Fatal,
    Immediate,
    JobFailed,
    Linear,
    RetryPolicy,
    Snooze,
    Stall,
    TaskBlocked,
    TaskCancelled,
    TaskContext,
    TaskEnded,
    TaskFailed,
    task_agent,
)
from dagger_actors.testing.simulation import simulate
from tests.busy import BEGUN_S, begun_in_time

SEEDS = range(4)
ONCE = RetryPolicy(tries=1)


@task_agent(retry=ONCE)
def fail(task: str) -> str:
    if task == "mended":
        return task
    raise ValueError(f"{task} is bad")


@task_agent
def echo(task: str) -> str:
    return task


@task_agent
def fatal(task: str) -> str:
    raise Fatal(task)


@task_agent(retry=RetryPolicy(tries=5, wait=Immediate(), give_up_on=("LookupError",)))
def hopeless(task: str) -> str:
    return {}[task]


@task_agent
def programming_mistake(task: str) -> str:
    return task + 1  # type: ignore[operator]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("agent", "error"),
    [
        (fatal, "dagger_actors.errors.Fatal"),
        (hopeless, "builtins.KeyError"),
        (programming_mistake, "builtins.TypeError"),
    ],
)
def test_a_permanent_error_fails_at_once(agent: Any, error: str, seed: int) -> None:
    with simulate(seed) as sim:
        system = sim.system(agents=[agent])
        report = system.tasks.submit(agent, "x").wait()
        assert (report.state, report.attempt, report.try_no) == ("failed", 1, 1)
        assert report.error is not None
        assert report.error.type == error
        assert sim.now_s < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transient_error_is_retried_with_back_off_and_its_count_is_stored(seed: int) -> None:
    times: list[float] = []

    with simulate(seed) as sim:

        @task_agent(retry=RetryPolicy(tries=4, wait=Exponential(initial_delay_secs=1, multiplier=2, jitter=0)))
        def flaky(task: str, ctx: TaskContext) -> str:
            times.append(sim.now_s)
            if ctx.try_no < 4:
                raise ConnectionError(f"try {ctx.try_no}")
            return task

        system = sim.system(agents=[flaky])
        task = system.tasks.submit(flaky, "x")
        report = task.wait()
        assert task.result() == "x"
    assert (report.try_no, report.attempt, report.error) == (4, 4, None)
    assert [(one.attempt, one.outcome, one.error.message) for one in report.attempts if one.error] == [
        (number, "failed", f"try {number}") for number in (1, 2, 3)
    ]
    waits = [round(later - earlier, 1) for earlier, later in pairwise(times)]
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_time_out_is_retried_and_its_count_is_stored(seed: int) -> None:
    cut_off: list[bool] = []

    @task_agent(timeout_s=5, retry=RetryPolicy(tries=3, wait=Linear(delay_secs=10)))
    async def slow(task: float, ctx: TaskContext) -> int:
        try:
            await asyncio.sleep(task / ctx.try_no)
        except asyncio.CancelledError:
            cut_off.append(ctx.cancelled)
            raise
        return ctx.try_no

    with simulate(seed) as sim:
        system = sim.system(agents=[slow])
        task, vain = system.tasks.submit(slow, 8.0), system.tasks.submit(slow, 100.0)
        assert task.result() == 2
        assert [(one.attempt, one.outcome) for one in task.report().attempts] == [(1, "timed_out")]
        report = vain.wait()
        assert (report.state, report.try_no, [one.outcome for one in report.attempts]) == (
            "failed",
            3,
            ["timed_out"] * 3,
        )
        assert 3 * 5 + 2 * 10 <= sim.now_s < 36
        sim.settle()
    assert cut_off == [True] * 4, "the last attempt is stopped as the first"


def test_a_body_on_a_thread_sees_that_its_time_is_over() -> None:
    begun, seen = threading.Event(), threading.Event()

    @task_agent(timeout_s=BEGUN_S, retry=ONCE)
    def busy(task: str, ctx: TaskContext) -> None:
        begun.set()
        while not ctx.cancelled:
            time.sleep(0.001)
        seen.set()

    with ActorSystem(agents=[busy]) as system:
        report = begun_in_time(lambda: system.tasks.submit(busy, "x").wait(timeout=30), lambda _: begun.is_set())
        assert (report.state, [one.outcome for one in report.attempts]) == ("failed", ["timed_out"])
        assert seen.wait(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_dependents_of_a_failed_task_are_blocked_with_the_reason_and_the_job_has_failed(seed: int) -> None:
    with simulate(seed) as sim:
        system = sim.system(agents=[fail, echo])
        job = system.tasks.job("j")
        culprit = job.submit(fail, "x")
        dependent = job.submit(echo, "a", depends_on=[culprit])
        behind = job.submit(echo, "b", depends_on=[dependent])
        other = job.submit(echo, "c")
        with pytest.raises(JobFailed, match="x is bad"):
            job.result()
        assert other.result() == "c"
        assert [task.state for task in (culprit, dependent, behind)] == ["failed", "blocked", "blocked"]
        assert dependent.report().reason == f"task {culprit.id} failed"
        assert behind.report().reason == f"task {dependent.id} can never run"
        with pytest.raises(TaskBlocked, match=f"task {culprit.id} failed"):
            dependent.result()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_gathers_is_told_of_a_failed_child_and_is_not_tried_again(seed: int) -> None:
    @task_agent
    def strict(task: str, ctx: TaskContext) -> list[str]:
        return ctx.gather([ctx.spawn(fail, task), ctx.spawn(echo, "good")])

    @task_agent
    def lenient(task: str, ctx: TaskContext) -> list[str]:
        children = [ctx.spawn(fail, task), ctx.spawn(echo, "good"), ctx.spawn(cancels, "no")]
        return [str(one) if isinstance(one, TaskEnded) else one for one in ctx.gather(children, return_errors=True)]

    @task_agent
    def cancels(task: str) -> Cancel:
        return Cancel(task)

    with simulate(seed) as sim:
        system = sim.system(agents=[fail, echo, strict, lenient, cancels])
        report = system.tasks.submit(strict, "x").wait()
        assert (report.state, report.attempt) == ("failed", 2)
        assert report.error is not None
        assert report.error.type == "dagger_actors.errors.TaskFailed"
        assert report.error.message.endswith(" failed: ValueError: x is bad")
        first, good, cancelled = system.tasks.submit(lenient, "y").result()
        assert first.endswith("failed: ValueError: y is bad")
        assert good == "good"
        assert cancelled.endswith("was cancelled: no")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_depends_on_a_failed_task_waits_until_that_is_retried(seed: int) -> None:
    is_mended = False

    @task_agent(retry=ONCE)
    def fragile(task: str) -> str:
        if not is_mended:
            raise ValueError("broken")
        return "mended"

    @task_agent
    def needy(task: int, ctx: TaskContext) -> list[str]:
        return ctx.depend_on(task)

    with simulate(seed) as sim:
        system = sim.system(agents=[fragile, needy])
        culprit = system.tasks.submit(fragile, "x")
        before = system.tasks.submit(needy, culprit.id)
        culprit.wait()
        after = system.tasks.submit(needy, culprit.id)
        sim.run()
        for task in (before, after):
            report = task.report()
            assert (report.state, report.is_stuck, report.reason) == ("blocked", True, f"task {culprit.id} failed")
        is_mended = True
        culprit.retry()
        assert [task.result() for task in (before, after)] == [["mended"], ["mended"]]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dependency_that_would_close_a_cycle_is_an_error_wherever_it_comes_from(seed: int) -> None:
    @task_agent
    async def waits_for_its_parent(task: str, ctx: TaskContext) -> list[Any]:
        await asyncio.sleep(task == "late")
        return ctx.depend_on(ctx.parent or 0)

    @task_agent
    def parent(task: str, ctx: TaskContext) -> str:
        (ended,) = ctx.gather([ctx.spawn(waits_for_its_parent, task)], return_errors=True)
        return str(ended)

    @task_agent
    def itself(task: str, ctx: TaskContext) -> list[Any]:
        return ctx.gather([ctx.task_id])

    with simulate(seed) as sim:
        system = sim.system(agents=[waits_for_its_parent, parent, itself, echo])
        told = system.tasks.submit(parent, "late").result()
        assert "DependencyCycle: this dependency would close a cycle" in told
        report = system.tasks.submit(itself, "x").wait()
        assert report.error is not None
        assert (report.state, report.attempt, report.error.type) == (
            "failed",
            1,
            "dagger_actors.errors.DependencyCycle",
        )
        first = system.tasks.submit(echo, "a", delay=60)
        second = system.tasks.submit(echo, "b", depends_on=[first])
        with pytest.raises(DependencyCycle) as caught:
            system.tasks.add_dependency(first, second)
        assert set(caught.value.cycle) == {first.id, second.id}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stalled_job_triggers_its_action(seed: int) -> None:
    @task_agent
    async def hangs(task: str) -> None:
        await asyncio.sleep(3600)

    with simulate(seed) as sim:
        system = sim.system(agents=[hangs, echo])
        job = system.tasks.job("j", stall=Stall(after_s=60, action="fail"))
        assert job.submit(echo, "a").result() == "a"
        task = job.submit(hangs, "x")
        with pytest.raises(JobFailed, match="stalled"):
            job.result()
        assert task.state == "cancelled"
        assert 60 <= sim.now_s < 120


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snooze_comes_again_and_a_cancel_ends_it_and_neither_commits_what_was_wanted(seed: int) -> None:
    @task_agent
    def later(task: str, ctx: TaskContext) -> Snooze | str:
        ctx.spawn(echo, f"attempt {ctx.attempt}")
        ctx.shared.increment("s", "later")
        return Snooze(30) if ctx.attempt < 3 else f"try {ctx.try_no}"

    @task_agent
    def never(task: str, ctx: TaskContext) -> Cancel:
        ctx.spawn(echo, "never")
        ctx.shared.increment("s", "never")
        return Cancel("no longer wanted")

    @task_agent
    def read(task: str, ctx: TaskContext) -> Any:
        return ctx.shared.get("s", task)

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, later, never, read])
        task = system.tasks.submit(later, "x")
        assert task.result() == "try 1"
        assert 60 <= sim.now_s < 62
        cancelled = system.tasks.submit(never, "x")
        with pytest.raises(TaskCancelled, match="no longer wanted"):
            cancelled.result()
        sim.run()
        assert [system.tasks.submit(read, name).result() for name in ("later", "never")] == [1, None]
        echoed = [system.tasks.get(one.id).report().payload for one in system.tasks.tasks(agent="echo")]
        assert echoed == ["attempt 3"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_body_that_swallows_its_suspension_fails_with_a_word_on_that(seed: int) -> None:
    @task_agent(retry=ONCE)
    def greedy(task: str, ctx: TaskContext) -> str:
        try:
            ctx.gather([ctx.spawn(echo, task)])
        except BaseException:
            return "I go on"
        return "gathered"

    @task_agent(retry=ONCE)
    async def greedy_too(task: str, ctx: TaskContext) -> str:
        return greedy(task, ctx)

    with simulate(seed) as sim:
        system = sim.system(agents=[greedy, greedy_too, echo])
        for agent in (greedy, greedy_too):
            with pytest.raises(TaskFailed, match=r"the body has caught what ctx\.gather"):
                system.tasks.submit(agent, "x").result()


@pytest.mark.parametrize("seed", SEEDS)
def test_parts_of_a_task_group_may_wait_at_once(seed: int) -> None:
    @task_agent
    async def both(task: str, ctx: TaskContext) -> list[str]:
        async def part(text: str) -> str:
            (found,) = ctx.gather([ctx.spawn(echo, text, key=text)])
            return found

        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(part(text)) for text in ("a", "b")]
        return [one.result() for one in parts]

    with simulate(seed) as sim:
        system = sim.system(agents=[both, echo])
        task = system.tasks.submit(both, "x")
        assert task.result() == ["a", "b"]
        assert task.report().attempt == 2
