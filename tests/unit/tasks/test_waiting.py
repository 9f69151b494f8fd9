"""Waiting for what somebody opens again at the very moment that its end is heard of: the wait goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, RetryPolicy, TaskContext, TaskFailed, task_agent
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.verbs.tasks import Tasks

PATIENCE_S = 30


class Bodies:
    """The first attempt ends at once, well or not; the second one when it may."""

    def __init__(self) -> None:
        self.fails = True
        self.begun = 0
        self.may_end = threading.Event()


BODIES = Bodies()


@task_agent(retry=RetryPolicy(tries=1))
def work(number: int) -> int:
    BODIES.begun += 1
    if BODIES.begun == 1 and BODIES.fails:
        raise ValueError("the first")
    if BODIES.begun > 1:
        assert BODIES.may_end.wait(PATIENCE_S)
    return number * BODIES.begun


@pytest.fixture
def system(tmp_path: Path) -> Iterator[ActorSystem]:
    BODIES.__init__()  # type: ignore[misc]
    with ActorSystem(tmp_path / "a.db", agents=[work]) as opened:
        yield opened
        BODIES.may_end.set()


def elsewhere(do: Callable[[], object]) -> None:
    """Have another thread do it, as a person may in any process."""
    thread = threading.Thread(target=do)
    thread.start()
    thread.join(PATIENCE_S)


def reopening(monkeypatch: pytest.MonkeyPatch, verb: str, open_again: Callable[[], object], *, is_late: bool) -> None:
    """At the first look with this verb the task is opened again, before it is looked or right behind."""
    look, looks = getattr(Tasks, verb), []

    def opened_meanwhile(tasks: Tasks, *args: Any, **options: Any) -> Any:
        looks.append(args)
        if len(looks) > 1:
            return look(tasks, *args, **options)
        if not is_late:
            elsewhere(open_again)
        found = look(tasks, *args, **options)
        if is_late:
            elsewhere(open_again)
        BODIES.may_end.set()
        return found

    monkeypatch.setattr(Tasks, verb, opened_meanwhile)


async def awaited(it: Any) -> Any:
    return await it


@pytest.mark.parametrize("is_on_a_loop", [False, True])
@pytest.mark.parametrize("wanted", ["report", "result"])
def test_a_task_that_is_opened_again_as_its_end_is_heard_of_is_waited_for(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch, is_on_a_loop: bool, wanted: str
) -> None:
    """Law: no report of a task that goes on is given as that of its end, nor anything raised for it."""
    task: Task = system.tasks.submit(work, 5)
    assert task.wait(PATIENCE_S).state == "failed"
    reopening(monkeypatch, "report", task.retry, is_late=False)
    if wanted == "report":
        report = asyncio.run(awaited(task.await_report())) if is_on_a_loop else task.wait(PATIENCE_S)
        assert (report.state, report.result) == ("completed", 10)
    else:
        assert (asyncio.run(awaited(task)) if is_on_a_loop else task.result(PATIENCE_S)) == 10
    assert BODIES.begun == 2


@pytest.mark.parametrize("is_on_a_loop", [False, True])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_job_of_which_a_task_is_opened_again_as_its_end_is_heard_of_is_waited_for(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch, is_on_a_loop: bool, is_late: bool
) -> None:
    """Law: also between its end and the reading of its results."""
    BODIES.fails = False
    job = system.tasks.job("j")
    task = job.submit(work, 5)
    assert job.wait(PATIENCE_S).state == "succeeded"

    def done_again() -> None:
        system.tasks.reject(task, "once more")
        system.tasks.reopen(task)

    reopening(monkeypatch, "job_report", done_again, is_late=is_late)
    assert (asyncio.run(awaited(job)) if is_on_a_loop else job.result(PATIENCE_S)) == [10]
    assert BODIES.begun == 2


def test_a_wait_for_what_is_opened_again_has_one_time_out(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what was waited counts; the error is that of any wait that takes too long."""
    task: Task = system.tasks.submit(work, 5)
    assert task.wait(PATIENCE_S).state == "failed"
    reopening(monkeypatch, "report", task.retry, is_late=False)
    monkeypatch.setattr(BODIES, "may_end", threading.Event())
    held = BODIES.may_end
    monkeypatch.setattr(held, "set", lambda: None)
    with pytest.raises(TimeoutError, match="has not ended yet; it goes on"):
        task.result(0.05)
    monkeypatch.undo()
    held.set()
    assert task.result(PATIENCE_S) == 10


BEGUN, MAY_LOOK = threading.Event(), threading.Event()


@task_agent(retry=RetryPolicy(tries=1))
def looks(payload: None, ctx: TaskContext) -> list[Any]:
    BEGUN.set()
    assert MAY_LOOK.wait(PATIENCE_S)
    return ctx.results()


def test_a_task_whose_dependency_is_opened_again_while_it_runs_is_told_what_to_wait_for(tmp_path: Path) -> None:
    """Law: there is no result by now, and none of a failure; who began with it hears how it is had."""
    BODIES.__init__()  # type: ignore[misc]
    BODIES.fails = False
    with ActorSystem(tmp_path / "a.db", agents=[work, looks]) as system:
        first = system.tasks.submit(work, 5)
        second = system.tasks.submit(looks, None, depends_on=[first])
        assert BEGUN.wait(PATIENCE_S)
        system.tasks.reject(first, "once more")
        system.tasks.reopen(first)
        MAY_LOOK.set()
        with pytest.raises(
            TaskFailed, match=r"task \d+ is (ready|running); wait for it with ctx.gather or ctx.depend_on"
        ):
            second.result(PATIENCE_S)
        BODIES.may_end.set()
        assert first.result(PATIENCE_S) == 10
