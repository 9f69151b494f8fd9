"""``ctx.step`` under deaths: what a step has returned once is never computed again, whatever is killed, and when."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import Context, action
from dagger_actors.errors import AttemptOver
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate

MOST_COMMITS = 40
SPEC: dict[str, Any] = {
    "name": "paid",
    "inputs": {"items": [1, 2]},
    "config": {"max_parallel_nodes": 2},
    "nodes": [
        {"id": "thread", "action": "thread", "try_count": 2, "retry_strategy": "immediate"},
        {"id": "loop", "action": "loop", "map": {"over": "inputs.items", "item": "item"}, "try_count": 2},
        {"id": "after", "action": "total", "inputs": {"a": "thread", "b": "loop"}},
    ],
    "outputs": {"total": "after"},
}


class Bill:
    """What was computed, and what a step has returned."""

    def __init__(self) -> None:
        self.paid: Counter[str] = Counter()
        self.returned: set[str] = set()
        self.twice: list[str] = []

    def pay(self, what: str, amount: int) -> dict[str, Any]:
        if what in self.returned:
            self.twice.append(what)
        self.paid[what] += 1
        return {"amount": amount, "padding": "x" * (2000 if amount == 2 else 0)}

    async def apay(self, what: str, amount: int) -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return self.pay(what, amount)

    def actions(self) -> list[Any]:
        @action(name="thread")
        def thread(ctx: Context) -> int:
            total = 0
            for amount in (1, 2, 3):
                what = f"thread {amount}"
                total += ctx.step(f"pay {amount}", self.pay, what, amount)["amount"]
                self.returned.add(what)
            if ctx.attempt == 1:
                raise ConnectionError("after it was paid")
            return total

        @action(name="loop")
        async def loop(ctx: Context, item: int) -> int:
            total = 0
            for amount in (1, 2):
                what = f"loop {item} {amount}"
                total += (await ctx.astep(f"pay {amount}", self.apay, what, amount=amount))["amount"]
                self.returned.add(what)
            return total * item

        @action(name="total")
        def total(a: int, b: list[int]) -> int:
            return a + sum(b)

        return [thread, loop, total]


def play(sim: Simulation, bill: Bill, commit: int, moment: str) -> int:
    """Run the flow with one death; tells how many workers it took."""
    system = sim.system(actions=bill.actions())
    sim.kill_at(system, commit, moment)
    for worker in range(1, 5):
        try:
            run = system.flows.start(SPEC, run_id="r")
            assert run.result() == {"total": 15}
        except WorkerKilled:
            system = sim.system(actions=bill.actions())
            continue
        return worker
    raise AssertionError("one death needs two workers")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("seed", range(2))
def test_a_step_that_has_returned_is_never_computed_again_whichever_commit_the_worker_dies_at(
    memory: Path, seed: int, moment: str
):
    """Law: its result is in the file before it returns, so every later attempt finds it."""
    died = 0
    for commit in range(1, MOST_COMMITS):
        folder = memory / str(commit)
        folder.mkdir()
        with simulate(seed, folder) as sim:
            bill = Bill()
            workers = play(sim, bill, commit, moment)
            assert not bill.twice, (commit, bill.twice)
            assert len(bill.paid) == 7
            assert sum(bill.paid.values()) - 7 <= 4, bill.paid  # at most what was in hand when it died, once more
            died += workers - 1
            if workers == 1:
                break
    else:
        raise AssertionError("the run commits more often than this test kills")
    assert died >= 10


def test_a_body_whose_run_was_taken_over_stores_no_step(memory: Path):
    """Law (fencing): the old owner's body hears that it is over, and the new owner's result is the one that is kept."""
    heard: list[Any] = []

    @action(name="slow")
    async def slow(ctx: Context) -> int:
        await asyncio.sleep(5 if ctx.attempt == 1 else 200)
        try:
            return int(await ctx.astep("pay", asyncio.sleep, 0, ctx.attempt))
        except AttemptOver as error:
            heard.append((ctx.attempt, str(error)))
            raise

    with simulate(1, memory) as sim:
        first = sim.system(actions=[slow])
        first.flows.start({"name": "f", "nodes": [{"id": "n", "action": "slow"}]}, run_id="r")
        sim.advance(1)
        sim.freeze(first)
        second = sim.system(actions=[slow], recover=True)
        sim.advance(100)
        sim.thaw(first)
        sim.advance(10)
        assert [attempt for attempt, _ in heard] == [1]
        assert "another process" in heard[0][1]
        sim.run()
        assert second.flows.report("r").outputs == {"n": 2}
        connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        assert list(connection.execute("SELECT name, output FROM steps")) == [("pay", "2")]
        connection.close()
