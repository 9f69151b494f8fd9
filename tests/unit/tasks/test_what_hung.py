"""Tasks that once would have hung, or hung others: each goes on, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from dagger_actors import Cancel, Immediate, RetryPolicy, Snooze, TaskContext, task_agent
from dagger_actors.testing.simulation import simulate

QUICK = RetryPolicy(tries=3, wait=Immediate())


@task_agent
def snoozes_once(task: int, ctx: TaskContext) -> int | Snooze:
    return task if ctx.attempt > 1 else Snooze(10)


@task_agent
def child(task: int) -> int | Snooze:
    return task


@task_agent
def waits(task: int, ctx: TaskContext) -> int:
    (result,) = ctx.gather([ctx.spawn(child, task, delay=10)])
    return result


@pytest.mark.parametrize("agent", [snoozes_once, waits])
@pytest.mark.parametrize("seed", range(3))
def test_what_began_before_it_expired_goes_on_after_that(agent: object, seed: int) -> None:
    """Law: a task that has not begun by then is cancelled; one that has is done, however often it has to be taken up."""
    with simulate(seed) as sim:
        system = sim.system(agents=[snoozes_once, waits, child])
        task = system.tasks.submit(agent, 7, expires=5)
        assert task.result(60) == 7


REASONS = ["\ud800", "\x1b" * 1_000, '"\\' * 500, "a\0b", "", "snooze 5"]


@task_agent(retry=QUICK)
def cancels(task: int) -> int | Cancel:
    return Cancel(REASONS[task])


def test_whatever_a_body_gives_as_the_reason_of_its_cancel_is_its_own_affair() -> None:
    """Law: what a body returns ends its task, and nothing else."""
    with simulate(1) as sim:
        system = sim.system(agents=[cancels, child])
        asked = system.tasks.submit_many(cancels, range(len(REASONS)))
        sim.run()
        assert [task.state for task in asked] == ["cancelled"] * len(REASONS)
        assert asked[-1].report().reason == "snooze 5"
        assert system.tasks.submit(child, 1).result(60) == 1


def test_a_body_that_cannot_be_made_is_a_failed_attempt_and_the_others_begin() -> None:
    """Law: no lease is left without a body and without an end."""
    with simulate(1) as sim:
        system = sim.system(agents=[child])
        services = system._paradigms.task_hub.supervisor._services
        prepare, made = services.prepare, []

        def fails_once(*arguments):
            made.append(arguments)
            if len(made) == 3:
                raise MemoryError("no process")
            return prepare(*arguments)

        services.prepare = fails_once
        tasks = system.tasks.submit_many(child, range(4))
        sim.run()
        assert [task.result(0) for task in tasks] == [0, 1, 2, 3]
        (failed,) = [task.report() for task in tasks if task.report().attempts]
        assert "no process" in str(failed.attempts[0].error)


@task_agent(concurrency=2)
async def busy(task: int) -> int:
    await asyncio.sleep(0.01)
    return task


@task_agent(concurrency=2)
async def on_the_loop(task: int) -> int:
    return task


@pytest.mark.parametrize("seed", range(3))
def test_agents_that_share_the_systems_places_get_them_in_turns(seed: int) -> None:
    """Law: whoever has much to do, on the loop or on threads, keeps nobody from the places that all share."""
    with simulate(seed) as sim:
        system = sim.system(agents=[busy, on_the_loop, child], task_concurrency=2)
        much = system.tasks.submit_many(busy, range(1_000))
        sim.advance(0.5)
        late = [system.tasks.submit(on_the_loop, 1), system.tasks.submit(child, 2)]
        sim.advance(0.5)
        assert [task.state for task in late] == ["completed", "completed"]
        assert any(task.state != "completed" for task in much)
