"""Nodes that are added while a run goes on run flows too: read as in its file, pinned when they are added, once whoever dies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, AddNodes, Context, HookEvent, Report
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

PATIENCE_S = 600

INNER = """
name: inner
inputs: {number: {type: int}}
nodes:
  - {id: grown, action: grow, inputs: {number: inputs.number}}
outputs: {number: grown}
"""
OUTER = """
name: outer
nodes:
  - {id: first, action: adds}
"""
DEEP = """
name: deep
nodes:
  - {id: sub, flow: outer.yaml}
"""
HOOKED = """
name: hooked
hooks: {node_success: hear}
nodes:
  - {id: first, action: numbers}
"""

ADDED: list[dict[str, Any]] = [
    {"id": "one", "flow": "inner.yaml", "inputs": {"number": {"value": 1}}},
    {"id": "list", "action": "numbers"},
    {"id": "each", "flow": "inner.yaml", "map": {"over": "list", "item": "number"}},
    {"id": "last", "action": "total", "inputs": {"one": "one.number", "each": "each"}},
]


def grow(number: int) -> int:
    return number * 10


def total(one: int, each: list[dict[str, int]]) -> int:
    return one + sum(item["number"] for item in each)


def numbers() -> list[int]:
    return [1, 2]


def adding(nodes: list[dict[str, Any]]) -> list[Any]:
    def adds(ctx: Context) -> int:
        ctx.add_nodes(nodes)
        return 1

    def hear(event: HookEvent) -> AddNodes | None:
        return AddNodes(nodes) if event.node_id == "first" else None

    return [grow, total, numbers, adds, hear]


def written(folder: Path, **flows: str) -> Path:
    for name, text in {"inner": INNER, "outer": OUTER, "deep": DEEP, "hooked": HOOKED, **flows}.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "outer.yaml"


@pytest.mark.parametrize("name", ["outer", "hooked"])
def test_an_added_node_runs_a_flow(sim: Simulation, tmp_path: Path, name: str) -> None:
    """Law: as one of the file: a run of its own, mapped too, checked against its inputs, its outputs for who depends on it."""
    system = sim.system(actions=adding(ADDED))
    report = system.flows.start(written(tmp_path).with_name(f"{name}.yaml"), run_id="r").wait(PATIENCE_S)
    assert report.state == "succeeded", report
    assert report.outputs["last"] == 40
    inside = {one.run_id for one in system.flows.runs(inside=True)}
    assert inside == {"r", "r/one", "r/each/0", "r/each/1"}


def test_a_run_inside_adds_flows_too(sim: Simulation, tmp_path: Path) -> None:
    """Law: they are found beside the file of that flow, and belong to its run."""
    system = sim.system(actions=adding(ADDED))
    report = system.flows.start(written(tmp_path).with_name("deep.yaml"), run_id="r").wait(PATIENCE_S)
    assert report.outputs["sub"]["last"] == 40
    assert system.flows.report("r/sub/one").state == "succeeded"


def test_a_flow_that_is_held_is_added_by_its_name(sim: Simulation, tmp_path: Path) -> None:
    """Law: as in a file."""
    node = {"id": "one", "flow": "inner", "inputs": {"number": {"value": 7}}}
    system = sim.system(actions=adding([node]))
    path = written(tmp_path)
    system.flows.load(tmp_path / "inner.yaml")
    assert system.flows.start(path, run_id="r").wait(PATIENCE_S).outputs == {"first": 1, "one": {"number": 70}}


def test_it_is_pinned_when_it_is_added(sim: Simulation, tmp_path: Path) -> None:
    """Law: what becomes of its file, or of the process, changes nothing of the run that it was added to."""
    failing = [True]

    def total(one: int, each: list[dict[str, int]]) -> int:
        if failing[0]:
            raise ValueError("not yet")
        return one + sum(item["number"] for item in each)

    actions = [one for one in adding(ADDED) if one.__name__ != "total"]
    system = sim.system(actions=[*actions, total])
    report = system.flows.start(written(tmp_path), run_id="r").wait(PATIENCE_S)
    assert report.state == "failed"
    (tmp_path / "inner.yaml").write_text("name: other\nnodes: [{id: a, action: grow}]\n")
    sim.kill(system)
    failing[0] = False
    system = sim.system(actions=[*actions, total])
    assert system.flows.definition("r").nodes[1].flow is not None
    assert system.flows.retry("r").wait(PATIENCE_S).outputs["last"] == 40


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "itself": ({"flow": "outer.yaml"}, "contains itself: 'outer' -> 'outer'|contains itself: 'outer.yaml'"),
    "what it is inside of": ({"flow": "deep.yaml"}, "contains itself"),
    "what is not there": ({"flow": "gone.yaml"}, "there is no flow 'gone.yaml'"),
    "without its input": ({"flow": "inner.yaml", "inputs": {}}, "needs the input 'number'"),
    "an input of the wrong type": (
        {"flow": "inner.yaml", "inputs": {"number": {"value": "x"}}},
        "cannot take its input",
    ),
    "too many of them": ({"flow": "f0.yaml"}, "more than 8 flows one inside the other"),
    "one that cannot run": ({"flow": "broken.yaml"}, "the flow 'broken.yaml' cannot run.*unknown action"),
}


@pytest.mark.parametrize("name", ["outer", "deep"])
@pytest.mark.parametrize("case", BAD)
def test_a_flow_that_cannot_be_added_fails_who_adds_it(sim: Simulation, tmp_path: Path, case: str, name: str) -> None:
    """Law: each mistake is an error of its own; the run has no node more than before."""
    node, message = BAD[case]
    path = written(tmp_path, broken="name: broken\nnodes: [{id: a, action: nothing}]\n")
    for depth in range(7):
        flow = f"flow: f{depth + 1}.yaml" if depth < 6 else "action: numbers"
        (tmp_path / f"f{depth}.yaml").write_text(f"name: f{depth}\nnodes: [{{id: a, {flow}}}]\n")
    if case == "too many of them" and name == "outer":
        (tmp_path / "f6.yaml").write_text("name: f6\nnodes: [{id: a, flow: f7.yaml}]\n")
        (tmp_path / "f7.yaml").write_text("name: f7\nnodes: [{id: a, action: numbers}]\n")
    system = sim.system(actions=adding([{"id": "one", **node}]))
    report = system.flows.start(path.with_name(f"{name}.yaml"), run_id="r").wait(PATIENCE_S)
    assert report.state == "failed"
    run_id = "r/sub" if name == "deep" else "r"
    report = system.flows.report(run_id)
    assert [node.node_id for node in report.nodes] == ["first"], report
    assert re.search(message, report.error or "", re.DOTALL), report.error


def test_flows_fit_up_to_the_depth(sim: Simulation, tmp_path: Path) -> None:
    """Law: eight flows one inside the other may be made by adding, and no more."""
    path = written(tmp_path)
    for depth in range(7):
        flow = f"flow: f{depth + 1}.yaml" if depth < 6 else "action: numbers"
        (tmp_path / f"f{depth}.yaml").write_text(f"name: f{depth}\nnodes: [{{id: a, {flow}}}]\n")
    system = sim.system(actions=adding([{"id": "one", "flow": "f0.yaml"}]))
    assert system.flows.start(path, run_id="r").wait(PATIENCE_S).state == "succeeded"


@pytest.mark.parametrize("name", ["outer", "hooked", "deep"])
def test_whichever_commit_the_worker_dies_at_added_flows_run_once(tmp_path: Path, name: str) -> None:
    """Law: nodes with flows are added whole or not at all, and each has one run, which ends once."""
    path = written(tmp_path).with_name(f"{name}.yaml")

    def story(sim: Simulation) -> None:
        def play(system: ActorSystem) -> Report:
            return system.flows.start(path, run_id="r").wait(PATIENCE_S)

        report = sim.keep_going(play, actions=adding(ADDED), recover=True)
        assert report.state == "succeeded", report
        runs = sim.keep_going(lambda system: system.flows.runs(inside=True), actions=adding(ADDED))
        assert {one.state for one in runs} == {"succeeded"}
        assert len(runs) == (5 if name == "deep" else 4)

    assert explore(story, seeds=1, crash="every_commit").commits >= 8
