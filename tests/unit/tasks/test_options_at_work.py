"""Every option of a task agent does what it says, seen from outside; in virtual time wherever time is in it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    Cancel,
    Fatal,
    Immediate,
    Linear,
    RetryPolicy,
    Snooze,
    TaskAgent,
    TaskContext,
    TaskEnded,
    TaskQueueFull,
    task_agent,
)
from dagger_actors.errors import RequestError


class Topic(msgspec.Struct, frozen=True):
    """A payload."""

    text: str = ""
    customer: str = ""


class Seen:
    """What bodies did: when each began, and how many ran at once."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.began: list[float] = []
        self.running = self.most = 0

    def seconds(self) -> float:
        """Virtual seconds since the beginning."""
        return float(self.sim.now_s)

    async def work(self, seconds: float = 1.0) -> None:
        """Take some time."""
        self.began.append(self.seconds())
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(seconds)
        self.running -= 1


@pytest.fixture
def seen(sim: Any) -> Seen:
    return Seen(sim)


def busy(seen: Seen, seconds: float = 1.0, **options: Any) -> Any:
    """An agent whose tasks take a second each."""

    async def work(task: Topic) -> str:
        await seen.work(seconds)
        return task.text

    return task_agent(**options)(work)


def failing(seen: Seen, *errors: BaseException | Snooze | Cancel, **options: Any) -> Any:
    """An agent whose n-th attempt raises or returns the n-th of these, and whose later ones give their number."""

    async def work(task: Topic) -> Any:
        seen.began.append(seen.seconds())
        if len(seen.began) > len(errors):
            return len(seen.began)
        told = errors[len(seen.began) - 1]
        if isinstance(told, BaseException):
            raise told
        return told

    return task_agent(**options)(work)


def gaps(seen: Seen) -> list[float]:
    """Seconds between one beginning and the next, to the millisecond."""
    return [round(later - earlier, 3) for earlier, later in zip(seen.began, seen.began[1:], strict=False)]


def test_concurrency_is_how_many_run_at_once(sim: Any, seen: Seen) -> None:
    """Law: never more, and as many as there are."""
    agent = busy(seen, concurrency=3)
    system = sim.system(agents=[agent])
    tasks = system.tasks.submit_many(agent, [Topic(str(n)) for n in range(10)])
    sim.run()
    assert [task.result(0) for task in tasks] == [str(n) for n in range(10)]
    assert seen.most == 3


def test_a_rate_is_how_many_are_begun_in_a_time(sim: Any, seen: Seen) -> None:
    """Law: at most the burst and what the rate allows since, and no slower than that."""
    agent = busy(seen, 0.0, rate="60/min", burst=2)
    system = sim.system(agents=[agent])
    system.tasks.submit_many(agent, [Topic()] * 6)
    sim.run()
    assert len(seen.began) == 6
    for first in range(6):
        for last in range(first, 6):
            assert last - first + 1 <= 2 + (seen.began[last] - seen.began[first]) * 1.0 + 0.01
    assert seen.began[-1] - seen.began[0] < 5.0


def test_per_key_is_how_many_of_one_key_run_at_once(sim: Any, seen: Seen) -> None:
    """Law: of each key so many, whatever others do; tasks without a key are not held."""
    at_once: dict[str, int] = {}
    most: dict[str, int] = {}

    async def work(task: Topic) -> None:
        at_once[task.customer] = at_once.get(task.customer, 0) + 1
        most[task.customer] = max(most.get(task.customer, 0), at_once[task.customer])
        await asyncio.sleep(1.0)
        at_once[task.customer] -= 1

    agent = task_agent(per_key=("customer", 2))(work)
    system = sim.system(agents=[agent])
    system.tasks.submit_many(agent, [Topic(customer=name) for name in "aaaaabbb"])
    sim.run()
    assert most == {"a": 2, "b": 2}
    assert set(at_once.values()) == {0}


def test_a_timeout_ends_an_attempt_and_the_task_is_tried_again(sim: Any, seen: Seen) -> None:
    """Law: an attempt has so many seconds; the tries are the policy's."""
    agent = busy(seen, 100.0, timeout_s=3, retry=RetryPolicy(tries=2))
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    with pytest.raises(TaskEnded, match="timed out"):
        task.result(0)
    assert gaps(seen) == [3.0]


def test_without_a_timeout_an_attempt_takes_what_it_takes(sim: Any, seen: Seen) -> None:
    """Law: there is none by default."""
    agent = busy(seen, 100_000.0)
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic("x"))
    sim.run()
    assert task.result(0) == "x"


def test_retry_is_how_often_how_long_apart_and_after_what(sim: Any, seen: Seen) -> None:
    """Law: total tries, with the policy's waits between them."""
    policy = RetryPolicy(tries=4, wait=Linear(delay_secs=2, increment_secs=1), give_up_on=("KeyError",))
    agent = failing(seen, ValueError(), ValueError(), ValueError(), retry=policy)
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    assert task.result(0) == 4
    assert gaps(seen) == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(("error", "tries"), [(ValueError(), 3), (Fatal("never"), 1), (TypeError(), 1)])
def test_a_task_is_tried_three_times_unless_it_makes_no_sense(
    sim: Any, seen: Seen, error: BaseException, tries: int
) -> None:
    """Law: 1 s, then 2 s, each with up to 1 s more; what is fatal and what is a mistake of the code fails at once."""
    agent = failing(seen, *[error] * 5)
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    with pytest.raises(TaskEnded):
        task.result(0)
    assert len(seen.began) == tries
    for gap, least in zip(gaps(seen), (1, 2), strict=False):
        assert least <= gap <= least + 1.01


def test_a_snooze_comes_again_later_and_counts_as_no_try(sim: Any, seen: Seen) -> None:
    """Law: after so many seconds, however often."""
    agent = failing(seen, *[Snooze(60)] * 5, retry=RetryPolicy(tries=1))
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    assert task.result(0) == 6
    assert gaps(seen) == [60.0] * 5


def test_a_snooze_of_nothing_is_one_of_ten_milliseconds(sim: Any, seen: Seen) -> None:
    """Law: a body that puts its task off for ever keeps no core busy."""
    agent = failing(seen, *[Snooze(0)] * 5)
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    assert task.result(0) == 6
    assert min(gaps(seen)) >= 0.01


def test_what_a_body_cancels_is_cancelled(sim: Any, seen: Seen) -> None:
    """Law: it is not tried again, and no failure."""
    agent = failing(seen, Cancel("nobody wants it"))
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    assert task.state == "cancelled"
    assert len(seen.began) == 1


def test_at_most_once_work_whose_end_is_unknown_is_paused(sim: Any, seen: Seen) -> None:
    """Law: an attempt that timed out may have done it, so it is not repeated."""
    agent = busy(seen, 100.0, timeout_s=3, durability="at_most_once")
    system = sim.system(agents=[agent])
    task = system.tasks.submit(agent, Topic())
    sim.run()
    assert task.state == "paused"
    assert len(seen.began) == 1


def test_at_most_once_work_has_one_try_whatever_is_said_with_a_task(sim: Any, tmp_path: Any) -> None:
    """Law: more tries are refused where the agent is known; said by its name by another process, they are not taken."""
    began: list[str] = []

    @task_agent(durability="at_most_once")
    def once(task: str) -> None:
        began.append(task)
        raise ValueError(task)

    @task_agent
    def planner(task: str, ctx: TaskContext) -> int:
        return ctx.spawn(once, task, try_count=3).id

    system = sim.system(agents=[once, planner])
    for agent in (once, "once"):
        with pytest.raises(RequestError, match="try_count=3: the agent 'once' is at_most_once, so it has one try"):
            system.tasks.submit(agent, "x", try_count=3)
    with pytest.raises(TaskEnded, match="at_most_once, so it has one try"):
        system.tasks.submit(planner, "x", try_count=1).result()
    elsewhere = sim.system().tasks.submit("once", "far", try_count=3)
    near = system.tasks.submit(once, "near", try_count=1)
    sim.run()
    assert (near.state, elsewhere.state, sorted(began)) == ("failed", "failed", ["far", "near"])


def test_at_most_once_work_is_tried_again_after_what_is_listed(sim: Any) -> None:
    """Law: after an error of `retry_on` a repeat is safe, so as many tries may be given as one likes."""
    began: list[int] = []

    @task_agent(durability="at_most_once", retry=RetryPolicy(tries=2, wait=Immediate(), retry_on=("ValueError",)))
    def listed(task: str, ctx: TaskContext) -> None:
        began.append(ctx.try_no)
        raise ValueError(task)

    system = sim.system(agents=[listed])
    system.tasks.submit(listed, "x", try_count=4)
    sim.run()
    assert began == [1, 2, 3, 4]


def test_a_full_queue_rejects_one_more(sim: Any, seen: Seen) -> None:
    """Law: with `overflow="reject"`, as many as the capacity may be open; when one has ended there is room again."""
    agent = busy(seen, capacity=2, overflow="reject")
    system = sim.system(agents=[agent])
    system.tasks.submit_many(agent, [Topic()] * 2)
    with pytest.raises(TaskQueueFull):
        system.tasks.submit(agent, Topic())
    sim.run()
    system.tasks.submit(agent, Topic())
    sim.run()
    assert len(seen.began) == 3


class Where(TaskAgent):
    """Tells where it runs; at the top of a module, for worker processes."""

    config: Topic

    def execute(self, task: Topic, ctx: TaskContext) -> list[str]:
        """Tell it."""
        return [str(os.getpid()), threading.current_thread().name, self.config.text, ctx.agent]


def test_isolation_is_where_the_code_runs() -> None:
    """Law: a worker process is another process, with the agent's config; a thread is not the main one."""
    agents = [Where.configured(Topic("cfg"), name=kind, isolation=kind) for kind in ("process", "thread")]
    with ActorSystem(agents=agents, processes=1) as system:
        process, thread = (system.tasks.submit(name, Topic()).result(60) for name in ("process", "thread"))
    assert process[0] != str(os.getpid())
    assert thread[0] == str(os.getpid())
    assert thread[1] != threading.main_thread().name
    assert (process[2:], thread[2:]) == (["cfg", "process"], ["cfg", "thread"])
