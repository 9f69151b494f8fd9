"""``system.tasks`` on real threads: submit, wait, await, look, decide; jobs; several workers on one file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, ArtifactRef, RetryPolicy, task_agent
from dagger_actors.errors import (
    BlockingCall,
    RequestError,
    SystemClosed,
    TaskBlocked,
    TaskCancelled,
    TaskFailed,
    TaskRejected,
)
from dagger_actors.tasks.agents.context import TaskContext
from tests.conftest import Diary

PATIENCE_S = 30
ONCE = RetryPolicy(tries=1)


class Word(msgspec.Struct, frozen=True):
    text: str


class Length(msgspec.Struct, frozen=True):
    number: int


class Stalled(msgspec.Struct, frozen=True):
    job_id: str
    open: int
    still_us: int


@task_agent
def measure(task: Word) -> Length:
    return Length(len(task.text))


@task_agent(name="raw")
def as_bytes(task: Word) -> bytes:
    return task.text.encode()


@task_agent(retry=ONCE)
def fail(task: Word) -> Length:
    raise ValueError(f"not {task.text}")


class Held:
    """An agent whose bodies are held until they are let go, or cancelled."""

    def __init__(self, diary: Diary) -> None:
        self.go = threading.Event()

        @task_agent(name="held", concurrency=2, retry=ONCE)
        def held(task: Word, ctx: TaskContext) -> Length:
            diary.note(task.text)
            while not self.go.wait(0.005):
                if ctx.cancelled:
                    diary.note(f"{task.text} stopped")
                    break
            return Length(len(task.text))

        self.agent = held


@pytest.fixture
def held(diary: Diary) -> Iterator[Held]:
    held = Held(diary)
    yield held
    held.go.set()


@pytest.fixture
def open_tasks(open_system: Callable[..., ActorSystem]) -> Callable[..., ActorSystem]:
    def open_one(*agents: Any, **options: Any) -> ActorSystem:
        return open_system(agents=agents, synchronous="normal", **options)

    return open_one


@pytest.fixture
def system(open_tasks: Callable[..., ActorSystem], held: Held) -> ActorSystem:
    return open_tasks(measure, fail, as_bytes, held.agent)


# --- submitting and waiting


def test_a_task_gives_its_result_as_its_agent_is_annotated(system: ActorSystem) -> None:
    task = system.tasks.submit(measure, Word("abc"))
    assert task.result(PATIENCE_S) == Length(3)
    assert (task.state, system.tasks.get(task.id), task.wait().result) == ("completed", task, {"number": 3})
    assert system.tasks.submit("measure", {"text": "ab"}).result(PATIENCE_S) == Length(2)


def test_what_is_large_is_stored_beside_the_row_and_comes_back_whole(system: ActorSystem) -> None:
    task = system.tasks.submit(measure, Word("x" * 5000))
    assert task.result(PATIENCE_S) == Length(5000)
    assert task.report().payload == {"text": "x" * 5000}
    kept = system.tasks.submit(as_bytes, Word("y" * 2000)).result(PATIENCE_S)
    assert isinstance(kept, ArtifactRef)
    assert system.artifacts.get(kept.artifact_id) == b"y" * 2000


def test_many_are_submitted_a_thousand_to_a_commit_and_all_are_done(system: ActorSystem) -> None:
    tasks = system.tasks.submit_many(measure, (Word("x" * (at % 7)) for at in range(2500)))
    assert [task.result(PATIENCE_S).number for task in tasks] == [at % 7 for at in range(2500)]
    assert system.tasks.submit_many(measure, []) == []


def test_a_task_that_does_not_succeed_raises_by_how_it_ended_and_carries_its_report(system: ActorSystem) -> None:
    tasks = system.tasks
    failed = tasks.submit(fail, Word("a"))
    blocked = tasks.submit(measure, Word("b"), depends_on=[failed])
    cancelled = tasks.submit(measure, Word("c"), delay=1000)
    cancelled.cancel("never mind")
    rejected = tasks.submit(measure, Word("d"))
    rejected.wait(PATIENCE_S)
    tasks.reject(rejected, "too short")
    for task, error, told in (
        (failed, TaskFailed, f"task {failed.id} failed: ValueError: not a"),
        (blocked, TaskBlocked, f"task {blocked.id} is blocked: task {failed.id} failed"),
        (cancelled, TaskCancelled, f"task {cancelled.id} was cancelled: never mind"),
        (rejected, TaskRejected, f"task {rejected.id} was rejected: too short"),
    ):
        with pytest.raises(error) as caught:
            task.result(PATIENCE_S)
        assert str(caught.value) == told
        assert caught.value.report == task.report() == task.wait(PATIENCE_S)


def test_a_wait_that_takes_too_long_cancels_nothing(system: ActorSystem, held: Held) -> None:
    task = system.tasks.submit(held.agent, Word("a"))
    with pytest.raises(TimeoutError, match=f"task {task.id} has not ended yet; it goes on"):
        task.result(0.01)
    held.go.set()
    assert task.result(PATIENCE_S) == Length(1)


@pytest.mark.parametrize("timeout", ["x", True, float("nan"), float("inf")])
def test_a_time_out_that_is_no_number_of_seconds_is_refused(system: ActorSystem, held: Held, timeout: Any) -> None:
    """Law: whatever is waited for, the error says what a time-out is; nothing is waited for."""
    run = system.flows.start({"name": "f", "nodes": [{"id": "ask", "approval": {}}]})
    assert run.wait(30).state == "paused"
    task, job = system.tasks.submit(held.agent, Word("a")), system.tasks.job("nightly")
    for wait in (run.wait, run.result, task.wait, task.result, job.wait, job.result):
        with pytest.raises(RequestError, match="timeout takes seconds, or None"):
            wait(timeout)
    with pytest.raises(TimeoutError):
        task.wait(-1)
    held.go.set()


def test_on_an_event_loop_what_blocks_is_refused_and_its_twin_waits(system: ActorSystem, held: Held) -> None:
    async def all_of_it() -> None:
        tasks = system.tasks
        task = await tasks.asubmit(measure, Word("abc"))
        assert await task == Length(3)
        assert task.result() == Length(3), "what is over needs no waiting"
        assert (await task.await_report()).state == "completed"
        many = await tasks.asubmit_many(measure, [Word("x" * at) for at in range(300)])
        assert [found.number for found in await asyncio.gather(*many)] == list(range(300))
        waiting = await tasks.asubmit(held.agent, Word("a"))
        with pytest.raises(BlockingCall, match="await task"):
            waiting.result()
        for verb, call in (
            ("asubmit", lambda: tasks.submit(measure, Word("a"))),
            ("asubmit_many", lambda: tasks.submit_many(measure, [Word("a")])),
            ("acancel", lambda: tasks.cancel(waiting)),
            ("aretry", lambda: tasks.retry(waiting)),
            ("aaccept", lambda: tasks.accept(waiting)),
            ("areject", lambda: tasks.reject(waiting, "")),
            ("areopen", lambda: tasks.reopen(waiting)),
            ("aadd_dependency", lambda: tasks.add_dependency(waiting, task)),
            ("aprune", lambda: tasks.prune("1d")),
            ("ajob", tasks.job),
        ):
            with pytest.raises(BlockingCall, match=f"await tasks.{verb}"):
                call()
        watcher = asyncio.ensure_future(waiting.await_report())
        await asyncio.sleep(0)
        watcher.cancel()
        held.go.set()
        assert await waiting == Length(1), "cancelling who watches cancels nothing"

    asyncio.run(all_of_it())


def test_a_system_that_was_left_takes_nothing_and_who_waits_hears_of_it(
    open_tasks: Callable[..., ActorSystem],
) -> None:
    system = open_tasks(measure)
    later = system.tasks.submit(measure, Word("a"), delay=1000)
    waiting: list[BaseException] = []

    def wait() -> None:
        try:
            later.result()
        except SystemClosed as error:
            waiting.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    system.stop()
    waiter.join(PATIENCE_S)
    assert len(waiting) == 1
    with pytest.raises(SystemClosed):
        system.tasks.submit(measure, Word("a"))


# --- jobs


def test_a_job_is_waited_for_and_gives_the_results_of_its_tasks(system: ActorSystem) -> None:
    job = system.tasks.job("nightly")
    job.submit_many(measure, [Word("x" * at) for at in range(5)])
    assert job.result(PATIENCE_S) == [Length(at) for at in range(5)]
    progress = job.progress()
    assert (progress.total, progress.open, progress.succeeded, job.state) == (5, 0, 5, "succeeded")
    assert system.tasks.get_job("nightly") == job == system.tasks.job("nightly")


# --- several workers on one file


def test_whoever_has_no_agents_submits_by_name_and_waits_for_what_another_worker_does(
    open_tasks: Callable[..., ActorSystem], system: ActorSystem
) -> None:
    submitter = open_tasks()
    task = submitter.tasks.submit("measure", {"text": "abc"})
    assert task.result(PATIENCE_S) == {"number": 3}, "plain data, where nobody knows its type"
    typed = submitter.tasks.submit(measure, Word("abcd"))
    assert typed.result(PATIENCE_S) == {"number": 4}
    job = submitter.tasks.job("j")
    job.submit_many("measure", [{"text": "x" * at} for at in range(3)])
    assert job.result(PATIENCE_S) == [{"number": at} for at in range(3)]

    async def wait() -> Any:
        return await asyncio.gather(*await submitter.tasks.asubmit_many("measure", [{"text": "ab"}] * 50))

    assert asyncio.run(wait()) == [{"number": 2}] * 50
    failed = submitter.tasks.submit("fail", Word("x"))
    with pytest.raises(TaskBlocked):
        submitter.tasks.submit("measure", Word("x"), depends_on=[failed]).result(PATIENCE_S)


def test_a_cancel_from_another_worker_is_recorded_at_once_and_reaches_the_running_body(
    open_tasks: Callable[..., ActorSystem], system: ActorSystem, held: Held, diary: Diary
) -> None:
    task = system.tasks.submit(held.agent, Word("a"))
    diary.wait_for("a")
    other = open_tasks()
    other.tasks.cancel(task.id, reason="by another")
    assert task.state == "cancelled"
    diary.wait_for("a stopped")
    with pytest.raises(TaskCancelled, match="by another"):
        task.result(PATIENCE_S)
    assert system.tasks.submit(measure, Word("ab")).result(PATIENCE_S) == Length(2)


def test_two_workers_share_many_tasks_and_each_is_done_once(
    open_tasks: Callable[..., ActorSystem], diary: Diary
) -> None:
    @task_agent(name="count")
    def count(task: Word) -> str:
        diary.note(task.text)
        return task.text

    workers = [open_tasks(count), open_tasks(count)]
    words = [str(at) for at in range(600)]
    tasks = [*workers[0].tasks.submit_many(count, [Word(word) for word in words[:300]])]
    tasks += workers[1].tasks.submit_many(count, [Word(word) for word in words[300:]])
    assert [workers[0].tasks.get(task.id).result(PATIENCE_S) for task in tasks] == words
    assert sorted(diary.notes, key=int) == words
