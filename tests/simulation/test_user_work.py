"""``ctx.execute``, ``ctx.cache`` and ``ctx.shared`` under deaths and refusals: with the attempt's success exactly once, or not at all."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, Context, action
from dagger_actors.core.flow_messages import CancelRun, ControlRun
from dagger_actors.errors import SystemClosed
from dagger_actors.flow.running.draft import Draft
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate

MOST_COMMITS = 60
SCHEMA = """
CREATE TABLE IF NOT EXISTS moves (node TEXT, item TEXT, attempt INTEGER, PRIMARY KEY (node, item)) STRICT;
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount >= 0)) STRICT;
CREATE TABLE IF NOT EXISTS owners (name TEXT PRIMARY KEY REFERENCES account (name) DEFERRABLE INITIALLY DEFERRED) STRICT;
INSERT OR IGNORE INTO account VALUES ('a', 100);
"""
ITEMS = 4


def rows(path: Path, text: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(text))
    finally:
        connection.close()


def note(ctx: Context, sql: str = "UPDATE account SET amount = amount - 1 WHERE name = 'a'") -> None:
    ctx.execute("INSERT INTO moves VALUES (?, ?, ?)", (ctx.node_id, ctx.invocation_key, ctx.attempt))
    ctx.execute(sql)
    ctx.cache.append("log", f"{ctx.node_id}{ctx.invocation_key}")
    ctx.shared.increment("moves", f"{ctx.node_id}{ctx.invocation_key}")
    ctx.shared.put(ctx.run_id, "last", ctx.attempt)


@action
def thread(ctx: Context) -> int:
    note(ctx)
    if ctx.attempt == 1:
        raise ConnectionError("after it was said")
    return 1


@action
async def loop(ctx: Context, item: int) -> int:
    note(ctx)
    await asyncio.sleep(0.1 * item)
    return item


BAD = (
    "UPDATE account SET amount = amount - 1000 WHERE name = 'a'",
    "INSERT OR ROLLBACK INTO account VALUES ('a', 1)",
    "INSERT INTO owners VALUES ('nobody')",
)


@action
def bad(ctx: Context, item: int) -> int:
    """Its first attempt breaks a constraint, each item in another way."""
    note(ctx, BAD[item % len(BAD)] if ctx.attempt == 1 else "UPDATE account SET amount = amount - 1")
    return item


SPEC: dict[str, Any] = {
    "name": "moves",
    "inputs": {"items": list(range(ITEMS))},
    "config": {"max_parallel_nodes": 3, "max_attempts": 2, "retry_strategy": "immediate"},
    "nodes": [
        {"id": "t", "action": "thread"},
        {"id": "l", "action": "loop", "map": {"over": "inputs.items", "item": "item"}},
        {"id": "b", "action": "bad", "map": {"over": "inputs.items", "item": "item"}},
        {"id": "last", "action": "thread", "dependencies": ["t", "l", "b"]},
    ],
}
PLACES = [("t", ""), ("last", ""), *[(node, str(item)) for node in "lb" for item in range(ITEMS)]]


def check(path: Path) -> None:
    """Each place moved once, by the attempt that succeeded; nothing of any other attempt is there."""
    assert sorted(rows(path, "SELECT node, item FROM moves")) == sorted(PLACES)
    assert rows(
        path,
        "SELECT count(*) FROM moves AS m JOIN node_runs AS n ON n.node_id = m.node AND n.invocation_key = m.item "
        "AND n.attempt = m.attempt WHERE n.state = 'succeeded'",
    ) == [(len(PLACES),)]
    assert rows(path, "SELECT * FROM account") == [("a", 100 - len(PLACES))]
    assert rows(path, "SELECT * FROM owners") == []
    log = rows(path, "SELECT value FROM run_values WHERE key = 'log'")[0][0]
    assert log.count('"') == 2 * len(PLACES)
    shared = rows(path, "SELECT key, value FROM shared_state WHERE scope = 'moves'")
    assert sorted(shared) == sorted((node + item, "1") for node, item in PLACES)
    states = rows(path, "SELECT count(*) FROM node_runs WHERE node_id = 'b' AND item >= 0 AND state = 'failed'")
    assert states == [(ITEMS,)]


def open_system(sim: Simulation, schema: Path, **options: Any) -> ActorSystem:
    return sim.system(actions=[thread, loop, bad], schema=schema, **options)


@pytest.fixture(autouse=True)
def nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A refused statement is an attempt's failure, no crash of ours that happens to be survived."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMA)
    return path


@pytest.mark.parametrize("moment", ["before", "after"])
def test_statements_are_run_exactly_once_whichever_commit_the_worker_dies_at(memory: Path, schema: Path, moment: str):
    """Law: they are in the transaction of the attempt's end; a refused one fails its attempt and nobody else's."""
    died = 0
    for commit in range(1, MOST_COMMITS):
        folder = memory / str(commit)
        folder.mkdir()
        with simulate(commit, folder) as sim:
            system = open_system(sim, schema)
            sim.kill_at(system, commit, moment)
            try:
                system.flows.start(SPEC, run_id="r").result()
            except WorkerKilled:
                died += 1
                open_system(sim, schema).flows.start(SPEC, run_id="r").result()
            else:
                break
            finally:
                check(sim.path)
    else:
        raise AssertionError("the run commits more often than this test kills")
    assert died >= 8


@pytest.mark.parametrize("seed", range(20))
def test_statements_are_run_exactly_once_under_several_deaths_and_orders(memory: Path, schema: Path, seed: int):
    """The same, with workers killed at random commits, time and again."""
    chance = random.Random(seed)
    with simulate(seed, memory) as sim:
        system = open_system(sim, schema)
        for deaths in range(2):  # three would park the work
            sim.kill_at(system, chance.randint(1, 12), chance.choice(("before", "after")))
            try:
                system.flows.start(SPEC, run_id="r").result()
                break
            except (WorkerKilled, SystemClosed):
                system = open_system(sim, schema)
                if deaths == 1:
                    system.flows.start(SPEC, run_id="r").result()
        check(sim.path)


@pytest.mark.parametrize("seed", range(10))
def test_many_refusals_at_once_lose_neither_the_run_nor_its_neighbours(memory: Path, schema: Path, seed: int):
    """Law: a constraint is an attempt's fault: the owner goes on, however many fail, and other runs do not notice."""
    runs = 3
    with simulate(seed, memory) as sim:
        system = open_system(sim, schema)
        spec = {
            "name": "f",
            "inputs": {"items": [0] * 12},
            "config": {"on_failure": "continue"},
            "nodes": [
                {"id": "b", "action": "bad", "map": {"over": "inputs.items", "item": "item"}},
                {"id": "free", "action": "free"},
            ],
        }

        @action
        async def free() -> int:
            await asyncio.sleep(1)
            return 1

        system._hub.registry.add(free)
        for number in range(runs):
            system.flows.start(spec, run_id=f"r{number}")
        sim.run()
        for number in range(runs):
            report = system.flows.report(f"r{number}")
            assert report.state == "failed"
            states = {(node.node_id, node.invocation_key): node.state for node in report.nodes}
            assert states["free", ""] == "succeeded"
            assert {states["b", str(item)] for item in range(12)} == {"failed"}
            errors = {node.attempts[0].error.type for node in report.nodes if node.invocation_key}
            assert errors == {"dagger_actors.errors.StatementFailed"}
        assert rows(sim.path, "SELECT count(*) FROM moves") == [(0,)]


@pytest.mark.parametrize("seed", range(10))
def test_what_depends_on_a_refused_attempt_never_starts(memory: Path, schema: Path, seed: int):
    """Law: nothing that was decided upon a success that the store refused is written or let out."""
    began: list[str] = []

    @action
    def after(ctx: Context) -> None:
        began.append(ctx.node_id)

    with simulate(seed, memory) as sim:
        system = open_system(sim, schema)
        system._hub.registry.add(after)
        nodes = [
            {"id": "b", "action": "bad", "inputs": {"item": {"value": 0}}},
            {"id": "a1", "action": "after", "dependencies": ["b"]},
            {"id": "a2", "action": "after", "dependencies": ["a1"]},
        ]
        assert system.flows.start({"name": "f", "nodes": nodes}, run_id="r").wait().state == "failed"
        assert began == []
        assert rows(sim.path, "SELECT node_id, state FROM node_runs WHERE state != 'skipped'") == [("b", "failed")]


def test_a_supervisor_hands_over_nothing_that_builds_on_a_refused_unit(memory: Path, schema: Path):
    """Law: from the refusal on until the rebuilding, what it has decided stays where it is, and is told again."""

    @action
    async def slow() -> None:
        await asyncio.sleep(100)

    with simulate(0, memory) as sim:
        system = open_system(sim, schema)
        system._hub.registry.add(slow)
        run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "slow"}]})
        sim.advance(1)
        supervisor = system._hub.active[run.id].supervisor
        uncommitted = supervisor._uncommitted
        draft = uncommitted._ready = Draft()
        uncommitted.refused = RuntimeError("refused")
        assert uncommitted.take_unit() is None
        assert uncommitted._ready is draft
        uncommitted.refused = None
        draft.run_row = supervisor._deciding.machine.run_row(sim.world.now())
        unit = uncommitted.take_unit()
        assert unit is not None
        assert not unit.is_void()
        uncommitted.refused = RuntimeError("refused")
        assert unit.is_void()
        uncommitted.refused = None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_who_tells_a_run_something_hears_nothing_of_what_was_refused_with_it(
    memory: Path, schema: Path, seed: int, verb: str, state: str
):
    """Law: it shares a unit with an attempt whose statements the store refuses: it is told once more, and done."""
    futures: list[asyncio.Future[None]] = []

    @action
    async def refused(ctx: Context) -> None:
        futures.append(asyncio.get_running_loop().create_future())
        await futures[0]
        note(ctx, BAD[0])

    with simulate(seed, memory) as sim:
        system = open_system(sim, schema)
        system._hub.registry.add(refused)
        nodes = [{"id": "b", "action": "refused"}, {"id": "t", "action": "thread", "dependencies": ["b"]}]
        run = system.flows.start({"name": "f", "config": {"on_failure": "pause"}, "nodes": nodes}, run_id="r")
        sim.advance(1)
        futures[0].set_result(None)
        getattr(run, verb)()
        assert run.wait().state == state


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("order", "state"), [(ControlRun("pause"), "paused"), (CancelRun(), "cancelled")])
def test_what_a_run_was_told_is_not_lost_with_what_was_refused(
    memory: Path, schema: Path, seed: int, order: ControlRun | CancelRun, state: str
):
    """Law: nobody waits for the answer, as with a command of another process: it is told again to the rebuilt run."""
    futures: list[asyncio.Future[None]] = []

    @action
    async def refused(ctx: Context) -> None:
        futures.append(asyncio.get_running_loop().create_future())
        await futures[-1]
        note(ctx, BAD[0])

    @action
    async def slow() -> None:
        await asyncio.sleep(100)

    with simulate(seed, memory) as sim:
        system = open_system(sim, schema)
        for one in (refused, slow):
            system._hub.registry.add(one)
        nodes = [
            {"id": "b", "action": "refused"},
            {"id": "s", "action": "slow"},
            {"id": "t", "action": "slow", "dependencies": ["s"]},
        ]
        run = system.flows.start({"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes}, run_id="r")
        sim.advance(1)
        futures[0].set_result(None)
        system._hub.active["r"].tell(order)
        assert run.wait().state == state


@pytest.mark.parametrize("how", ["raises", "times out", "cancelled", "late"])
def test_an_attempt_that_does_not_succeed_writes_nothing(memory: Path, schema: Path, how: str):
    """Law: only a success carries statements and values, and a late one is none."""

    @action
    async def work(ctx: Context) -> None:
        note(ctx)
        if how == "raises":
            raise ValueError
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            if how != "late":
                raise

    with simulate(0, memory) as sim:
        system = open_system(sim, schema)
        system._hub.registry.add(work)
        timeout = {} if how == "cancelled" else {"timeout": 5}
        run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "work", **timeout}]})
        sim.advance(1)
        if how == "cancelled":
            run.cancel()
        sim.run()
        assert run.report().state in ("failed", "cancelled")
        assert rows(sim.path, "SELECT * FROM moves") == rows(sim.path, "SELECT * FROM run_values") == []
