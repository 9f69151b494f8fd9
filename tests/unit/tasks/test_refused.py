"""What a body wanted and cannot have is its own attempt's failure, and no other's whose end was in the same unit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import Immediate, RetryPolicy, TaskContext, task_agent
from dagger_actors.tasks.working.batch import Batch
from dagger_actors.testing.simulation import simulate

RETRY = RetryPolicy(tries=2, wait=Immediate())
SEEDS = range(8)
GOOD = 6


@task_agent(capacity=2 * GOOD)
def leaf(task: int, ctx: TaskContext) -> int:
    return task


@task_agent(capacity=1)
def narrow(task: int) -> int:
    return task


@task_agent
def cyclic(task: None, ctx: TaskContext) -> None:
    ctx.gather([ctx.parent or 0])


@task_agent(concurrency=2 * GOOD)
def good(task: int, ctx: TaskContext) -> int:
    ctx.execute("INSERT INTO payments VALUES (?)", (f"good {ctx.task_id}",))
    ctx.shared.increment("all", "good")
    ctx.spawn(leaf, task)
    return task


def fails_statement(ctx: TaskContext) -> None:
    ctx.execute("INSERT INTO payments VALUES (?)", ("there",))


def spawns_for_nobody(ctx: TaskContext) -> None:
    ctx.spawn("nobody", 1)


def closes_a_cycle(ctx: TaskContext) -> None:
    ctx.gather([ctx.spawn(cyclic, None)])


def fills_a_queue(ctx: TaskContext) -> None:
    for number in range(3 - ctx.try_no):
        ctx.spawn(narrow, number)


def puts_a_stale_version(ctx: TaskContext) -> None:
    ctx.shared.put("all", "version", 1, version=99 if ctx.try_no == 1 else None)


def adds_to_text(ctx: TaskContext) -> None:
    ctx.shared.increment("all", "text")


def waits_for_nobody(ctx: TaskContext) -> None:
    ctx.gather([ctx.spawn(leaf, 0), 999_999])


def returns_what_is_no_data(ctx: TaskContext) -> object:
    return object()


def spawns_too_much(ctx: TaskContext) -> None:
    ctx.spawn(leaf, "x" * 2**20)


BODIES: dict[str, Callable[[TaskContext], object]] = {
    body.__name__: body
    for body in (
        fails_statement,
        spawns_for_nobody,
        closes_a_cycle,
        fills_a_queue,
        puts_a_stale_version,
        adds_to_text,
        waits_for_nobody,
        returns_what_is_no_data,
        spawns_too_much,
    )
}


@task_agent(concurrency=4, retry=RETRY)
def bad(task: str, ctx: TaskContext) -> object:
    ctx.execute("INSERT INTO payments VALUES (?)", (f"bad {ctx.task_id}",))
    return BODIES[task](ctx)


@task_agent
def prepare(task: None, ctx: TaskContext) -> None:
    ctx.execute("INSERT INTO payments VALUES ('there')")
    ctx.shared.put("all", "text", "text")


@pytest.mark.parametrize(
    ("body", "state", "attempts", "error"),
    [
        (fails_statement, "failed", 2, "StatementFailed"),
        (spawns_for_nobody, "failed", 1, "UnknownAgent"),
        (closes_a_cycle, "failed", 2, "TaskFailed"),
        (fills_a_queue, "completed", 2, "TaskQueueFull"),
        (puts_a_stale_version, "completed", 2, "SharedConflict"),
        (adds_to_text, "failed", 1, "SharedRefused"),
        (waits_for_nobody, "failed", 1, "UnknownDependency"),
        (returns_what_is_no_data, "failed", 2, "OutputError"),
        (spawns_too_much, "failed", 2, "PayloadRefused"),
    ],
)
def test_a_refused_end_fails_its_own_attempt_and_the_others_are_committed(
    body: Any, state: str, attempts: int, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: whatever was decided together, exactly the refused attempt fails, with the error; what it wanted is not written."""
    shared_units: list[int] = []
    split = Batch.split

    def noted(batch: Batch) -> Any:
        shared_units.append(len({part.end.task.agent for part in batch.parts}))
        return split(batch)

    monkeypatch.setattr(Batch, "split", noted)
    schema = tmp_path / "schema.sql"
    schema.write_text("CREATE TABLE IF NOT EXISTS payments (name TEXT UNIQUE) STRICT;")
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        with simulate(seed, folder) as sim:
            system = sim.system(agents=[good, bad, leaf, narrow, cyclic, prepare], schema=schema)
            system.tasks.submit(prepare, None).result()
            tasks = [system.tasks.submit(good, number) for number in range(GOOD)]
            wrong = system.tasks.submit(bad, body.__name__)
            assert [task.result() for task in tasks] == list(range(GOOD))
            sim.run()
            with closing(apsw.Connection(str(sim.path))) as connection:
                found = next(
                    connection.execute("SELECT state, attempt, error FROM tasks WHERE task_key = ?", (wrong.id,))
                )
                assert found[:2] == (state, attempts), seed
                stored = next(connection.execute("SELECT error FROM task_attempts WHERE error IS NOT NULL"))[0]
                told = found[2] if state == "failed" else stored
                assert msgspec.json.decode(told)["type"] == f"dagger_actors.errors.{error}"
                names = [name for (name,) in connection.execute("SELECT name FROM payments ORDER BY 1")]
                expected = [f"bad {wrong.id}"] if state == "completed" else []
                assert names == sorted([*expected, *(f"good {task.id}" for task in tasks), "there"])
                children = list(connection.execute("SELECT count(*) FROM tasks WHERE agent = 'leaf'"))
                assert children == [(GOOD,)]
                counted = list(connection.execute("SELECT value FROM shared_state WHERE key = 'good'"))
                assert counted == [(str(GOOD),)]
    if error not in {"OutputError", "PayloadRefused", "TaskFailed"}:  # those are refused before they are ends
        assert 2 in shared_units, "no refused end was in a unit with a good one"


def test_what_is_cut_off_together_with_a_refused_end_is_stopped_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the body of an attempt that has used up its time is cancelled, whatever was decided beside it."""
    mixed: list[bool] = []
    split = Batch.split

    def noted(batch: Batch) -> Any:
        mixed.append({part.end.task.agent for part in batch.parts} == {"hangs", "stale"})
        return split(batch)

    monkeypatch.setattr(Batch, "split", noted)
    stopped: list[int] = []

    @task_agent(timeout_s=1, retry=RetryPolicy(tries=1))
    async def hangs(task: int) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            stopped.append(task)
            raise

    @task_agent(retry=RetryPolicy(tries=1))
    async def stale(task: int, ctx: TaskContext) -> None:
        await asyncio.sleep(1)
        ctx.shared.put("all", "version", 1, version=99)

    for seed in range(100):
        with simulate(seed) as sim:
            system = sim.system(agents=[hangs, stale])
            tasks = [*system.tasks.submit_many(hangs, [seed] * 3), *system.tasks.submit_many(stale, [seed] * 3)]
            sim.run()
            assert [task.state for task in tasks] == ["failed"] * 6
            assert sim.now_s < 3
        assert stopped == [seed] * 3
        stopped.clear()
        if any(mixed):
            return
    raise AssertionError("no attempt was cut off in a unit with a refused end")
