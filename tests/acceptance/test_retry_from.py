"""`retry --from NODE`: the given node and everything downstream run again; the rest is kept."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from dagger_actors import Context
from dagger_actors.errors import RequestError
from dagger_actors.testing.simulation import Simulation
from dagger_actors.testing.virtual import WorkerDied


class Stage:
    def __init__(self) -> None:
        self.ran: list[str] = []
        self.values = [1, 2, 3]

    def actions(self) -> list[Any]:
        def give(ctx: Context) -> list[int]:
            self.ran.append(ctx.node_id)
            return self.values

        def same(value: Any, ctx: Context) -> Any:
            self.ran.append(ctx.node_id + ctx.invocation_key)
            return value

        return [give, same]

    spec: ClassVar[dict[str, Any]] = {
        "name": "f",
        "nodes": [
            {"id": "a", "action": "give", "inputs": {}},
            {"id": "m", "action": "same", "map": {"over": "a", "item": "value"}},
            {"id": "z", "action": "same", "inputs": {"value": "m"}},
            {"id": "other", "action": "give", "inputs": {}},
        ],
    }


@pytest.fixture
def stage() -> Stage:
    return Stage()


def outputs(system: Any) -> dict[str, Any]:
    return system.flows.report("r").outputs


def test_downstream_runs_again_and_the_rest_is_kept(sim: Simulation, stage: Stage) -> None:
    system = sim.system(actions=stage.actions())
    system.flows.start(stage.spec, run_id="r").wait()
    stage.ran.clear()
    assert system.flows.retry("r", start_from=["m"]).wait().state == "succeeded"
    assert sorted(stage.ran) == ["m0", "m1", "m2", "z"]


@pytest.mark.parametrize("values", [[7], [1, 2, 3, 4, 5], []])
def test_a_map_fans_out_over_the_new_list(sim: Simulation, stage: Stage, values: list[int]) -> None:
    system = sim.system(actions=stage.actions())
    system.flows.start(stage.spec, run_id="r").wait()
    stage.ran.clear()
    stage.values = values
    report = system.flows.retry("r", start_from=["a"]).wait()
    assert report.outputs == {"z": values, "other": [1, 2, 3]}
    assert "other" not in stage.ran
    assert sum(bool(node.invocation_key) for node in report.nodes) == len(values)


@pytest.mark.parametrize("seed", range(24))
def test_a_kill_at_any_commit_loses_none_of_it(sim: Simulation, stage: Stage, seed: int) -> None:
    """Once `retry` returned, the redoing is durable: recovery never takes an old success for a new one."""
    system = sim.system(actions=stage.actions())
    system.flows.start(stage.spec, run_id="r").wait()
    stage.values = [9, 8]
    sim.kill_at(system, 2 + seed // 2, ("before", "after")[seed % 2])
    is_promised = False
    try:
        run = system.flows.retry("r", start_from=["a"])
        is_promised = True
        run.wait()
    except WorkerDied:
        system = sim.system(actions=stage.actions())
        if system.flows.report("r").state != "succeeded":
            system.flows.resume("r").wait()
    report = system.flows.report("r")
    assert report.state == "succeeded"
    if is_promised:
        assert report.outputs["z"] == [9, 8]


def test_without_it_a_succeeded_run_stays_as_it_is(sim: Simulation, stage: Stage) -> None:
    system = sim.system(actions=stage.actions())
    system.flows.start(stage.spec, run_id="r").wait()
    stage.ran.clear()
    system.flows.retry("r").wait()
    assert stage.ran == []


def test_an_unknown_node_is_refused_with_the_nearest(sim: Simulation, stage: Stage) -> None:
    system = sim.system(actions=stage.actions())
    system.flows.start(stage.spec, run_id="r").wait()
    with pytest.raises(RequestError, match="has no node 'othr'; did you mean 'other'"):
        system.flows.retry("r", start_from=["othr"])


def test_its_steps_are_taken_again_and_those_of_the_rest_are_kept(sim: Simulation) -> None:
    taken: list[str] = []

    def work(ctx: Context) -> Any:
        return ctx.step("pay", taken.append, ctx.node_id)

    spec = {"name": "f", "nodes": [{"id": name, "action": "work", "inputs": {}} for name in ("a", "b")]}
    system = sim.system(actions=[work])
    system.flows.start(spec, run_id="r").wait()
    assert sorted(taken) == ["a", "b"]
    assert system.flows.retry("r", start_from=["a"]).wait().state == "succeeded"
    assert sorted(taken) == ["a", "a", "b"]
