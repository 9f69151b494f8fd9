"""`retry --from NODE`: the given node and everything downstream run again; the rest is kept."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from dagger_actors import Context
from dagger_actors.errors import RequestError
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation


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
    except WorkerKilled:
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


class Judged:
    """A source, and a node that runs only when the source gives more than ten; beside them one that fails at first."""

    def __init__(self) -> None:
        self.value = 20
        self.is_broken = False
        self.ran: list[str] = []

    def actions(self) -> list[Any]:
        def give(ctx: Context) -> int:
            self.ran.append(ctx.node_id)
            return self.value

        def use(ctx: Context) -> str:
            self.ran.append(ctx.node_id)
            return "used"

        def breaks() -> None:
            if self.is_broken:
                raise ValueError("broken")

        return [give, use, breaks]

    def spec(self) -> dict[str, Any]:
        nodes = [
            {"id": "a", "action": "give", "inputs": {}},
            {"id": "b", "action": "use", "inputs": {}, "dependencies": ["a"], "when": {"reference": "a", "gt": 10}},
            {"id": "c", "action": "breaks", "inputs": {}},
        ]
        return {"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes}


def state_of(system: Any, name: str) -> str:
    return next(node.state for node in system.flows.report("r").nodes if node.node_id == name)


def test_what_its_when_has_skipped_stays_skipped_when_the_run_is_tried_again(sim: Simulation) -> None:
    """Law: a retry asks the predicate anew; it does not run what was never to run."""
    stage = Judged()
    stage.value, stage.is_broken = 5, True
    system = sim.system(actions=stage.actions())
    assert system.flows.start(stage.spec(), run_id="r").wait().state == "failed"
    stage.is_broken = False
    assert system.flows.retry("r").wait().state == "succeeded"
    assert (state_of(system, "b"), stage.ran) == ("skipped", ["a"])


@pytest.mark.parametrize(("before", "after"), [(20, 5), (5, 20)])
@pytest.mark.parametrize("death", range(12))
def test_a_predicate_is_asked_again_of_what_is_computed_again(
    sim: Simulation, before: int, after: int, death: int
) -> None:
    """Law: whatever ran or was skipped before, and whatever is killed meanwhile."""
    stage = Judged()
    stage.value = before
    system = sim.system(actions=stage.actions())
    system.flows.start(stage.spec(), run_id="r").wait()
    stage.value = after
    stage.ran.clear()
    sim.kill_at(system, 2 + death // 2, ("before", "after")[death % 2])
    is_promised = False
    try:
        run = system.flows.retry("r", start_from=["a"])
        is_promised = True
        run.wait()
    except WorkerKilled:
        system = sim.system(actions=stage.actions())
        if system.flows.report("r").state != "succeeded":
            system.flows.resume("r").wait()
    if is_promised:
        assert state_of(system, "b") == ("succeeded" if after > 10 else "skipped")
        assert ("b" in stage.ran) == (after > 10)


@pytest.mark.parametrize("death", range(10))
def test_a_retry_of_a_judged_node_survives_a_kill(sim: Simulation, death: int) -> None:
    """Law: once `retry` returned, a node that had failed is tried again, though its predicate is still being read."""
    stage = Judged()
    spec = stage.spec()
    spec["nodes"][2] |= {"dependencies": ["a"], "when": {"reference": "a", "gt": 10}}
    stage.is_broken = True
    system = sim.system(actions=stage.actions())
    assert system.flows.start(spec, run_id="r").wait().state == "failed"
    stage.is_broken = False
    sim.kill_at(system, 2 + death // 2, ("before", "after")[death % 2])
    is_promised = False
    try:
        run = system.flows.retry("r")
        is_promised = True
        run.wait()
    except WorkerKilled:
        system = sim.system(actions=stage.actions())
        if system.flows.report("r").state not in ("succeeded", "failed"):
            system.flows.resume("r").wait()
    if is_promised:
        assert system.flows.report("r").state == "succeeded"
