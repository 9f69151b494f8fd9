"""Leaving a system whose run comes to rest at that very moment waits for nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagger_actors import action
from dagger_actors.core.flow_messages import CancelRun, Detach
from dagger_actors.testing.simulation import Simulation, simulate


@action
async def three_seconds() -> str:
    await asyncio.sleep(3)
    return "kept"


@action
async def endless() -> None:
    await asyncio.sleep(3600)


def test_who_waits_for_the_last_body_is_answered_when_the_run_ends_first(tmp_path: Path) -> None:
    """Law: the end of a run answers everybody; nobody sits out the grace for bodies that are nobody's any more."""
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with simulate(seed, folder) as sim:
            system = sim.system(actions=[endless])
            run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless", "dependencies": []}]})
            sim.advance(1)
            active = system._hub.active[run.id]
            cancelled, idle = active.ask(CancelRun()), active.ask(Detach())
            sim.settle()
            assert cancelled.is_done()
            assert idle.is_done()


@pytest.mark.parametrize(
    ("given", "took_s", "ends"),
    [({"grace_s": 5}, 3, ["succeeded"]), ({}, 3, ["succeeded"]), ({"grace_s": 2}, 2, ["interrupted", "succeeded"])],
)
def test_what_runs_has_the_grace_it_is_given(
    sim: Simulation, given: dict[str, float], took_s: float, ends: list[str]
) -> None:
    """Law: whoever leaves waits as long as something runs and the grace lasts, no longer; 10 s when nothing is said."""
    system = sim.system(actions=[three_seconds])
    system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "three_seconds"}]}, run_id="r")
    sim.settle()
    begun_s = sim.now_s
    system.stop(**given)
    assert sim.now_s - begun_s == pytest.approx(took_s, abs=0.1)
    other = sim.system(actions=[three_seconds])
    report = other.flows.resume("r").wait()
    assert report.outputs == {"n": "kept"}
    assert [attempt.state for attempt in report.nodes[0].attempts] == ends


def test_without_a_word_it_is_ten_seconds(sim: Simulation) -> None:
    """Law: the documented default."""
    system = sim.system(actions=[endless])
    system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless"}]})
    sim.settle()
    begun_s = sim.now_s
    system.stop()
    assert sim.now_s - begun_s == pytest.approx(10, abs=0.1)
