"""Commands of other processes on a disk that refuses: what was told, and then lost with its run, is told again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagger_actors.testing.simulation import simulate
from tests.simulation.faulty_disk import FOREVER, FaultyDisk

FLOW = {
    "name": "f",
    "nodes": [{"id": "long", "action": "long"}, {"id": "last", "action": "long", "dependencies": ["long"]}],
}

HEALS_US = 3_000_000


async def long() -> None:
    await asyncio.sleep(1000)


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_command_is_obeyed_though_the_disk_made_its_run_be_let_go_behind_it(tmp_path: Path, verb: str) -> None:
    """Law: the owner that was told loses the run with what it was told, takes it up again, and is told once more."""
    with FaultyDisk("told") as disk, simulate(0, tmp_path) as sim:
        owner = sim.system(actions=[long], vfs=disk.name, recover=True)
        run = owner.flows.start(FLOW, run_id="r")
        sim.advance(1)
        disk.refuse("commit", after=0, times=FOREVER, error="full")
        runtime = owner._hub.runtime
        runtime.timers.set("heal", runtime.clock.now().mono_us + HEALS_US, disk.heal)
        getattr(sim.system().flows, verb)("r")
        assert disk.refused
        assert sim.now_s < 100
        assert run.wait().state == {"cancel": "cancelled", "pause": "paused"}[verb]
