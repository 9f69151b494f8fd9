"""Every option of ``submit`` does what it says, seen from outside, in virtual time; and what cannot be is refused whole."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    PayloadRefused,
    TaskBlocked,
    TaskCancelled,
    TaskConflict,
    TaskFailed,
    TaskQueueFull,
    UnknownAgent,
    UnknownDependency,
    task_agent,
)
from dagger_actors.core.protocols import Unit
from dagger_actors.core.task_leases import ClaimTasks
from dagger_actors.errors import DaggerError, JobClosed, RequestError, SystemClosed


class Word(msgspec.Struct, frozen=True):
    """A payload."""

    text: str = ""
    customer: str = ""


class Seen:
    """What bodies did, and when."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.texts: list[str] = []
        self.times: list[float] = []

    def agent(self, seconds: float = 0.0, *, fails: bool = False, **options: Any) -> Any:
        async def work(task: Word) -> str:
            self.texts.append(task.text)
            self.times.append(round(float(self.sim.now_s), 3))
            await asyncio.sleep(seconds)
            if fails:
                raise ValueError(task.text)
            return task.text

        return task_agent(**options)(work)


@pytest.fixture
def seen(sim: Any) -> Seen:
    return Seen(sim)


def rows(system: ActorSystem) -> int:
    return len(system.tasks.tasks())


# --- options


def test_a_higher_priority_goes_first_then_age(sim: Any, seen: Seen) -> None:
    agent = seen.agent(1.0, concurrency=1)
    tasks = sim.system(agents=[agent]).tasks
    first = tasks.submit(agent, Word("first"))
    sim.settle()
    for text, priority in (("low", -1), ("a", 0), ("b", 0), ("high", 5)):
        tasks.submit(agent, Word(text), priority=priority, depends_on=[first])
    sim.run()
    assert seen.texts == ["first", "high", "a", "b", "low"]


def test_a_task_begins_after_all_that_it_depends_on_has_succeeded(sim: Any, seen: Seen) -> None:
    agent = seen.agent(1.0)
    tasks = sim.system(agents=[agent]).tasks
    one, two = tasks.submit_many(agent, [Word("1"), Word("2")])
    tasks.submit(agent, Word("3"), depends_on=[one, two.id])
    many = tasks.submit_many(agent, [Word("4"), Word("5")], depends_on=(one,))
    sim.run()
    assert seen.times == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert [found.id for found in many[0].report().dependencies] == [one.id]


def test_a_delay_and_a_moment_say_when_a_task_may_begin(sim: Any, seen: Seen) -> None:
    agent = seen.agent()
    system = sim.system(agents=[agent])
    now = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=system.tasks._now_us())
    system.tasks.submit(agent, Word("delay"), delay=3600)
    system.tasks.submit_many(
        agent, [Word("zone")], run_at=(now + timedelta(seconds=60)).astimezone(timezone(timedelta(hours=5)))
    )
    system.tasks.submit(agent, Word("utc"), run_at=(now + timedelta(seconds=90)).replace(tzinfo=None))
    system.tasks.submit(agent, Word("past"), run_at=now - timedelta(days=1))
    sim.run()
    assert seen.texts == ["past", "zone", "utc", "delay"]
    assert [round(at) for at in seen.times] == [0, 60, 90, 3600]


def test_what_has_not_begun_by_its_end_is_cancelled_and_who_waits_hears_of_it(sim: Any, seen: Seen) -> None:
    agent = seen.agent(100.0, concurrency=1)
    tasks = sim.system(agents=[agent]).tasks
    running = tasks.submit(agent, Word("running"), expires=50)
    late = tasks.submit(agent, Word("late"), expires=50)
    in_time = tasks.submit(agent, Word("in time"), expires=datetime.now(UTC) + timedelta(days=400_000))
    with pytest.raises(TaskCancelled, match="expired"):
        late.result()
    assert round(sim.now_s) == 50
    assert (running.result(), in_time.result(), seen.texts) == ("running", "in time", ["running", "in time"])


def test_a_number_of_tries_goes_before_the_agents(sim: Any, seen: Seen) -> None:
    agent = seen.agent(fails=True)
    tasks = sim.system(agents=[agent]).tasks
    for count in (1, 5):
        seen.texts.clear()
        with pytest.raises(TaskFailed):
            tasks.submit(agent, Word(), try_count=count).result()
        assert len(seen.texts) == count


def test_a_key_names_one_task_and_the_policy_says_what_becomes_of_a_second(sim: Any, seen: Seen) -> None:
    agent = seen.agent()
    system = sim.system(agents=[agent])
    first = system.tasks.submit(agent, Word("1"), key="k", delay=10)
    assert system.tasks.submit(agent, Word("2"), key="k") == first
    with pytest.raises(TaskConflict) as caught:
        system.tasks.submit(agent, Word("3"), key="k", on_conflict="reject")
    assert caught.value == TaskConflict("work", "k", first.id)
    assert rows(system) == 1
    other = system.tasks.submit(agent, Word("4"), key="k", on_conflict="replace")
    sim.run()
    assert (first.state, first.report().reason, seen.texts) == ("cancelled", f"replaced by task {other.id}", ["4"])


def test_a_job_is_given_by_itself_or_its_id_and_made_when_there_is_none(sim: Any, seen: Seen) -> None:
    agent = seen.agent()
    tasks = sim.system(agents=[agent]).tasks
    job = tasks.job("one")
    tasks.submit(agent, Word(), job=job)
    tasks.submit_many(agent, [Word()] * 2, job="one")
    tasks.submit(agent, Word(), job="two")
    tasks.submit(agent, Word(), job=None)
    sim.run()
    assert (job.progress().total, tasks.get_job("two").progress().total) == (3, 1)
    job.cancel()
    with pytest.raises(JobClosed):
        tasks.submit(agent, Word(), job="one")
    with pytest.raises(JobClosed):
        tasks.submit_many(agent, [Word()] * 2, job="one", depends_on=[1])


def test_tasks_of_a_key_are_limited_also_when_only_the_database_knows_their_agent(sim: Any, seen: Seen) -> None:
    agent = seen.agent(1.0, per_key=("customer", 1), overflow="reject", capacity=3)
    worker = sim.system(agents=[agent])
    submitter = sim.system()
    tasks = [submitter.tasks.submit("work", {"text": str(at), "customer": "c"}) for at in range(3)]
    with pytest.raises(TaskQueueFull):
        submitter.tasks.submit("work", {"text": "x", "customer": "d"})
    assert [task.result() for task in tasks] == ["0", "1", "2"]
    assert seen.times[1] >= seen.times[0] + 1
    assert seen.times[2] >= seen.times[1] + 1
    assert submitter.tasks.submit("work", {"text": "x"}).report().limit_key == "", "its default"
    assert worker.tasks.get(tasks[0].id).result() == "0"


# --- waiting


def test_who_waits_is_woken_by_the_end_itself_here_and_by_a_look_at_what_others_do(sim: Any, seen: Seen) -> None:
    """Law: at once for what ends in this process, within 25 ms for the rest, a stuck task among it."""
    agent, bad = seen.agent(1.0), seen.agent(1.0, fails=True, name="bad")
    here = sim.system(agents=[agent, bad])
    sim.advance(10)
    began = sim.now_s
    assert here.tasks.submit(agent, Word("a")).result() == "a"
    assert sim.now_s - began < 1.001
    there = sim.system()
    sim.advance(10)
    began = sim.now_s
    failed = there.tasks.submit("bad", Word("b"), try_count=1)
    stuck = there.tasks.submit("work", Word("c"), depends_on=[failed])
    stuck.wait()
    assert 1 <= sim.now_s - began < 1.05
    with pytest.raises(TimeoutError, match="has not ended yet"):
        there.tasks.submit("work", Word("d")).wait(0.5)
    assert sim.now_s - began < 1.6


# --- full queues


def test_a_full_queue_pushes_back_and_loses_nothing(sim: Any, seen: Seen) -> None:
    agent = seen.agent(0.01, capacity=7, concurrency=3)
    tasks = sim.system(agents=[agent]).tasks
    made = tasks.submit_many(agent, [Word(str(at)) for at in range(50)])
    assert [task.result() for task in made] == [str(at) for at in range(50)]
    assert sorted(seen.texts, key=int) == [str(at) for at in range(50)]


def test_a_full_queue_pushes_back_on_an_event_loop_too(open_system: Any) -> None:
    @task_agent(name="echo", capacity=5)
    def echo(task: Word) -> str:
        return task.text

    system = open_system(agents=[echo], synchronous="normal")

    async def all_of_it() -> list[str]:
        return list(await asyncio.gather(*await system.tasks.asubmit_many(echo, [Word(str(at)) for at in range(40)])))

    assert asyncio.run(all_of_it()) == [str(at) for at in range(40)]


def test_a_full_queue_that_nobody_empties_is_waited_for_half_a_minute(sim: Any, seen: Seen) -> None:
    agent = seen.agent(1.0, capacity=2, concurrency=1)
    system = sim.system(agents=[agent])
    system.tasks.submit_many(agent, [Word()] * 2, delay=1000)
    began = sim.now_s
    with pytest.raises(
        TimeoutError, match="2 open tasks, which is its capacity, and for 30 s there was no room for another; start a"
    ):
        system.tasks.submit(agent, Word())
    assert 30 <= sim.now_s - began < 31
    assert rows(system) == 2


def test_who_is_always_too_late_for_a_full_queue_gives_up_after_half_a_minute_too(sim: Any, seen: Seen) -> None:
    """Law: seeing room and finding it taken, again and again, is no progress."""
    agent = seen.agent(1.0, capacity=2, concurrency=1)
    system = sim.system(agents=[agent])
    system.tasks.submit_many(agent, [Word()] * 2, delay=1000)
    looks = []

    def room(_agent: str) -> tuple[int, int]:
        looks.append(sim.now_s)
        assert len(looks) < 1000, "it goes on for ever"
        sim.advance(1)
        return 1, 2

    system.tasks._doors.room = room
    with pytest.raises(TimeoutError, match="no room for another"):
        system.tasks.submit(agent, Word())
    assert rows(system) == 2


def test_a_full_queue_may_refuse_at_once_and_says_how_many_it_took(sim: Any, seen: Seen) -> None:
    agent = seen.agent(1.0, capacity=1500, overflow="reject")
    system = sim.system(agents=[agent])
    with pytest.raises(TaskQueueFull) as caught:
        system.tasks.submit_many(agent, [Word()] * 2500, delay=10)
    taken = len(system.tasks.tasks(limit=5000))
    assert caught.value.__notes__[0].startswith(f"{taken:,} tasks of 2,500 were submitted all the same")
    assert taken in (1000, 1500)


# --- what cannot be


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"priority": 1.5}, "priority is a whole number"),
        ({"priority": 2**31}, "priority is a whole number"),
        ({"priority": True}, "priority is a whole number"),
        ({"depends_on": 7}, "depends_on is a list of tasks"),
        ({"depends_on": "7"}, "depends_on is a list of tasks"),
        ({"depends_on": ["7"]}, "depends_on holds tasks or their ids"),
        ({"depends_on": [True]}, "depends_on holds tasks or their ids"),
        ({"depends_on": [2**70]}, "depends_on holds tasks or their ids"),
        ({"delay": -1}, "delay is seconds"),
        ({"delay": float("nan")}, "delay is seconds"),
        ({"delay": "1"}, "delay is seconds"),
        ({"delay": 1, "run_at": datetime(2030, 1, 1, tzinfo=UTC)}, "give one of them"),
        ({"run_at": 5}, "run_at is a datetime"),
        ({"expires": -1}, "expires is seconds"),
        ({"expires": 5, "delay": 5}, "expires is before the task may begin"),
        ({"expires": datetime(1999, 1, 1, tzinfo=UTC)}, "expires is before the task may begin"),
        ({"key": ""}, "key is 1 to 200 printable"),
        ({"key": "k" * 201}, "key is 1 to 200 printable"),
        ({"key": "a\nb"}, "key is 1 to 200 printable"),
        ({"key": "k", "on_conflict": "ignore"}, "on_conflict is one of existing, reject, replace"),
        ({"on_conflict": "reject"}, "give the key too"),
        ({"try_count": 0}, "try_count is a whole number from 1"),
        ({"job": 5}, "job is a job of system.tasks.job"),
        ({"job": ""}, "a job's id is 1 to 200"),
        ({"priorty": 1}, "did you mean priority"),
        ({"payload_": 1}, "tasks have no option 'payload_'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_and_nothing_is_stored(
    sim: Any, seen: Seen, options: dict[str, Any], told: str
) -> None:
    agent = seen.agent()
    system = sim.system(agents=[agent])
    with pytest.raises(RequestError, match=told):
        system.tasks.submit(agent, Word(), **options)
    assert rows(system) == 0
    assert system.tasks.jobs() == []


def test_what_names_what_is_not_there_is_refused_and_nothing_is_stored(sim: Any, seen: Seen) -> None:
    agent = seen.agent()
    system = sim.system(agents=[agent])
    tasks = system.tasks
    refused: list[tuple[Any, type[DaggerError]]] = [
        (lambda: tasks.submit("wrok", Word()), UnknownAgent),
        (lambda: tasks.submit("a\x00b", Word()), UnknownAgent),
        (lambda: tasks.submit(agent, Word(), depends_on=[99]), UnknownDependency),
        (lambda: tasks.submit_many(agent, [Word()] * 3, depends_on=[99]), UnknownDependency),
        (lambda: tasks.submit(agent, {"text": 5}), PayloadRefused),
        (lambda: tasks.submit(agent, {"txet": "a"}), PayloadRefused),
        (lambda: tasks.submit(agent, Word("x" * 1_048_576)), PayloadRefused),
        (lambda: tasks.submit_many(agent, [*[Word()] * 1500, 7]), PayloadRefused),
        (lambda: tasks.submit_many(agent, [Word()] * 2, key="k"), RequestError),
        (lambda: tasks.submit_many(agent, "ab"), RequestError),
        (lambda: tasks.submit_many(agent, {"text": "a"}), RequestError),
        (lambda: tasks.submit_many(agent, Word()), RequestError),
    ]
    for call, error in refused:
        with pytest.raises(error) as caught:
            call()
        assert type(caught.value) is error
    assert rows(system) == 0
    with pytest.raises(PayloadRefused) as told:
        tasks.submit_many(agent, [*[Word()] * 1500, 7])
    assert told.value.__notes__ == ["it is payload 1,500 of 1,501, counted from 0; nothing was submitted"]
    with pytest.raises(UnknownAgent, match="did you mean 'work'"):
        tasks.submit("wrok", Word())


@task_agent(name="stranger", per_key=("customer", 1))
def stranger(task: Word) -> str:
    """Give the text."""
    return task.text


def test_a_class_that_no_process_has_yet_is_made_known_and_its_tasks_wait_for_one_that_has(sim: Any) -> None:
    submitter = sim.system()
    tasks = submitter.tasks.submit_many(stranger, [Word("a", "c"), Word("b", "c")])
    sim.run()
    assert [(one.name, one.open, one.per_key, one.worker_pids) for one in submitter.tasks.agents()] == [
        ("stranger", 2, 1, ())
    ]
    sim.system(agents=[stranger])
    assert [task.result() for task in tasks] == ["a", "b"]


def test_a_dependency_that_can_never_be_met_leaves_the_task_stuck_from_the_start(sim: Any, seen: Seen) -> None:
    agent = seen.agent(fails=True)
    tasks = sim.system(agents=[agent]).tasks
    failed = tasks.submit(agent, Word(), try_count=1)
    failed.wait()
    with pytest.raises(TaskBlocked, match=f"task {failed.id} failed"):
        tasks.submit(agent, Word(), depends_on=[failed]).result()


def test_a_closed_system_submits_nothing(sim: Any, seen: Seen) -> None:
    agent = seen.agent()
    system = sim.system(agents=[agent])
    system.stop()
    for call in (lambda: system.tasks.submit(agent, Word()), lambda: system.tasks.job("a")):
        with pytest.raises(SystemClosed):
            call()


def test_the_claim_of_a_task_waits_in_the_journal_while_the_task_is_being_committed(tmp_path: Path) -> None:
    """Law: from submit to start there is one commit where the journal is busy, and never a thread's wake between two."""

    @task_agent
    def echo(task: Word) -> str:
        return task.text

    def claims(unit: Unit) -> bool:
        return any(isinstance(one, ClaimTasks) for one in unit.work)

    is_claimed, met = threading.Event(), []
    with ActorSystem(tmp_path / "dagger.db", agents=[echo]) as system:
        journal = system.journal
        hand_over, commit = journal.submit, journal.writer.write

        def submit(unit: Unit) -> None:
            if any(one.statement == "tasks.insert" for one in unit.writes):
                is_claimed.clear()
            hand_over(unit)
            if claims(unit):
                is_claimed.set()

        def commit_group(units: list[Unit]) -> list[Exception | None]:
            if any(one.statement == "tasks.insert" for unit in units for one in unit.writes):
                met.append(any(map(claims, units)) or is_claimed.wait(10))
            return commit(units)

        system.tasks._hub.watched.look = lambda: None  # type: ignore[method-assign]  # it would find the task within half a second
        journal.submit = submit  # type: ignore[method-assign]
        journal.writer.write = commit_group  # type: ignore[method-assign]
        for _ in range(5):
            assert system.tasks.submit(echo, Word("x")).result(timeout=30) == "x"
    assert met == [True] * 5
