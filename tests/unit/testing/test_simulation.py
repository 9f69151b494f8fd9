"""``simulate(seed)``: what decides a simulated story, where it lies, and what a failing one tells."""

from __future__ import annotations

import asyncio
import gc
import random
import weakref
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import action
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate

told: list[int] = []


@action
def tell(number: int) -> None:
    told.append(number)


NODES = [{"id": f"n{number}", "action": "tell", "inputs": {"number": {"value": number}}} for number in range(6)]


def story(seed: int, folder: Path | None = None) -> tuple[list[int], float]:
    """The order in which six nodes were run, and a random number drawn afterwards."""
    told.clear()
    with simulate(seed, folder) as sim:
        sim.system(actions=[tell]).flows.start({"name": "f", "nodes": NODES}).wait()
        return [*told], random.random()


def test_the_seed_decides_order_and_randomness_and_nothing_else_does() -> None:
    """Law: one seed, one story; others are other stories; what ``random`` gives outside is as if nothing had been."""
    stories = {seed: story(seed) for seed in range(6)}
    assert {seed: story(seed) for seed in range(6)} == stories
    assert len({tuple(order) for order, _ in stories.values()}) > 1
    assert len({number for _, number in stories.values()}) == 6
    random.seed(1)
    expected = random.random()
    random.seed(1)
    story(0)
    assert random.random() == expected


def test_the_folder_holds_the_database_and_keeps_it(tmp_path: Path) -> None:
    """Law: without a folder there is one for as long as the simulation, and none is left."""
    story(0, tmp_path)
    assert (tmp_path / "sim.db").exists()
    with simulate(0) as sim:
        assert sim.path.parent.exists()
        assert tmp_path not in sim.path.parents
    assert not sim.path.parent.exists()


def test_a_failure_tells_the_seed() -> None:
    """Law: whoever reads the traceback can repeat it."""
    with pytest.raises(ZeroDivisionError) as caught, simulate(4711):
        raise ZeroDivisionError
    assert caught.value.__notes__ == ["simulation seed: 4711"]


@pytest.mark.parametrize(("commit", "moment"), [(0, "after"), (-1, "before"), (1, "during")])
def test_a_death_that_would_never_come_is_refused(sim: Simulation, commit: int, moment: Any) -> None:
    """Law: a test of a crash that never happens would pass for nothing."""
    with pytest.raises(ValueError, match="a worker dies before or after its first commit or a later one"):
        sim.kill_at(sim.system(), commit, moment)


@pytest.mark.parametrize(("moment", "kept"), [("before", ["one"]), ("after", ["one", "two"])])
def test_it_dies_at_the_very_commit(sim: Simulation, moment: Any, kept: list[str]) -> None:
    """Law: the commit is not in the file, or it is and nobody has heard of it; those before are."""
    system = sim.system()
    sim.kill_at(system, 2, moment)
    system.artifacts.put("one", name="one")
    with pytest.raises(WorkerKilled):
        system.artifacts.put("two", name="two")
    assert not sim.is_alive(system)
    assert sorted(one.name for one in sim.system().artifacts.list()) == kept


def test_nothing_of_the_dead_outlives_its_simulation() -> None:
    """Law: a suite with thousands of deaths holds no more memory than one with a few, whatever died in its middle."""

    @action
    async def waits() -> None:
        await asyncio.sleep(60)

    def die() -> weakref.ref[Simulation]:
        with simulate(0) as sim:
            system = sim.system(actions=[waits])
            system.flows.start({"name": "f", "nodes": [{"id": "a", "action": "waits"}]})
            sim.advance(1)
            sim.kill(system)
            return weakref.ref(sim)

    died = die()
    gc.collect()
    assert died() is None
