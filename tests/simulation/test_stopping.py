"""Whatever stops a run: what has begun is cancelled, and nothing begins behind it, though a place becomes free."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from dagger_actors import Channel, HookEvent
from dagger_actors.core.flow_messages import CancelRun, ChildWakes
from dagger_actors.testing.simulation import Simulation

Node = dict[str, Any]


class Brief(msgspec.Struct, frozen=True):
    text: str


def path_of(folder: Path, name: str, nodes: list[Node], **more: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"name": name, "nodes": nodes, **more}))
    return path


WAIT: Node = {"id": "wait", "await_message": {"channel": "c", "timeout_s": 2}, "on_failure": "continue"}
BEHIND: Node = {"id": "cause", "dependencies": ["wait"], "trigger": "all_done"}
CAUSES: dict[str, tuple[int, list[Node]]] = {
    "a flow inside fails": (1, [{"id": "cause", "flow": "inner.yaml"}]),
    "what is awaited does not come": (1, [{**WAIT, "on_failure": "stop"}]),
    "a condition cannot be judged": (
        1,
        [WAIT, {**BEHIND, "action": "fail", "when": {"reference": "inputs.text", "gt": 1}}],
    ),
    "items have no keys": (
        1,
        [WAIT, {**BEHIND, "action": "item", "map": {"over": "inputs.items", "item": "item", "key": "item.id"}}],
    ),
    "the last item of a map succeeds, and one before it had failed": (
        3,
        [{"id": "cause", "action": "item", "map": {"over": "inputs.items", "item": "item"}}],
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_nothing_begins_in_the_place_of_what_a_stop_cancels(sim: Simulation, tmp_path: Path, cause: str) -> None:
    """Law: the gate is held before it is decided, whatever the stop comes from: who was next is skipped, and never ran."""
    began: list[str] = []

    async def go() -> None:
        await asyncio.sleep(0.5)

    async def work(name: str) -> None:
        began.append(name)
        await asyncio.sleep(60)

    async def item(item: int) -> None:
        await asyncio.sleep(1 + item)
        if not item:
            raise PermissionError("no")

    async def fail() -> None:
        await asyncio.sleep(2)
        raise PermissionError("no")

    limit, nodes = CAUSES[cause]
    path_of(tmp_path, "inner", [{"id": "fails", "action": "fail"}])
    works: list[Node] = [
        {"id": f"w{at}", "action": "work", "inputs": {"name": {"value": f"w{at}"}}, "dependencies": ["go"]}
        for at in range(5)
    ]
    works.append({"id": "go", "action": "go"})
    config = {"max_parallel_nodes": limit}
    inputs = {"text": {"type": "any", "default": "x"}, "items": {"type": "list", "default": [0, 1]}}
    path = path_of(tmp_path, "outer", [*nodes, *works], config=config, inputs=inputs)
    system = sim.system(actions=[go, work, item, fail], channels=[Channel("c", Brief)])
    report = system.flows.start(path, run_id="r").wait()
    sim.advance(100)
    assert report.state == "failed", report.error
    states = {
        node.node_id: node.state for node in report.nodes if node.node_id.startswith("w") and node.node_id != "wait"
    }
    assert list(states.values()) == ["cancelled"] * limit + ["skipped"] * (5 - limit)
    assert began == list(states)[:limit]  # of two items, too, the places were taken by then


def test_a_flow_inside_that_is_just_being_taken_is_cancelled_with_the_run_above(
    sim: Simulation, tmp_path: Path
) -> None:
    """Law: it is woken by an answer and cancelled at once: whoever takes it then ends it, and nobody waits for it for ever."""

    async def work() -> None:
        await asyncio.sleep(60)

    path_of(tmp_path, "inner", [{"id": "ask", "approval": {}}, {"id": "w", "action": "work", "dependencies": ["ask"]}])
    path = path_of(tmp_path, "outer", [{"id": "sub", "flow": "inner.yaml"}, {"id": "w", "action": "work"}])
    system = sim.system(actions=[work])
    system.flows.start(path, run_id="r")
    sim.advance(1)
    assert system.flows.report("r/sub").state == "paused"
    sim.system().flows.signal("r/sub", "ask", value=True)
    above = system._hub.active["r"]
    above.tell(ChildWakes(0, -1, 1))
    above.tell(CancelRun())
    sim.advance(1)
    assert {run.run_id: run.state for run in system.flows.runs(inside=True)} == dict.fromkeys(
        ("r", "r/sub"), "cancelled"
    )


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_the_hooks_of_a_cancelled_runs_end_are_called_though_its_owner_dies_of_that_cancel(
    sim: Simulation, commit: int, moment: Any
) -> None:
    """Law: who cancels from elsewhere, and sees the owner die when it has decided the end, does not cancel a second time."""
    heard = set()

    async def work() -> None:
        await asyncio.sleep(60)

    async def hear(event: HookEvent) -> None:
        heard.add(event.state)

    spec = {"name": "f", "nodes": [{"id": "w", "action": "work"}], "hooks": {"run_end": "hear"}}
    system, elsewhere = sim.system(actions=[work, hear]), sim.system()
    system.flows.start(spec, run_id="r")
    sim.advance(1)
    sim.kill_at(system, commit, moment)
    elsewhere.flows.cancel("r")
    sim.system(actions=[work, hear], recover=True)
    sim.advance(1)
    report = elsewhere.flows.report("r")
    assert (report.state, heard) == ("cancelled", {"cancelled"})
    assert [(node.node_id, node.state) for node in report.nodes] == [("w", "cancelled"), ("run_end", "succeeded")]


@pytest.mark.parametrize("is_here", [True, False])
def test_the_end_of_a_run_that_is_tried_again_and_cancelled_at_rest_is_announced_once_more(
    sim: Simulation, is_here: bool
) -> None:
    """Law: each end of a run is told to its hooks, also where nobody has the run when that is decided."""
    heard = []

    async def hear(event: HookEvent) -> None:
        heard.append(event.state)

    spec = {"name": "f", "nodes": [{"id": "ask", "approval": {}}], "hooks": {"run_end": "hear"}}
    system, elsewhere = sim.system(actions=[hear], recover=True), sim.system()
    system.flows.start(spec, run_id="r")
    for times in (1, 2):
        sim.advance(1)
        assert system.flows.report("r").state == "paused"
        (system if is_here else elsewhere).flows.cancel("r")
        sim.advance(1)
        assert (system.flows.report("r").state, heard) == ("cancelled", ["cancelled"] * times)
        system.flows.retry("r")
