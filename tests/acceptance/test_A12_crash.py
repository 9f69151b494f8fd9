"""A12, crash: a worker dies at any commit; its flows are taken over, nothing completed is redone, attempts are counted.

A death here is that of a whole simulated process: no handler ends, no ``finally`` runs, its file lock is free. Real
``kill -9`` of real processes is in ``tests/crash``.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import Context, Report, action
from dagger_actors.errors import IllegalTransition, RunOwned
from dagger_actors.system import ActorSystem
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate

MEMORY = Path("/dev/shm")

SPEC: dict[str, Any] = {
    "name": "small",
    "inputs": {"items": [0, 1, 2]},
    "config": {"max_parallel_nodes": 2},
    "nodes": [
        {"id": "first", "action": "first"},
        {
            "id": "items",
            "action": "work",
            "dependencies": ["first"],
            "map": {"over": "inputs.items", "item": "item"},
            "retry_strategy": {"linear": {"delay_secs": 1}},
            "try_count": 2,
        },
        {"id": "door", "action": "door", "dependencies": ["first"], "on_failure": "pause"},
        {"id": "last", "action": "last", "inputs": {"items": "items", "door": "door"}},
    ],
}
OUTPUTS = {"last": {"items": [0, 10, 20], "door": "open"}}
SUCCEEDED = {("first", ""), ("items", ""), ("items", "0"), ("items", "1"), ("items", "2"), ("door", ""), ("last", "")}


class Stage:
    """Plays ``SPEC`` in one simulation and remembers every body, across the deaths of workers.

    Attributes:
        began: (node, invocation key, attempt) of each body, in order.
        returned: (node, invocation key) of each body that returned a value.
        raised: The same of those that raised.
        is_mended: Once true, the door opens.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.began: list[tuple[str, str, int]] = []
        self.returned: list[tuple[str, str]] = []
        self.raised: list[tuple[str, str]] = []
        self.is_mended = False

    def actions(self) -> list[Callable[..., Any]]:
        @action
        def first(ctx: Context) -> str:
            self._begin(ctx)
            return self._return(ctx, "first")

        @action
        async def work(ctx: Context, item: int) -> int:
            self._begin(ctx)
            await asyncio.sleep(0.1 + item)
            if item == 1 and ("items", "1") not in self.raised:
                self.raised.append(("items", "1"))
                raise ValueError("once")
            return self._return(ctx, item * 10)

        @action
        async def door(ctx: Context) -> str:
            self._begin(ctx)
            await asyncio.sleep(0.5)
            if not self.is_mended:
                self.raised.append(("door", ""))
                raise ValueError("shut")
            return self._return(ctx, "open")

        @action
        def last(ctx: Context, items: list[int], door: str) -> dict[str, Any]:
            self._begin(ctx)
            return self._return(ctx, {"items": items, "door": door})

        return [first, work, door, last]

    def _begin(self, ctx: Context) -> None:
        self.began.append((ctx.node_id, ctx.invocation_key, ctx.attempt))

    def _return(self, ctx: Context, value: Any) -> Any:
        self.returned.append((ctx.node_id, ctx.invocation_key))
        return value

    def worker(self, **options: Any) -> ActorSystem:
        return self.sim.system(actions=self.actions(), **options)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = apsw.Connection(str(self.sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(connection.execute(sql))
        finally:
            connection.close()

    def go_on(self, system: ActorSystem) -> Report:
        """Start the run, or go on with what there is of it: mend the door when it paused the run, release what is parked."""
        flows = system.flows
        states = [run.state for run in flows.runs()]
        if states not in (["paused"], ["succeeded"]):
            (flows.resume("r") if states else flows.start(SPEC, run_id="r")).wait()
        while (report := flows.report("r")).state == "paused":
            self.is_mended = True
            is_parked = any(node.reason == "poison" for node in report.nodes)
            (flows.retry if is_parked else flows.resume)("r").wait()
        return report

    def check(self, report: Report) -> None:
        """Whatever happened, the run ends as if undisturbed, and body and row tell one story."""
        assert (report.state, report.outputs, report.error) == ("succeeded", OUTPUTS, None)
        rows = self.query("SELECT node_id, invocation_key, attempt, state FROM node_runs ORDER BY node, item, attempt")
        assert {(node, key) for node, key, _, state in rows if state == "succeeded"} == SUCCEEDED
        assert max(Counter((node, key) for node, key, _, state in rows if state == "succeeded").values()) == 1
        # Completed work is not redone: what returned or raised once has an end in the file, committed or not when it died.
        mapped = {("items", "")}
        assert Counter(self.returned) == Counter(SUCCEEDED - mapped)
        failed = Counter((node, key) for node, key, _, state in rows if state == "failed")
        assert failed == Counter(self.raised)
        assert failed[("items", "1")] == 1
        # Attempts are counted: each body is one row, a body cut off by a death is `interrupted`, and nothing else is.
        assert max(Counter(self.began).values()) == 1
        bodies = {(node, key, attempt) for node, key, attempt, _ in rows if (node, key) not in mapped}
        assert set(self.began) <= bodies
        cut_off = {(node, key, attempt) for node, key, attempt, state in rows if state == "interrupted"}
        assert len(self.began) - len(self.returned) - len(self.raised) == len(cut_off & set(self.began))
        assert {state for _, _, _, state in rows} <= {"succeeded", "failed", "interrupted"}
        assert len(cut_off) <= len(self.sim.deaths) * 2  # no more than ran at once, for each death
        for node in report.nodes:
            numbers = [attempt.attempt for attempt in node.attempts]
            assert numbers == list(range(1, len(numbers) + 1))


def died_at(seed: int, commit: int, moment: str, *, by: str) -> bool:
    """Play the flow with its first worker killed at that commit; tells whether it lived so long.

    Args:
        by: How the second worker comes by the run: ``resume``, or ``recover`` as a neighbour that was there before.
    """
    folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
    with folder, simulate(seed, Path(folder.name)) as sim:
        stage = Stage(sim)
        system = stage.worker()
        neighbour = stage.worker(recover=True) if by == "recover" else None
        sim.kill_at(system, commit, moment)
        try:
            stage.check(stage.go_on(system))
            return False
        except WorkerKilled:
            if neighbour is None:
                neighbour = stage.worker()
            else:
                sim.advance(10)
                assert stage.query("SELECT status FROM flow_runs") in ([], [("paused",)], [("succeeded",)])
            stage.check(stage.go_on(neighbour))
            return True


class TestAtAnyCommit:
    @pytest.mark.parametrize("by", ["resume", "recover"])
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("seed", [1])
    def test_a_worker_that_dies_there_is_replaced(self, seed: int, moment: str, by: str) -> None:
        """Law: every commit of the run, before and after it; retries, a map, a pause and its resume among them."""
        deaths = 0
        while died_at(seed, deaths + 1, moment, by=by):
            deaths += 1
        assert deaths > 12

    @pytest.mark.full
    @pytest.mark.parametrize("by", ["resume", "recover"])
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("seed", range(10, 60))
    def test_many_seeds(self, seed: int, moment: str, by: str) -> None:
        """Law: the same over many orders of turns."""
        deaths = 0
        while died_at(seed, deaths + 1, moment, by=by):
            deaths += 1
        assert deaths > 12

    @pytest.mark.parametrize("seed", range(20))
    def test_workers_that_die_one_after_the_other(self, sim: Simulation) -> None:
        """Law: up to five deaths in one run, of those that took it over too."""
        chance = random.Random(sim.seed)
        stage = Stage(sim)
        for left in range(5, -1, -1):
            system = stage.worker()
            if left:
                sim.kill_at(system, chance.randint(2, 12), chance.choice(("before", "after")))
            try:
                stage.check(stage.go_on(system))
                break
            except WorkerKilled:
                sim.advance(chance.choice((0.0, 0.3, 5.0)))
        else:
            raise AssertionError("the sixth worker was to live")


@pytest.mark.parametrize("seed", range(4))
class TestTakingOver:
    def test_a_neighbour_takes_over_by_itself(self, sim: Simulation) -> None:
        """Law: with recover, within half a second, what nobody alive owns and whose actions are loaded."""
        stage = Stage(sim)
        owner = stage.worker()
        neighbour = stage.worker(recover=True)
        stranger = sim.system(recover=True)
        owner.flows.start(SPEC, run_id="r")
        sim.advance(0.3)
        sim.kill(owner)
        sim.advance(0.5)
        (owned,) = stage.query("SELECT owner, epoch FROM flow_runs")
        assert owned == (2, 2)
        assert neighbour.flows.run("r").wait().state == "paused"
        assert sim.is_alive(stranger)

    def test_without_recover_nobody_does(self, sim: Simulation) -> None:
        """Law: a system that does not recover names what waits, and leaves it."""
        stage = Stage(sim)
        owner, other = stage.worker(), stage.worker()
        owner.flows.start(SPEC, run_id="r")
        sim.advance(0.3)
        sim.kill(owner)
        sim.advance(120)
        assert other.flows.resumable() == ["r"]
        assert stage.query("SELECT owner, epoch FROM flow_runs") == [(1, 1)]

    def test_a_live_owner_is_an_error_that_names_it(self, sim: Simulation) -> None:
        """Law: neither resume nor the same run id nor retry takes a run from a process that lives."""
        stage = Stage(sim)
        owner, other = stage.worker(), stage.worker(recover=True)
        owner.flows.start(SPEC, run_id="r")
        sim.advance(0.3)
        for take in (other.flows.resume, other.flows.retry, lambda run_id: other.flows.start(SPEC, run_id=run_id)):
            with pytest.raises(RunOwned, match=r"'r' is being run by process \d+ \(worker 1\)"):
                take("r")
        assert owner.flows.run("r").wait().state == "paused"
        assert stage.query("SELECT epoch FROM flow_runs") == [(1,)]

    def test_the_same_run_id_takes_up_a_run_left_behind(self, sim: Simulation) -> None:
        """Law: a program that is simply started again goes on with its run."""
        stage = Stage(sim)
        owner = stage.worker()
        owner.flows.start(SPEC, run_id="r")
        sim.advance(0.3)
        sim.kill(owner)
        report = stage.worker().flows.start(SPEC, run_id="r").wait()
        assert report.state == "paused"
        assert Counter(stage.returned)["first", ""] == 1

    def test_a_run_whose_actions_are_not_loaded_is_left_alone(self, sim: Simulation) -> None:
        """Law: recovery imports nothing that a file alone names."""
        stage = Stage(sim)
        owner = stage.worker()
        owner.flows.start(SPEC, run_id="r")
        sim.advance(0.3)
        sim.kill(owner)
        stranger = sim.system(recover=True)
        sim.advance(60)
        assert stranger.flows.resumable() == ["r"]
        assert stage.query("SELECT owner FROM flow_runs") == [(1,)]


class Killer:
    """A flow whose nodes take 10 s each; its worker is killed in the middle of a body."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.began: list[tuple[str, int]] = []

    def worker(self) -> ActorSystem:
        @action
        async def work(ctx: Context) -> str:
            self.began.append((ctx.node_id + ctx.invocation_key, ctx.attempt))
            await asyncio.sleep(10)
            return ctx.node_id

        @action
        async def item(ctx: Context, item: int) -> int:
            self.began.append((ctx.node_id + ctx.invocation_key, ctx.attempt))
            await asyncio.sleep(10 if item == 1 else 1)
            return item

        return self.sim.system(actions=[work, item])

    def dies(self, system: ActorSystem, after_s: float = 5.0) -> ActorSystem:
        """Let the worker run so long, kill it, start another that has resumed the run."""
        self.sim.advance(after_s)
        self.sim.kill(system)
        system = self.worker()
        system.flows.resume("r")
        return system


def chain(count: int, **config: Any) -> dict[str, Any]:
    nodes = [{"id": f"n{at}", "action": "work", "dependencies": [f"n{at - 1}"] if at else []} for at in range(count)]
    return {"name": "killer", "config": config, "nodes": nodes}


@pytest.mark.parametrize("seed", range(4))
class TestPoison:
    def test_after_three_crashes_under_it_a_node_is_parked(self, sim: Simulation) -> None:
        """Law: waiting, for the reason poison, its run paused; the user's tries untouched; no fourth body."""
        killer = Killer(sim)
        system = killer.worker()
        system.flows.start(chain(2), run_id="r")
        for _ in range(3):
            system = killer.dies(system)
        report = system.flows.run("r").wait()
        assert report.state == "paused"
        node = report.nodes[0]
        assert (node.state, node.reason) == ("waiting", "poison")
        assert [attempt.state for attempt in node.attempts] == ["interrupted"] * 3 + ["waiting"]
        assert {attempt.reason for attempt in node.attempts[:3]} == {"its process died"}
        assert killer.began == [("n0", 1), ("n0", 2), ("n0", 3)]
        assert report.nodes[1].state == "pending"
        sim.advance(120)
        assert len(killer.began) == 3

    def test_retry_releases_it_with_fresh_counts(self, sim: Simulation) -> None:
        """Law: a person looks, and lets it go; it may crash three times again."""
        killer = Killer(sim)
        system = killer.worker()
        system.flows.start(chain(2), run_id="r")
        for _ in range(3):
            system = killer.dies(system)
        system.flows.run("r").wait()
        system.flows.retry("r")
        for _ in range(2):
            system = killer.dies(system)
        report = system.flows.run("r").wait()
        assert (report.state, report.error) == ("succeeded", None)
        assert [attempt.state for attempt in report.nodes[0].attempts] == ["interrupted"] * 5 + ["succeeded"]
        assert len(killer.began) == 7

    def test_resume_leaves_it_parked(self, sim: Simulation) -> None:
        """Law: only retry releases parked work."""
        killer = Killer(sim)
        system = killer.worker()
        system.flows.start(chain(1), run_id="r")
        for _ in range(3):
            system = killer.dies(system)
        system.flows.run("r").wait()
        report = system.flows.resume("r").wait()
        assert (report.state, report.nodes[0].state, len(killer.began)) == ("paused", "waiting", 3)

    def test_only_what_had_started_is_counted(self, sim: Simulation) -> None:
        """Law: of what was granted ahead nothing is interrupted; two crashes under each of two nodes park neither."""
        killer = Killer(sim)
        nodes = [{"id": f"n{at}", "action": "work"} for at in range(10)]
        spec = {"name": "wide", "config": {"max_parallel_nodes": 1}, "nodes": nodes}
        system = killer.worker()
        system.flows.start(spec, run_id="r")
        system = killer.dies(killer.dies(system))  # twice under n0
        system = killer.dies(killer.dies(system, 15), 5)  # n0 ends, then twice under n1
        report = system.flows.run("r").wait()
        assert report.state == "succeeded"
        assert [len(node.attempts) for node in report.nodes] == [3, 3, 1, 1, 1, 1, 1, 1, 1, 1]
        assert len(killer.began) == 14

    def test_other_branches_go_on_and_then_the_run_is_paused(self, sim: Simulation) -> None:
        """Law: one item of a map is parked; the other items and what does not need it end."""
        killer = Killer(sim)
        nodes = [
            {"id": "all", "action": "item", "map": {"over": "inputs.items", "item": "item"}},
            {"id": "after", "action": "work", "dependencies": ["all"], "inputs": {}},
            {"id": "apart", "action": "work", "inputs": {}},
        ]
        spec = {"name": "map", "inputs": {"items": [0, 1, 2]}, "nodes": nodes}
        system = killer.worker()
        system.flows.start(spec, run_id="r")
        system = killer.dies(system, 2)
        system = killer.dies(system, 2)
        sim.advance(2)
        sim.kill(system)
        system = killer.worker()
        report = system.flows.resume("r").wait()
        states = {node.node_id + node.invocation_key: node.state for node in report.nodes}
        # `apart` was under all three deaths as well: it is poison as far as anybody can tell.
        assert states == {
            "all": "running",
            "all0": "succeeded",
            "all1": "waiting",
            "all2": "succeeded",
            "apart": "waiting",
            "after": "pending",
        }
        assert report.state == "paused"
        report = system.flows.retry("r").wait()
        assert report.state == "succeeded"
        assert Counter(name for name, _ in killer.began) == {"all0": 1, "all1": 4, "all2": 1, "apart": 4, "after": 1}

    def test_interrupted_attempts_do_not_use_up_tries(self, sim: Simulation) -> None:
        """Law: one try means one try that was not cut off."""
        killer = Killer(sim)
        system = killer.worker()
        spec = chain(1)
        spec["nodes"][0]["try_count"] = 1
        system.flows.start(spec, run_id="r")
        report = killer.dies(killer.dies(system)).flows.run("r").wait()
        assert report.state == "succeeded"
        assert [attempt.state for attempt in report.nodes[0].attempts] == ["interrupted", "interrupted", "succeeded"]


class TestVerbs:
    def test_a_failed_run_is_for_retry_and_a_paused_one_for_resume(self, sim: Simulation) -> None:
        """Law: each wrong verb names the state and the right verb; a succeeded run is left as it is by both."""

        def fails() -> None:
            raise ValueError

        def works() -> int:
            return 1

        flows = sim.system(actions=[fails, works]).flows
        run = flows.start({"name": "f", "nodes": [{"id": "n", "action": "fails"}]})
        run.wait()
        with pytest.raises(IllegalTransition, match=rf"{run.id}.*failed.*dagger-actors retry {run.id}"):
            flows.resume(run.id)
        run = flows.start({"name": "f", "nodes": [{"id": "n", "action": "works"}]})
        report = run.wait()
        assert flows.resume(run.id).wait() == flows.retry(run.id).wait() == report
