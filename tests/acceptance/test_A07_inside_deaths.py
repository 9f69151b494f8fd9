"""A07, runs inside others, with a death around each commit of a cancel: whoever cancels again reaches them, without their code."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from dagger_actors import ActorSystem
from dagger_actors.errors import IllegalTransition, RunNotFound, SystemClosed
from dagger_actors.testing import WorkerKilled, explore
from dagger_actors.testing.simulation import Simulation

FLOWS = {
    "inner": "nodes: [{id: long, action: long}]",
    "middle": "nodes: [{id: sub, flow: inner.yaml}, {id: long, action: long}]",
    "outer": "nodes: [{id: far, flow: middle.yaml}, {id: long, action: long}]",
}


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    for name, text in FLOWS.items():
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n{text}\n")
    return tmp_path / "outer.yaml"


async def long() -> None:
    await asyncio.sleep(1000)


def states(system: ActorSystem) -> dict[str, str]:
    return {one.run_id: one.state for one in system.flows.runs(inside=True)}


def test_whichever_commit_a_process_dies_at_a_second_cancel_reaches_the_runs_inside(outer: Path) -> None:
    """Law: by one who has no code, and takes nothing over; all of them are over when it returns, and the next one is no error."""
    left: list[bool] = []

    def cancels(sim: Simulation) -> None:
        owner = sim.system(actions=[long])
        with contextlib.suppress(WorkerKilled, SystemClosed):
            owner.flows.start(outer, run_id="r")
            sim.advance(1)
            owner.flows.cancel("r")
            sim.advance(1)

        def again(system: ActorSystem) -> None:
            before = states(system)
            left.append(before.get("r") == "cancelled" and set(before.values()) != {"cancelled"})
            if left[-1]:
                with pytest.raises(IllegalTransition, match=r"retry r$"):  # it is awaited no more
                    system.flows.resume("r/far/sub")
                assert states(system) == before
            with contextlib.suppress(RunNotFound):  # its process died before it was there
                system.flows.cancel("r")
                if left[-1]:
                    assert set(states(system).values()) == {"cancelled"}
                system.flows.cancel("r")
            sim.advance(1)
            assert set(states(system).values()) <= {"cancelled"}

        sim.keep_going(again, recover=False)

    assert explore(cancels, seeds=1, crash="every_commit").commits >= 10
    assert sum(left) >= 3
