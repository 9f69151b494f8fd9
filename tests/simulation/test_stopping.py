"""Whatever stops a run: what has begun is cancelled, and nothing begins behind it, though a place becomes free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from dagger_actors import Channel, HookEvent, RunFailed
from dagger_actors.core.flow_messages import CancelRun, ChildWakes
from dagger_actors.flow.verbs.telling import Telling
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


def test_a_cancel_whose_owner_dies_of_it_is_no_second_one_for_whoever_takes_over(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: who cancels from another process leaves the hooks of the end to the third, however fast that takes the run over."""
    heard: list[str] = []

    async def work() -> None:
        await asyncio.sleep(600)

    async def hear(event: HookEvent) -> None:
        await asyncio.sleep(5)
        heard.append(event.state)

    owner, canceller = sim.system(actions=[work, hear]), sim.system()
    nodes = [{"id": "work", "action": "work"}]
    owner.flows.start({"name": "f", "nodes": nodes, "hooks": {"run_end": "hear"}}, run_id="r")
    sim.advance(1)
    ask_elsewhere = Telling.elsewhere

    def and_be_taken_over(telling: Telling, *order: Any) -> None:
        ask_elsewhere(telling, *order)
        monkeypatch.setattr(Telling, "elsewhere", ask_elsewhere)
        sim.system(actions=[work, hear], recover=True)
        sim.advance(0.2)

    monkeypatch.setattr(Telling, "elsewhere", and_be_taken_over)
    sim.kill_at(owner, 1)
    assert canceller.flows.cancel("r").state == "cancelled"
    assert heard == ["cancelled"]


@pytest.mark.parametrize("dies", [False, True])
def test_the_end_of_a_run_that_is_tried_again_is_told_anew_whoever_dies(sim: Simulation, dies: bool) -> None:
    """Law: a hook that failed at an earlier end is not called once more for that, nor taken for the call of this end."""
    is_good = False
    heard: list[str] = []

    async def work() -> None:
        await asyncio.sleep(10)
        if not is_good:
            raise PermissionError("not yet")

    async def hear(event: HookEvent) -> None:
        heard.append(event.state)
        if not is_good:
            raise PermissionError("not yet")
        await asyncio.sleep(5)

    system = sim.system(actions=[work, hear])
    nodes = [{"id": "work", "action": "work"}]
    system.flows.start({"name": "f", "nodes": nodes, "hooks": {"run_end": "hear"}}, run_id="r")
    sim.advance(30)
    is_good = True
    system.flows.retry("r")
    sim.advance(2)
    if dies:
        sim.kill(system)
        system = sim.system(actions=[work, hear], recover=True)
    sim.advance(60)
    assert system.flows.report("r").state == "succeeded"
    assert heard == ["failed", "succeeded"]


class Left:
    """Eight flows inside whose hooks take a minute, as a stop of the run above and a death at once have left them."""

    def __init__(self, sim: Simulation, folder: Path) -> None:
        self.is_good = False
        self.actions = self._actions()
        hooks = {"run_end": "hears"}
        path_of(folder, "inner", [{"id": "a", "action": "long"}], hooks=hooks, inputs={"i": {"type": "int"}})
        items = {"over": "inputs.xs", "item": "i"}
        nodes = [{"id": "sub", "flow": "inner.yaml", "map": items}, {"id": "f", "action": "fails"}]
        inputs = {"xs": {"type": "list"}}
        outer = path_of(folder, "outer", nodes, inputs=inputs, config={"max_parallel_nodes": 9})
        owner = sim.system(actions=self.actions)
        assert owner.flows.start(outer, {"xs": list(range(8))}, run_id="r").wait().state == "failed"
        sim.kill(owner)
        self.is_good = True
        self.system = sim.system(actions=self.actions)

    def _actions(self) -> list[Callable[..., Any]]:
        async def long(i: int) -> None:
            await asyncio.sleep(0 if self.is_good else 1000)

        async def fails() -> None:
            await asyncio.sleep(0 if self.is_good else 1)
            if not self.is_good:
                raise PermissionError("not yet")

        async def hears(event: HookEvent) -> None:
            await asyncio.sleep(60)

        def retries() -> None:
            self.system.flows.retry("r")

        return [long, fails, hears, retries]


def test_what_a_death_has_left_inside_is_ended_side_by_side_before_a_retry(sim: Simulation, tmp_path: Path) -> None:
    """Law: whoever tries a run again waits for the longest of the hooks of what was being cancelled, not for their sum."""
    left = Left(sim, tmp_path)
    before_s = sim.now_s
    left.system.flows.retry("r")
    assert sim.now_s - before_s < 70


def test_an_action_does_not_wait_for_what_is_still_being_cancelled_inside(sim: Simulation, tmp_path: Path) -> None:
    """Law: what an action or a hook cannot wait for without holding up the others is refused, with what to do."""
    left = Left(sim, tmp_path)
    run = left.system.flows.start({"name": "g", "nodes": [{"id": "a", "action": "retries"}]})
    with pytest.raises(RunFailed, match=r"is still being cancelled.*cancel r/sub"):
        run.result(60)
    left.system.flows.retry("r")
