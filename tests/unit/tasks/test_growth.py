"""Bodies that run again: the same children, the same shared changes, once each, whoever dies meanwhile."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import apsw
import pytest

from dagger_actors import Immediate, RetryPolicy, TaskContext, TaskFailed, task_agent
from dagger_actors.bodies import turn_shared
from dagger_actors.tasks.agents import growth
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate

ONCE = RetryPolicy(tries=1)
TWICE = RetryPolicy(tries=2, wait=Immediate())
SEEDS = range(4)


@task_agent
def echo(task: str, ctx: TaskContext) -> str:
    ctx.shared.increment("count", "echoed")
    return task + str(ctx.shared.get("plan", "suffix", ""))


@task_agent(retry=ONCE)
def fail(task: str) -> str:
    raise ValueError(task)


@task_agent
def blob(task: str) -> bytes:
    return task.encode()


def rows(sim: Simulation, text: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(sim.path))) as connection:
        return list(connection.execute(text))


def error_of(sim: Simulation, agent: Any, payload: Any = "x", agents: Any = ()) -> str:
    system = sim.system(agents=[echo, fail, blob, agent, *agents])
    report = system.tasks.submit(agent, payload, try_count=1).wait()
    assert report.error is not None
    return f"{report.error.type.rpartition('.')[2]}: {report.error.message}"


@pytest.mark.parametrize("seed", SEEDS)
def test_shared_changes_before_a_wait_are_seen_by_the_children_and_made_once(seed: int) -> None:
    """Law: what is put before a wait stays as others have changed it meanwhile; it is not put again."""

    @task_agent
    def planner(task: str, ctx: TaskContext) -> list[Any]:
        ctx.shared.put("count", "echoed", 0)
        ctx.shared.put("plan", "suffix", "!")
        first = ctx.gather([ctx.spawn(echo, text) for text in ("a", "b")])
        ctx.shared.put("plan", "suffix", "?")
        second = ctx.gather([ctx.spawn(echo, "c")])
        ctx.shared.increment("count", "echoed", 10)
        return [*first, *second, ctx.shared.get("count", "echoed")]

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, planner])
        assert system.tasks.submit(planner, "x").result() == ["a!", "b!", "c?", 13]
        assert rows(sim, "SELECT value FROM shared_state WHERE key = 'echoed'") == [("13",)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_body_that_changes_other_values_than_before_it_waited_is_told_so(seed: int) -> None:
    @task_agent
    def fickle(task: str, ctx: TaskContext) -> None:
        ctx.shared.put("s", f"attempt {ctx.attempt}", 1)
        ctx.gather([ctx.spawn(echo, task)])

    with simulate(seed) as sim:
        assert "SharedRefused: " in (told := error_of(sim, fickle))
        assert "other values than before it waited" in told


@pytest.mark.parametrize("seed", SEEDS)
def test_a_body_that_spawns_something_else_when_it_runs_again_has_failed_for_good(seed: int) -> None:
    @task_agent
    def other_payload(task: str, ctx: TaskContext) -> None:
        ctx.gather([ctx.spawn(echo, f"attempt {ctx.attempt}", key="k")])

    @task_agent
    def other_agent(task: str, ctx: TaskContext) -> None:
        ctx.gather([ctx.spawn(echo if ctx.attempt == 1 else blob, task)])

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, blob, other_payload, other_agent])
        reports = [system.tasks.submit(agent, "x").wait() for agent in (other_payload, other_agent)]
        told = [report.error.message for report in reports if report.error]
        assert told[0].startswith(
            'the child \'k\' was spawned with the payload "attempt 1" and is now spawned with "attempt 2"'
        )
        assert told[1].startswith("the child '#0' was spawned with the agent 'echo' and is now spawned with 'blob'")
        assert [report.attempt for report in reports] == [2, 2]


@pytest.mark.parametrize("seed", SEEDS)
def test_children_with_keys_may_come_in_another_order(seed: int) -> None:
    @task_agent
    def shuffled(task: str, ctx: TaskContext) -> list[str]:
        names = ["a", "b", "c"][:: 1 if ctx.attempt == 1 else -1]
        children = {name: ctx.spawn(echo, name, key=name) for name in names}
        return ctx.gather(children[name] for name in ("a", "b", "c"))

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, shuffled])
        task = system.tasks.submit(shuffled, "x")
        assert task.result() == ["a", "b", "c"]
        assert task.report().children == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_failed_attempt_has_spawned_and_changed_is_not_written(seed: int) -> None:
    @task_agent(retry=TWICE)
    def clumsy(task: str, ctx: TaskContext) -> int:
        child = ctx.spawn(echo, f"attempt {ctx.attempt}")
        ctx.shared.increment("count", "clumsy")
        if ctx.attempt == 1:
            raise ConnectionError
        return child.id

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, clumsy])
        child = system.tasks.submit(clumsy, "x").result()
        sim.run()
        assert rows(sim, "SELECT task_key, payload FROM tasks WHERE agent = 'echo'") == [(child, '"attempt 2"')]
        assert rows(sim, "SELECT value FROM shared_state WHERE key = 'clumsy'") == [("1",)]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_given_with_a_child_counts(seed: int) -> None:
    @task_agent
    def planner(task: str, ctx: TaskContext) -> None:
        later = ctx.spawn(echo, "later", delay=50)
        after = ctx.spawn(echo, "after", depends_on=[later], priority=7)
        tried = ctx.spawn(fail, "tried", try_count=3)
        assert len({later, after, tried, ctx.spawn(echo, "last")}) == 4

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, fail, planner])
        system.tasks.submit(planner, "x").result()
        sim.advance(40)
        found = "SELECT json(payload), state, priority, try_count, try_no FROM tasks WHERE parent_key IS NOT NULL ORDER BY 1"
        assert rows(sim, found) == [
            ('"after"', "blocked", 7, None, 1),
            ('"last"', "completed", 0, None, 1),
            ('"later"', "pending", 0, None, 1),
            ('"tried"', "failed", 0, 3, 3),
        ]
        sim.advance(11)
        assert {state for (state,) in rows(sim, "SELECT state FROM tasks WHERE agent = 'echo'")} == {"completed"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_child_begins_at_a_time_and_expires(seed: int) -> None:
    """Law: times of children are those of tasks that are submitted; a child that is there is judged no more."""
    with simulate(seed) as sim:
        now = datetime.fromtimestamp(sim.world.now().wall_us / 1e6, UTC)

        @task_agent
        def planner(task: str, ctx: TaskContext) -> list[Any]:
            late = ctx.spawn(echo, "late", run_at=now + timedelta(seconds=30), expires=now + timedelta(seconds=31))
            same = ctx.spawn(echo, "same", run_at=(now + timedelta(seconds=30)).replace(tzinfo=None))
            ctx.spawn(echo, "vain", "vain", expires=10, depends_on=[late])
            return ctx.gather([late, same, ctx.spawn(echo, "slow", delay=50)])

        system = sim.system(agents=[echo, planner])
        task = system.tasks.submit(planner, "x")
        found = "SELECT json(payload), state FROM tasks WHERE parent_key IS NOT NULL ORDER BY 1"
        sim.advance(29)
        assert rows(sim, found) == [
            ('"late"', "pending"),
            ('"same"', "pending"),
            ('"slow"', "pending"),
            ('"vain"', "cancelled"),
        ]
        sim.advance(2)
        assert [state for _text, state in rows(sim, found)] == ["completed", "completed", "pending", "cancelled"]
        assert task.result() == ["late", "same", "slow"]


def test_a_child_that_would_never_run_is_refused() -> None:
    options: dict[str, Any] = {}

    @task_agent
    def silly(task: str, ctx: TaskContext) -> None:
        ctx.spawn(echo, task, **options)

    with simulate(0) as sim:
        for given, told in (
            ({"delay": 5, "expires": 3}, "SpawnRefused: .* expires is before it may begin"),
            ({"expires": 0}, "SpawnRefused: .* expires is before it may begin"),
            ({"delay": -1}, "RequestError: delay is seconds"),
            ({"delay": 1, "run_at": datetime.now(UTC)}, "RequestError: delay and run_at both"),
        ):
            options.clear()
            options.update(given)
            assert re.match(told, error_of(sim, silly))


def test_children_are_limited_and_as_many_as_are_allowed_may_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "MOST_CHILDREN", 3)

    @task_agent
    def parent(task: int, ctx: TaskContext) -> list[str]:
        return ctx.gather([ctx.spawn(echo, str(number)) for number in range(task)])

    with simulate(1) as sim:
        assert sim.system(agents=[echo, parent]).tasks.submit(parent, 3).result() == ["0", "1", "2"]
        assert "SpawnRefused: a task of the agent 'echo' cannot be spawned: a task has at most 3" in error_of(
            sim, parent, 4
        )


def test_the_payloads_and_the_shared_values_of_one_turn_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "LARGEST_TURN", 1000)
    monkeypatch.setattr(turn_shared, "LARGEST_TURN", 1000)
    monkeypatch.setattr(turn_shared, "MOST_CHANGES", 3)

    @task_agent
    def parent(task: int, ctx: TaskContext) -> None:
        for _ in range(task):
            ctx.spawn(echo, "x" * 400)

    @task_agent
    def sharer(task: list[int], ctx: TaskContext) -> None:
        for number, size in enumerate(task):
            ctx.shared.put("s", str(number), "x" * size)

    with simulate(1) as sim:
        sim.system(agents=[echo, parent, sharer]).tasks.submit(parent, 2).result()
        assert "SpawnRefused: " in (told := error_of(sim, parent, 3))
        assert "the payloads of one turn have at most 1,000 bytes" in told
        for sizes in ([400] * 3, [1] * 4):
            assert "SharedRefused: " in (told := error_of(sim, sharer, sizes))
            assert "an attempt makes at most 3 changes of 1,000 bytes" in told
        assert rows(sim, "SELECT count(*) FROM shared_state WHERE scope = 's'") == [(0,)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_result_of_a_task_is_what_it_was_or_why_there_is_none(seed: int) -> None:
    @task_agent(retry=ONCE)
    def curious(task: int, ctx: TaskContext) -> str:
        found = ctx.result_of(task)
        return repr(found)

    with simulate(seed) as sim:
        system = sim.system(agents=[echo, fail, blob, curious])
        done, failed, later = (
            system.tasks.submit(blob, "x"),
            system.tasks.submit(fail, "bad"),
            system.tasks.submit(echo, "x", delay=9),
        )
        failed.wait()
        done.wait()
        assert system.tasks.submit(curious, done.id).result() == "b'x'"
        for task, told in (
            (failed.id, f"TaskFailed: task {failed.id} failed: ValueError: bad"),
            (later.id, f"RequestError: task {later.id} is pending; wait for it with ctx.gather or ctx.depend_on"),
            (999, "there is no such task"),
        ):
            with pytest.raises(TaskFailed, match=told):
                system.tasks.submit(curious, task).result()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_result_that_no_longer_fits_its_agents_type_is_an_error(seed: int) -> None:
    @task_agent(name="measure")
    def as_text(task: str) -> str:
        return task

    @task_agent(name="measure")
    def as_number(task: str) -> int:
        return len(task)

    @task_agent
    def curious(task: int, ctx: TaskContext) -> str:
        return str(ctx.gather([task]))

    with simulate(seed) as sim:
        before = sim.system(agents=[as_text])
        task = before.tasks.submit(as_text, "abc")
        assert task.result() == "abc"
        told = error_of(sim, curious, task.id, [as_number])
        assert told.startswith(
            f"InputError: action 'measure' cannot take its input 'result of task {task.id}': Expected `int`"
        )


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 9))
def test_whoever_dies_and_when_every_child_is_made_once_and_every_change_is_committed_once(
    commit: int, moment: Any
) -> None:
    @task_agent
    def planner(task: str, ctx: TaskContext) -> list[str]:
        ctx.shared.increment("count", "planned")
        first = ctx.gather([ctx.spawn(echo, text) for text in ("a", "b")])
        ctx.shared.increment("count", "planned")
        return first + ctx.depend_on(ctx.spawn(echo, "c", key="last"))

    def play(system: Any) -> Any:
        return system.tasks.submit(planner, "x", key="the one").result()

    with simulate(commit) as sim:
        system = sim.system(agents=[echo, planner])
        sim.kill_at(system, commit, moment)
        with pytest.raises(WorkerKilled):
            play(system)
        result = play(sim.restart(system))
        assert result == ["a", "b", "c"]
        assert rows(sim, "SELECT count(*) FROM tasks") == [(4,)]
        assert rows(sim, "SELECT key, value FROM shared_state ORDER BY 1") == [("echoed", "3"), ("planned", "2")]
