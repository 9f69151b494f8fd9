"""What is decided about tasks is durable, is refused by name when it cannot be, and leaves nothing half done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from dagger_actors import TaskContext, task_agent
from dagger_actors.errors import (
    DaggerError,
    DependencyCycle,
    JobNotFound,
    RequestError,
    SharedConflict,
    SharedRefused,
    TaskCancelled,
    TaskChanged,
    TaskFailed,
    TaskNotFound,
    TaskTransitionRefused,
    UnknownDependency,
)
from dagger_actors.tasks.verbs import decisions


class Word(msgspec.Struct, frozen=True):
    """A payload."""

    text: str = ""


class Seen:
    """What bodies did."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.broken = True
        seen = self

        @task_agent(concurrency=2)
        async def work(task: Word, ctx: TaskContext) -> str:
            seen.texts.append(task.text)
            await asyncio.sleep(10)
            seen.texts.append(f"{task.text} done")
            return task.text

        @task_agent
        async def fail(task: Word) -> str:
            if seen.broken:
                raise ValueError(f"no {task.text}")
            return "mended"

        self.work, self.fail = work, fail


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def system(sim: Any, seen: Seen) -> Any:
    return sim.system(agents=[seen.work, seen.fail])


def failed(system: Any, text: str = "a") -> Any:
    """A task that has failed."""
    task = system.tasks.submit("fail", Word(text), try_count=1)
    task.wait()
    return task


def done(system: Any) -> Any:
    """A task that was completed."""
    task = system.tasks.submit("work", Word("done"))
    task.result()
    return task


def facts(system: Any) -> list[Any]:
    """All that is stored of tasks."""
    return [system.tasks.report(one.id) for one in system.tasks.tasks()]


def test_a_cancelled_task_is_recorded_at_once_and_its_body_is_stopped(sim: Any, system: Any, seen: Seen) -> None:
    running, waiting = system.tasks.submit("work", Word("a")), system.tasks.submit("work", Word("b"), delay=5)
    sim.settle()
    running.cancel("enough")
    sim.settle()
    assert system.tasks._hub.supervisor.in_hand == 0, "it is told at once, without a look at the file"
    assert (running.state, running.report().reason, running.report().worker_pid) == ("cancelled", "enough", None)
    assert system.tasks.cancel([running, waiting.id, 999]) == [waiting.id]
    sim.run()
    assert seen.texts == ["a"]
    with pytest.raises(TaskCancelled, match="enough"):
        running.result()
    with pytest.raises(TaskTransitionRefused, match="it is over"):
        running.cancel()


def test_a_cancel_from_another_process_reaches_the_body(sim: Any, system: Any, seen: Seen) -> None:
    """Law: within 150 ms, recorded at once; also of one that has just begun, in a system that was idle and alone."""
    sim.advance(10)
    task = system.tasks.submit("work", Word("a"))
    sim.settle()
    other = sim.system()
    began = sim.now_s
    other.tasks.cancel(task.id)
    assert (task.state, sim.now_s - began < 0.1) == ("cancelled", True)
    sim.advance(0.15)
    assert system.tasks._hub.supervisor.in_hand == 0
    sim.run()
    assert seen.texts == ["a"]


def test_a_system_in_which_nothing_runs_looks_at_the_file_seldom(sim: Any, system: Any) -> None:
    pace = system.tasks._hub.watched.pace_us
    idle = pace(has_neighbours=False)
    system.tasks.submit("work", Word("a"))
    sim.settle()
    assert pace(has_neighbours=False) <= 50_000
    sim.run()
    assert pace(has_neighbours=False) == idle == 500_000


def test_many_are_cancelled_a_thousand_to_a_commit(system: Any, seen: Seen) -> None:
    tasks = system.tasks.submit_many("work", [Word()] * 2100, delay=5)
    assert len(system.tasks.cancel(tasks)) == 2100
    assert system.tasks.cancel([]) == []


def test_a_retry_opens_one_or_many_and_what_they_left_stuck(sim: Any, system: Any, seen: Seen) -> None:
    one, two = failed(system), failed(system)
    behind = system.tasks.submit("fail", Word(), depends_on=[one, two], try_count=1)
    assert behind.report().is_stuck
    seen.broken = False
    assert system.tasks.retry([one, two.id]) == [one.id, two.id]
    assert [task.result() for task in (one, two, behind)] == ["mended"] * 3
    assert one.report().error is None
    with pytest.raises(TaskTransitionRefused, match="it has succeeded: accept or reject it"):
        one.retry()


def test_a_retry_by_a_filter_opens_what_it_says(sim: Any, system: Any, seen: Seen) -> None:
    job = system.tasks.job("j")
    a, b = failed(system, "apple"), failed(system, "pear")
    c = job.submit("fail", Word("apple"), try_count=1)
    c.wait()
    d = system.tasks.submit("work", Word("plum"), delay=5)
    d.cancel()
    retry = system.tasks.retry
    seen.broken = False
    for filters, told in (
        ({}, "say which"),
        ({"stat": "failed"}, "say which"),
        ({"state": "completed"}, "only what is failed, cancelled or paused"),
        ({"state": ()}, "only what is failed, cancelled or paused"),
        ({"state": "failed", "version": 3}, "version is that of one task"),
        ({"tasks": [a], "agent": "fail"}, "not both"),
    ):
        with pytest.raises(RequestError, match=told):
            retry(**filters)
    with pytest.raises(JobNotFound):
        retry(job="k")
    assert retry(agent="nobody") == retry(since="1970-01-01", text="kiwi") == []
    sim.advance(100)
    assert retry(since="50s") == []
    assert retry(job="j") == [c.id]
    assert retry(text="PEAR") == [b.id]
    assert retry(state=["failed", "cancelled"]) == [d.id, a.id]
    sim.run()
    assert [task.state for task in (a, b, c, d)] == ["completed"] * 4


def test_a_completed_task_is_accepted_or_rejected_and_a_rejected_one_done_again(sim: Any, system: Any) -> None:
    one, two = done(system), done(system)
    system.tasks.accept(one, reason="fine")
    assert (one.state, one.report().reason, one.result()) == ("accepted", "fine", "done")
    system.tasks.reject(two.id, "too short")
    later = system.tasks.submit("work", Word(), depends_on=[two])
    assert later.report().is_stuck
    system.tasks.reopen(two)
    assert (two.result(), later.result()) == ("done", "")


def test_a_verdict_is_about_the_version_that_was_looked_at(system: Any) -> None:
    task = done(system)
    version = task.report().version
    for verb in (
        lambda version: system.tasks.accept(task, version=version),
        lambda version: system.tasks.reject(task, "no", version=version),
        lambda version: system.tasks.cancel(task, version=version),
        lambda version: system.tasks.retry(task, version=version),
        lambda version: system.tasks.reopen(task, version=version),
    ):
        before = facts(system)
        with pytest.raises(TaskChanged) as caught:
            verb(version - 1)
        assert caught.value == TaskChanged(task.id, version - 1, version)
        assert facts(system) == before
    system.tasks.accept(task, version=version)
    assert task.report().version == version + 1


def test_a_task_that_has_not_begun_may_be_made_to_wait_for_others(sim: Any, system: Any, seen: Seen) -> None:
    first = system.tasks.submit("work", Word("first"))
    second = system.tasks.submit("work", Word("second"), delay=1)
    system.tasks.add_dependency(second, first)
    third = system.tasks.submit("work", Word("third"), delay=1)
    system.tasks.add_dependency(third.id, [first.id, second])
    sim.run()
    assert [text for text in seen.texts if "done" not in text] == ["first", "second", "third"]


def test_what_cannot_be_decided_is_refused_by_name_and_changes_nothing(sim: Any, system: Any) -> None:
    tasks = system.tasks
    over, broken = done(system), failed(system)
    a = tasks.submit("work", Word(), delay=50)
    b = tasks.submit("work", Word(), depends_on=[a])
    running = tasks.submit("work", Word())
    sim.settle()
    before = facts(system)
    refused: list[tuple[Any, type[DaggerError]]] = [
        (lambda: tasks.cancel(999), TaskNotFound),
        (lambda: tasks.cancel(over), TaskTransitionRefused),
        (lambda: tasks.cancel([over], version=1), RequestError),
        (lambda: tasks.cancel(a, version="1"), RequestError),
        (lambda: tasks.cancel("7"), RequestError),
        (lambda: tasks.cancel(a, reason="x" * 1001), RequestError),
        (lambda: tasks.retry([broken.id, 999]), TaskNotFound),
        (lambda: tasks.retry([broken, over]), TaskTransitionRefused),
        (lambda: tasks.retry(range(1, 1002)), RequestError),
        (lambda: tasks.retry([broken], version=1), RequestError),
        (lambda: tasks.accept(999), TaskNotFound),
        (lambda: tasks.accept(broken), TaskTransitionRefused),
        (lambda: tasks.accept([over]), RequestError),
        (lambda: tasks.reject(a, "no"), TaskTransitionRefused),
        (lambda: tasks.reject(over, 5), RequestError),
        (lambda: tasks.reopen(over), TaskTransitionRefused),
        (lambda: tasks.add_dependency(a, b), DependencyCycle),
        (lambda: tasks.add_dependency(a, a), DependencyCycle),
        (lambda: tasks.add_dependency(a, 999), UnknownDependency),
        (lambda: tasks.add_dependency(999, a), TaskNotFound),
        (lambda: tasks.add_dependency(running, a), TaskTransitionRefused),
        (lambda: tasks.add_dependency([a], b), RequestError),
        (lambda: tasks.prune("soon"), RequestError),
        (lambda: tasks.get(999), TaskNotFound),
        (lambda: tasks.get("1"), RequestError),
        (lambda: tasks.report(2**70), RequestError),
    ]
    for call, error in refused:
        with pytest.raises(error) as caught:
            call()
        assert type(caught.value) is error
    assert facts(system) == before
    with pytest.raises(DependencyCycle) as cycle:
        tasks.add_dependency(a, b)
    assert set(cycle.value.cycle) == {a.id, b.id}


def test_what_ended_long_ago_is_pruned(sim: Any, system: Any) -> None:
    job = system.tasks.job("j")
    old = job.submit("work", Word())
    needed = system.tasks.submit("work", Word())
    sim.run()
    waiting = system.tasks.submit("work", Word(), depends_on=[needed], delay=900)
    sim.advance(60)
    young = done(system)
    assert system.tasks.prune(timedelta(days=1)) == 0
    assert system.tasks.prune("30s") == 1
    assert [one.id for one in system.tasks.tasks()] == [young.id, waiting.id, needed.id]
    assert system.tasks.jobs() == []
    with pytest.raises(TaskNotFound):
        old.wait()


def test_jobs_that_have_no_tasks_are_pruned_when_they_are_old(sim: Any, system: Any, monkeypatch: Any) -> None:
    """Law: as old as a task would have to be, however many they are; one that has a task stays with it."""
    monkeypatch.setattr(decisions, "AT_ONCE", 3)
    for number in range(7):
        system.tasks.job(f"old {number}")
    for _ in range(4):
        system.tasks.job("busy").submit("work", Word(), delay=900)
    sim.advance(60)
    system.tasks.job("young")
    assert system.tasks.prune("100s") == 0
    assert len(system.tasks.jobs()) == 9
    assert system.tasks.prune("30s") == 0
    assert [one.id for one in system.tasks.jobs()] == ["young", "busy"]


def test_shared_values_have_a_version_and_an_end(sim: Any, system: Any) -> None:
    shared = system.tasks.shared
    version = shared.put("s", "k", {"a": 1})
    assert (shared.get("s", "k"), shared.read("s", "k").version) == ({"a": 1}, version)
    assert (shared.get("s", "x", 7), shared.get("t", "k")) == (7, None)
    with pytest.raises(SharedConflict):
        shared.put("s", "k", 2, version=0)
    newer = shared.put("s", "k", 2, version=version)
    with pytest.raises(SharedConflict):
        shared.delete("s", "k", version=version)
    shared.delete("s", "k", version=newer)
    assert shared.get("s", "k") is None
    assert [shared.increment("s", "n"), shared.increment("s", "n", 2.5), shared.increment("s", "n", -1)] == [
        1,
        3.5,
        2.5,
    ]
    shared.put("s", "soon", 1, ttl=60)
    shared.increment("s", "m", ttl=60)
    sim.advance(59)
    assert (shared.get("s", "soon"), shared.get("s", "m")) == (1, 1)
    sim.advance(2)
    assert (shared.get("s", "soon"), shared.get("s", "m")) == (None, None)
    for call in (
        lambda: shared.get("", "k"),
        lambda: shared.put("s", "k", object()),
        lambda: shared.put("s", "k", 1, ttl=-1),
        lambda: shared.increment("s", "k", "1"),
    ):
        with pytest.raises(SharedRefused):
            call()


def test_each_verb_has_a_twin_for_event_loops(open_system: Any) -> None:
    @task_agent(name="echo")
    def echo(task: Word) -> str:
        return task.text

    @task_agent(name="broken")
    def broken(task: Word) -> str:
        raise ValueError(task.text)

    system = open_system(agents=[echo, broken])

    async def all_of_it() -> None:
        tasks = system.tasks
        task = await tasks.asubmit(echo, Word("a"))
        assert await task == "a"
        await tasks.areject(task, "no")
        await tasks.areopen(task)
        assert await task == "a"
        await tasks.aaccept(task)
        waiting = await tasks.asubmit(echo, Word(), delay=100)
        await tasks.aadd_dependency(waiting, task)
        await waiting.acancel("no")
        assert await tasks.acancel([waiting]) == []
        failed = await tasks.asubmit(broken, Word(), try_count=1)
        for verb in (failed.aretry, lambda: tasks.aretry(failed), lambda: tasks.aretry(agent="broken")):
            with pytest.raises(TaskFailed):
                await failed
            await verb()
        assert (await tasks.shared.aput("s", "k", 1)) > 0
        assert await tasks.shared.aincrement("s", "k") == 2
        await tasks.shared.adelete("s", "k")
        assert await tasks.aprune("1d") == 0

    asyncio.run(all_of_it())
